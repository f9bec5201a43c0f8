"""Reading Alma's bursar files: every quirk that was seen, and every way a file can be bad."""

from __future__ import annotations

import random
import resource
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bursar.files import NS, bursar_file, fee, opener, patron
from webapp.adapters.alma.bursar_xml import BadRow, BursarFileError, read_bursar

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def rows_of(content: bytes, **options: object) -> list:
    return list(read_bursar(opener(content), **options))


def test_a_fee_is_read_with_everything_the_file_knows_of_it():
    (row,) = rows_of(bursar_file(patron(fee(libraryId="112233", itemLocation="Stacks"))))
    assert row == {
        "n": 1,
        "patron_id": "012345678",
        "id_type": "02",
        "patron_name": "Carson, Rachel",
        "fee_type": "OVERDUEFINE",
        "institution": "6761",
        "library": "MAIN",
        "owner": "MAIN",
        "item_title": "Maps of the Pacific coast",
        "item_call_number": "GA 401",
        "item_location": "Stacks",
        "item_barcode": "31205000112233",
        "fee_ref": "15216075630006761",
        "reference": "15216075630006761",
        "export_number": "17492217040006761",
        "amount_cents": 1250,
        "total_cents": 1250,
        "kind": "charge",
        "debit_credit": "D",
        "item_count": 1,
        "currency": "USD",
        "transaction_at": datetime.fromisoformat("2025-09-12T15:22:06"),
        "transaction_on": date(2025, 9, 12),
    }


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("300", 30000),
        ("0.5", 50),
        ("123.45", 12345),
        ("-3.25", -325),
        ("0", 0),
        ("12.500", 1250),
        ("-0.07", -7),
    ],
)
def test_sums_have_no_fixed_decimals(written, cents):
    (row,) = rows_of(bursar_file(patron(fee(amount=written))))
    assert row["amount_cents"] == cents
    assert row["kind"] == ("credit" if cents < 0 else "charge")


@pytest.mark.parametrize("nothing", [None, "nil", "", "null", "  "])
def test_absent_empty_nil_and_the_word_null_are_all_nothing(nothing):
    absent = {"itemTitle": nothing, "libraryCode": nothing, "itemDueDate": nothing, "fineFeeComment": nothing}
    (row,) = rows_of(bursar_file(patron(fee(**absent))))
    assert not {"item_title", "library", "due_on", "comment"} & set(row)
    assert row["owner"] == "6761"


def test_a_fee_without_an_item_has_no_item():
    parts = dict.fromkeys(("itemTitle", "itemCallNumebr", "itemBarcode"))
    (row,) = rows_of(bursar_file(patron(fee(**parts))))
    assert not any(name.startswith("item_") and name != "item_count" for name in row)


@pytest.mark.parametrize(
    ("written", "campus_time"),
    [
        ("02/23/2022 11:44:33 EST", datetime(2022, 2, 23, 8, 44, 33, tzinfo=LOS_ANGELES)),
        ("02/23/2022 01:44:33 EST", datetime(2022, 2, 22, 22, 44, 33, tzinfo=LOS_ANGELES)),
        ("02/23/2022 11:44:33 IST", datetime(2022, 2, 23, 11, 44, 33, tzinfo=LOS_ANGELES)),
        ("02/23/2022 11:44:33", datetime(2022, 2, 23, 11, 44, 33, tzinfo=LOS_ANGELES)),
        ("02/23/2022", datetime(2022, 2, 23, tzinfo=LOS_ANGELES)),
    ],
)
def test_times_with_and_without_a_zone_word_are_campus_time(written, campus_time):
    (row,) = rows_of(bursar_file(patron(fee(lastTransactionDate=written))), zone=LOS_ANGELES)
    assert row["transaction_at"] == campus_time
    assert row["transaction_on"] == campus_time.date()


def test_without_a_campus_zone_the_day_is_the_one_written():
    (row,) = rows_of(bursar_file(patron(fee(lastTransactionDate="02/23/2022 01:44:33 GMT"))))
    assert row["transaction_on"] == date(2022, 2, 23)
    assert row["transaction_at"] == datetime(2022, 2, 23, 1, 44, 33, tzinfo=UTC)


def test_titles_keep_foreign_letters_and_lose_line_breaks():
    title = "Straße\n   &amp; l’été\t2"
    (row,) = rows_of(bursar_file(patron(fee(itemTitle=title), name="Núñez,\n Ana")))
    assert row["item_title"] == "Straße & l’été 2"
    assert row["patron_name"] == "Núñez, Ana"


def test_many_patrons_with_many_fees_come_in_the_order_of_the_file():
    content = bursar_file(
        *(patron(*(fee(ref=f"{p}{n}") for n in range(p % 3 + 1)), emplid=f"{p:09d}") for p in range(1, 400))
    )
    rows = rows_of(content)
    expected = [(f"{p:09d}", f"{p}{n}") for p in range(1, 400) for n in range(p % 3 + 1)]
    assert [(row["patron_id"], row["fee_ref"]) for row in rows] == expected
    assert [row["n"] for row in rows] == list(range(1, len(expected) + 1))


