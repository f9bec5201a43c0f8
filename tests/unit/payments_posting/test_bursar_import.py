"""Alma's import file: byte for byte as it was, and what our own reader of Alma's files finds in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.adapters.alma.bursar_import import PaidFee, import_chunks
from webapp.adapters.alma.bursar_xml import read_bursar

GOLDEN = Path(__file__).parent / "golden" / "import.xml"
AT = datetime(2026, 11, 20, 14, 7, 5)  # noqa: DTZ001 - campus wall-clock time
LOST = PaidFee(
    "6761", "dana.lee@campus.example", "userName", "Lee, Dana", "LOSTITEMREPLACEMENTFEE", "MAIN", "Fish & <Chips>",
    "31822012345678", "Paid in PeopleSoft", 8995, "15216075630006761", AT,
)  # fmt: skip
PAID = [
    LOST,
    replace(LOST, fee_type="LOSTITEMPROCESSFEE", amount_cents=1500, bursar_ref="15216075630006762"),
    PaidFee("6761", "003998592", "userName", "", "OVERDUEFINE", "", "", "", "", 7, "INST00019145", AT),
    PaidFee(
        "6761", "003998593", "userName", "Ñandú, Zoë", "OTHER", "MUSIC", "", "", "", 50, "INST00019146", AT
    ),
]


def written(paid):
    return b"".join(import_chunks(paid, file_number="42"))


def test_the_file_is_byte_for_byte_the_golden_one():
    assert written(PAID) == GOLDEN.read_bytes()


def test_our_own_reader_finds_every_payment_in_it():
    content = written(PAID)
    rows = list(read_bursar(lambda: BytesIO(content), size=len(content)))
    assert [(row["patron_id"], row["fee_ref"], row["amount_cents"]) for row in rows] == [
        (paid.patron_id, paid.bursar_ref, paid.amount_cents) for paid in PAID
    ]
    assert rows[0]["item_title"] == "Fish & <Chips>"
    assert rows[0]["item_barcode"] == LOST.barcode
    assert rows[3]["patron_name"] == "Ñandú, Zoë"
    assert {row["export_number"] for row in rows} == {"42"}


def test_a_file_without_payments_is_still_a_file():
    content = written([])
    assert list(read_bursar(lambda: BytesIO(content), size=len(content))) == []


@given(
    # Where Alma has nothing to say it writes the word null.
    st.text(min_size=1).filter(lambda text: text.strip() not in {"", "null"} and text.isprintable()),
    st.text(),
    st.integers(1, 10**10),
)
def test_no_text_of_a_library_breaks_the_file(patron_id, title, cents):
    content = written([replace(LOST, patron_id=patron_id, title=title, amount_cents=cents)])
    (row,) = read_bursar(lambda: BytesIO(content), size=len(content))
    assert row["amount_cents"] == cents


@pytest.mark.parametrize("broken", [{"amount_cents": 0}, {"amount_cents": -5}, {"bursar_ref": ""}])
def test_what_alma_could_not_book_is_not_written(broken):
    with pytest.raises(ValueError, match="cannot be imported"):
        written([replace(LOST, **broken)])
