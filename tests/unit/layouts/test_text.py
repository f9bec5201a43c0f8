"""Odd characters in titles and names: they never break a line, shift a column, or leave the encoding."""

import pytest

from tests.unit.layouts.making import column, hold, layout, value_of, written
from webapp.domain.layouts import RowRefusedError


def title_as(title, **changes):
    """What becomes of a title in a file of these settings."""
    return value_of(column("item_title"), hold(item_title=title), **changes)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("two\twords", "two words"),
        ("two\r\nlines", "two lines"),
        ("a\n\n\t\x00b", "a b"),
        ("vertical\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029end", "vertical end"),
        ("Caf\u00e9", "Cafe"),
        ("Cafe\u0301", "Cafe"),
        (
            "Stra\u00dfe \u00c6r\u00f8 \u0141\u00f3d\u017a \u0152uvre \u0130\u0131",
            "Strasse AEro Lodz OEuvre Ii",
        ),
        ("\u2018a\u2019 \u2014 \u2026", "'a' - ..."),
        ("\u00bd \ufb01n \u2122", "1/2 fin TM"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("\u6f22\u5b57 \U0001f4da", "?? ?"),
        ("\ud800", "?"),
    ],
)
def test_a_title_becomes_plain_ascii_on_one_line(title, text):
    assert title_as(title) == text


@pytest.mark.parametrize(
    ("title", "encoding", "text"),
    [
        ("Cafe\u0301 \u00df \u0141", "latin-1", "Caf\u00e9 \u00df L"),
        ("\u20ac \u6f22", "latin-1", "EUR ?"),
        ("Caf\u00e9 \u6f22 \u0141", "utf-8", "Caf\u00e9 \u6f22 \u0141"),
        ("a\ud800b\u2028c", "utf-8", "a?b c"),
    ],
)
def test_an_encoding_keeps_what_it_has(title, encoding, text):
    assert title_as(title, encoding=encoding) == text


def test_the_replacement_character_is_the_campus_s_choice():
    assert title_as("\u6f22x", replacement="_") == "_x"
    assert title_as("\u6f22x", replacement="") == "x"


def test_an_unquoted_delimiter_becomes_a_blank_and_a_quote_an_apostrophe():
    assert title_as('6" nails, bent') == "6' nails  bent"


def test_a_delimiter_that_only_appears_in_plain_letters_is_guarded_too():
    assert title_as("a\uff0cb\u201cc\u201d") == "a b'c'"


def test_an_unquoted_delimiter_becomes_the_replacement_where_that_is_asked():
    assert title_as('a,b"c\td', on_break="replacement", replacement="_") == "a_b_c_d"


def test_a_blank_that_is_the_delimiter_becomes_the_replacement():
    assert title_as("two words", delimiter=" ", replacement="_") == "two_words"


@pytest.mark.parametrize("title", ["a,b", 'a"b', "a\tb", "a\nb"])
def test_a_row_is_refused_where_nothing_may_be_replaced(title):
    with pytest.raises(RowRefusedError, match="column 'Column': the value"):
        title_as(title, on_break="refuse")


@pytest.mark.parametrize(
    ("title", "minimal", "everything"),
    [
        ("plain", "plain", '"plain"'),
        ("a,b", '"a,b"', '"a,b"'),
        ('say "hi"', '"say ""hi"""', '"say ""hi"""'),
        ("two\nlines", "two lines", '"two lines"'),
        ("", "", '""'),
    ],
)
def test_values_are_quoted_as_asked(title, minimal, everything):
    assert title_as(title, quote="minimal") == minimal
    assert title_as(title, quote="all") == everything


def test_a_date_that_holds_the_delimiter_is_quoted():
    assert (
        value_of(column("violation_on", date_format="MM/DD/YYYY"), delimiter="/", quote="minimal")
        == '"09/04/2025"'
    )


def test_a_width_limits_the_value_and_not_its_quotes():
    short = column("item_title", width=3, overflow="cut_right")

    assert value_of(short, hold(item_title="a,bcd"), quote="minimal") == '"a,b"'


@pytest.mark.parametrize(
    ("shaping", "text"),
    [
        ({"width": 4, "overflow": "cut_right"}, "abcd"),
        ({"width": 4, "overflow": "cut_left"}, "cdef"),
        ({"width": 8}, "abcdef  "),
        ({"width": 8, "justify": "right", "pad": "."}, "..abcdef"),
        ({"width": 6}, "abcdef"),
    ],
)
def test_text_is_fitted_into_its_width(shaping, text):
    document = layout(column("item_title", **shaping), mode="positional", final_newline=False)

    assert written(document, hold(item_title="abcdef")) == text.encode()


def test_text_too_wide_refuses_the_row_with_both_sizes():
    with pytest.raises(RowRefusedError, match="the value has 40 characters, and the column holds 30"):
        value_of(column("patron_name", width=30), hold(patron_name="x" * 40))


def test_a_width_in_bytes_counts_bytes_and_never_splits_a_character():
    utf8 = {"mode": "positional", "encoding": "utf-8", "final_newline": False}
    cut = {"width": 4, "overflow": "cut_right"}
    row = hold(item_title="ab\u00e9\u00e9")

    assert (
        written(layout(column("item_title", **cut), width_in="chars", **utf8), row)
        == "ab\u00e9\u00e9".encode()
    )
    assert written(layout(column("item_title", **cut), width_in="bytes", **utf8), row) == "ab\u00e9".encode()
    assert (
        written(layout(column("item_title", width=3, overflow="cut_right"), width_in="bytes", **utf8), row)
        == b"ab "
    )
    assert (
        written(layout(column("item_title", width=3, overflow="cut_left"), width_in="bytes", **utf8), row)
        == b"\xc3\xa9 "
    )


def test_a_width_counts_what_is_written_and_not_what_was_read():
    with pytest.raises(RowRefusedError, match="has 4 characters"):
        value_of(column("item_title", width=3), hold(item_title="a\u00dfb"))


def test_gaps_between_fixed_columns_are_blank():
    document = layout(
        column("emplid", name="ID", width=9, start=3),
        column("action", name="A", width=1, start=15),
        mode="positional",
    )

    assert written(document, hold()) == b"  012345678   A\n"


def test_columns_stand_by_position_whatever_their_order_in_the_list():
    document = layout(
        column("action", name="A", width=1, start=10),
        column("emplid", name="ID", width=9, start=1),
        mode="positional",
    )

    assert written(document, hold()) == b"012345678A\n"


def test_a_separator_inside_a_fixed_column_becomes_a_blank_and_quotes_stay():
    document = layout(column("item_title", width=8), mode="positional_separated")

    assert written(document, hold(item_title='a,"b"')) == b'a "b"   \n'
