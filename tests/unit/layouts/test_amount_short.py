"""Amounts without needless zeros, as Alma itself writes them."""

import pytest

from webapp.domain.layouts.amounts import amount_formatter
from webapp.domain.layouts.model import AmountFormat


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (30000, "300"),
        (50, "0.5"),
        (12345, "123.45"),
        (82, "0.82"),
        (0, "0"),
        (-325, "-3.25"),
        (100_000, "1000"),
    ],
)
def test_a_short_amount_has_only_the_decimals_it_needs(cents, text):
    assert amount_formatter(AmountFormat(decimals="short"), None)(cents) == text
