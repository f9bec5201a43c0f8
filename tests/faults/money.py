"""Payments for the campuses under faults: booked straight into our tables, posted to their Alma, judged by its book."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.campuses import Campuses

PATRONS = 4
FEES_EACH = 3


@dataclass
class Cashier:
    """Everything that was paid, by campus: how much may be on each fee at most."""

    campuses: Campuses
    charged: defaultdict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    booked: int = 0

    def takes_money(self, tenant_id: int, rng: random.Random) -> int:
        """Four patrons with three new fees each are charged, and pay: in parts, to the last cent, and too much."""
        other_side, institution = self.campuses.other_side, self.campuses.institution(tenant_id)
        lines = 0
        for patron_id in rng.sample(other_side.patron_ids(institution), PATRONS):
            fees = {}
            for _ in range(FEES_EACH):
                cents = rng.randrange(200, 5_000)
                fees[other_side.charge(institution, patron_id, cents)] = cents
            self.charged[tenant_id] |= fees
            lines += self._pays(tenant_id, patron_id, list(fees.items()), rng)
        return lines

    def _pays(
        self, tenant_id: int, patron_id: str, fees: Sequence[tuple[str, int]], rng: random.Random
    ) -> int:
        (first, first_cents), (second, second_cents), (third, third_cents) = fees
        part = rng.randrange(1, first_cents)
        # The first fee is closed by two payments, the second by one, and for the third too much was taken.
        self._book(tenant_id, patron_id, [(first, part), (second, second_cents)])
        self._book(tenant_id, patron_id, [(first, first_cents - part)])
        self._book(tenant_id, patron_id, [(third, third_cents + rng.randrange(1, 500))])
        return 4

    def _book(self, tenant_id: int, patron_id: str, parts: Sequence[tuple[str, int]]) -> None:
        self.booked += 1
        ref = f"FB{self.booked:018d}".translate(str.maketrans("0189", "ABCD"))
        home = self.campuses.home
        ((payment_id,),) = home.sql(
            "INSERT INTO payment (tenant_id, ref, source, kind, event_key, amount_cents, patron_id, emplid) "
            "VALUES (%s, %s, 'peoplesoft', 'payment', %s, %s, %s, %s) RETURNING id",
            *(tenant_id, ref, ref, sum(cents for _, cents in parts), patron_id, patron_id),
        )
        for n, (fee_ref, cents) in enumerate(parts, 1):
            home.sql(
                "INSERT INTO payment_line (tenant_id, payment_id, n, amount_cents, state, fee_ref, external_id) "
                "VALUES (%s, %s, %s, %s, 'waiting', %s, %s)",
                *(tenant_id, payment_id, n, cents, fee_ref, f"{ref}-{n}"),
            )


def judge_money(cashier: Cashier, tenant_ids: Sequence[int]) -> tuple[int, int]:
    """Hold Alma's own book, our lines and our ledger against each other; returns postings and their cents.

    Raises: AssertionError.
    """
    campuses, postings, total_cents = cashier.campuses, 0, 0
    for tenant_id in tenant_ids:
        ours = campuses.home.sql(
            "SELECT fee_id, amount_cents, external_id FROM payment_line WHERE tenant_id = %s AND state = 'posted'",
            tenant_id,
        )
        paid = campuses.other_side.paid(campuses.institution(tenant_id))
        assert Counter(paid) == Counter(ours), f"campus {tenant_id}: {Counter(paid) - Counter(ours)} too many"
        assert max(Counter(external_id for _, _, external_id in paid).values()) == 1, "posted twice"
        ledger = campuses.home.sql(
            "SELECT fee_ref, -amount_cents, evidence->>'external_id' FROM ledger_entry "
            "WHERE tenant_id = %s AND side = 'alma'",
            tenant_id,
        )
        assert Counter(ledger) == Counter(ours), f"campus {tenant_id}: the ledger"
        on_fee: Counter[str] = Counter()
        for fee_id, cents, _ in paid:
            on_fee[fee_id] += cents
        # Every fee was paid to the last cent, and no fee more.
        assert on_fee == Counter(cashier.charged[tenant_id])
        postings, total_cents = postings + len(paid), total_cents + sum(cents for _, cents, _ in paid)
    assert (
        cashier.campuses.home.sql(
            "SELECT p.id FROM payment p LEFT JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id "
            "AND l.state <> 'replaced' GROUP BY p.tenant_id, p.id, p.amount_cents "
            "HAVING sum(l.amount_cents) IS DISTINCT FROM p.amount_cents"
        )
        == []
    ), "a payment does not add up to its lines"
    rules = campuses.home.sql("SELECT DISTINCT state, rule FROM payment_line WHERE state <> 'replaced'")
    assert set(rules) <= {("posted", ""), ("unapplied", "shrunk")}, rules
    return postings, total_cents
