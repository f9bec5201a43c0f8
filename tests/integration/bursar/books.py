"""Ledgers written by hand: runs that ended one way or another, their files, and the lines in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import count

import psycopg
from sqlalchemy import func

from webapp.models import Effect, File, Run
from webapp.models.scope import tenant_scope


@dataclass(frozen=True)
class Line:
    """A line as a test writes it; cents as the bursar sees them: charges above zero, credits below."""

    fee_ref: str
    cents: int
    event: str = "charge"
    original: str = ""
    patron: str = "012345678"
    barcode: str = ""
    item_type: str = "300000006919"
    billing_on: date = date(2026, 10, 1)


class Books:
    """One campus's ledger. ``file`` adds a run with one file of these lines and returns the file's id."""

    def __init__(self, tenant_id: int, superuser: psycopg.Connection) -> None:
        self.tenant_id = tenant_id
        self._superuser = superuser
        self._numbers = count(1)

    def file(
        self,
        *lines: Line,
        run_state: str = "succeeded",
        confirmed: bool = True,
        effect: str = "confirmed",
        dry_run: bool = False,
    ) -> int:
        number = next(self._numbers)
        over = run_state in {"succeeded", "failed", "cancelled"}
        with tenant_scope(self.tenant_id) as session:
            run = Run(pipeline="bursar_conversion", trigger="person", state=run_state, dry_run=dry_run)
            session.add(run)
            run.scheduled_at = func.now()
            run.started_at = func.now()
            run.finished_at = func.now() if over else None
            session.flush()
            file = File(
                run_id=run.id,
                kind="charges",
                name=f"charges_{number}.dat",
                store_key=f"k{number}",
                size=1,
                sha256=f"{number:064d}",
                row_count=len(lines),
                total_cents=sum(line.cents for line in lines),
                confirmed_at=func.now() if confirmed else None,
            )
            session.add(file)
            session.flush()
            detail = {"file_ids": [file.id]}
            session.add(Effect(run_id=run.id, key=f"k{number}", kind="sftp", state=effect, detail=detail))
            session.commit()
            run_id, file_id = run.id, file.id
        for line_no, line in enumerate(lines, 1):
            self.add(file_id, run_id, line_no, line)
        return file_id

    def add(self, file_id: int, run_id: int, line_no: int, line: Line) -> None:
        self._superuser.execute(
            """
            INSERT INTO ledger_entry (tenant_id, side, run_id, file_id, line_no, fee_ref, event, amount_cents,
                original_ref, patron_id, barcode, item_type, billing_on, reference, fee_type)
            VALUES (%s, 'bursar', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'OVERDUEFINE')
            """,
            (
                self.tenant_id,
                run_id,
                file_id,
                line_no,
                line.fee_ref,
                line.event,
                line.cents,
                line.original,
                line.patron,
                line.barcode,
                line.item_type,
                line.billing_on,
                line.fee_ref,
            ),
        )

    def rejects(self, file_id: int, line_no: int) -> None:
        """PeopleSoft's load result refuses this line."""
        self._superuser.execute(
            """
            INSERT INTO ledger_entry (tenant_id, side, run_id, file_id, line_no, fee_ref, event, amount_cents)
            SELECT tenant_id, side, run_id, file_id, line_no, fee_ref, 'rejected', amount_cents FROM ledger_entry
            WHERE tenant_id = %s AND file_id = %s AND line_no = %s
            """,
            (self.tenant_id, file_id, line_no),
        )
