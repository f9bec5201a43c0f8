from __future__ import annotations

import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.fees import OutstandingFee, RefusedRow
from webapp.domain.violations import ViolationFileError, ViolationMapping, read_violations
from webapp.domain.violations.dates import parse_date

MAPPING = ViolationMapping(emplid_digits=9, pad_emplid=True)
HEAD = "Student/Staff ID,Total Owed,User Type,Violation Type,Violation Date,Ticket Number,Status\n"
ROW = "012345678,125.00,Student,No Permit,2025-09-04,T100,Unpaid\n"


def read(text: str | bytes, mapping: ViolationMapping = MAPPING) -> list[OutstandingFee | RefusedRow]:
    content = text.encode() if isinstance(text, str) else text
    return list(read_violations(io.BytesIO(content), mapping))


def read_or_refusal(content: bytes) -> tuple[list[OutstandingFee | RefusedRow], str]:
    try:
        return read(content), ""
    except ViolationFileError as err:
        return [], err.message


def only(text: str | bytes, mapping: ViolationMapping = MAPPING) -> OutstandingFee:
    (row,) = read(text, mapping)
    assert isinstance(row, OutstandingFee), row
    return row


def refused(text: str | bytes, mapping: ViolationMapping = MAPPING) -> RefusedRow:
    (row,) = read(text, mapping)
    assert isinstance(row, RefusedRow), row
    return row


def test_a_row_becomes_an_outstanding_fee():
    assert only(HEAD + ROW) == OutstandingFee(
        source="violations_file",
        fee_id="T100",
        patron_key="012345678",
        emplid="012345678",
        balance_cents=12500,
        fee_type="No Permit",
        status="ACTIVE",
        billed_on=date(2025, 9, 4),
        user_type="Student",
    )


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_heading_tells_the_delimiter_and_marks_and_line_ends_do_not_matter(delimiter, line_end, mark):
    text = (HEAD + ROW).replace(",", delimiter).replace("\n", line_end)
    assert only(mark + text.encode()) == only(HEAD + ROW)


def test_a_delimiter_inside_a_quoted_heading_does_not_mislead():
    fee = only('"Student ID";"Balance";"Notes, if any, and more, and more"\n012345678;3.00;none\n')
    assert fee.balance_cents == 300


def test_a_file_may_end_without_a_line_end_and_have_blank_rows():
    assert only("\n  \n" + HEAD + "\n" + ROW.rstrip("\n") + "\n,,,,,,\n") == only(HEAD + ROW)


@pytest.mark.parametrize("end", ["2", "25", "25.", "25.0"])
def test_an_amount_cut_short_by_the_end_of_the_file_is_not_taken_for_a_smaller_debt(end):
    first, last = read(f"EMPLID,Balance\n000000001,10.50\n000000002,{end}")
    assert first.balance_cents == 1050
    assert last.reason == (
        "Line 3: the file ends in the middle of 'Balance': it has no line end and is shorter than in every row before; "
        "ask for the whole file."
    )
    assert last.emplid == "000000002"


def test_an_id_cut_short_by_the_end_of_the_file_is_nobody_else_s():
    _, last = read("Balance,EMPLID\n10.50,123456789\n10.50,2345678")
    assert "the file ends in the middle of 'EMPLID'" in last.reason


@pytest.mark.parametrize(
    "text",
    [
        "EMPLID,Balance\n000000001,10.50\n000000002,25.00",  # a system that leaves the last line end out
        "EMPLID,Balance\n000000001,10.50\n000000002,7\n",
        "EMPLID,Balance\n000000001,10\n000000002,7",
        "EMPLID,Balance\n000000001,7",
    ],
)
def test_a_last_row_that_looks_like_the_others_needs_no_line_end(text):
    assert all(isinstance(row, OutstandingFee) for row in read(text))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_pieces_in_which_the_bytes_arrive_do_not_matter(size):
    content = (
        (HEAD + ROW + ROW.replace("T100", '"T\r\n101"'))
        .replace("Student,", "Étudiant,")
        .replace("\n", "\r\n")
        .encode()
    )
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    assert list(read_violations(pieces, MAPPING)) == read(content)
    assert len(read(content)) == 2


