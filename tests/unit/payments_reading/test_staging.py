from __future__ import annotations

import io
from datetime import date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.payments_reading.making import PACIFIC, QUERY_HEADING, changed, query_file, query_line, read
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, InboundFileError, load_inbound
from webapp.domain.payments.quick_states import is_quick
from webapp.domain.payments.rows import PaymentRow, RowFault
from webapp.domain.payments.staging import COPY_COLUMNS, copy_payments

QUERY = "ps-query-payments"
NUMBERS = ("amount_cents", "applied_cents", "cents")
UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def copied(layout, content, *, digits=9, pad=True, pieces=1 << 16):
    """What PostgreSQL would read from the COPY text of a file."""
    document = READY_MADE_INBOUND[layout] if isinstance(layout, str) else layout
    whole = content.encode() if isinstance(content, str) else content
    out, told = io.BytesIO(), [0]
    count = copy_payments(
        [whole[at : at + pieces] for at in range(0, len(whole), pieces)],
        load_inbound(document), out.write, emplid_digits=digits, emplid_pad=pad, zone=PACIFIC, on_rows=told.append,
    )  # fmt: skip
    rows = [_row(line) for line in out.getvalue().decode().split("\n")[:-1]]
    assert count.rows == len(rows) == told[-1]
    assert told == sorted(told)
    assert count.faults == sum(isinstance(row, RowFault) for row in rows)
    assert count.units == _units(rows)
    return rows


def _units(rows):
    found = {}
    for row in rows:
        if isinstance(row, PaymentRow) and (unit := row.item_key.partition("|")[0]):
            found.setdefault(unit, row.line)
    return found


def _row(line):
    cells = [None if cell == "\\N" else _unescaped(cell) for cell in line.split("\t")]
    row = dict(zip(COPY_COLUMNS, cells, strict=True))
    line, n, fault = int(row.pop("line")), row.pop("n"), row.pop("fault")
    assert n == str(line)
    if fault is not None:
        return RowFault(line, fault, row["raw"])
    values = {**row, "line": line}
    for name in NUMBERS:
        values[name] = None if row[name] is None else int(row[name])
    values["paid_on"] = row["paid_on"] and date.fromisoformat(row["paid_on"])
    values["updated_at"] = row["updated_at"] and datetime.fromisoformat(row["updated_at"])
    return PaymentRow(**values)


def _unescaped(cell):
    parts = cell.split("\\\\")
    for mark, meant in list(UNESCAPED.items())[1:]:
        parts = [part.replace(mark, meant) for part in parts]
    return "\\".join(parts)


CELLS = {
    "unit": st.sampled_from(["LKCMP", "LKCMP", "OTHER", "", " LKCMP"]),
    "emplid": st.sampled_from(["004417203", "4417203", " 004417203 ", "", "12345678901", "00441720x", "000000000", "Total", "4.4E+6", "٠٠٤٤١٧٢٠٣"]),
    "item_nbr": st.sampled_from(["000000000000731", "731", "", "x", "0000000000007310", " 731", "²", '=""731""', '=""""']),
    "reference": st.sampled_from(["22200144000006421", "", "a\\b", "a\tb", "2.2E+16", "café", "x|y", "\\N", "\\."]),
    "amount": st.sampled_from(["25.00", "", "1,204.50", "x", " 25.00"]),
    "applied": st.sampled_from(["22.23", "", ".00", "(3.00)", "3.00-", "1,204.50", "12,50", "25", "\N{MINUS SIGN}3.00", "$-", "$(3.00)"]),
    "due": st.sampled_from(["10/02/2026", "", "13/45/2026"]),
    "updated": st.sampled_from([
        "09/21/2026  2:10:05PM", "09/21/2026  2:10:59PM", "09/21/2026 23:59:01", "2026-09-21T14:10:05", "", "2:10:05",
        "2026-09-21T14:10:05.250000", "2026-09-21-14.10.05.000000", "09/21/2026 2:10PM", "2026-09-21T14:10:05-07:00",
        "2026-09-21T14:10-07:00", "11/01/2026 1:30:07AM", "03/08/2026 2:30:07AM", "09/21/2026 2:10:05:123PM",
        "09/21/2026 2:10:05 EDT", "09/21/2026 2:10:05 XYZ", "09/21/2026 2:10:99", "noon",
    ]),
}  # fmt: skip
LINES = st.one_of(
    st.builds(query_line, **CELLS),
    st.builds(query_line),
    st.sampled_from(
        ["", ",,,,,,,,,,", "(1 row affected)", ",".join("abcdefghijklmn"), 'x"y,"a"b', '"a\nb",1,2', '  "x"']
    ),
)


