"""One patron's fees as Alma shows them now: read once, looked up for each line, kept up to date by Alma's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.alma.answers import RecordFault, text
from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.alma.records import fee_from_json
from webapp.store import alma_fees
from webapp.store.clock import database_now

if TYPE_CHECKING:
    from datetime import datetime

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee
    from webapp.store.posting import LineToPost
    from worker.steps import StepContext

# Where else a fee may be. The first of them is asked first, and most fees are found without asking.
ELSEWHERE = ("EXPORTED", "INDISPUTE", "CLOSED")


class Account:
    """Fees of one patron. Reading it costs one call, and further ones only for fees that are not active any more."""

    def __init__(self, ctx: StepContext, client: AlmaClient, patron_key: str, emplid: str) -> None:
        """Read the active fees. Raises: NotFoundError, UnusableError: nobody is known by that id; OutsideError."""
        self._ctx = ctx
        self._client = client
        self._patron_key = patron_key
        self._emplid = emplid
        self._fees: dict[str, AlmaFee] = {}
        self._unreadable: set[str] = set()
        self._left = list(ELSEWHERE)
        self._read("ACTIVE")

    def fee_of(self, line: LineToPost) -> AlmaFee | None:
        """The line's fee, wherever Alma keeps it; None when this patron has no such fee.

        Raises: UnusableError when it cannot be read; OutsideError.
        """
        if not (line.fee_id or line.fee_ref):
            return None
        if found := self._among_read(line):
            return found
        bad_id = line.fee_ref if line.fee_ref in self._unreadable else ""
        if fee_id := line.fee_id or bad_id or self._remembered_id(line.fee_ref):
            return self.read_again(fee_id)
        while self._left:
            self._read(self._left.pop(0))
            if found := self._among_read(line):
                return found
        return None

    def read_again(self, fee_id: str) -> AlmaFee | None:
        """One fee by its id, whatever its state; None when the patron has none of that id. Raises: OutsideError."""
        read_at, owner = self._clock(), self.primary_id
        try:
            fee = self._client.fee(self._patron_key, fee_id)
        except NotFoundError:
            return None
        # Whether Alma itself refuses to show another patron's fee is not documented.
        if owner and fee.user_primary_id and fee.user_primary_id.casefold() != owner.casefold():
            return None
        self._add([fee], read_at=read_at)
        return fee

    @property
    def primary_id(self) -> str:
        """Whose account it is, as far as a fee of it has told; empty before."""
        return next((fee.user_primary_id for fee in self._fees.values() if fee.user_primary_id), "")

    def known(self, fee_id: str) -> AlmaFee | None:
        """A fee as it was last read; no call is made."""
        return self._fees.get(fee_id)

    def is_now(self, fee: AlmaFee) -> None:
        """Alma has just answered with this state of a fee."""
        self._fees[fee.fee_id] = fee

    def _read(self, status: str) -> None:
        """All fees in one state. One that cannot be read is none of the others' matter: who needs it asks for it."""
        read_at = self._clock()
        fees = []
        for fee in self._client.fee_objects(self._patron_key, status):
            try:
                fees.append(fee_from_json(fee))
            except RecordFault:
                self._unreadable.add(text(fee, "id"))
        self._add(fees, read_at=read_at)

    def _among_read(self, line: LineToPost) -> AlmaFee | None:
        if line.fee_id:
            return self._fees.get(line.fee_id)
        if fee := self._fees.get(line.fee_ref):
            return fee
        same = [fee for fee in self._fees.values() if fee.bursar_transaction_id == line.fee_ref]
        return same[0] if len(same) == 1 else None

    def _remembered_id(self, fee_ref: str) -> str:
        with self._ctx.transaction() as session:
            seen = alma_fees.seen_fee(session, fee_ref)
            return seen.fee_id if seen else ""

    def _add(self, fees: list[AlmaFee], *, read_at: datetime) -> None:
        self._fees |= {fee.fee_id: fee for fee in fees}
        if fees:
            with self._ctx.transaction() as session:
                alma_fees.keep_fees(session, self._ctx.tenant_id, fees, self._emplid, read_at)

    def _clock(self) -> datetime:
        with self._ctx.transaction() as session:
            return database_now(session)
