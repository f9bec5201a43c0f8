from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.payments_reading.making import QUERY_HEADING, changed, query_file, query_line, read
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, load_inbound
from webapp.domain.payments.rejects import write_rejects
from webapp.domain.payments.rows import RowFault


def rejects(layout, content, bad=None):
    """What the sender gets back, and the reasons beside a positional file."""
    document = READY_MADE_INBOUND[layout] if isinstance(layout, str) else layout
    piece = content if isinstance(content, bytes) else content.encode()
    if bad is None:
        bad = {row.line: row.reason for row in read(layout, piece) if isinstance(row, RowFault)}
    sink, reasons = io.BytesIO(), io.BytesIO()
    count = write_rejects(io.BytesIO(piece), load_inbound(document), bad, sink, reasons)
    assert count == len(bad)
    return sink.getvalue().decode(), reasons.getvalue().decode()


def test_refused_lines_come_back_under_the_senders_headings_with_a_reason():
    content = "LK_QUERY,3\r\n" + query_file(query_line(), query_line(applied="twelve"), query_line())
    text, _ = rejects("ps-query-payments", b"\xef\xbb\xbf" + content.encode())
    assert text == (
        "\ufeffLK_QUERY,3\r\n"
        f"{QUERY_HEADING},Reason\r\n"
        f"{query_line(applied='twelve')},"
        "\"Line 4: 'Applied Amount': 'twelve' is not an amount of money such as 1,204.50.\"\r\n"
    )


def test_what_was_refused_is_read_again_once_it_is_put_right():
    text, _ = rejects("ps-query-payments", query_file(query_line(), query_line(applied="twelve")))
    (row,) = read("ps-query-payments", text.replace(",twelve,", ",12.00,"))
    assert getattr(row, "applied_cents", None) == 1200


def test_a_file_sent_back_twice_has_two_columns_of_reasons():
    once, _ = rejects("ps-query-payments", query_file(query_line(applied="twelve")))
    twice, _ = rejects("ps-query-payments", once)
    assert twice.splitlines()[0] == f"{QUERY_HEADING},Reason,Refused because"


def test_the_first_and_last_lines_that_the_layout_passes_over_are_kept():
    document = changed("ps-query-payments", skip_first=3, skip_last=1)
    text, _ = rejects(document, "Title\n\nMore\n" + query_file(query_line(applied="x"), "1 row", end="\n"))
    lines = text.splitlines()
    assert (lines[:3], lines[-1]) == (["Title", "", "More"], "1 row")
    assert [type(row) for row in read(document, text)] == [RowFault]


def test_a_layout_without_quotes_gets_a_reason_without_delimiters():
    document = changed(
        "ps-query-payments", heading=False, quote="none",
        columns=[{"name": "ID", "field": "emplid"}, {"name": "Paid", "field": "amount_cents"}],
        payments={"says": "event"}, skip_when=[{"field": "line", "is": "-"}],
    )  # fmt: skip
    text, _ = rejects(document, "004417203,1.00\n004417203,x\n", {2: "No, not so"})
    assert text == "004417203,x,No  not so\n"


def test_positional_lines_keep_their_form_and_the_reasons_stand_beside_them():
    good = "26092140658 desk2       p2000417  b34029000118273     000040002"
    bad = good.replace("00004000", "0000x000")
    text, reasons = rejects("sierra-63", f"{good}\r{bad}\r")
    assert text == f"{bad}\r"
    assert reasons == "Line 1: 'Amount': '0000x000' is not an amount in cents such as 0001250.\r"


@given(st.lists(st.sampled_from(["12.50", "x", "", '"', "1,2"]), max_size=12))
def test_every_refused_line_comes_back_and_is_refused_again_for_the_same(applied):
    cells = [text.replace('"', '""') for text in applied]
    content = query_file(*(query_line(applied=f'"{cell}"' if "," not in cell else cell) for cell in cells))
    before = [row for row in read("ps-query-payments", content) if isinstance(row, RowFault)]
    text, _ = rejects("ps-query-payments", content)
    after = read("ps-query-payments", text)
    assert [row.reason.partition(": ")[2] for row in after if isinstance(row, RowFault)] == [
        row.reason.partition(": ")[2] for row in before
    ]
    assert len(after) == len(before)