@settings(max_examples=300)
@given(
    st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 300),
    st.sampled_from([9, None]), st.sampled_from(["utf-8", "cp1252"]), st.sampled_from(["", "Title,3\n\n", '"A\nB"\n']),
)  # fmt: skip
@example([query_line(), '"open,'], "\n", True, 7, 9, "utf-8", "")
def test_staged_rows_are_those_that_are_read_one_by_one(
    lines, end, is_ended, pieces, digits, encoding, title
):
    content = title + query_file(*lines, end=end)
    whole = (content if is_ended else content.removesuffix(end)).encode(encoding, "replace")
    expected = outcome(read, whole, digits=digits)
    assert outcome(copied, whole, digits=digits, pieces=pieces) == expected


@given(st.permutations(range(11)), st.integers(2, 10))
def test_the_order_and_number_of_columns_do_not_matter(order, count):
    def some(line):
        cells = line.split(",")
        return ",".join(
            [
                *(cells[at] for at in order[:count]),
                *(cells[at] for at in (1, 2, 7) if at not in order[:count]),
            ]
        )

    content = query_file(some(query_line()), some(query_line(applied="x")), heading=some(QUERY_HEADING))
    assert copied(QUERY, content) == read(QUERY, content)


@pytest.mark.parametrize("bad", [b"\0", b"\xff\xfe", b'"a,', b"x" * 1_100_000])
def test_a_file_damaged_after_many_good_lines_is_refused_just_so(bad):
    whole = (
        query_file(*[query_line(applied=f"{cents}.00") for cents in range(4_000)]).encode() + bad + b"\n1,2\n"
    )
    expected = outcome(read, whole)
    assert outcome(copied, whole) == expected


def outcome(reader, whole, **how):
    try:
        return reader(QUERY, whole, **how)
    except InboundFileError as err:
        return err.message


def test_a_line_across_two_lines_after_many_blocks_keeps_its_number_and_text():
    lines = [query_line(item_nbr=f"{number:015d}") for number in range(5_000)]
    lines[4_000] = lines[4_000].replace("22200144000006421", "222\n6421")
    whole = query_file(*lines)
    assert copied(QUERY, whole, pieces=50_000) == read(QUERY, whole)


@pytest.mark.parametrize("layout", ["ps-payments-event", "cashnet-extract", "emplid-amount", "sierra-63"])
def test_events_are_staged_row_by_row(layout):
    assert not is_quick(load_inbound(READY_MADE_INBOUND[layout]))
    content = {
        "ps-payments-event": "ID,Line Amount,Line Action,Reference\n4417203,1.00,PAY,a\\b\n4417203,2.00,XXX,1\n",
        "cashnet-extract": "Tx,Date,ID,Amount,Type\n77,09/21/2026 2:10PM,4417203,1.00,VOID\n",
        "emplid-amount": "ID,Amount\n4417203,1.00\n4417203,x\n",
        "sierra-63": "26092140658 desk2       p2000417  b34029000118273     000040002\r",
    }[layout]
    rows = copied(layout, content)
    assert rows == read(layout, content)
    assert rows


@pytest.mark.parametrize(
    "changes",
    [
        {"skip_when": [{"field": "line", "starts_with": "x"}]},
        {"skip_when": [{"all": [{"field": "emplid", "is": "4417203"}]}]},
        {"skip_when": [{"field": "business_unit", "empty": True}]},
        {"skip_last": 1},
    ],
)
def test_what_the_quick_way_cannot_see_in_one_column_is_read_row_by_row(changes):
    document = changed(QUERY, **changes)
    assert not is_quick(load_inbound(document))
    content = query_file(query_line(), "x", query_line(emplid="4417203"), query_line())
    assert copied(document, content) == read(document, content)


def test_the_layout_of_queries_is_read_the_quick_way():
    assert is_quick(load_inbound(READY_MADE_INBOUND[QUERY]))
