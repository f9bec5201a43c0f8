"""Making any text safe for one column: no raw line break, no character the encoding lacks."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

# C0 and C1 controls with DEL, the two Unicode line ends: each of them breaks or shifts a line for some reader.
CONTROLS: Final = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL_RUN: Final = re.compile(f"[{CONTROLS}]+")

# What NFKD does not take apart: letters of their own, and punctuation that has a plain twin.
_LIKENESSES: Final[dict[str, str]] = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    "œ": "oe",
    "Œ": "OE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ħ": "h",
    "Ħ": "H",
    "\u0131": "i",
    "ŋ": "ng",
    "ŧ": "t",
    "Ŧ": "T",
    "ƒ": "f",
    "€": "EUR",
    "£": "GBP",
    "\u00d7": "x",
    "÷": "/",
    "©": "(c)",
    "®": "(r)",
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bb\u02bc\u2039\u203a", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    "\u2044": "/",
    "\u2022": "*",
    "\u00b7": ".",
}


def cleaner(
    encoding: Literal["ascii", "latin-1", "utf-8"],
    replacement: str,
    on_break: Literal["space", "replacement", "refuse"],
) -> Callable[[str], str]:
    """A function that leaves only printable characters of ``encoding``: é becomes e in ascii, ß becomes ss.

    A run of tabs, line breaks and other controls becomes one space (or the replacement character); a character
    without any likeness becomes the replacement character.
    Raises: ValueError with a sentence, when called with a control character under on_break "refuse".
    """
    gap = " " if on_break == "space" else replacement

    def clean(text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        if _CONTROL_RUN.search(text):
            if on_break == "refuse":
                raise ValueError("the value holds a tab, line break or other control character")
            text = _CONTROL_RUN.sub(gap, text)
        return _into(text, encoding, replacement)

    return clean


def _into(text: str, encoding: str, replacement: str) -> str:
    if encoding == "utf-8":
        return "".join(replacement if "\ud800" <= char <= "\udfff" else char for char in text)
    if encoding == "ascii":
        return "".join(_likeness(char, "\x7f", replacement) for char in text)
    composed = unicodedata.normalize("NFC", text)
    return "".join(char if char <= "\xff" else _likeness(char, "\xff", replacement) for char in composed)


def _likeness(char: str, last: str, replacement: str) -> str:
    """One character by its likeness within the encoding; a lone accent or an invisible mark becomes nothing."""
    if char <= "\x7f":
        return char
    if char in _LIKENESSES:
        return _LIKENESSES[char]
    kept = []
    for part in unicodedata.normalize("NFKD", char):
        if unicodedata.category(part) in {"Mn", "Cf"}:
            continue
        likeness = part if part <= last else _LIKENESSES.get(part)
        kept.append(replacement if likeness is None else likeness)
    return "".join(kept)
