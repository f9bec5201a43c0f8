"""A small caller of the sandbox, independent of Feebridge's own Alma client."""

from dataclasses import dataclass

import requests

TIMEOUT_S = 20


@dataclass
class Caller:
    """Calls one institution's Alma with one key and one wish for the form of the answer."""

    http: str
    key: str
    report_path: str = ""
    accept: str = "application/json"

    def call(self, method, path, /, body=None, timeout_s=TIMEOUT_S, **query):
        headers = {"Authorization": f"apikey {self.key}", "Accept": self.accept}
        return requests.request(
            method,
            f"{self.http}/almaws/v1{path}",
            headers=headers,
            params=query,
            json=body,
            timeout=timeout_s,
        )

    def get(self, path, /, **query):
        return self.call("GET", path, **query)

    def post(self, path, /, **query):
        return self.call("POST", path, **query)

    def error_code(self, answer):
        return answer.json()["errorList"]["error"][0]["errorCode"]

    def fault(self, where, kind, **options):
        answer = requests.post(
            f"{self.http}/faults", json={"where": where, "kind": kind, **options}, timeout=TIMEOUT_S
        )
        assert answer.status_code == 201, answer.text

    def clear_faults(self):
        requests.delete(f"{self.http}/faults", timeout=TIMEOUT_S).raise_for_status()

    def patrons(self):
        answer = requests.get(f"{self.http}/patrons.json?limit=1000", timeout=TIMEOUT_S)
        return answer.json()["patrons"]

    def book(self):
        return requests.get(f"{self.http}/book.json", timeout=TIMEOUT_S).json()

    def everybody(self):
        """The users list's entries, all pages."""
        first, second = (self.get("/users", limit=100, offset=offset).json()["user"] for offset in (0, 100))
        return first + second

    def an_active_fee(self, least=5):
        """(primary id, fee) of somebody with an active fee of at least ``least`` dollars."""
        for user in self.everybody():
            for fee in self.get(f"/users/{user['primary_id']}/fees").json().get("fee", ()):
                if fee["balance"] >= least:
                    return user["primary_id"], fee
        raise AssertionError("nobody owes enough")

    def as_xml(self):
        return Caller(self.http, self.key, self.report_path, "application/xml")
