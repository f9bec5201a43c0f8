"""Fitting text into a width, in characters or bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable


def fitter(
    width: int,
    justify: Literal["left", "right"],
    pad: str,
    overflow: Literal["error", "cut_left", "cut_right"],
    encoding: str | None,
    blank: str,
) -> Callable[[str], str]:
    """A function that pads or cuts text to ``width``: bytes of ``encoding``, or characters where that is None.

    With an empty pad, short text stays short. A cut in bytes never splits a character; what is missing is padded.
    Zeros never fill a value that is absent (an id or amount of zeros would be a lie): ``blank`` fills it instead.
    Raises: ValueError with a sentence, when called with text too long and overflow is "error".
    """

    def fit(text: str) -> str:
        size = len(text) if encoding is None else len(text.encode(encoding))
        if size > width:
            if overflow == "error":
                unit = "characters" if encoding is None else "bytes"
                raise ValueError(f"the value has {size} {unit}, and the column holds {width}")
            text = _cut(text, width, overflow, encoding)
            size = len(text) if encoding is None else len(text.encode(encoding))
        missing = (blank if pad.isdigit() and not text else pad) * (width - size)
        return text + missing if justify == "left" else missing + text

    return fit


def _cut(text: str, width: int, overflow: str, encoding: str | None) -> str:
    if encoding is None:
        return text[-width:] if overflow == "cut_left" else text[:width]
    octets = text.encode(encoding)
    kept = octets[-width:] if overflow == "cut_left" else octets[:width]
    return kept.decode(encoding, errors="ignore")
