"""What a line's action makes of an item's state, and the numbers by which a line is known again."""

import pytest

from tests.unit.payments_reading.making import QUERY_HEADING, changed, good, query_line, refused
from tests.unit.payments_reading.test_events import EVENTS, HEADING, line
from webapp.domain.layouts.inbound import READY_MADE_INBOUND

ACTIONS = {"PAY": "payment", "WRO": "write_off", "CRV": "charge_reversal", "REF": "refund"}


def states_with_actions():
    columns = [
        *READY_MADE_INBOUND["ps-query-payments"]["columns"],
        {"name": "Line Action", "field": "line_action"},
    ]
    return changed("ps-query-payments", columns=columns, payments={"says": "state", "actions": ACTIONS})


def state(action, **values):
    return f"{QUERY_HEADING},Line Action\n{query_line(**values)},{action}\n"


@pytest.mark.parametrize(
    ("action", "kind"), [("PAY", "payment"), ("wro", "write_off"), ("CRV", "charge_reversal")]
)
def test_an_items_state_is_what_its_action_says(action, kind):
    (row,) = good(states_with_actions(), state(action))
    assert (row.says, row.kind, row.applied_cents) == ("state", kind, 22_23)


@pytest.mark.parametrize("action", ["XYZ", ""])
def test_an_item_that_something_was_applied_to_in_a_way_nobody_knows_is_set_aside(action):
    assert "action" in refused(states_with_actions(), state(action)).reason


def test_an_item_that_nothing_was_applied_to_needs_no_action():
    (row,) = good(states_with_actions(), state("", applied=".00"))
    assert (row.kind, row.applied_cents) == ("payment", 0)


def test_an_items_line_is_known_by_its_number_where_the_payment_has_none():
    first, second = good(EVENTS, HEADING + line(payment_id="") + line(payment_id="", line_seq="3"))
    assert first.event_id == "|LKCMP|004417203|000000000000731|2"
    assert first.event_id != second.event_id


def test_two_sums_of_one_payment_without_line_numbers_are_two_payments():
    first, second, again = good(
        EVENTS,
        HEADING + line(line_seq="") + line(line_seq="", amount="3.00") + line(line_seq="", amount="3"),
    )
    assert first.event_id != second.event_id == again.event_id
