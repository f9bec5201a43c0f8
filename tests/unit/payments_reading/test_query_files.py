from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.unit.payments_reading.making import (
    QUERY_HEADING,
    changed,
    good,
    query_file,
    query_line,
    read,
    refused,
)
from webapp.domain.layouts.inbound import InboundFileError
from webapp.domain.payments.rows import PaymentRow, RowFault

LAYOUT = "ps-query-payments"


def test_a_line_is_the_item_as_it_is_now():
    (row,) = good(LAYOUT, query_file(query_line()))
    assert row == PaymentRow(
        line=2,
        kind="payment",
        says="state",
        item_key="LKCMP|004417203|000000000000731",
        event_id="",
        emplid="004417203",
        patron_id="",
        reference="22200144000006421",
        item_type="300000006919",
        term="2264",
        amount_cents=2500,
        applied_cents=2223,
        cents=None,
        paid_on=date(2026, 9, 21),
        updated_at=datetime(2026, 9, 21, 21, 10, 5, tzinfo=UTC),
        raw=query_line(),
    )


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        (".00", 0),
        (".5", 50),
        ("0", 0),
        ("12.50", 1250),
        ("1,204.50", 120450),
        ("(12.50)", -1250),
        ("12.50-", -1250),
        ("-12.50", -1250),
        ("$3.00", 300),
        ("7.", 700),
        ("$(12.50)", -1250),
        ("$ (1,204.50)", -120450),
        ("$ 12.50", 1250),
        (" $-   ", 0),
        ("-", 0),
    ],
)
def test_money_is_read_in_every_form_that_queries_give(text, cents):
    (row,) = good(LAYOUT, query_file(query_line(applied=text)))
    assert row.applied_cents == cents


@pytest.mark.parametrize("text", ["12,50", "1.2.3", "(-3.00)", "12.505", "twelve", "1.2E+3"])
def test_money_that_can_be_doubted_is_set_aside_with_its_line(text):
    fault = refused(LAYOUT, query_file(query_line(applied=text)))
    assert fault.line == 2
    assert fault.reason.startswith("Line 2: 'Applied Amount': ")
    assert fault.raw == query_line(applied=text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("09/21/2026  2:10:05PM", (21, 10, 5)),
        ("9/21/2026 2:10:05 PM", (21, 10, 5)),
        ("2026-09-21T14:10:05", (21, 10, 5)),
        ("2026-09-21 14:10:05.000000", (21, 10, 5)),
        ("2026-09-21-14.10.05.000000", (21, 10, 5)),
        ("2026-09-21T14:10:05-07:00", (21, 10, 5)),
        ("2026-09-21T21:10:05Z", (21, 10, 5)),
        ("09/21/2026 17:10:05 EDT", (21, 10, 5)),
        ("Sep 21 2026  2:10PM", (21, 10, 0)),
        ("21-SEP-26 02.10.05.000000 PM", (21, 10, 5)),
        ("20260921141005", (21, 10, 5)),
        ("09/21/2026 12:05AM", (7, 5, 0)),
        ("09/21/2026", (7, 0, 0)),
        ("2026-09-21", (7, 0, 0)),
    ],
)
def test_the_moment_of_the_change_is_told_in_the_campuss_time_unless_it_names_another(text, moment):
    (row,) = good(LAYOUT, query_file(query_line(updated=text)))
    hour, minute, second = moment
    assert row.updated_at == datetime(2026, 9, 21, hour, minute, second, tzinfo=UTC)
    assert row.paid_on == date(2026, 9, 21)


@pytest.mark.parametrize(
    "text", ["09/21/2026 13:10PM", "09/21/2026 25:10", "02/30/2026 1:10PM", "noon", "1/1/26 1:00 XYZ"]
)
def test_a_moment_that_is_none_is_set_aside(text):
    assert "DateTime Updated" in refused(LAYOUT, query_file(query_line(updated=text))).reason


def test_a_line_without_a_moment_is_still_a_state():
    (row,) = good(LAYOUT, query_file(query_line(updated="")))
    assert (row.updated_at, row.paid_on, row.applied_cents) == (None, None, 2223)


def test_an_hour_that_comes_twice_is_the_first_of_the_two():
    (row,) = good(LAYOUT, query_file(query_line(updated="11/01/2026 1:30:00AM")))
    assert row.updated_at == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


def test_leading_zeros_that_a_spreadsheet_dropped_are_put_back():
    line = (
        "LKCMP,4417203,731,300000006919,2264,22200144000006421,25.00,22.23,2.77,10/02/2026,09/21/2026 14:10"
    )
    (row,) = good(LAYOUT, query_file(line))
    assert (row.emplid, row.item_key) == ("004417203", "LKCMP|004417203|000000000000731")