def test_quoted_cells_may_hold_delimiters_quotes_tabs_and_line_ends():
    fee = only('ID\tAmount\tViolation\n012345678\t5\t"Parked on\tgrass, ""North""\r\nlot"\n')
    assert fee.fee_type == 'Parked on\tgrass, "North"\r\nlot'


def test_rows_after_a_text_of_several_lines_keep_their_own_line_number():
    rows = read('ID,Amount,Violation\n012345678,5,"one\ntwo\nthree"\n,5,late\n')
    assert isinstance(rows[1], RefusedRow)
    assert rows[1].row_ref == "line 5"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("José Muñoz".encode(), "José Muñoz"),
        ("José Muñoz".encode("cp1252"), "José Muñoz"),
        ("Renée\u2019s".encode("cp1252"), "Renée\u2019s"),
    ],
)
def test_names_in_utf_8_and_windows_1252_are_read(content, name):
    assert only(b"ID,Amount,Name\n012345678,5," + content + b"\n").patron_name == name


@pytest.mark.parametrize(
    "heading", ["EMPLID", "emplid", "Student ID", "STAFF_ID", "User-ID", "Id", " student/staff  id: "]
)
def test_the_id_goes_by_many_headings(heading):
    assert only(f"{heading},Amount\n012345678,5\n").emplid == "012345678"


@pytest.mark.parametrize(
    "heading", ["Total Owed", "Amount", "Balance", "Owing", "balance_due", "Amount Due", "TOTAL OWED"]
)
def test_the_amount_goes_by_many_headings(heading):
    assert only(f"ID,{heading}\n012345678,5\n").balance_cents == 500


@pytest.mark.parametrize("heading", ["Violation Date", "Issued", "Date Issued", "date"])
def test_the_date_goes_by_many_headings(heading):
    assert only(f"ID,Amount,{heading}\n012345678,5,2026-01-02\n").billed_on == date(2026, 1, 2)


def test_the_balance_is_taken_and_never_the_original_amount():
    fee = only("Amount,ID,Balance\n25.00,012345678,2.77\n")
    assert (fee.balance_cents, fee.original_cents) == (277, 2500)


def test_an_id_column_beside_a_student_id_is_not_taken_for_the_student():
    fee = only("ID,Student ID,Amount\n7,012345678,5\n")
    assert fee.emplid == "012345678"


def test_a_campus_may_name_its_own_headings():
    mapping = ViolationMapping(
        headings={"emplid": ["Wildcat Number"], "balance": ["Still open"]}, emplid_digits=9
    )
    assert (
        only("Wildcat Number,Student ID,Amount,Still open\n012345678,x,9,5\n", mapping).balance_cents == 500
    )


def test_a_heading_that_the_campus_named_must_be_there():
    mapping = ViolationMapping(headings={"violation_on": ["Occurred"]})
    with pytest.raises(ViolationFileError, match="Occurred"):
        read(HEAD + ROW, mapping)


def test_a_file_without_a_needed_heading_is_refused_whole_with_what_was_found_and_wanted():
    with pytest.raises(ViolationFileError) as caught:
        read("Plate,Amount,Lot\nABC123,5,North\n")
    assert caught.value.found == ("Plate", "Amount", "Lot")
    assert "student id" in caught.value.wanted
    assert "'Plate', 'Amount', 'Lot'" in caught.value.message
    assert "the student or staff id one of emplid" in caught.value.message
    assert "the amount owed" not in caught.value.message


def test_a_heading_that_stands_twice_is_refused():
    with pytest.raises(ViolationFileError, match="'Balance' stands more than once"):
        read("ID,Balance,balance\n012345678,5,6\n")


def test_a_heading_that_stands_twice_and_is_not_needed_does_no_harm():
    assert only("ID,Balance,Note,Note\n012345678,5,a,b\n").balance_cents == 500


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \r\n", b"\xef\xbb\xbf", b",,,\n"])
def test_an_empty_file_is_refused_because_even_a_quiet_day_has_headings(content):
    with pytest.raises(ViolationFileError, match="empty"):
        read(content)


