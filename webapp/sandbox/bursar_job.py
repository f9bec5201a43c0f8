"""Alma's job "Export to bursar": writes the fees outstanding into the drop, settles them in Alma, and tells the webhook.

Source of the behaviour: Ex Libris Knowledge Center, "Integrating with bursar systems", and the developer network's
page on webhooks (JOB_END); the job's name and counters as MIT Libraries' tools expect them of a live Alma.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import requests

from webapp.sandbox.bursar_file import bursar_lines
from webapp.sandbox.debts import Fee, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron
    from webapp.sandbox.settings import World

WEBHOOK_TIMEOUT_S = 5.0
FEES_COUNTER = "com.exlibris.external.bursar.report.fines_fees_count"
USERS_COUNTER = "com.exlibris.external.bursar.report.user_count"


class BursarJobError(ValueError):
    """The job cannot be run as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class BursarProfile:
    """A bursar integration profile.

    ``folder`` is below the drop ("": the institution's own). ``two_way``: fees become "transferred" and stay until the
    bursar says they are paid; else they are closed. ``pause_s``: seconds between the file's first and second half.
    """

    institution: str = ""
    profile: str = "BURSAR"
    name: str = ""
    folder: str = ""
    match_id: str = "userName"
    two_way: bool = False
    minimum_cents: int = 0
    age_days: int = 0
    pause_s: float = 0.0
    webhook_url: str = ""
    webhook_secret: str = ""

    @classmethod
    def from_mapping(cls, chosen: Mapping[str, Any]) -> BursarProfile:
        """From JSON or a form; what is left out or empty has its default. Raises: BursarJobError."""
        readers: dict[str, Callable[[Any], Any]] = {"bool": _flag, "int": int, "float": float, "str": str}
        kinds = {field.name: str(field.type) for field in fields(cls)}
        unknown = sorted(chosen.keys() - kinds.keys())
        if unknown:
            raise BursarJobError(f"there is no choice called {', '.join(unknown)}")
        try:
            return cls(**{name: readers[kinds[name]](value) for name, value in chosen.items() if value != ""})
        except (TypeError, ValueError) as err:
            raise BursarJobError(f"a choice has a value it cannot have: {err}") from err