def test_an_id_that_a_spreadsheet_keeps_as_text_is_read_without_its_wrapping():
    content = query_file(query_line()).replace('"000000000000731"', '="000000000000731"')
    content = content.replace('"004417203"', '"=""004417203"""').replace('"22200144000006421"', '=""')
    (row,) = good(LAYOUT, content)
    assert (row.item_key, row.reference) == ("LKCMP|004417203|000000000000731", "")


def test_without_padding_a_short_id_is_set_aside():
    fault = refused(LAYOUT, query_file(query_line(emplid="4417203")), pad=False)
    assert fault.reason == "Line 2: the id …203 has 7 digits; this campus's EMPLIDs have 9."


def test_an_id_that_a_spreadsheet_rewrote_is_set_aside():
    assert "spreadsheet" in refused(LAYOUT, query_file(query_line(emplid="4.41720E+6"))).reason
    assert "spreadsheet" in refused(LAYOUT, query_file(query_line(reference="2.22001E+16"))).reason


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_every_line_end_are_read(end):
    content = b"\xef\xbb\xbf" + query_file(query_line(), query_line(applied="25.00"), end=end).encode()
    assert [(row.line, row.applied_cents) for row in good(LAYOUT, content)] == [(2, 2223), (3, 2500)]


def test_a_title_line_and_a_row_count_above_the_headings_are_passed_over():
    content = f"LK_LIB_ITEMS_PAID,1\r\n\r\n{query_file(query_line())}"
    assert [row.line for row in good(LAYOUT, content)] == [4]


@pytest.mark.parametrize(
    "heading",
    [
        "BUSINESS_UNIT,EMPLID,ITEM_NBR,ITEM_TYPE,ITEM_TERM,REF1_DESCR,ITEM_AMT,APPLIED_AMT,ITEM_BALANCE,DUE_DT,UPDATED",
        "Business Unit,Empl ID,Item Number,Item Type,Account Term,Reference,Item Amt,Applied,Balance,Due Date,Last Updated",
    ],
)
def test_headings_may_be_field_names_or_words(heading):
    assert good(LAYOUT, query_file(query_line(), heading=heading)) == good(LAYOUT, query_file(query_line()))


def test_columns_may_stand_in_any_order_and_the_unneeded_ones_be_absent():
    (row,) = good(LAYOUT, 'Applied Amount,Item Nbr,ID\n(3.00),731,"004417203"\n')
    assert (row.applied_cents, row.amount_cents, row.item_key) == (-300, None, "|004417203|000000000000731")


@pytest.mark.parametrize("gone", ["ID", "Item Nbr", "Applied Amount"])
def test_a_file_without_a_needed_heading_is_refused_whole(gone):
    heading = ",".join("Other" if word == gone else word for word in QUERY_HEADING.split(","))
    with pytest.raises(InboundFileError, match="Nothing of the file was used") as caught:
        read(LAYOUT, query_file(query_line(), heading=heading))
    assert gone in caught.value.wanted


def test_the_heading_of_another_file_is_refused_and_named():
    with pytest.raises(InboundFileError, match="'Violation ID', 'Fine'"):
        read(LAYOUT, "Violation ID,Fine\n1,2.00\n")


def test_a_total_below_the_lines_is_no_payment():
    content = query_file(query_line(), '"","Total","","","","",25.00,22.23,2.77,,')
    assert [row.line for row in good(LAYOUT, content)] == [2]


def test_junk_in_the_last_line_is_set_aside_or_passed_over_as_the_layout_says():
    content = query_file(query_line(), "(1 row affected)")
    row, fault = read(LAYOUT, content)
    assert isinstance(row, PaymentRow)
    assert isinstance(fault, RowFault)
    assert (fault.line, fault.raw) == (3, "(1 row affected)")
    assert len(good(changed(LAYOUT, skip_last=1), content)) == 1


def test_what_is_paid_is_worked_out_from_the_balance_where_no_applied_amount_is_given():
    document = changed(LAYOUT)
    for column in document["columns"]:
        column.pop("required", None) if column.get("field") == "applied_cents" else None
    (row,) = good(document, query_file(query_line(applied="")))
    assert row.applied_cents == 2223
    fault = refused(document, query_file(query_line(applied="", balance="")))
    assert fault.reason == "Line 2: what is paid of the item is missing."


def test_the_line_is_kept_as_it_came_even_across_a_quoted_line_end():
    line = query_line().replace("22200144000006421", "22200144\n000006421")
    (row,) = good(LAYOUT, query_file(line))
    assert row.raw == line


def test_a_half_written_file_is_refused():
    with pytest.raises(InboundFileError, match="quote opened in line 3"):
        read(LAYOUT, query_file(query_line()) + '"LKCMP","0044')
