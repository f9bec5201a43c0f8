"""Money as integer cents: read from text, from a Decimal, and written for people. No float comes near it."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

# Thirteen digits of dollars: far above any debt, and well inside a 64-bit integer of cents.
MAX_CENTS = 10**15 - 1

_HIGHEST_DIGIT = 12  # the power of ten of the first digit of MAX_CENTS, in dollars
_LONGEST_TEXT = 40
_AMOUNT = re.compile(
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.(?P<fraction>[0-9]*))?",
)


class MoneyError(ValueError):
    """The text or number is not an amount of money in whole cents; the message names it."""


def parse_cents(text: str) -> int:
    """Integer cents from an amount as people and exports write it.

    Read are ``12``, ``12.5``, ``.00``, ``1,204.50``, ``$10.00`` and, for less than nothing, ``-3.25``, ``3.25-`` and
    ``(3.25)``. A comma is only ever a thousands mark in its right place: ``12,50`` is refused, not guessed at.

    Raises:
        MoneyError: nothing there, not an amount, fractions of a cent, or beyond ``MAX_CENTS``.
    """
    shown = _shown(text)
    if len(text) > _LONGEST_TEXT:
        raise MoneyError(f"{shown} is too long to be an amount of money")
    bare = text.strip().replace("\N{MINUS SIGN}", "-")
    if not bare:
        raise MoneyError("an amount of money is missing: the text is empty")
    negative, bare = _take_sign(bare)
    match = _AMOUNT.fullmatch(bare)
    if match is None or not (match["whole"] or match["fraction"]):
        raise MoneyError(f"{shown} is not an amount of money such as 1,204.50")
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > 2:
        raise MoneyError(f"{shown} has fractions of a cent")
    cents = int(match["whole"].replace(",", "") or "0") * 100 + int(fraction.ljust(2, "0"))
    if cents > MAX_CENTS:
        raise MoneyError(f"{shown} is more money than can be meant")
    return -cents if negative else cents


def cents_from_decimal(amount: Decimal, *, exact: bool = True) -> int:
    """Integer cents from a Decimal of dollars, such as a JSON number read with ``parse_float=Decimal``.

    With ``exact=False`` fractions of a cent are rounded half to even; by default they are refused.

    Raises:
        MoneyError: not a number, fractions of a cent while exact, or beyond ``MAX_CENTS``.
    """
    shown = _shown(str(amount))
    if not amount.is_finite():
        raise MoneyError(f"{shown} is not an amount of money")
    # The exponent is looked at before anything is computed: 1E+999999 as an integer has a million digits.
    if amount and amount.adjusted() > _HIGHEST_DIGIT:
        raise MoneyError(f"{shown} is more money than can be meant")
    sign, digits, exponent = amount.as_tuple()
    if not amount or not isinstance(exponent, int):
        return 0
    in_cents = Decimal((sign, digits, exponent + 2))
    cents = int(in_cents.to_integral_value(ROUND_HALF_EVEN))
    if exact and in_cents != cents:
        raise MoneyError(f"{shown} has fractions of a cent")
    if abs(cents) > MAX_CENTS:
        raise MoneyError(f"{shown} is more money than can be meant")
    return cents


def format_cents(cents: int, *, grouping: bool = True, currency: str = "$") -> str:
    """An amount for people: ``$1,204.50``, ``-$3.25``; ``1204.50`` without grouping and currency."""
    dollars, rest = divmod(abs(cents), 100)
    whole = f"{dollars:,}" if grouping else str(dollars)
    return f"{'-' if cents < 0 else ''}{currency}{whole}.{rest:02}"


def _take_sign(text: str) -> tuple[bool, str]:
    """Whether the amount is below nothing, and what is left without sign, brackets and dollar sign.

    One sign at most is taken, so that ``(-3.25)`` and ``-3.25-`` stay unreadable instead of meaning either.
    """
    if text.startswith("(") and text.endswith(")"):
        return True, text[1:-1].strip().removeprefix("$").lstrip()
    if text.endswith("-"):
        return True, text[:-1].rstrip().removeprefix("$").lstrip()
    bare = text.removeprefix("$").lstrip()
    if bare[:1] in {"-", "+"}:
        unsigned = bare[1:].lstrip()
        return bare[0] == "-", unsigned.removeprefix("$").lstrip() if bare == text else unsigned
    return False, bare


def _shown(text: str) -> str:
    clipped = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    return repr(clipped)
