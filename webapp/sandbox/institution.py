"""One institution's live state: the invented fees with everything that was changed since laid over them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from webapp.sandbox.debts import Fee, Inventor
from webapp.sandbox.people import Population

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from webapp.sandbox.clock import SandboxClock
    from webapp.sandbox.journal import Journal
    from webapp.sandbox.people import Patron


@dataclass(frozen=True, slots=True)
class InstitutionSpec:
    """How an institution is set up: Alma's code, a name for people, its keys, and its folder in the SFTP drop."""

    code: str
    api_key: str
    name: str = ""
    folder: str = ""  # "": named like the code

    @property
    def read_only_key(self) -> str:
        """The key that is refused on every POST."""
        return f"{self.api_key}-readonly"


@dataclass(slots=True)
class FeeView:
    """Fees as they stood at one moment: invented ones, replaced where ``changed``, and ``added`` ones by patron."""

    population: Population
    inventor: Inventor
    changed: dict[str, Fee] = field(default_factory=dict)
    added: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def fees(self, patron: Patron) -> list[Fee]:
        """All fees of a patron whatever their status, in the order of their ids."""
        invented = [self.changed.get(fee.fee_id, fee) for fee in self.inventor.fees(patron)]
        return invented + [self.changed[fee_id] for fee_id in self.added.get(patron.index, ())]

    def patrons_with_fees(self) -> Iterator[Patron]:
        """Every patron who has or had a fee, by number."""
        extra = [index for index in self.added if not self.population.owes(index)]
        indexes = sorted([*self.population.owing, *extra]) if extra else self.population.owing
        return (self.population.patron(index) for index in indexes)

    def frozen(self) -> FeeView:
        """A copy that later changes do not touch; cheap, since only what was changed is copied."""
        return FeeView(self.population, self.inventor, dict(self.changed), dict(self.added))


class Institution:
    """One institution. ``lock`` must be held around a read followed by a write of the same fee."""

    def __init__(
        self,
        spec: InstitutionSpec,
        clock: SandboxClock,
        *,
        seed: int,
        patrons: int,
        owing_percent: float,
        journal: Journal | None = None,
    ) -> None:
        self.spec = spec
        self.clock = clock
        self.lock = threading.RLock()
        self.population = Population(seed, spec.code, patrons, owing_percent)
        self._inventor = Inventor(self.population, spec.code, clock.first_day)
        self._live = FeeView(self.population, self._inventor)
        self._touched: dict[int, date] = {}
        self._transactions = 0
        self._bursar_numbers = 0
        self._journal = journal
        self._remember()
        self._extract = self._live.frozen()
        self.extracted_at = clock.now()

    def find(self, identifier: str, id_type: str = "all_unique") -> Patron | None:
        """The patron with this identifier, or None."""
        index = self.population.find(identifier, id_type)
        return None if index is None else self.population.patron(index)

    def fees(self, patron: Patron, *statuses: str) -> list[Fee]:
        """A patron's fees now, all or those with one of the statuses."""
        with self.lock:
            return [fee for fee in self._live.fees(patron) if not statuses or fee.status in statuses]

    def fee(self, fee_id: str) -> Fee | None:
        """One fee by its id, whatever its status, or None."""
        with self.lock:
            if fee_id in self._live.changed:
                return self._live.changed[fee_id]
        index = self._inventor.patron_index(fee_id)
        if index is None or index >= self.population.size:
            return None
        invented = self._inventor.fees(self.population.patron(index))
        return next((fee for fee in invented if fee.fee_id == fee_id), None)

    def owed_cents(self, patron: Patron) -> int:
        """The sum of the patron's active balances, credits taken off."""
        return sum(fee.balance_cents for fee in self.fees(patron, "ACTIVE"))

    def store(self, fee: Fee) -> None:
        """Put a changed fee in the place of what it was."""
        self._keep(fee, is_new=False)

    def add(self, fee: Fee) -> None:
        """Add a fee that was not invented (its id from ``next_fee_id``)."""
        self._keep(fee, is_new=True)

    def _keep(self, fee: Fee, *, is_new: bool) -> None:
        with self.lock:
            if self._journal is not None:
                self._journal.keep(self.spec.code, fee, is_new=is_new)
            self._lay_over(fee, self.clock.today(), is_new=is_new)

    def _lay_over(self, fee: Fee, changed_on: date, *, is_new: bool) -> None:
        if is_new:
            self._live.added[fee.patron_index] = (*self._live.added.get(fee.patron_index, ()), fee.fee_id)
        self._live.changed[fee.fee_id] = fee
        self._touched[fee.patron_index] = changed_on

    def _remember(self) -> None:
        for fee, is_new in self._journal.kept(self.spec.code) if self._journal is not None else ():
            self._lay_over(fee, fee.status_at.date(), is_new=is_new)
            ours = [
                int(t.transaction_id[2:10]) for t in fee.transactions if t.transaction_id.startswith("77")
            ]
            self._transactions = max(self._transactions, *ours, 0)
            if fee.bursar_transaction_id:
                self._bursar_numbers = max(self._bursar_numbers, int(fee.bursar_transaction_id[2:11]))

    def next_fee_id(self) -> str:
        """An id for a fee about to be added; hold the lock until it is."""
        return self._inventor.added_id(sum(len(ids) for ids in self._live.added.values()))

    def next_transaction_id(self) -> str:
        """An id for a new transaction."""
        with self.lock:
            self._transactions += 1
            return f"77{self._transactions:08d}0001"

    @property
    def number(self) -> str:
        """Alma's number of the institution: four digits, at the end of its ids and as InstitutionId in bursar files."""
        return self._inventor.suffix

    def next_bursar_number(self) -> str:
        """A number for a fee about to go to the bursar, 17 digits."""
        with self.lock:
            self._bursar_numbers += 1
            return f"17{self._bursar_numbers:09d}00{self.number}"

    def modified_on(self, patron: Patron) -> date:
        """When the patron's record last changed."""
        with self.lock:
            touched = self._touched.get(patron.index)
        return touched or self.clock.first_day - timedelta(days=patron.modified_days_ago)

    def live_view(self) -> FeeView:
        """The fees as of now, unmoved by what comes later."""
        with self.lock:
            return self._live.frozen()

    def take_extract(self) -> None:
        """The nightly copy to Analytics, now."""
        with self.lock:
            self._extract = self._live.frozen()
            self.extracted_at = self.clock.now()

    def extract(self) -> FeeView:
        """The fees as Analytics last copied them."""
        with self.lock:
            return self._extract
