from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.inbound.making import delimited, read, rows
from webapp.domain.layouts.inbound import (
    READY_MADE_INBOUND,
    InboundFault,
    InboundFileError,
    InboundRow,
    load_inbound,
    read_rows,
)
from webapp.domain.money import format_cents

HEADING = "ID,Ref,Amount,Posted,Status,Message\n"


def test_a_line_is_read_by_its_headings_whatever_their_order_and_case():
    (row,) = rows(
        delimited(), 'STATUS,message,emplid,AMOUNT,ref\nError,"Closed term, ask SFS",001234567,12.50,991\n'
    )
    assert row.values == {
        "emplid": "001234567",
        "reference": "991",
        "amount_cents": 1250,
        "status": "Error",
        "message": "Closed term, ask SFS",
    }
    assert (row.status, row.line) == ("rejected", 2)


def test_a_byte_order_mark_and_every_kind_of_line_end_are_no_part_of_a_value():
    line = "001234567,991,1.00,,OK,"
    for end in ("\n", "\r\n", "\r"):
        found = rows(delimited(), b"\xef\xbb\xbf" + (HEADING.rstrip() + end + line + end + line).encode())
        assert [(row.line, row.text("emplid")) for row in found] == [(2, "001234567"), (3, "001234567")]


def test_a_title_line_above_the_headings_is_passed_over():
    found = rows(delimited(), f"SF load results,2 rows\n\n{HEADING}1234567,991,1.00,,ok,\n")
    assert [row.line for row in found] == [4]


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        (".00", 0),
        ("1,234.50", 123450),
        ("(12.00)", -1200),
        ("12.00-", -1200),
        ("-.5", -50),
        ("$3", 300),
        ("", None),
    ],
)
def test_amounts_are_read_as_peoplesoft_queries_write_them(text, cents):
    (row,) = rows(delimited(), f'{HEADING}001234567,991,"{text}",,OK,\n')
    assert row.cents("amount_cents") == cents


def test_leading_zeros_that_a_spreadsheet_dropped_are_put_back():
    (row,) = rows(delimited(), f"{HEADING}1234567,991,1.00,,OK,\n")
    assert row.text("emplid") == "001234567"


def test_an_id_rewritten_as_a_number_is_set_aside_instead_of_guessed():
    (fault,) = read(delimited(), f"{HEADING}001234567,9.91E+14,1.00,,OK,\n")
    assert isinstance(fault, InboundFault)
    assert fault.line == 2
    assert "rewritten by a spreadsheet" in fault.reason


@pytest.mark.parametrize(
    ("posted", "day"),
    [
        ("2026-08-15", date(2026, 8, 15)),
        ("08/15/2026", date(2026, 8, 15)),
        ("8/15/2026 3:05 PM", date(2026, 8, 15)),
        ("2026-08-15 00:00:00", date(2026, 8, 15)),
    ],
)
def test_dates_come_iso_or_american_with_or_without_a_time(posted, day):
    (row,) = rows(delimited(), f"{HEADING}001234567,991,1.00,{posted},OK,\n")
    assert row.values["posted_on"] == day


def test_wrong_headings_are_refused_with_what_was_found_and_what_was_wanted():
    with pytest.raises(InboundFileError) as refused:
        read(delimited(), "Student,Reference,Amount,Result\n001234567,991,1.00,OK\n")
    assert refused.value.found == ("Student", "Reference", "Amount", "Result")
    assert refused.value.wanted == ("ID", "EMPLID", "Ref", "Status")
    assert "'Student', 'Reference'" in refused.value.message
    assert "'ID' or 'EMPLID'" in refused.value.message


def test_a_heading_that_stands_twice_is_refused_because_its_column_cannot_be_told():
    with pytest.raises(InboundFileError, match="more than once"):
        read(delimited(), "ID,Ref,Amount,Amount,Status\n001234567,991,1.00,2.00,OK\n")


def test_an_empty_file_is_refused():
    for content in ("", "\n\n", "\r\n"):
        with pytest.raises(InboundFileError, match="empty"):
            read(delimited(), content)


def test_a_bad_line_is_set_aside_with_its_number_and_the_others_are_read():
    found = read(
        delimited(),
        HEADING
        + "001234567,991,1.00,,OK,\n"
        + ",992,1.00,,OK,\n"
        + "001234567,993,one,,OK,\n"
        + "001234567,994,1.00,31/31/2026,OK,\n"
        + "001234567,995,1.00,,Perhaps,\n"
        + "001234567,996\n"
        + "001234567,997,1.00,,Error,Closed\n",
    )
    assert [row.text("reference") for row in found if isinstance(row, InboundRow)] == ["991", "997"]
    faults = [fault for fault in found if isinstance(fault, InboundFault)]
    assert [fault.line for fault in faults] == [3, 4, 5, 6, 7]
    for fault, word in zip(faults, ("'ID' is missing", "'one'", "Posted", "perhaps", "2 cells"), strict=True):
        assert word in fault.reason
        assert f"Line {fault.line}" in fault.reason or "status" in fault.reason