def test_another_prefix_for_the_namespace_is_the_same_file():
    content = bursar_file(patron(fee())).replace(b"xb:", b"exl:").replace(b"xmlns:xb", b"xmlns:exl")
    assert len(rows_of(content)) == 1


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"amount": "twelve"}, "sum"),
        ({"amount": "12.505"}, "fractions of a cent"),
        ({"amount": ""}, "sum"),
        ({"currency": "EUR"}, "EUR"),
        ({"vat": "1.20"}, "tax"),
        ({"ref": ""}, "bursarTransactionId"),
        ({"fineFeeType": None}, "no type"),
        ({"lastTransactionDate": "2022-02-23"}, "transaction date"),
        ({"lastTransactionDate": "02/30/2022 10:00:00"}, "transaction date"),
        ({"itemDueDate": "soon"}, "due date"),
    ],
)
def test_a_fee_that_cannot_be_read_is_told_apart_and_the_others_are_read(elements, reason):
    first, bad, last = rows_of(
        bursar_file(patron(fee(ref="1"), fee(**{"ref": "2"} | elements), fee(ref="3")))
    )
    assert isinstance(bad, BadRow)
    assert bad.n == 2
    assert reason in bad.reason
    assert bad.row["patron_id"] == "012345678"
    assert (first["fee_ref"], last["fee_ref"]) == ("1", "3")


@pytest.mark.parametrize("missing", ["", "null", "   "])
def test_a_patron_without_an_id_is_told_apart(missing):
    (bad,) = rows_of(bursar_file(patron(fee(), emplid=missing)))
    assert isinstance(bad, BadRow)
    assert "no id" in bad.reason


def test_an_export_without_fees_has_no_rows():
    assert rows_of(bursar_file()) == []


def test_a_file_truncated_anywhere_is_refused_with_line_and_column():
    content = bursar_file(*(patron(fee(ref=str(n)), emplid=f"{n:09d}") for n in range(1, 60)))
    end = len(content.rstrip())
    rng = random.Random(3)
    for length in sorted(rng.sample(range(1, end), 100)):
        with pytest.raises(BursarFileError) as refused:
            rows_of(content[:length])
        assert refused.value.line >= 1, length
        assert f"line {refused.value.line}" in str(refused.value)


def test_a_file_shorter_than_was_said_is_refused():
    content = bursar_file(patron(fee()))
    with pytest.raises(BursarFileError, match="should have"):
        rows_of(content, size=2 * 1024**3)


def test_a_fault_deep_in_the_file_is_named_by_its_line():
    content = bursar_file(*(patron(fee(ref=str(n))) for n in range(3_000)))
    lines = content.split(b"\n")
    lines[10_000] = b"<xb:oops>"
    with pytest.raises(BursarFileError) as refused:
        rows_of(b"\n".join(lines))
    assert abs(refused.value.line - 10_001) <= 8


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("<!DOCTYPE bomb [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>", "DOCTYPE"),
        ("<!DOCTYPE x SYSTEM 'file:///etc/passwd'>", "DOCTYPE"),
        (
            "<?xml version='1.0'?>\n<!-- fine -->\n<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>",
            "DOCTYPE",
        ),
        ("<?xml version='1.0' encoding='UTF-7'?>", "UTF-7"),
        ("<?xml version='1.0' encoding='EBCDIC-CP-US'?>", "only UTF-8"),
    ],
)
def test_bombs_entities_and_strange_encodings_are_refused_before_anything_is_read(head, words):
    with pytest.raises(BursarFileError, match=words):
        rows_of(bursar_file(patron(fee(itemTitle="&amp;")), head=head))


def test_an_encoding_that_the_bytes_are_not_in_is_refused():
    with pytest.raises(BursarFileError):
        rows_of(bursar_file(patron(fee(itemTitle="été"))).replace("é".encode(), b"\xe9"))
    with pytest.raises(BursarFileError):
        rows_of(bursar_file(patron(fee())).decode().encode("utf-16"))


def test_latin_1_is_read_when_it_is_said():
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    content = bursar_file(patron(fee(itemTitle="été")), head=head).decode().encode("latin-1")
    (row,) = rows_of(content)
    assert row["item_title"] == "été"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"%PDF-1.7", "not XML"),
        (b"<html><body>Sign in</body></html>", "not an Alma bursar export"),
        (b"<userRecords/>", "not an Alma bursar export"),
        (f'<x:xml-fragment xmlns:x="{NS}2"/>'.encode(), "not an Alma bursar export"),
        (b"<a>" * 100_000, "not well-formed"),
    ],
)
def test_what_is_no_bursar_file_is_refused_in_words(content, words):
    with pytest.raises(BursarFileError, match=words):
        rows_of(content)


def test_deep_nesting_and_endless_text_are_refused_quickly_and_within_memory():
    start, deep = time.monotonic(), "<xb:a>" * 100_000
    huge = "x" * 12_000_000
    for content in (bursar_file(patron(fee()), deep), bursar_file(patron(fee(itemTitle=huge)))):
        with pytest.raises(BursarFileError):
            rows_of(content)
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1024 * 1024


@given(st.binary(max_size=400))
def test_no_bytes_at_all_crash_the_reader(noise):
    for content in (noise, bursar_file(patron(fee())).replace(b"OVERDUE", noise[:20], 1)):
        with suppress(BursarFileError):
            rows_of(content)


def test_memory_does_not_grow_with_one_patrons_fees():
    many = (fee(ref=str(n)) for n in range(30_000))
    content = bursar_file(patron(*many))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in read_bursar(opener(content))) == 30_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024
