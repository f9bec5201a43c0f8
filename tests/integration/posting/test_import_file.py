"""Payments in a file for Alma's bursar import: delivered once, and posted only when Alma shows them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.posting.conftest import Campus
from webapp.adapters.alma.bursar_xml import read_bursar
from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import SandboxHandle, start_sandbox
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret
from webapp.services.settle_effect import settle_effect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def drop_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def sandbox(drop_root: Path) -> Iterator[SandboxHandle]:
    """An Alma with a server for its files."""
    with start_sandbox(data=drop_root, drop_folders=["csusm/payments"], calls_per_second=1000) as running:
        yield running


class Importing:
    """The campus, and Alma's import job."""

    def __init__(self, campus: Campus, sandbox: SandboxHandle, folder: Path) -> None:
        self.campus = campus
        self._sandbox = sandbox
        self.folder = folder

    def alma_imports(self) -> dict[str, Any]:
        """Alma's job runs; what it says it did."""
        answer = requests.post(
            f"{self._sandbox.http}/bursar-import.json",
            json={"institution": "01CALS_USM", "folder": "csusm/payments"},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def waiting(self) -> dict[str, list[tuple[str, int]]]:
        """Files that Alma has not fetched: name -> reference and cents of each payment, by our own reader."""
        found = {}
        for path in sorted(self.folder.glob("*.xml")):
            content = path.read_bytes()
            rows = list(read_bursar(lambda content=content: BytesIO(content), size=len(content)))
            found[path.name] = [(row["fee_ref"], row["amount_cents"]) for row in rows]
        return found

    def imported(self, fee_id: str) -> list[int]:
        """What Alma's own book says was imported on a fee."""
        money = self.campus.alma.book()["money"]
        return [e["amount_cents"] for e in money if e["event"] == "import" and e["fee_id"] == fee_id]


@pytest.fixture
def importing(campus: Campus, sandbox: SandboxHandle, drop_root: Path) -> Importing:
    """San Marcos, posting by file."""
    found = Importing(campus, sandbox, drop_root / "drop" / "csusm" / "payments")
    for left in found.folder.glob("*"):
        left.unlink()
    sftp = sandbox.sftp
    campus.sets("posting", way="import_file", import_directory="csusm/payments")
    campus.sets(
        "delivery",
        sftp_enabled=True,
        sftp_host=sftp["host"],
        sftp_port=sftp["port"],
        sftp_username=sftp["username"],
        sftp_auth="password",
        sftp_host_keys=[sftp["fingerprint"]],
    )
    with tenant_scope(campus.tenant_id) as session:
        vault = Vault(campus.settings.vault_keys, campus.settings.vault_active_key)
        put_secret(session, vault, "sftp_password", sftp["password"], actor=SYSTEM)
        session.commit()
    return found


def test_payments_leave_in_almas_own_file_and_count_as_posted_when_alma_shows_them(importing):
    campus = importing.campus
    fee_id, other_id = campus.charges("25.00"), campus.charges("5.00")
    key, other = campus.pays_in_parts([(2223, fee_id), (500, other_id)])
    run = campus.posts()
    assert run.state == "succeeded", run.story
    assert run.story == "Nothing was posted to Alma; 2 given to Alma in a file, not shown there yet."
    (name,) = importing.waiting()
    assert name.endswith(f"-{run.id}.xml")
    assert importing.waiting()[name] == [(fee_id, 2223), (other_id, 500)]
    assert {campus.line(k).state for k in (key, other)} == {"sending"}
    assert campus.ledger(fee_id) == []
    assert importing.alma_imports()["payments"] == 2
    assert campus.posts().story == "2 payments, $27.23 posted to Alma."
    assert campus.line(key).op == "import"
    assert campus.ledger(fee_id) == [("alma", "payment", -2223)]
    assert campus.fee(fee_id)["balance"] == 2.77
    assert importing.waiting() == {}
    assert campus.posts().state == "nothing_to_send"


def test_what_alma_has_not_shown_is_in_no_second_file_and_becomes_unknown_in_the_end(importing):
    campus = importing.campus
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    campus.posts()
    later = campus.pays(500, fee_id)
    run = campus.posts()
    assert len(importing.waiting()) == 1
    assert (campus.line(key).state, campus.line(later).state) == ("sending", "waiting")
    assert "1 waits for the next run" in run.story
    campus.changes("UPDATE effect SET sent_at = sent_at - interval '25 hours'")
    run = campus.posts()
    assert campus.line(key).state == "unknown"
    assert "does not show it yet" in campus.line(key).message
    importing.alma_imports()
    campus.posts()
    assert campus.line(key).state == "posted"
    importing.alma_imports()
    campus.posts()
    assert campus.line(later).state == "posted"
    assert importing.imported(fee_id) == [1000, 500]


def test_a_fee_that_was_handed_to_the_bursar_is_paid_by_file(importing, sandbox):
    campus = importing.campus
    fee_id = campus.charges("30.00")
    export = {"institution": "01CALS_USM", "two_way": True, "folder": "csusm/out"}
    assert requests.post(f"{sandbox.http}/bursar.json", json=export, timeout=20).status_code == 200
    reference = campus.fee(fee_id)["bursar_transaction_id"]
    assert (campus.fee(fee_id)["status"]["value"], campus.fee(fee_id)["balance"]) == ("EXPORTED", 0)
    payment_id, _ = campus.pays(3500, reference)
    campus.posts()
    assert list(importing.waiting().values()) == [[(reference, 3000)]]
    importing.alma_imports()
    campus.posts()
    assert campus.lines_of(payment_id) == [
        (1, "replaced", "", 3500),
        (2, "posted", "", 3000),
        (3, "unapplied", "shrunk", 500),
    ]
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"


def test_a_waiver_goes_through_the_interface_because_no_file_can_hold_it(importing):
    campus = importing.campus
    fee_id = campus.charges("4.00")
    campus.pays(400, fee_id, op="waive", kind="write_off")
    assert campus.posts().story == "1 payment, $4.00 posted to Alma."
    assert importing.waiting() == {}


def test_a_server_that_refuses_leaves_the_payments_waiting_for_the_next_run(importing):
    campus = importing.campus
    fee_id = campus.charges("4.00")
    key = campus.pays(400, fee_id)
    campus.sets("posting", import_directory="no/such/folder")
    run = campus.posts()
    assert run.state == "failed"
    assert campus.line(key).state == "waiting"
    campus.sets("posting", import_directory="csusm/payments")
    campus.posts()
    importing.alma_imports()
    campus.posts()
    assert campus.line(key).state == "posted"
    assert importing.imported(fee_id) == [400]


def test_a_file_of_which_nobody_knows_whether_it_arrived_is_looked_for_and_its_payments_are_in_no_other(
    importing,
):
    campus = importing.campus
    fee_id = campus.charges("4.00")
    key = campus.pays(400, fee_id)
    campus.alma.fault("sftp.rename", "rename_answer_lost")
    campus.posts()
    campus.posts()
    assert sum(len(rows) for rows in importing.waiting().values()) == 1
    importing.alma_imports()
    campus.posts()
    assert campus.line(key).state == "posted"
    assert importing.imported(fee_id) == [400]


def test_when_a_person_says_that_the_file_did_not_arrive_its_payments_go_out_again(importing):
    campus = importing.campus
    fee_id = campus.charges("4.00")
    key = campus.pays(400, fee_id)
    run = campus.posts()
    for path in importing.folder.glob("*.xml"):
        path.unlink()
    campus.changes("UPDATE effect SET state = 'unknown' WHERE kind = 'sftp'")
    file_id = campus.rows("SELECT id FROM file WHERE run_id = :run_id", run_id=run.id)[0][0]
    assert settle_effect(campus.tenant_id, run.id, file_id, arrived=False, actor=SYSTEM) == 0
    assert campus.line(key).state == "waiting"
    campus.posts()
    importing.alma_imports()
    campus.posts()
    assert campus.line(key).state == "posted"
    assert importing.imported(fee_id) == [400]


def test_two_equal_payments_of_one_fee_are_each_posted_only_when_alma_shows_them(importing):
    campus = importing.campus
    fee_id = campus.charges("25.00")
    first, second = campus.pays(1000, fee_id), campus.pays(1000, fee_id)
    campus.posts()
    importing.alma_imports()
    campus.posts()
    assert (campus.line(first).state, campus.line(second).state) == ("posted", "sending")
    campus.posts()
    assert campus.line(second).state == "sending"
    importing.alma_imports()
    campus.posts()
    assert campus.line(second).state == "posted"
    assert importing.imported(fee_id) == [1000, 1000]


def test_a_fee_that_goes_to_the_bursar_meanwhile_is_not_taken_for_paid(importing, sandbox):
    campus = importing.campus
    fee_id = campus.charges("25.00")
    key = campus.pays(2500, fee_id)
    campus.posts()
    export = {"institution": "01CALS_USM", "two_way": True, "folder": "csusm/out"}
    assert requests.post(f"{sandbox.http}/bursar.json", json=export, timeout=20).status_code == 200
    assert campus.fee(fee_id)["balance"] == 0
    campus.posts()
    assert campus.line(key).state == "sending"
    importing.alma_imports()
    campus.posts()
    assert campus.line(key).state == "posted"


def test_whoever_errs_about_a_file_that_did_arrive_has_its_payments_sent_no_second_time(importing):
    campus = importing.campus
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    run = campus.posts()
    importing.alma_imports()
    campus.changes("UPDATE effect SET state = 'unknown' WHERE kind = 'sftp'")
    file_id = campus.rows("SELECT id FROM file WHERE run_id = :run_id", run_id=run.id)[0][0]
    settle_effect(campus.tenant_id, run.id, file_id, arrived=False, actor=SYSTEM)
    campus.posts()
    assert campus.line(key).state == "posted"
    assert importing.waiting() == {}
    assert importing.imported(fee_id) == [1000]


def test_after_a_person_said_so_the_money_can_go_fee_by_fee(importing, settles_at_once):
    campus = importing.campus
    fee_id = campus.charges("4.00")
    key = campus.pays(400, fee_id)
    campus.posts()
    campus.sets("posting", way="api")
    campus.posts()
    assert campus.line(key).state == "sending"
    campus.changes("UPDATE effect SET state = 'failed' WHERE kind = 'alma_import'")
    campus.changes("UPDATE payment_line SET state = 'waiting'")
    campus.posts()
    assert (campus.line(key).state, campus.line(key).op) == ("posted", "pay")
    assert [cents for cents, _ in campus.booked(fee_id)] == [400]


def test_a_name_without_the_runs_number_is_refused_when_it_was_used_before(importing):
    campus = importing.campus
    campus.sets("posting", import_file_name="payments.xml")
    campus.pays(400, campus.charges("4.00"))
    campus.posts()
    key = campus.pays(300, campus.charges("3.00"))
    run = campus.posts()
    assert run.state == "failed"
    assert "Add {run}" in run.story
    assert campus.line(key).state in {"waiting", "sending"}
    campus.sets("posting", import_file_name="payments-{run}.xml")
    campus.posts()
    assert sum(len(rows) for rows in importing.waiting().values()) == 2
