"""Whole files: line ends, headings, totals, refused rows, and what the caller is told."""

import hashlib

import pytest

from tests.unit.layouts.making import CONTEXT, HOLDS, column, hold, layout, totals, written
from webapp.domain.layouts import (
    BUILT_IN,
    Aggregates,
    RowRefusedError,
    TotalsDifferError,
    compile_layout,
    load_layout,
    measure_rows,
    render,
)

ID = column("emplid", name="ID", required=True, width=9)
TRAILER = {
    "trailer": [
        column({"aggregate": name}, name=name)
        for name in ("count", "lines", "total", "absolute_total", "charges_count", "charges_total", "credits_count", "credits_total")
    ]
}  # fmt: skip


def compiled(document):
    return compile_layout(load_layout(document), CONTEXT)


@pytest.mark.parametrize(("word", "line_end"), [("LF", b"\n"), ("CRLF", b"\r\n"), ("CR", b"\r")])
def test_lines_end_as_asked(word, line_end):
    assert written(layout(ID, line_end=word), *HOLDS).split(line_end) == [
        b"012345678",
        b"012345679",
        b"900000001",
        b"",
    ]


@pytest.mark.parametrize("records", [{}, TRAILER])
def test_the_last_line_end_can_be_left_out(records):
    with_end = written(layout(ID, line_end="CRLF", records=records), *HOLDS)

    assert written(layout(ID, line_end="CRLF", records=records, final_newline=False), *HOLDS) == with_end[:-2]


def test_only_the_very_last_line_end_is_left_out_of_a_file_of_many_chunks():
    octets = written(layout(ID, final_newline=False), *[hold()] * 3_001)

    assert octets == b"\n".join([b"012345678"] * 3_001)


def test_a_heading_names_the_columns_and_is_quoted_like_them():
    columns = (column("emplid", name="User, ID"), column("total_cents", name='The "Total"'))

    assert written(layout(*columns, heading=True, quote="minimal")) == b'"User, ID","The ""Total"""\n'
    assert written(layout(ID, heading=True, quote="all"), hold()) == b'"ID"\n"012345678"\n'


def test_a_byte_order_mark_stands_first_even_before_a_heading():
    octets = written(layout(ID, encoding="utf-8", bom=True, heading=True), hold())

    assert octets == b"\xef\xbb\xbfID\n012345678\n"


def test_an_empty_file_still_has_its_header_and_trailer():
    records = {"header": [column({"const": "H"})], "trailer": [column({"aggregate": "count"})]}

    assert written(layout(ID, records=records)) == b"H\n0\n"


def test_the_trailer_shows_every_total():
    rows = [hold(total_cents=1_000), hold(total_cents=-300), hold(total_cents=0)]

    octets = written(layout(ID, heading=True, records=TRAILER), *rows)

    assert octets.splitlines()[-1] == b"3,5,7.00,13.00,2,10.00,1,-3.00"


def test_a_sign_column_can_show_the_sign_of_a_total():
    sign = column({"sign_of": {"aggregate": "total"}, "positive": "DR", "negative": "CR"})
    document = layout(ID, records={"trailer": [sign]})

    assert written(document, hold(total_cents=-1)).splitlines()[-1] == b"CR"
    assert compiled(document).shown_totals == {"total"}


def test_whether_totals_are_shown_is_known_before_rendering():
    nested = {
        "first_of": [{"when": {"run": "kind", "is": "added"}, "then": {"concat": [{"aggregate": "total"}]}}]
    }

    assert compiled(BUILT_IN["holds-positional"]).shown_totals == {"count", "total"}
    assert compiled(layout(ID, records={"header": [column(nested)]})).shown_totals == {"total"}
    assert not compiled(BUILT_IN["opscom-holds"]).shown_totals
    assert not compiled(
        layout(ID, records={"header": [column({"concat": ["H", {"run": "kind"}]})]})
    ).shown_totals


@pytest.mark.parametrize(
    "stated", [Aggregates(2, 133_275), Aggregates(3, 133_274), Aggregates(3, 133_275, 1, -5)]
)
def test_a_file_whose_trailer_would_state_other_totals_than_its_lines_is_refused(stated):
    with pytest.raises(TotalsDifferError, match=r"would state .* and not .*, which is what the lines are"):
        written(layout(ID, records=TRAILER), *HOLDS, aggregates=stated)


def test_only_totals_that_are_stated_are_compared():
    document = layout(ID, records={"trailer": [column({"aggregate": "total"})]})

    octets = written(document, hold(total_cents=-300), aggregates=Aggregates(7, -300))

    assert octets == b"012345678\n-3.00\n"


def test_the_caller_learns_rows_cents_bytes_and_hash():
    octets = bytearray()
    summary = render(compiled(BUILT_IN["opscom-holds"]), iter(HOLDS), octets.extend, totals(*HOLDS))

    assert (summary.rows, summary.total_cents, summary.size) == (3, 133_275, len(octets))
    assert summary.sha256 == hashlib.sha256(octets).hexdigest()


def test_the_sum_is_of_the_field_the_layout_names():
    rows = [hold(item_cents=100, total_cents=900), hold(item_cents=None), hold(item_cents=-30)]
    document = layout(ID, rows="per_item", total_of="item_cents")

    assert measure_rows(compiled(document), rows) == Aggregates(3, 70, 1, -30)


def test_a_refused_row_ends_the_file_and_tells_its_number():
    rows = [hold()] * 1_500 + [hold(emplid="")]

    with pytest.raises(RowRefusedError, match="row 1501, column 'ID': is required and has no value"):
        written(layout(ID), *rows, aggregates=totals(*rows))


def test_refused_rows_can_be_set_aside_and_the_rest_is_written_and_counted():
    refused = []
    rows = [hold(emplid=str(number) if number % 500 else "", total_cents=number) for number in range(1_200)]

    octets = bytearray()
    summary = render(
        compiled(layout(ID)),
        rows,
        octets.extend,
        totals(*rows),
        on_refused=lambda row, error: refused.append((error.row_number, row["total_cents"])),
    )

    assert refused == [(1, 0), (501, 500), (1_001, 1_000)]
    assert (summary.rows, summary.total_cents + 1_500) == (1_197, sum(range(1_200)))
    assert octets.count(b"\n") == 1_197


def test_the_totals_of_what_can_be_written_are_found_beforehand():
    rows = [hold(total_cents=5), hold(emplid="far too long for it", total_cents=7)]
    refused = []
    document = layout(ID, records=TRAILER)

    found = measure_rows(compiled(document), rows, lambda _row, error: refused.append(error.reason))

    assert found == Aggregates(1, 5)
    assert refused == ["the value has 19 characters, and the column holds 9"]


def test_a_total_too_large_for_its_column_stops_the_file():
    document = layout(ID, records={"trailer": [column({"aggregate": "total"}, width=5)]})

    with pytest.raises(RowRefusedError, match="the value has 7 characters, and the column holds 5"):
        written(document, *HOLDS)


def test_one_line_alone_is_the_line_of_the_file():
    ready = compiled(BUILT_IN["opscom-holds"])

    assert b"".join(map(ready.line, HOLDS)) == written(BUILT_IN["opscom-holds"], *HOLDS)


def test_rows_are_drawn_as_they_are_written():
    drawn, seen = [], []

    def rows():
        for number in range(10_000):
            drawn.append(number)
            yield hold()

    render(compiled(layout(ID)), rows(), lambda _octets: seen.append(len(drawn)), Aggregates(10_000, 0))

    assert seen == [1_000 * chunk for chunk in range(1, 11)]