def test_a_file_with_headings_only_says_that_nobody_owes():
    assert read(HEAD) == []


@pytest.mark.parametrize(
    "content",
    [
        "ID,Amount\n1,5\n".encode("utf-16"),
        "ID,Amount\n1,5\n".encode("utf-16-le"),
        b"PK\x03\x04\0\0\0\0binary\n",
    ],
)
def test_a_spreadsheet_or_utf_16_is_refused_in_words(content):
    with pytest.raises(ViolationFileError, match="not plain text"):
        read(content)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('012345678,5,"No per', 2),
        ('012345678,5,Fine\n012345678,5,"No permit\n012345679,6,Fine\n', 3),
        ('012345678,5,"No permit\n012345679,6,"Fine"\n012345679,6,Fine\n', 2),
        ('012345678,5,"No permit\n' + "012345679,6,Fine\n" * 300, 2),
        ('012345678,5,"No permit\n' + f"012345679,6,{'F' * 300}\n" * 150 + '"x', 2),
    ],
)
def test_a_quote_left_open_refuses_the_whole_file_as_half_written(rows, line):
    with pytest.raises(ViolationFileError, match="half-written or damaged") as caught:
        read("ID,Amount,Violation\n" + rows)
    assert caught.value.line == line
    assert f"line {line} " in caught.value.message


def test_a_badly_quoted_line_alone_is_refused_and_its_neighbours_are_read():
    rows = read('ID,Amount,Violation\n012345678,5,a\n012345678,5,"He said "hi" there"\n012345678,5,b\n')
    assert [type(row) for row in rows] == [OutstandingFee, RefusedRow, OutstandingFee]
    assert rows[1].row_ref == "line 3"
    assert "He said" in rows[1].raw["line"]


def test_a_line_without_end_is_refused_without_reading_the_rest():
    taken = []

    def endless():
        yield b"ID,Amount\n"
        while True:
            taken.append(1)
            yield b"x" * 65536

    with pytest.raises(ViolationFileError, match="line 2 is longer than"):
        list(read_violations(endless(), MAPPING))
    assert len(taken) < 20


