"""What the bursar was told of a fee follows from the fate of the files that told it."""

from __future__ import annotations

import psycopg
import pytest

from tests.integration.bursar.books import Books, Line
from webapp.models.scope import tenant_scope
from webapp.store import ledger


@pytest.fixture
def books(two_tenants, superuser) -> Books:
    return Books(two_tenants[0], superuser)


def told(tenant_id: int, *fee_refs: str) -> dict[str, ledger.ToldCharge]:
    with tenant_scope(tenant_id) as session:
        return ledger.told(session, tenant_id, fee_refs)


def test_a_charge_of_a_confirmed_file_counts_with_all_that_a_credit_needs_to_name_it(books):
    books.file(Line("F1", 2500, barcode="B1"))
    found = told(books.tenant_id, "F1", "F2")
    assert set(found) == {"F1"}
    charge = found["F1"]
    assert (charge.amount_cents, charge.remaining_cents, charge.in_doubt) == (2500, 2500, False)
    assert (charge.item_type, str(charge.billing_on), charge.reference) == (
        "300000006919",
        "2026-10-01",
        "F1",
    )
    assert (charge.patron_id, charge.barcode, charge.fee_type) == ("012345678", "B1", "OVERDUEFINE")


@pytest.mark.parametrize("run_state", ["failed", "cancelled"])
def test_lines_of_a_file_that_never_left_count_for_nothing(books, run_state):
    books.file(Line("F1", 2500), run_state=run_state, confirmed=False, effect="failed")
    assert told(books.tenant_id, "F1") == {}


def test_lines_of_a_file_that_did_arrive_before_its_run_failed_count(books):
    books.file(Line("F1", 2500), run_state="failed")
    assert told(books.tenant_id, "F1")["F1"].remaining_cents == 2500


def test_lines_of_a_file_on_its_way_count(books):
    books.file(Line("F1", 2500), run_state="delivering", confirmed=False, effect="sent")
    assert told(books.tenant_id, "F1")["F1"].in_doubt is False


def test_lines_of_a_file_that_waits_to_be_fetched_count(books):
    books.file(Line("F1", 2500), confirmed=False, effect="intended")
    assert told(books.tenant_id, "F1")["F1"].remaining_cents == 2500


def test_lines_of_a_file_that_may_have_arrived_count_and_are_called_in_doubt(books):
    books.file(Line("F1", 2500), run_state="failed", confirmed=False, effect="unknown")
    charge = told(books.tenant_id, "F1")["F1"]
    assert (charge.remaining_cents, charge.in_doubt) == (2500, True)


def test_a_dry_run_tells_nobody_anything(books):
    books.file(Line("F1", 2500), confirmed=False, dry_run=True)
    assert told(books.tenant_id, "F1") == {}


def test_credits_and_reversals_lower_what_is_left_of_the_charge_they_name(books):
    books.file(Line("F1", 2500), Line("F2", 900))
    books.file(Line("C1", -400, "credit", original="F1"), Line("C2", -100, "reversal", original="F1"))
    found = told(books.tenant_id, "F1", "F2")
    assert (found["F1"].remaining_cents, found["F2"].remaining_cents) == (2000, 900)


def test_a_credit_in_a_file_that_never_left_leaves_the_charge_whole(books):
    books.file(Line("F1", 2500))
    books.file(
        Line("C1", -400, "credit", original="F1"), run_state="failed", confirmed=False, effect="failed"
    )
    assert told(books.tenant_id, "F1")["F1"].remaining_cents == 2500


def test_a_charge_reversed_whole_and_charged_again_shows_its_newest_line(books):
    books.file(Line("F1", 1000))
    books.file(Line("C1", -1000, "reversal", original="F1"), Line("F1", 700))
    charge = told(books.tenant_id, "F1")["F1"]
    assert (charge.amount_cents, charge.remaining_cents) == (700, 700)


def test_a_rejected_charge_is_no_charge_and_a_rejected_credit_takes_nothing_back(books):
    rejected = books.file(Line("F1", 2500))
    books.rejects(rejected, 1)
    books.file(Line("F2", 900))
    credit = books.file(Line("C1", -400, "credit", original="F2"))
    books.rejects(credit, 1)
    found = told(books.tenant_id, "F1", "F2")
    assert set(found) == {"F2"}
    assert found["F2"].remaining_cents == 900


def test_a_fee_shows_all_its_lines_in_order_with_what_became_of_them(books):
    books.file(Line("F1", 2500), run_state="failed", confirmed=False, effect="failed")
    books.file(Line("F1", 2500))
    books.file(
        Line("C1", -400, "credit", original="F1"), run_state="failed", confirmed=False, effect="unknown"
    )
    with tenant_scope(books.tenant_id) as session:
        lines = ledger.lines_of_fee(session, books.tenant_id, "F1")
    assert [(line.event, line.amount_cents, line.state) for line in lines] == [
        ("charge", 2500, "dead"),
        ("charge", 2500, "told"),
        ("credit", -400, "in_doubt"),
    ]
    assert lines[0].file_name == "charges_1.dat"


def test_one_campus_sees_nothing_of_another_ones_ledger(books, two_tenants, superuser):
    books.file(Line("F1", 2500))
    assert told(two_tenants[1], "F1") == {}
    with tenant_scope(two_tenants[1]) as session:
        assert ledger.told(session, two_tenants[0], ["F1"]) == {}
        assert ledger.lines_of_fee(session, two_tenants[0], "F1") == []


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger_entry SET amount_cents = 1", "DELETE FROM ledger_entry"]
)
def test_what_the_ledger_says_cannot_be_changed_by_the_application(books, services, database, statement):
    books.file(Line("F1", 2500))
    url = services.postgres.urls(database)["DATABASE_URL"].replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)
