"""A campus with some weeks behind it: invented runs, files, holds and rows held back, put there row by row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask

from webapp.adapters.files import FileStore
from webapp.models import (
    Approval,
    Delivery,
    File,
    HoldChange,
    HoldRegister,
    QuarantinedRow,
    Run,
    RunEvent,
    RunStep,
    Schedule,
    TenantSetting,
)
from webapp.models.scope import ScopedSession, tenant_scope

NOW = datetime.now(UTC).replace(microsecond=0)
STORIES = {
    "succeeded": "3 patrons added ($41.75), 1 changed, 1 released; 2 rows held back because the row has no EMPLID; "
    "files delivered to sftp.example.edu.",
    "nothing_to_send": "Nothing to send: PeopleSoft already knows every hold.",
    "failed": "The server sftp.example.edu refused the sign-in; nothing was sent.",
    "awaiting_approval": "412 holds would change; the last 8 runs changed 31 (the middle value).",
    "running": "Reading page 12 of the report.",
    "queued": "",
    "cancelled": "Cancelled by Csusm Editor before anything was sent.",
}
TALLIES = {
    "added": {"rows": 5, "cents": 4175},
    "updated": {"rows": 2, "cents": 1250},
    "unchanged": {"rows": 40, "cents": 98_000},
    "no_emplid": {"rows": 1, "cents": 500},
    "refused": {"rows": 1, "cents": 0},
    "disputed": {"rows": 2, "cents": 2300},
}


@dataclass(frozen=True)
class CampusRows:
    """Ids of what was put there."""

    succeeded: int
    earlier: int
    awaiting: int
    failed: int
    running: int
    added_file: int
    released_file: int
    earlier_file: int
    awaiting_file: int
    open_row: int
    other_row: int
    resolved_row: int


def fill_campus(app: Flask, tenant_id: int, *, canary: str = "") -> CampusRows:
    """Fill a campus; ``canary`` is woven into every text, so that a leak to another campus shows."""
    store = FileStore(app.config["FEEBRIDGE"].files_url)
    with app.app_context(), tenant_scope(tenant_id) as session:
        rows = _Filler(session, store, tenant_id, canary).fill()
        session.commit()
        return rows


class _Filler:
    def __init__(self, session: ScopedSession, store: FileStore, tenant_id: int, canary: str) -> None:
        self.session = session
        self.store = store
        self.tenant_id = tenant_id
        self.canary = canary

    def fill(self) -> CampusRows:
        self._settings()
        earlier = self._run("succeeded", days_ago=1, counts=_counts(added=2, released=0))
        earlier_file = self._file(
            earlier, "added", _lines(("100000001", 1500), ("100000009", 800)), told=True
        )
        self._changes(earlier, [("A", "100000001", 1500, 0), ("A", "100000009", 800, 0)])
        for days_ago in range(2, 20):
            self._run(
                "succeeded", days_ago=days_ago, counts=_counts(added=days_ago * 3 % 17, released=days_ago % 5)
            )
        failed = self._run("failed", hours_ago=9)
        succeeded = self._run("succeeded", hours_ago=6, counts=_counts(added=3, released=1))
        self._steps(succeeded)
        added = _lines(("100000001", 2000), ("100000002", 1250), ("100000003", 925))
        added_file = self._file(succeeded, "added", added, told=True)
        released_file = self._file(succeeded, "released", _lines(("100000009", 0)), told=True)
        self._changes(
            succeeded,
            [
                ("U", "100000001", 2000, 1500),
                ("A", "100000002", 1250, 0),
                ("A", "100000003", 925, 0),
                ("R", "100000009", 0, 800),
            ],
        )
        self._mail(succeeded)
        newest_failed = self._run("failed", hours_ago=3)
        awaiting = self._run("awaiting_approval", hours_ago=2, counts=_counts(added=400, released=12))
        awaiting_file = self._file(awaiting, "added", _lines(("100000004", 120_450)), told=False)
        self._changes(awaiting, [("A", "100000004", 120_450, 0)], told=False)
        reasons = [self._text(STORIES["awaiting_approval"])]
        self.session.add(Approval(run_id=awaiting, reasons=reasons, requested_at=NOW - timedelta(hours=2)))
        running = self._run("running", hours_ago=0.05, dry_run=True)
        self._register()
        open_row = self._row(succeeded, "page 3 row 17", "The row has no EMPLID.", 500, days_old=12)
        other_row = self._row(
            succeeded, "fee 12345678901234567", "The fee type is not known.", None, days_old=1
        )
        resolved_row = self._row(
            succeeded,
            "line 9",
            "The amount 12,3x cannot be read.",
            None,
            days_old=3,
            resolution="ignored: a test row",
        )
        assert failed < newest_failed
        return CampusRows(
            succeeded, earlier, awaiting, newest_failed, running, added_file, released_file, earlier_file,
            awaiting_file, open_row, other_row, resolved_row,
        )  # fmt: skip

    def _text(self, text: str) -> str:
        return text + self.canary

    def _settings(self) -> None:
        delivery = {
            "sftp_enabled": True,
            "sftp_host": self._text("sftp.example.edu"),
            "sftp_directory": "/in",
        }
        self.session.add(TenantSetting(section="delivery", value=delivery))
        recipients = ["bursar@example.edu", "holds@example.edu"]
        self.session.add(TenantSetting(section="notification", value={"recipients": recipients}))
        rule = {"kind": "weekdays", "at": "18:00", "weekdays": [0, 1, 2, 3, 4], "zone": "America/Los_Angeles"}
        self.session.add(Schedule(pipeline="holds_export", rule=rule, next_due_at=NOW + timedelta(hours=8)))

    def _run(
        self, state: str, *, days_ago: int = 0, hours_ago: float = 0, counts: dict[str, Any] | None = None,
        dry_run: bool = False,
    ) -> int:  # fmt: skip
        at = NOW - timedelta(days=days_ago, hours=hours_ago)
        is_final = state in {"succeeded", "nothing_to_send", "failed", "cancelled"}
        run = Run(
            pipeline="holds_export",
            trigger="schedule" if days_ago else "person",
            scheduled_at=at,
            created_at=at,
            started_at=at,
            finished_at=at + timedelta(seconds=42) if is_final else None,
            state=state,
            step="collect" if state == "running" else "",
            progress_done=12_000 if state == "running" else 0,
            progress_total=48_000 if state == "running" else 0,
            counts=counts or {},
            story=self._text(STORIES[state]),
            dry_run=dry_run,
            error={
                "kind": "permanent",
                "message": self._text(STORIES["failed"]),
                "evidence": {"server": "no"},
            }
            if state == "failed"
            else None,
            lease_until=NOW + timedelta(hours=1) if state == "running" else None,
        )
        self.session.add(run)
        self.session.flush()
        self.session.add(RunEvent(run_id=run.id, actor="Csusm Editor", to_state="queued", at=at))
        self.session.add(
            RunEvent(
                run_id=run.id,
                actor="worker 1",
                from_state="queued",
                to_state=state,
                note=self._text(""),
                at=at,
            )
        )
        return run.id

    def _steps(self, run_id: int) -> None:
        at = NOW - timedelta(hours=6)
        results: list[tuple[str, dict[str, Any]]] = [
            ("collect", {"rows": 51, "cents": 106_225}),
            ("decide", {"changes": 4}),
            ("check", {}),
            ("build", {"files": 2}),
            ("deliver", {"files": 2}),
            ("report", {}),
        ]
        for n, (name, result) in enumerate(results, 1):
            end = at + timedelta(seconds=n * 7)
            self.session.add(
                RunStep(
                    run_id=run_id, n=n, name=name, state="done", started_at=end - timedelta(seconds=7), finished_at=end,
                    result=result,
                )
            )  # fmt: skip

    def _file(self, run_id: int, kind: str, content: bytes, *, told: bool) -> int:
        key = f"t{self.tenant_id}/r{run_id}/{kind}.txt"
        with self.store.writer(key) as writer:
            writer.write(content)
        at = NOW - timedelta(hours=5) if told else NOW
        file = File(
            run_id=run_id,
            kind=kind,
            name=self._text(f"csusm_holds_{kind}_{run_id:04}") + ".txt",
            store_key=key,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            row_count=content.count(b"\n"),
            total_cents=sum(int(line.split(b"\t")[1].replace(b".", b"")) for line in content.splitlines()),
            layout_name="opscom-holds",
            confirmed_at=at if told else None,
            created_at=at,
        )
        self.session.add(file)
        self.session.flush()
        if told:
            self.session.add(
                Delivery(
                    run_id=run_id, file_id=file.id, target="sftp", address=self._text("sftp.example.edu"),
                    remote_name=file.name, state="delivered", message="size checked", delivered_at=at,
                )
            )  # fmt: skip
        return file.id

    def _mail(self, run_id: int) -> None:
        self.session.add(
            Delivery(
                run_id=run_id, target="mail", address="bursar@example.edu, holds@example.edu", state="delivered",
                delivered_at=NOW,
            )
        )  # fmt: skip

    def _changes(self, run_id: int, changes: list[tuple[str, str, int, int]], *, told: bool = True) -> None:
        self.session.add_all(
            HoldChange(
                run_id=run_id, emplid=emplid, hold_code="LIB", action=action, amount_cents=cents, previous_cents=before,
                patron_name=self._text(f"Robin Example {emplid[-1]}"), confirmed_at=NOW if told else None,
            )
            for action, emplid, cents, before in changes
        )  # fmt: skip

    def _register(self) -> None:
        self.session.add_all(
            HoldRegister(
                emplid=f"1000000{n:02}", hold_code="LIB", amount_cents=1000 + n, placed_at=NOW, told_at=NOW,
                file_id=1, run_id=1, violation_on=date(2026, 1, 5),
            )
            for n in range(1, 38)
        )  # fmt: skip

    def _row(
        self,
        run_id: int,
        row_ref: str,
        reason: str,
        cents: int | None,
        *,
        days_old: int,
        resolution: str = "",
    ) -> int:
        row = QuarantinedRow(
            run_id=run_id,
            fingerprint=hashlib.sha256(row_ref.encode()).hexdigest(),
            source="Alma Analytics",
            row_ref=self._text(row_ref),
            reason=self._text(reason),
            amount_cents=cents,
            raw={
                "Primary Identifier": self._text(""),
                "Fine Fee Type": "Overdue\tfine",
                "Remaining Amount": "5.00",
            },
            first_seen_at=NOW - timedelta(days=days_old),
            resolved_at=NOW if resolution else None,
            decision="ignored" if resolution else None,
            resolution=resolution,
        )
        self.session.add(row)
        self.session.flush()
        return row.id


def _lines(*patrons: tuple[str, int]) -> bytes:
    return b"".join(
        f"{emplid}\t{cents // 100}.{cents % 100:02}\tStudent\tOverdue fine\t2026-01-05\n".encode()
        for emplid, cents in patrons
    )


def _counts(*, added: int, released: int) -> dict[str, Any]:
    return {
        "added": added,
        "updated": 1,
        "released": released,
        "added_cents": added * 1250,
        "collected_rows": 51,
        "collected_cents": 106_225,
        "changed": added + 1 + released,
        **{f"rows_{name}": tally["rows"] for name, tally in TALLIES.items()},
        **{f"cents_{name}": tally["cents"] for name, tally in TALLIES.items()},
    }