@pytest.mark.parametrize(
    ("row", "words", "amount_cents"),
    [
        (",125.00,Student,No Permit,2025-09-04,T1,Unpaid", "the student or staff id is missing", 12500),
        ("0123456789,125.00,Student,No Permit,2025-09-04,T1,Unpaid", "10 digits", 12500),
        ("1.2346E+8,125.00,Student,No Permit,2025-09-04,T1,Unpaid", "spreadsheet", 12500),
        (
            "012345678,,Student,No Permit,2025-09-04,T1,Unpaid",
            "'Total Owed': an amount of money is missing",
            None,
        ),
        ("012345678,12.345,Student,No Permit,2025-09-04,T1,Unpaid", "'12.345' has fractions of a cent", None),
        ("012345678,#REF!,Student,No Permit,2025-09-04,T1,Unpaid", "'#REF!' is not an amount", None),
        ("012345678,9999999,Student,No Permit,2025-09-04,T1,Unpaid", "beyond $100,000.00", 999999900),
        ("012345678,125.00,Student,No Permit,,T1,Unpaid", "the violation date is missing", 12500),
        ("012345678,125.00,Student,No Permit,yesterday,T1,Unpaid", "'yesterday' is not a date", 12500),
        ("012345678,125.00,Student,No Permit,2025-02-30,T1,Unpaid", "not a date in any calendar", 12500),
        ("012345678,125.00,Student,No Permit,2025-09-04,T1,Towed", "the status 'Towed' is not known", 12500),
        ("012345678,125.00,Student", "3 cells where the headings are 7", None),
        (
            "012345678,1,250.00,Student,No Permit,2025-09-04,T1,Unpaid",
            "8 cells where the headings are 7",
            None,
        ),
        ("012345678,125.00,Stu\0dent,No Permit,2025-09-04,T1,Unpaid", "NUL byte", None),
        (f"012345678,125.00,Student,{'x' * 2001},2025-09-04,T1,Unpaid", "2,001 characters", None),
        (f"012345678,125.00,Student,{'x' * 200_000},2025-09-04,T1,Unpaid", "over-long", None),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_reason_and_stops_no_other(row, words, amount_cents):
    rows = read(HEAD + ROW + row + "\n" + ROW.replace("T100", "T101"))
    assert [type(row) for row in rows] == [OutstandingFee, RefusedRow, OutstandingFee]
    bad = rows[1]
    assert bad.row_ref == "line 3"
    assert bad.reason.startswith("Line 3")
    assert bad.reason.endswith(".")
    assert words in bad.reason
    assert bad.amount_cents == amount_cents
    assert all(len(cell) <= 201 and "\0" not in cell for cell in bad.raw.values())


def test_a_refused_row_keeps_what_the_source_said():
    raw = refused(HEAD + "bad id!,125.00,Student,No Permit,2025-09-04,T1,Unpaid\n").raw
    assert raw["Student/Staff ID"] == "bad id!"
    assert raw["Violation Type"] == "No Permit"


def test_an_id_that_lost_its_leading_zero_is_restored_and_the_source_s_own_is_kept():
    fee = only(HEAD + ROW.replace("012345678", "12345678"))
    assert (fee.patron_key, fee.emplid) == ("12345678", "012345678")


def test_rows_and_cents_in_are_rows_and_cents_out():
    text = HEAD + "".join(f"{n:09},{n}.25,Student,No Permit,2025-09-04,T{n},Unpaid\n" for n in range(200))
    rows = read(text)
    assert len(rows) == 200
    cents = sum(
        row.balance_cents if isinstance(row, OutstandingFee) else row.amount_cents or 0 for row in rows
    )
    assert cents == sum(n * 100 + 25 for n in range(200))
    assert [row.row_ref for row in rows if isinstance(row, RefusedRow)] == ["line 2"]  # the id of only zeros


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Paid", "CLOSED"),
        ("VOID", "CLOSED"),
        ("In Appeal", "INDISPUTE"),
        ("", "ACTIVE"),
        ("unpaid", "ACTIVE"),
        ("in-dispute", "INDISPUTE"),
    ],
)
def test_a_status_is_told_in_our_words_and_the_balance_is_kept(word, status):
    fee = only(HEAD + f"012345678,0.00,Student,No Permit,2025-09-04,T1,{word}\n")
    assert (fee.status, fee.balance_cents) == (status, 0)


def test_a_campus_may_say_what_its_own_status_means():
    mapping = ViolationMapping(statuses={"With collections": "ACTIVE", "Paid": "ACTIVE"})
    assert only(HEAD + ROW.replace("Unpaid", "with COLLECTIONS"), mapping).status == "ACTIVE"
    assert only(HEAD + ROW.replace("Unpaid", "Paid"), mapping).status == "ACTIVE"


def test_a_mapping_that_means_nothing_is_refused():
    with pytest.raises(ValueError, match="no violation field plate"):
        ViolationMapping(headings={"plate": ["Plate"]})
    with pytest.raises(ValueError, match="GONE"):
        ViolationMapping(statuses={"Towed": "GONE"})


PLAIN = "ID,Amount,Violation Type,Violation Date\n"
EQUAL = "012345678,30.00,Expired meter,2026-01-05\n"


def test_two_equal_tickets_without_numbers_both_count():
    rows = read(PLAIN + EQUAL + EQUAL)
    assert len({row.fee_id for row in rows}) == 2
    assert sum(row.balance_cents for row in rows) == 6000


def test_a_ticket_without_a_number_keeps_its_id_when_paid_down_or_moved():
    alone = only(PLAIN + EQUAL).fee_id
    later = read(PLAIN + "012345679,1.00,No Permit,2026-01-01\n" + EQUAL.replace("30.00", "10.00"))
    assert later[1].fee_id == alone
    assert later[0].fee_id != alone


def test_the_same_file_read_again_gives_the_same_ids():
    assert read(PLAIN + EQUAL * 3) == read(PLAIN + EQUAL * 3)