class BursarJobs:
    """Runs the job for any institution of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._instances = 0

    def run(self, profile: BursarProfile) -> dict[str, Any]:
        """Run the job once; returns {"job_id", "file", "fees", "users", "total_cents", "webhook"}. Raises: BursarJobError."""
        code = profile.institution or next(iter(self._world.institutions))
        institution = self._world.institutions.get(code)
        if institution is None:
            raise BursarJobError(f"there is no institution {code}")
        folder = self._folder(institution, profile)
        started_at = self._world.clock.now()
        with institution.lock:
            self._instances += 1
            job_id = f"18{int(started_at.timestamp()) % 10**8:08d}{self._instances:03d}{institution.number}"
            owed = [
                (patron, self._exported(institution, fees)) for patron, fees in _due(institution, profile)
            ]
        name = f"{profile.profile}-{job_id}-{started_at:%Y%m%d%H%M%S}.xml" if owed else ""
        exported = [fee for _, of_patron in owed for fee in of_patron]
        if name:
            text = "".join(
                bursar_lines(
                    owed,
                    export_number=f"{job_id}"[:-4] + institution.number,
                    institution_number=institution.number,
                    match_id=profile.match_id,
                )
            )
            _write(folder / name, text.encode(), profile.pause_s)
        total_cents = sum(fee.balance_cents for fee in exported)
        self._settle(institution, profile, exported)
        self._world.book.record(
            "bursar_export",
            institution=code,
            file=name,
            fees=len(exported),
            total_cents=total_cents,
            job_id=job_id,
        )
        told = {
            "job_id": job_id,
            "file": name,
            "fees": len(exported),
            "users": len(owed),
            "total_cents": total_cents,
        }
        return told | {"webhook": self._tell(institution, profile, told, started_at)}

    def _folder(self, institution: Institution, profile: BursarProfile) -> Path:
        root = self._world.drop_root
        if root is None:
            raise BursarJobError("this sandbox was started without an SFTP drop")
        folder = (root / (profile.folder or institution.spec.folder or institution.spec.code)).resolve()
        if not folder.is_relative_to(root.resolve()):
            raise BursarJobError(f"{profile.folder} is not below the drop")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @staticmethod
    def _exported(institution: Institution, fees: list[Fee]) -> list[Fee]:
        return [
            fee
            if fee.bursar_transaction_id
            else replace(fee, bursar_transaction_id=institution.next_bursar_number())
            for fee in fees
        ]

    def _settle(self, institution: Institution, profile: BursarProfile, fees: list[Fee]) -> None:
        at = self._world.clock.now()
        with institution.lock:
            for fee in fees:
                transaction = Transaction(
                    institution.next_transaction_id(),
                    "BURSAREXPORT",
                    abs(fee.balance_cents),
                    at,
                    "System",
                    "Bursar External system",
                    comment=profile.profile,
                )
                institution.store(
                    replace(
                        fee,
                        status="EXPORTED" if profile.two_way else "CLOSED",
                        balance_cents=0,
                        status_at=at,
                        transactions=(*fee.transactions, transaction),
                    )
                )

    def _tell(
        self, institution: Institution, profile: BursarProfile, told: dict[str, Any], started_at: datetime
    ) -> int | str | None:
        """The webhook's answer: its status, or words when there was none; None without a webhook."""
        if not profile.webhook_url:
            return None
        body = json.dumps(
            job_end(institution, profile.name or profile.profile, told, started_at, self._world.clock.now())
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Exl-Signature": signature(profile.webhook_secret, body),
        }
        try:
            answer = requests.post(
                profile.webhook_url,
                data=body,
                headers=headers,
                timeout=WEBHOOK_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as err:
            return f"no answer: {type(err).__name__}"
        return answer.status_code


def signature(secret: str, body: bytes) -> str:
    """X-Exl-Signature: base64 of the HMAC-SHA256 of the body's bytes."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def job_end(
    institution: Institution,
    profile_name: str,
    told: Mapping[str, Any],
    started_at: datetime,
    ended_at: datetime,
) -> dict[str, Any]:
    """The JOB_END message of a bursar export that ended well."""
    name = f"Export to bursar using profile {profile_name}"
    return {
        "id": told["job_id"],
        "action": "JOB_END",
        "institution": {"value": institution.spec.code, "desc": institution.spec.name},
        "time": _instant(ended_at),
        "event": None,
        "job_instance": {
            "id": told["job_id"],
            "external_id": told["job_id"],
            "name": name,
            "submitted_by": {"value": "AlmaAdmin", "desc": "Administrator, Alma"},
            "submit_time": _instant(started_at),
            "start_time": _instant(started_at),
            "end_time": _instant(ended_at),
            "progress": 100,
            "status": {"value": "COMPLETED_SUCCESS", "desc": "Completed Successfully"},
            "status_date": f"{ended_at:%Y-%m-%d}Z",
            "alert": [{"value": "alert_general_success", "desc": "The job completed successfully."}],
            "counter": [
                {"type": {"value": USERS_COUNTER, "desc": "Users"}, "value": str(told["users"])},
                {"type": {"value": FEES_COUNTER, "desc": "Fines and fees"}, "value": str(told["fees"])},
            ],
            "job_info": {
                "id": "S1000000000000001",
                "name": name,
                "description": "Export user fines and fees to the bursar",
                "type": {"value": "SCHEDULED", "desc": "Scheduled"},
                "category": {"value": "FULFILLMENT", "desc": "Fulfillment"},
            },
        },
    }


def _due(institution: Institution, profile: BursarProfile) -> list[tuple[Patron, list[Fee]]]:
    young_from = institution.clock.now() - timedelta(days=profile.age_days)
    found = []
    for patron in institution.live_view().patrons_with_fees():
        fees = [
            fee
            for fee in institution.fees(patron, "ACTIVE")
            if fee.balance_cents
            and abs(fee.balance_cents) >= profile.minimum_cents
            and fee.created_at <= young_from
        ]
        if fees:
            found.append((patron, fees))
    return found


def _flag(value: object) -> bool:
    return str(value).lower() in {"true", "yes", "1"}


def _write(path: Path, content: bytes, pause_s: float) -> None:
    middle = len(content) // 2 if pause_s else len(content)
    with path.open("xb") as out:
        out.write(content[:middle])
        out.flush()
        time.sleep(pause_s)
        out.write(content[middle:])


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
