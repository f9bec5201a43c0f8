"""Read Alma's book: its report of payments and waivers, then by id the few fees on which the books disagree."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.errors import OutsideError
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_alma import open_alma
from webapp.store import reconcile
from webapp.store.alma_fees import keep_fees
from webapp.store.alma_transactions import TransactionSeen, keep_transactions
from webapp.store.clock import database_now
from webapp.store.reconcile import Window
from worker.pipelines.recon.days import Days, days_of
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee, AlmaTransaction

READ, UNREAD, NO_KEY = "read", "unread", "no_key"
_FAULTS_TOLD = 5


def collect(ctx: StepContext) -> Continue:
    """Alma's side, kept as a copy. That Alma could not be read stops no other comparison; nothing is closed then."""
    with ctx.transaction() as session:
        campus = read_all(session)
        api_key = open_secret(session, ctx.vault, "alma_api_key")
    section = campus["reconciliation"]
    days = days_of(ctx, section["window_days"])
    frozen = {
        "settings": dict(section),
        "first_on": days.first_on.isoformat(),
        "last_on": days.last_on.isoformat(),
        "is_past": days.is_past,
    }
    if not api_key:
        return Continue(frozen | {"alma": NO_KEY, "why": ""})
    faults: list[str] = []
    try:
        client = open_alma(ctx.settings, campus, api_key)
        with contextlib.closing(client):
            client.check_institution()
            found = _Reader(ctx, client, days, section, faults).read()
    except OutsideError as err:
        ctx.note(f"Alma's book could not be read: {err.message}")
        return Continue(frozen | {"alma": UNREAD, "why": err.message})
    if faults:
        return Continue(frozen | found | {"alma": UNREAD, "why": " ".join(faults[:_FAULTS_TOLD])})
    return Continue(frozen | found | {"alma": READ, "why": ""})


class _Reader:
    """One reading of Alma's book."""

    def __init__(
        self, ctx: StepContext, client: AlmaClient, days: Days, section: Mapping[str, Any], faults: list[str]
    ) -> None:
        self._ctx, self._client, self._days, self._section = ctx, client, days, section
        self._faults = faults

    def read(self) -> dict[str, Any]:
        """Everything, kept. Raises: OutsideError."""
        began_at = read_at = self._clock()
        fees = transactions = 0
        self._ctx.progress(0, 0, "Reading Alma's report of payments and waivers")
        for listed in self._client.fee_transactions(*self._days.asked, on_fault=self._faults.append):
            transactions += self._keep(listed, "", read_at)
            fees += len(listed)
            self._ctx.progress(fees, fees, "Reading Alma's report of payments and waivers")
            read_at = self._clock()
        window = window_of(self._days, began_at, self._section)
        reads, left = self._read_doubtful(window)
        self._ctx.counts(
            {"alma_fees": fees, "alma_transactions": transactions, "fees_read": reads, "fees_left": left}
        )
        return {"began_at": began_at.isoformat(), "fees_left": left}

    def _read_doubtful(self, window: Window) -> tuple[int, int]:
        """How many fees were read by id, and for how many that would have been too many calls."""
        limit = int(self._section["max_fee_reads"])
        with self._ctx.transaction() as session:
            reconcile.lay_side_by_side(session, window)
            wanted, in_all = reconcile.fees_to_read(session, window, limit)
        for number, one in enumerate(wanted):
            self._ctx.progress(number, len(wanted), "Asking Alma for fees on which the books disagree")
            read_at = self._clock()
            try:
                fee = self._client.fee(one.patron_key, one.fee_id)
            except NotFoundError:
                # Gone from Alma, or another patron's: what is missing is then said of the line.
                continue
            self._keep([fee], one.emplid, read_at)
        return len(wanted), in_all - len(wanted)

    def _keep(self, fees: Sequence[AlmaFee], emplid: str, read_at: datetime) -> int:
        seen = [one for fee in fees for one in seen_on(fee)]
        with self._ctx.transaction() as session:
            keep_fees(session, self._ctx.tenant_id, fees, emplid, read_at)
            keep_transactions(session, seen, run_id=self._ctx.run.id, seen_at=read_at)
        return len(seen)

    def _clock(self) -> datetime:
        with self._ctx.transaction() as session:
            return database_now(session)


def window_of(days: Days, began_at: datetime, section: Mapping[str, Any]) -> Window:
    """What the run compares, given when it began to read Alma."""
    return Window(
        days.first_at,
        days.end_at,
        began_at,
        clearing_hours=section["clearing_hours"],
        expected_every_hours=section["expected_every_hours"],
    )


def seen_on(fee: AlmaFee) -> Iterator[TransactionSeen]:
    """A fee's transactions, each under its id, or under what it says and its number among those that say the same."""
    times: Counter[str] = Counter()
    for entry in fee.transactions:
        said = entry.transaction_id or _said(entry)
        times[said] += 1
        yield TransactionSeen(
            fee_id=fee.fee_id,
            transaction_key=said if times[said] == 1 else f"{said}#{times[said]}",
            patron_id=fee.user_primary_id,
            bursar_ref=fee.bursar_transaction_id,
            type_code=entry.type_code,
            amount_cents=abs(entry.amount_cents),
            transaction_at=entry.transaction_at,
            external_id=entry.external_transaction_id,
            method=entry.payment_method,
            received_by=entry.received_by,
            created_by=entry.created_by,
            library=fee.library,
        )


def _said(entry: AlmaTransaction) -> str:
    at = entry.transaction_at.isoformat() if entry.transaction_at else ""
    return f"{entry.type_code}|{abs(entry.amount_cents)}|{at}|{entry.external_transaction_id}"