def test_a_numbered_ticket_repeated_word_for_word_is_not_owed_twice():
    rows = read(HEAD + ROW + ROW)
    assert isinstance(rows[1], RefusedRow)
    assert "'T100' is on line 2 already" in rows[1].reason


def test_several_violations_on_one_ticket_each_have_their_own_id():
    rows = read(HEAD + ROW + ROW.replace("No Permit", "Blocked exit") + ROW.replace("T100", "T100#2"))
    assert [row.fee_id for row in rows] == ["T100", "T100#2", "T100#2#2"]


def test_ids_stay_apart_even_in_a_file_made_to_confuse():
    chain = ["T" + "#2" * n for n in range(900)]
    rows = [*chain, "T"]
    text = "ID,Amount,Ticket\n" + "".join(f"012345678,{n}.00,{ticket}\n" for n, ticket in enumerate(rows))
    fees = read(text)
    assert len({fee.fee_id for fee in fees}) == len(rows)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21", "2026/11/21", "2026.11.21", "20261121", "2026-11-21T08:05", "2026-11-21 08:05:09.123", "2026-11-21T08:05:09Z",
        "2026-11-21T08:05:09+00:00", "11/21/2026", "11-21-2026", "11/21/26", "11/21/2026 3:05 PM", "11/21/2026 03:05:00 p.m. PST",
        "21/11/2026", "21.11.2026", "Nov 21 2026", "Nov 21, 2026", "november 21st, 2026", "Nov. 21, 2026 at 8:05 AM",
        "21-Nov-2026", "21-NOV-26", "21 November 2026", "21/Nov/2026 08:05", "Saturday, November 21, 2026", "Sat 21 Nov 2026",
    ],
)  # fmt: skip
@pytest.mark.parametrize("day_first", [False, True])
def test_a_date_is_read_in_any_form(text, day_first):
    assert parse_date(f" {text} ", day_first=day_first) == date(2026, 11, 21)


def test_a_date_with_two_small_numbers_is_decided_by_the_campus():
    assert parse_date("4/5/2026") == date(2026, 4, 5)
    assert parse_date("4/5/2026", day_first=True) == date(2026, 5, 4)
    mapping = ViolationMapping(day_first=True)
    assert only("ID,Amount,Date\n1,5,4/5/2026\n", mapping).billed_on == date(2026, 5, 4)


@pytest.mark.parametrize(
    "text",
    [
        "", "46347", "13/13/2026", "31/11/2026", "2026-11-2", "2026-13-01", "2026-11/21", "0001-01-01", "2126-01-01", "0000-00-00",
        "Nob 21 2026", "32 Nov 2026", "Nov 2026", "11/21", "21-Nov", "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0662\u0661", "2026-11-21 noon", "2026-11-21x", "1" * 5000,
        "00/00/0000", "2027-02-29",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="is not a date"):
        parse_date(text)


@given(st.dates(date(1970, 1, 1), date(2100, 12, 31)), st.booleans())
def test_every_day_is_read_back_from_each_form(day, day_first):
    numbers = f"{day:%d/%m/%Y}" if day_first else f"{day:%m/%d/%Y}"
    for text in (day.isoformat(), numbers, f"{day:%d-%b-%Y}", f"{day:%B %d, %Y}", f"{day:%Y%m%d} 23:59"):
        assert parse_date(text, day_first=day_first) == day


@given(
    st.lists(
        st.sampled_from(
            ["012345678", "5.00", ",", '"', "\n", "\r", "\t", "\0", "é", "\xff", "2026-01-05", "x" * 100]
        )
    )
)
def test_whatever_follows_the_headings_is_read_or_refused_but_never_crashes(pieces):
    content = PLAIN.encode() + "".join(pieces).encode("latin-1")
    rows, refusal = read_or_refusal(content)
    assert refusal == "" or refusal.startswith("The file was not read")
    assert all(isinstance(row, OutstandingFee) or row.reason for row in rows)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_but_never_crash(content):
    rows, refusal = read_or_refusal(content)
    assert refusal.startswith("The file was not read") or all(
        isinstance(row, OutstandingFee | RefusedRow) for row in rows
    )
