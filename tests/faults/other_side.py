"""What the campuses talk to: one sandbox process, its faults, its patrons, and its own log, which is the judge."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import requests

from webapp.sandbox.process import SandboxHandle, start_sandbox

ANSWER_WITHIN_S = 20


class OtherSide:
    """Alma, the drop and the mailbox of every campus."""

    def __init__(self, folder: Path, institutions: list[str], *, seed: int) -> None:
        self.drop_root = folder / "drop"
        self.handle: SandboxHandle = start_sandbox(
            data=folder,
            seed=seed,
            patrons=150,
            owing=25,
            institutions=[f"{code}=key-of-{code}" for code in institutions],
            analytics_live=True,
            loading_answers=0,
            calls_per_second=1000,
        )

    def break_at(self, where: str, kind: str, **options: Any) -> None:
        """Put a fault on the board, to strike once unless ``times`` says otherwise."""
        self._call("POST", "/faults", {"where": where, "kind": kind, **options})

    def mend(self) -> None:
        """Take every waiting fault off the board."""
        self._call("DELETE", "/faults")

    def waiting(self) -> int:
        """How many faults have not struck yet."""
        return len(self._call("GET", "/faults.json")["waiting"])

    def fired(self) -> list[dict[str, Any]]:
        """Every fault that struck so far."""
        return list(self._call("GET", "/faults.json")["fired"])

    def operations(self) -> list[dict[str, Any]]:
        """What SFTP clients did, oldest first."""
        return list(self._call("GET", "/drop.json")["operations"])

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that was taken, oldest first."""
        return list(self._call("GET", "/mailbox.json")["messages"])

    def content(self, path: str) -> bytes:
        """A delivered file, also when its receiver has taken it away."""
        lying = self.drop_root / path
        name = path.rpartition("/")[2]
        taken = sorted((self.drop_root / ".taken").glob(f"*-{name}")) if not lying.exists() else [lying]
        assert len(taken) == 1, f"{path} is gone, or there are two of it"
        return taken[0].read_bytes()

    def owed_cents(self, institution: str) -> dict[str, int]:
        """What each patron with an EMPLID owes on active fees, net of credits, where that is more than nothing."""
        owed: defaultdict[str, int] = defaultdict(int)
        for patron in self._patrons(institution, owing=True):
            for fee in patron["fees"]:
                if patron["emplid"] and fee["status"] == "ACTIVE":
                    owed[patron["emplid"]] += fee["balance_cents"]
        return {emplid: cents for emplid, cents in owed.items() if cents > 0}

    def patron_ids(self, institution: str) -> list[str]:
        """Everybody with an EMPLID."""
        return [p["primary_id"] for p in self._patrons(institution, owing=False) if p["emplid"]]

    def charge(self, institution: str, patron_id: str, cents: int) -> str:
        """A new fee of somebody's; its id."""
        return self._charge(institution, {"primary_id": patron_id}, cents)

    def paid(self, institution: str) -> list[tuple[str, int, str]]:
        """Every payment in this Alma's own book: fee, cents, external id."""
        return [
            (entry["fee_id"], entry["amount_cents"], entry["external_transaction_id"])
            for entry in self._call("GET", "/book.json")["money"]
            if entry["event"] == "pay" and entry["institution"] == institution
        ]

    def a_day_passes(self, institution: str, rng: random.Random) -> None:
        """Somebody pays off everything, somebody a part, and two get a new fine."""
        payable = [
            (patron, fees)
            for patron in self._patrons(institution, owing=True)
            if patron["emplid"]
            and (fees := [fee for fee in patron["fees"] if fee["status"] == "ACTIVE"])
            and all(fee["balance_cents"] > 1 for fee in fees)
        ]
        rng.shuffle(payable)
        for patron, fees in payable[:1]:
            for fee in fees:
                self._pay(institution, patron, fee, fee["balance_cents"])
        for patron, fees in payable[1:2]:
            self._pay(institution, patron, fees[0], rng.randrange(1, fees[0]["balance_cents"]))
        everybody = [p for p in self._patrons(institution, owing=False) if p["emplid"]]
        for patron in rng.sample(everybody, 2):
            self._charge(institution, patron, rng.randrange(1, 9_999))

    def _pay(self, institution: str, patron: dict[str, Any], fee: dict[str, Any], cents: int) -> None:
        path = f"/almaws/v1/users/{patron['primary_id']}/fees/{fee['id']}?op=pay&method=CASH&amount={_text(cents)}"
        self._call("POST", path, institution=institution)

    def _charge(self, institution: str, patron: dict[str, Any], cents: int) -> str:
        fee = {
            "type": {"value": "LOCKERKEY"},
            "original_amount": _text(cents),
            "owner": {"value": institution},
        }
        path = f"/almaws/v1/users/{patron['primary_id']}/fees"
        return str(self._call("POST", path, fee, institution=institution)["id"])

    def _patrons(self, institution: str, *, owing: bool) -> list[dict[str, Any]]:
        path = f"/patrons.json?institution={institution}&limit=1000&owing={int(owing)}"
        return list(self._call("GET", path)["patrons"])

    def _call(self, method: str, path: str, body: Any = None, *, institution: str = "") -> Any:
        headers = {"Accept": "application/json"}
        if institution:
            headers["Authorization"] = f"apikey key-of-{institution}"
        answer = requests.request(
            method, self.handle.http + path, json=body, headers=headers, timeout=ANSWER_WITHIN_S
        )
        answer.raise_for_status()
        return answer.json()


def _text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
