"""A campus with three books: a real sandbox Alma, a ledger and payments written by the test, PeopleSoft's items."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.posting.conftest import Campus, alma, campus, environ  # noqa: F401
from webapp.models import File, LedgerEntry, Payment, PaymentItem, PaymentLine, Run
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import start_sandbox
from webapp.services.submit_run import submit_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.models.scope import ScopedSession
    from webapp.sandbox.process import SandboxHandle

_numbers = itertools.count(1)


class World:
    """The campus's three books. Every verb is something that happened in one of them."""

    def __init__(self, campus: Campus) -> None:  # noqa: F811
        self.campus, self.alma, self.tenant_id = campus, campus.alma, campus.tenant_id

    def bills(self, dollars: str = "25.00", pipeline: str = "balance_export", **entry: Any) -> str:
        """A fee in Alma that PeopleSoft was told in full; its id."""
        fee_id = self.campus.charges(dollars)
        self.tells(fee_id, round(float(dollars) * 100), pipeline, **entry)
        return fee_id

    def tells(self, fee_ref: str, cents: int, pipeline: str = "balance_export", **entry: Any) -> None:
        """PeopleSoft is told a line about a fee, in a file that arrived."""
        with tenant_scope(self.tenant_id) as session:
            file = self._file(session, pipeline)
            session.add(
                LedgerEntry(
                    **{
                        "fee_ref": fee_ref, "side": "bursar", "event": "charge" if cents > 0 else "reversal",
                        "amount_cents": cents, "patron_id": self.campus.emplid, "emplid": self.campus.emplid,
                        "item_type": "300000006919", "term": "2267", "reference": fee_ref, "run_id": file.run_id,
                        "original_ref": "" if cents > 0 else fee_ref,
                        "file_id": file.id, "line_no": 1,
                    } | entry
                )
            )  # fmt: skip
            session.commit()

    def _file(self, session: ScopedSession, pipeline: str) -> File:
        run = Run(
            pipeline=pipeline, trigger="person", state="succeeded", scheduled_at=datetime.now(UTC),
            finished_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(run)
        session.flush()
        file = File(
            run_id=run.id, kind="debits", name="debits.dat", store_key="x", size=1, sha256="x", row_count=1,
            total_cents=0, confirmed_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(file)
        session.flush()
        return file

    def pays(
        self, cents: int, fee_id: str, state: str = "posted", in_alma: int | None = None, **line: Any
    ) -> str:
        """PeopleSoft's payment, booked, in this state; Alma has it with ``in_alma`` cents. Its external id."""
        number = next(_numbers)
        ref = f"FB{number:018d}".translate(str.maketrans("0189", "ABCD"))
        at = line.pop("at", datetime.now(UTC))
        kept = line.pop("kept_cents", cents)
        with tenant_scope(self.tenant_id) as session:
            payment = Payment(
                ref=ref, source="peoplesoft", kind=line.pop("kind", "payment"), event_key=line.pop("event_key", ref),
                item_key=line.pop("item_key", ""), amount_cents=cents, emplid=self.campus.emplid, at=at,
                patron_id=self.campus.patron_id, reference=line.pop("reference", ""),
            )  # fmt: skip
            session.add(payment)
            session.flush()
            session.add(
                PaymentLine(
                    payment_id=payment.id, n=1, amount_cents=kept, external_id=f"{ref}-1", state=state,
                    **{"fee_ref": fee_id, "fee_id": fee_id, "posted_at": at if state == "posted" else None,
                       "op": "pay"} | line,
                )
            )  # fmt: skip
            session.commit()
        if cents_there := cents if in_alma is None and state == "posted" else in_alma:
            self.alma_takes(fee_id, cents_there, f"{ref}-1")
        return f"{ref}-1"

    def alma_takes(self, fee_id: str, cents: int, external_id: str = "") -> None:
        """A payment in Alma: by the API with a number, or at the desk."""
        extra = {"external_transaction_id": external_id} if external_id else {}
        self.campus.at_the_desk(
            fee_id,
            "pay",
            amount=f"{cents / 100:.2f}",
            method="CASH" if not external_id else "ONLINE",
            **extra,
        )

    def lists(self, reference: str, amount: int, applied: int = 0, **item: Any) -> None:
        """PeopleSoft's newest list has this item."""
        with tenant_scope(self.tenant_id) as session:
            session.add(
                PaymentItem(
                    **{
                        "item_key": f"HMCMP|{self.campus.emplid}|{next(_numbers):015d}", "emplid": self.campus.emplid,
                        "reference": reference, "item_type": "300000006919", "term": "2267", "amount_cents": amount,
                        "applied_cents": applied,
                    } | item
                )
            )  # fmt: skip
            session.commit()

    def reconciles(self, **options: Any) -> Run:
        """A run is asked for and carried out."""
        dry_run = options.pop("dry_run", False)
        run_id = submit_run(self.tenant_id, "reconciliation", options=options, dry_run=dry_run)
        self.campus.work()
        return self.campus.the_run(run_id)

    def open(self) -> list[tuple[str, str, str]]:
        """(kind, key's subject, fee) of every open difference."""
        return [
            (kind, key.partition(":")[0], fee_ref)
            for kind, key, fee_ref in self.campus.rows(
                "SELECT kind, key, fee_ref FROM difference WHERE closed_at IS NULL ORDER BY key"
            )
        ]

    def all_differences(self) -> list[Any]:
        """(kind, closed_how, reason, next_action, ours, theirs) of every difference, in the order they came."""
        return self.campus.rows(
            "SELECT kind, closed_how, reason, next_action, ours_cents, theirs_cents FROM difference ORDER BY id"
        )

    def change(self, statement: str, **bound: Any) -> None:
        """Something that a test cannot wait for."""
        with tenant_scope(self.tenant_id) as session:
            session.execute(text(statement), {"tenant_id": self.tenant_id} | bound)
            session.commit()

    def ago(self, **how: float) -> datetime:
        return datetime.now(UTC) - timedelta(**how)


@pytest.fixture
def sandbox() -> Iterator[SandboxHandle]:
    """An Alma of the test's own: what an earlier test paid there would be a difference."""
    with start_sandbox(only_alma=True, calls_per_second=1000, patrons=100) as running:
        yield running


@pytest.fixture
def world(campus: Campus) -> World:  # noqa: F811
    """San Marcos, where a difference counts at once."""
    campus.sets("reconciliation", timing_hours=0)
    return World(campus)
