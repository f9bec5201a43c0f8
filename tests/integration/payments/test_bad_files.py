"""Files of payments that must not be used, or not whole."""

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, STUDENT, item
from webapp.models.scope import tenant_scope
from worker.pipelines.payments import book as step


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"))
    return books


def test_a_file_with_other_headings_is_refused_whole(billed):
    run = billed.hands_in(item(), heading="Name,Amount")
    assert run.state == "failed"
    assert "payments.csv" in run.error["message"]
    assert billed.campus.inbound()[-1] == "refused"
    assert billed.payments() == []


def test_a_file_of_strangers_is_refused_whole(billed):
    run = billed.hands_in(item("77", emplid="999999991"))
    assert run.state == "failed"
    assert "another campus's" in run.error["message"]
    assert billed.campus.inbound()[-1] == "refused"


def test_a_file_of_another_business_unit_is_refused_whole(billed):
    billed.campus.sets("payments", business_units=["SMCMP"])
    run = billed.hands_in(item())
    assert run.state == "failed"
    assert "business unit HMCMP" in run.error["message"]
    assert billed.payments() == []


def test_a_file_that_breaks_off_in_a_quoted_text_is_refused_whole(billed):
    content = f'{HEADING}\r\n{item()}\r\n"HMCMP","0123456'
    run = billed.hands_in_bytes(content.encode())
    assert run.state == "failed"
    assert billed.payments() == []


def test_a_line_cut_in_the_middle_goes_back_and_the_others_count(billed):
    run = billed.hands_in(item(), '"HMCMP","012345678"')
    assert run.state == "succeeded"
    assert len(billed.payments()) == 1
    assert "1 row could not be read" in run.story


def test_an_empty_file_says_so(billed):
    run = billed.hands_in()
    assert run.state == "failed"
    assert "no line with a payment" in run.error["message"]


def test_a_layout_that_is_gone_leaves_the_file_for_the_next_run(billed):
    billed.campus.sets("payments", layout="no-such-layout")
    run = billed.hands_in(item())
    assert run.state == "failed"
    assert billed.campus.inbound()[-1] == "waiting"
    billed.campus.sets("payments", layout="ps-query-payments")
    assert billed.imports(billed.received.inbound_file_id).state == "succeeded"


def test_a_run_that_dies_after_reading_books_once_when_it_is_taken_over(billed, monkeypatch):
    def die(*_args, **_kwargs):
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(step.payments, "book", die)
        with pytest.raises(SystemExit):
            billed.hands_in(item())
    run_id = billed.campus.scalar("SELECT max(id) FROM run WHERE pipeline = 'payment_import'")
    run = billed.campus.take_over(run_id)
    assert run.state == "succeeded", run.error
    assert len(billed.payments()) == 1


def test_two_runs_for_one_file_book_it_once(billed):
    billed.hands_in(item())
    again = billed.imports(billed.received.inbound_file_id)
    assert again.state == "failed"
    assert "Its payments count once" in again.error["message"]
    assert len(billed.payments()) == 1


def test_another_campus_sees_none_of_it(billed, two_tenants):
    billed.hands_in(item())
    with tenant_scope(two_tenants[0]) as session:
        for table in ("payment", "payment_line", "payment_row", "payment_item"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


def test_characters_that_no_text_has_refuse_the_file_whole(billed):
    content = "\r\n".join([HEADING, item(), item("10\x0001", nbr="2"), ""])
    run = billed.hands_in_bytes(content.encode())
    assert run.state == "failed"
    assert "Line 3 is not plain text" in run.error["message"]
    assert billed.payments() == []


def test_what_a_copy_would_take_for_its_own_marks_is_text(billed):
    run = billed.hands_in(item(), item("x\\y\tz", nbr="2"))
    assert run.state == "succeeded", run.error
    assert [reference for reference, _, _ in billed.payments()] == ["1001", "x\\y\tz"]
    assert billed.adds_up()


def test_a_file_that_repeats_what_waits_for_a_person_is_not_taken_for_another_campuss(billed):
    billed.campus.sets("payments", layout="emplid-amount")
    stranger = "999999991,5.00,09/21/2026"
    billed.hands_in(stranger, f"{STUDENT},1.00,09/21/2026", heading="EMPLID,Amount,Date")
    run = billed.hands_in(stranger, heading="EMPLID,Amount,Date")
    assert run.state == "succeeded", run.error
    assert len(billed.payments()) == 2
