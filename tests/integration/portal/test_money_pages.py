"""The desk for money: what waits for a person, why, and what may be done about it."""

from __future__ import annotations

import re

import pytest

from tests.integration.portal.payment_rows import (
    LOST_REF,
    OTHERS_FEE,
    OVERPAID_REF,
    REFUND_REF,
    UNKNOWN_REF,
    PaymentRows,
    fill_payments,
)
from tests.integration.portal.test_campus_pages import audit_of
from tests.integration.portal.test_payment_pages import text_of

DESK = "/c/csusm/money"


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with money on the desk."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def listed(answer) -> list[str]:
    """The parts on a page, by their names in Alma."""
    return re.findall(r'fb-nowrap"><code>(\w+-\d)</code>', answer.text)


def test_money_that_waits_is_listed_the_oldest_first_with_its_reason_owner_and_age(rows, browser_of):
    answer = browser_of("viewer").get(DESK)
    assert listed(answer) == [f"{OVERPAID_REF}-2", f"{UNKNOWN_REF}-1", f"{LOST_REF}-1", f"{REFUND_REF}-1"]
    page = text_of(answer)
    assert "Without a fee $51.80 2 parts, the oldest 1 day" in page
    assert "$40.00 is more than was owed that day." in page
    assert "Csusm Editor" in page
    assert "Alma did not answer within 30 s." in page


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("state=unknown", [f"{UNKNOWN_REF}-1"]),
        ("rule=unmatched", [f"{LOST_REF}-1"]),
        ("owner=me", [f"{OVERPAID_REF}-2"]),
        ("owner=nobody&state=unapplied", [f"{LOST_REF}-1"]),
        ("q=99999", [f"{LOST_REF}-1"]),
        (f"q={REFUND_REF}", [f"{REFUND_REF}-1"]),
        ("q=nobody", []),
        ("after=x-y&state=drop&rule=1&owner=2", 4),
    ],
)
def test_money_on_the_desk_filters(rows, browser_of, address, found):
    parts = listed(browser_of("editor").get(f"{DESK}?{address}"))
    assert len(parts) == found if isinstance(found, int) else parts == found


def test_the_desk_for_money_goes_on_by_key(rows, browser_of, monkeypatch):
    monkeypatch.setattr("webapp.campus.money.PER_PAGE", 3)
    viewer = browser_of("viewer")
    next_page = re.search(r'rel="next" href="([^"]+)"', viewer.get(DESK).text).group(1)
    assert listed(viewer.get(next_page)) == [f"{REFUND_REF}-1"]


def test_an_empty_desk_says_that_every_cent_is_posted_or_on_its_way(people, browser_of):
    assert "No money waits for anybody" in text_of(browser_of("viewer").get(DESK))


def test_the_desk_for_money_is_exported_and_the_export_written_down(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"{DESK}?format=csv")
    assert len(answer.text.splitlines()) == 5
    assert f"{LOST_REF},1,Without a fee,11.80,000099999" in answer.text
    assert ("money.exported", "money") in audit_of(portal, people.csusm)


def test_a_part_lists_the_open_fees_of_its_patron_alone_and_what_is_on_its_way_to_them(rows, browser_of):
    answer = browser_of("viewer").get(f"{DESK}/{rows.overpaid}/2")
    assert "More than was owed. $20.00 of $60.00 found a fee" in text_of(answer)
    assert "An editor or admin of San Marcos decides." in text_of(answer)
    assert OTHERS_FEE not in answer.text


def test_a_part_that_is_settled_is_shown_and_asks_for_nothing(rows, browser_of):
    page = text_of(browser_of("editor").get(f"{DESK}/{rows.paid}/1"))
    assert "Nothing waits here" in page
    assert "What shall happen?" not in page


def test_a_part_that_is_not_there_is_not_found(rows, browser_of):
    for address in (f"{rows.paid}/9", "987654321/1"):
        assert browser_of("editor").get(f"{DESK}/{address}").status_code == 404
