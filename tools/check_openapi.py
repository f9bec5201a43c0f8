"""Does the sandbox answer as Alma's published OpenAPI documents say?

    python tools/check_openapi.py FOLDER

FOLDER holds the documents (*.json) and, where at hand, the schemas they point to (rest_fee.json … and *.xsd); they are
Ex Libris' and not part of this project. Starts a sandbox, calls every endpoint in JSON and XML, with good and bad
input, and ends 1 if an answer leaves the documents.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests
from openapi_document import Answer, OpenApiFolder

from webapp.sandbox.process import SandboxHandle, start_sandbox

ROOT = "/almaws/v1"
FORMS = ("application/json", "application/xml")


@dataclass(frozen=True)
class Call:
    """One call: the documented path with what goes into it, the query, a body, and the status expected."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    expected: int = 200
    body: dict[str, object] | None = None
    ids: dict[str, str] = field(default_factory=dict)

    def address(self) -> str:
        """The path with the ids put in."""
        address = self.path
        for name, value in self.ids.items():
            address = address.replace(f"{{{name}}}", requests.utils.quote(value, safe=""))
        return ROOT + address


def calls(sandbox: SandboxHandle, user_id: str, fee_ids: list[str]) -> list[Call]:
    """The tour over all endpoints; it starts with reading, since the rest changes the fees."""
    user, nobody = {"user_id": user_id}, {"user_id": "999999999"}
    first, second = (user | {"fee_id": fee_id} for fee_id in fee_ids[:2])
    lists, one, all_of_them = (
        "/users/{user_id}/fees",
        "/users/{user_id}/fees/{fee_id}",
        "/users/{user_id}/fees/all",
    )
    tables, report = "/conf/code-tables/{codeTableName}", "/analytics/reports"
    path = {"path": sandbox.report_path, "limit": "25"}
    new_fee: dict[str, object] = {
        "type": {"value": "OTHER"},
        "original_amount": 3.5,
        "owner": {"value": "MAIN"},
    }
    pay = {"op": "pay", "method": "ONLINE", "external_transaction_id": "FB-check"}
    return [
        *(
            Call(method, f"{area}/test")
            for area in ("/users/operation", "/conf", "/analytics")
            for method in ("GET", "POST")
        ),
        Call("GET", "/users", {"limit": "5", "offset": "3"}),
        Call("GET", "/users", {"q": "last_name~Candlewick AND user_group~UGRAD", "expand": "full"}),
        Call("GET", "/users", {"modify_date_from": "2026-11-01"}),
        Call("GET", "/users", {"q": "last_name~x", "modify_date_from": "2026-11-01"}, 400),
        Call("GET", "/users/{user_id}", {"expand": "fees"}, ids=user),
        Call("GET", "/users/{user_id}", {"view": "brief", "user_id_type": "UNIV_ID"}, ids=user),
        Call("GET", "/users/{user_id}", {}, 400, ids=nobody),
        Call("GET", "/users/{user_id}", {"user_id_type": "BARCODE"}, 400, ids=nobody),
        *(
            Call("GET", lists, {"status": status}, ids=user)
            for status in ("ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED")
        ),
        Call("GET", lists, {"status": "ALL"}, 400, ids=user),
        Call("GET", lists, {}, 400, ids=nobody),
        Call("GET", one, ids=first),
        Call("GET", one, {}, 400, ids=user | {"fee_id": "1"}),
        Call("POST", lists, body=new_fee, ids=user),
        Call("POST", lists, {}, 400, body={"original_amount": 3.5}, ids=user),
        Call("POST", lists, {}, 400, body=new_fee, ids=nobody),
        Call("POST", one, pay | {"amount": "1.25"}, ids=first),
        Call("POST", one, pay | {"amount": "10000"}, 400, ids=first),
        Call(
            "POST",
            one,
            {"op": "waive", "amount": "0.25", "reason": "OTHER", "comment": "goodwill"},
            ids=first,
        ),
        Call("POST", one, {"op": "waive", "amount": "0.25"}, 400, ids=first),
        *(Call("POST", one, {"op": op}, ids=second) for op in ("dispute", "restore")),
        Call("POST", all_of_them, pay | {"amount": "2"}, ids=user),
        Call("POST", all_of_them, pay | {"amount": "0"}, 400, ids=user),
        Call("GET", "/conf/utilities/fee-transactions", {"limit": "100", "transaction_type": "BOTH"}),
        Call("GET", "/conf/utilities/fee-transactions", {"transaction_type": "LOAN"}, 400),
        Call("GET", tables, ids={"codeTableName": "HFrUserFinesFees.fineFeeType"}),
        Call("GET", tables, {}, 400, ids={"codeTableName": "NoSuchTable"}),
        Call("GET", report, path),
        Call("GET", report, path),
        Call("GET", report, {"path": "/shared/nowhere"}, 400),
    ]