def test_a_quote_that_is_never_closed_refuses_the_whole_file():
    with pytest.raises(InboundFileError, match="not closed"):
        read(delimited(), f'{HEADING}001234567,991,1.00,,OK,"half\n001234567,992,1.00,,OK,\n')


@pytest.mark.parametrize("content", [b"\xff\xfeI\x00D\x00", b"ID,Ref\x00,Amount\n"])
def test_a_file_that_is_no_text_is_refused(content):
    with pytest.raises(InboundFileError, match="not plain text"):
        read(delimited(), content)


def test_a_line_without_end_is_refused_before_it_fills_the_memory():
    def endless():
        while True:
            yield b"x" * 65_536

    with pytest.raises(InboundFileError, match="longer than"):
        list(read_rows(endless(), load_inbound(delimited())))


def test_a_message_in_windows_letters_is_still_read():
    (row,) = rows(delimited(), HEADING.encode() + b"001234567,991,1.00,,OK,Caf\xe9\n")
    assert row.text("message") == "Café"


def test_lines_at_the_end_and_lines_that_say_so_are_passed_over():
    document = delimited(
        skip_last=1, skip_when=[{"field": "emplid", "is": "Total"}, {"field": "line", "starts_with": "#"}]
    )
    content = f"{HEADING}001234567,991,1.00,,OK,\n# a remark\nTotal,,1.00,,,\n001234567,992,1.00,,OK,\nend of report\n\n"
    assert [row.text("reference") for row in rows(document, content)] == ["991", "992"]


def test_first_lines_are_counted_as_an_editor_counts_them():
    content = f"SF\n\nrun at 4\n{HEADING}001234567,991,1.00,,OK,\n"
    assert [row.line for row in rows(delimited(skip_first=3), content)] == [5]


def test_without_a_heading_columns_are_taken_in_their_order():
    document = delimited(
        heading=False,
        delimiter="\t",
        quote="none",
        columns=[
            {"name": "ID", "field": "emplid"},
            {"name": "unused"},
            {"name": "Amount", "field": "amount_cents"},
            {"name": "Status", "field": "status"},
        ],
    )
    (row,) = rows(document, '1234567\tsays "so"\t3.00\tError\n')
    assert row.values == {"emplid": "1234567", "amount_cents": 300, "status": "Error"}


def test_a_flag_column_can_say_that_an_amount_is_below_zero():
    columns = [
        {"name": "Ref", "field": "reference"},
        {
            "name": "Amount",
            "field": "amount_cents",
            "amount": {"sign_from": "Rev", "negative": ["Y"]},
        },
        {"name": "Rev"},
        {"name": "Status", "field": "status"},
    ]
    found = rows(delimited(columns=columns), "Ref,Amount,Rev,Status\n1,5.00,y,OK\n2,5.00,N,OK\n")
    assert [row.cents("amount_cents") for row in found] == [-500, 500]


def test_a_ready_made_layout_reads_the_headings_of_a_peoplesoft_query():
    document = READY_MADE_INBOUND["load-result-csv"]
    content = (
        "ID,Item Type,Item Amt,Acct Term,REF1_DESCR,Post Status,Error Message\n"
        '001234567,72000000916,"1,012.50",2238,23467788990003421,Posted,\n'
        "001234568,072000000916,.75,2238,23467788990003422,Error,Term is closed\n"
    )
    first, second = rows(document, content)
    assert (first.text("item_type"), first.cents("amount_cents"), first.status) == (
        "072000000916",
        101250,
        "accepted",
    )
    assert (second.status, second.text("message"), second.cents("amount_cents")) == (
        "rejected",
        "Term is closed",
        75,
    )


@given(
    amounts=st.lists(st.integers(-(10**9), 10**9), max_size=20),
    cut=st.integers(1, 40),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_file_reads_the_same_in_pieces_of_any_size(amounts, cut, end):
    lines = [HEADING.rstrip()] + [
        f'7,{n},"{format_cents(cents, currency="")}",,OK,' for n, cents in enumerate(amounts)
    ]
    content = end.join([*lines, ""]).encode()
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    found = list(read_rows(pieces, load_inbound(delimited())))
    assert [row.cents("amount_cents") for row in found] == amounts
    assert [row.line for row in found] == list(range(2, len(amounts) + 2))
