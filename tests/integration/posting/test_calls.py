"""What posting costs in calls to Alma, counted at Alma's own door."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from webapp.adapters.alma.transport import Transport

if TYPE_CHECKING:
    from tests.integration.posting.conftest import Campus

PATRONS, FEES_EACH = 6, 4
# Once a run: is the key of this institution?
CHECKS = 1


@pytest.fixture
def exchanges(monkeypatch):
    """Every exchange with Alma from now on, by method; tries that Alma refused for their number included."""
    counted: Counter[str] = Counter()
    real = Transport.exchange

    def exchange(self, method, path, *args, **options):
        answer = real(self, method, path, *args, **options)
        counted[method] += 1
        counted["refused for their number"] += answer.status == 429
        return answer

    monkeypatch.setattr(Transport, "exchange", exchange)
    return counted


def told(kind: str, counted: Counter[str], posted: int) -> None:
    gets = (counted["GET"] - CHECKS) / PATRONS
    print(
        f"\nalma calls per posted fee, {kind}: {counted['POST'] / posted:.2f} POST, {counted['GET'] / posted:.2f} GET; "
        f"{gets:.2f} GET per patron, {counted['refused for their number']} refused for their number"
    )


def test_a_posted_fee_costs_one_post_and_a_patron_no_more_than_two_gets(campus: Campus, exchanges):
    """Whole, in part, in two payments for one fee, and too much."""
    posted = 0
    for patron_id in campus.others[:PATRONS]:
        fee_ids = [campus.charges("10.00", patron_id) for _ in range(FEES_EACH)]
        campus.pays_in_parts([(1000, fee_ids[0]), (400, fee_ids[1])], patron_id=patron_id)
        campus.pays(600, fee_ids[1], patron_id=patron_id)
        campus.pays(250, fee_ids[2], patron_id=patron_id)
        campus.pays(1500, fee_ids[3], patron_id=patron_id)
        posted += 5
    run = campus.posts()
    assert run.counts["posted"] == posted
    told("open fees", exchanges, posted)
    assert exchanges["POST"] == posted
    assert exchanges["GET"] <= 2 * PATRONS + CHECKS
    assert exchanges["refused for their number"] == 0


def test_an_answer_that_was_lost_costs_one_more_get_and_no_second_post(
    campus: Campus, exchanges, settles_at_once
):
    fee_ids = [campus.charges("10.00") for _ in range(FEES_EACH)]
    campus.pays_in_parts([(1000, fee_id) for fee_id in fee_ids])
    campus.alma.fault("alma.fees.pay", "status_after", after=1)
    campus.posts()
    assert (exchanges["POST"], exchanges["GET"] - CHECKS) == (FEES_EACH, 2)


def test_a_run_over_what_is_closed_already_asks_once_for_each_state_and_posts_nothing(
    campus: Campus, exchanges
):
    fee_ids = [campus.charges("10.00") for _ in range(FEES_EACH)]
    for fee_id in fee_ids:
        campus.at_the_desk(fee_id, "pay", amount="10.00", method="CASH")
    campus.pays_in_parts([(1000, fee_id) for fee_id in fee_ids])
    campus.posts()
    states = 4
    assert (exchanges["POST"], exchanges["GET"] - CHECKS) == (0, states)
