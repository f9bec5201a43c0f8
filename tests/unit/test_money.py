from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.money import MAX_CENTS, MoneyError, cents_from_decimal, format_cents, parse_cents


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12", 1200),
        ("12.5", 1250),
        ("12.50", 1250),
        ("12.", 1200),
        (".00", 0),
        (".07", 7),
        ("0", 0),
        ("1,204.50", 120450),
        ("1,234,567.89", 123456789),
        ("-3.25", -325),
        ("3.25-", -325),
        ("(3.25)", -325),
        ("($1,003.25)", -100325),
        ("+3.25", 325),
        ("$10.00", 1000),
        ("$ 10.00", 1000),
        ("-$10.00", -1000),
        ("$-10.00", -1000),
        ("\N{MINUS SIGN}3.25", -325),
        ("  \N{NO-BREAK SPACE}7.00 ", 700),
        ("12.5000", 1250),
        ("0012.50", 1250),
        ("9999999999999.99", MAX_CENTS),
    ],
)
def test_an_amount_is_read_as_people_and_exports_write_it(text, cents):
    assert parse_cents(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", ".", "-", "$", "()", "12,50", "1,20,000", ",500", "1,2345", "1234,567", "12.345", "0.001", "1e2", "1E+2", "NaN",
        "inf", "12 50", "12.5.0", "--3", "-3-", "(-3.25)", "(3.25", "3.25)", "$$3", "-$-3", "€3", "3 USD", "\u0663.\u0662\u0665", "\uff11\uff12",
        "0x10", "1_000", "twelve", "12\n13", "9" * 30, "10000000000000.00", "9" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_amount_in_whole_cents_is_refused(text):
    with pytest.raises(MoneyError):
        parse_cents(text)


def test_the_refusal_names_the_text():
    with pytest.raises(MoneyError, match=r"'12,50' is not an amount of money"):
        parse_cents("12,50")


def test_the_refusal_of_an_endless_text_is_short():
    with pytest.raises(MoneyError) as caught:
        parse_cents("7" * 100_000)
    assert len(str(caught.value)) < 120


def test_a_fee_paid_in_two_parts_closes_at_zero_to_the_cent():
    assert parse_cents("25") - parse_cents("22.23") - parse_cents("2.77") == 0


@given(st.integers(-MAX_CENTS, MAX_CENTS), st.booleans(), st.sampled_from(["", "$"]))
def test_every_amount_written_is_read_back_the_same(cents, grouping, currency):
    assert parse_cents(format_cents(cents, grouping=grouping, currency=currency)) == cents


@given(st.text(alphabet="0123456789.,-+()$ eE", max_size=20))
def test_a_strange_text_is_read_or_refused_but_never_crashes(text):
    try:
        cents = parse_cents(text)
    except MoneyError:
        return
    assert parse_cents(format_cents(cents)) == cents


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("10", 1000),
        ("10.0", 1000),
        ("0.07", 7),
        ("-3.25", -325),
        ("1E+1", 1000),
        ("2.5E-1", 25),
        ("-0", 0),
        ("0E+999999", 0),
    ],
)
def test_a_json_number_becomes_cents(amount, cents):
    assert cents_from_decimal(Decimal(amount)) == cents


@given(st.integers(-MAX_CENTS, MAX_CENTS))
def test_a_decimal_of_dollars_loses_no_cent(cents):
    assert cents_from_decimal(Decimal(cents).scaleb(-2)) == cents


@pytest.mark.parametrize(
    "amount", ["0.001", "NaN", "sNaN", "Infinity", "-Infinity", "1E+13", "1E+999999", "1E-999999", "1e30"]
)
def test_a_number_that_is_no_amount_in_whole_cents_is_refused(amount):
    with pytest.raises(MoneyError):
        cents_from_decimal(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.005", 0), ("0.015", 2), ("0.025", 2), ("-0.015", -2), ("0.0151", 2), ("1E-999999", 0)],
)
def test_fractions_of_a_cent_are_rounded_half_to_even_only_when_asked(amount, cents):
    assert cents_from_decimal(Decimal(amount), exact=False) == cents


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+20", "9999999999999.999"])
def test_rounding_does_not_let_an_impossible_number_through(amount):
    with pytest.raises(MoneyError):
        cents_from_decimal(Decimal(amount), exact=False)


def test_money_is_written_with_its_sign_before_the_currency():
    assert format_cents(120450) == "$1,204.50"
    assert format_cents(-325) == "-$3.25"
    assert format_cents(-5) == "-$0.05"
    assert format_cents(0) == "$0.00"
    assert format_cents(120450, grouping=False, currency="") == "1204.50"
