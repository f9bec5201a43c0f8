"""Cents into text: point or implied decimals, every place a sign can stand, zeros on the left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.model import AmountFormat

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL_AMOUNT: Final = AmountFormat()


def amount_formatter(form: AmountFormat, zero_width: int | None) -> Callable[[int], str]:
    """A function from cents to text; ``zero_width`` fills with zeros between sign and digits to that many characters.

    Raises: ValueError with a sentence, when called with an amount the form does not allow.
    """
    if form == USUAL_AMOUNT and zero_width is None:
        return _plain

    def write(cents: int) -> str:
        if cents == 0 and form.zero == "blank":
            return ""
        if cents == 0 and form.zero == "refuse":
            raise ValueError("the amount is 0.00, which this column does not allow")
        before, after = _signs(form, cents)
        whole, part = divmod(abs(cents), 100)
        match form.decimals:
            case "point":
                digits = f"{whole}.{part:02d}"
            case "short":
                digits = f"{whole}.{part:02d}".rstrip("0").rstrip(".")
            case "implied":
                digits = f"{whole}{part:02d}"
        if zero_width is not None:
            digits = digits.rjust(zero_width - len(before) - len(after), "0")
        return f"{before}{digits}{after}"

    return write


def _plain(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"-{whole}.{part:02d}" if cents < 0 else f"{whole}.{part:02d}"


def _signs(form: AmountFormat, cents: int) -> tuple[str, str]:
    negative = cents < 0 and not form.absolute
    match form.sign:
        case "leading":
            return ("-" if negative else form.plus), ""
        case "trailing":
            return "", ("-" if negative else form.plus)
        case "parentheses":
            return ("(", ")") if negative else ("", "")
        case "none":
            if negative:
                raise ValueError("the amount is below zero, and the column shows no sign")
            return "", ""