def run(sandbox: SandboxHandle, folder: OpenApiFolder) -> int:
    """Make every call in both forms; returns the number of answers that leave the documents."""
    failures = 0
    with requests.Session() as session:
        session.headers["Authorization"] = f"apikey {sandbox.institutions[0]['api_key']}"
        for form in FORMS:
            session.headers["Accept"] = form
            for call in calls(sandbox, *_someone_who_owes(sandbox)):
                failures += _report(call, form, _faults(session, sandbox, folder, call))
                time.sleep(0.05)  # below the per-second threshold
    return failures


def _faults(
    session: requests.Session, sandbox: SandboxHandle, folder: OpenApiFolder, call: Call
) -> list[str]:
    answer = session.request(
        call.method, sandbox.http + call.address(), params=call.query, json=call.body, timeout=30
    )
    headers = {name.lower(): value for name, value in answer.headers.items()}
    faults = folder.faults(
        call.method, ROOT + call.path, call.query, Answer(answer.status_code, headers, answer.content)
    )
    return (
        faults
        if answer.status_code == call.expected
        else [f"answered {answer.status_code}, not {call.expected}", *faults]
    )


def _report(call: Call, form: str, faults: list[str]) -> int:
    print(
        f"{'wrong' if faults else 'ok   '} {call.method:4} {call.path} {call.query or ''} {form.rpartition('/')[2]}"
    )
    for fault in faults:
        print(f"      {fault}")
    return 1 if faults else 0


def _someone_who_owes(sandbox: SandboxHandle) -> tuple[str, list[str]]:
    headers = {"Authorization": f"apikey {sandbox.institutions[0]['api_key']}", "Accept": "application/json"}
    users = requests.get(f"{sandbox.http}{ROOT}/users", {"limit": "100"}, headers=headers, timeout=30).json()
    for user in users["user"]:
        time.sleep(0.05)
        fees = requests.get(
            f"{sandbox.http}{ROOT}/users/{user['primary_id']}/fees", headers=headers, timeout=30
        ).json()
        if sum(fee["balance"] > 5 for fee in fees.get("fee", ())) >= 2:
            return user["primary_id"], [fee["id"] for fee in fees["fee"] if fee["balance"] > 5]
    raise SystemExit("the sandbox has nobody with two fees above $5 among its first hundred patrons")


def main() -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Check the sandbox against Alma's OpenAPI documents.")
    parser.add_argument(
        "folder", type=Path, help="folder with the OpenAPI documents (*.json) and their schemas"
    )
    folder = OpenApiFolder(parser.parse_args().folder)
    with start_sandbox(only_alma=True, patrons=1000, seed=7) as sandbox:
        failures = run(sandbox, folder)
    print(f"\nschemas from the folder: {', '.join(sorted(folder.published)) or 'none'}")
    print(
        f"schemas not in the folder, own shapes used: {', '.join(sorted(folder.own - {'error.json'})) or 'none'}"
    )
    print("all answers keep to the documents" if not failures else f"{failures} answers leave the documents")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
