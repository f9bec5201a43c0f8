"""Lines of tokens as records of a layout: fixed columns, columns between separators, or a line in one piece."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from webapp.domain.folio.notes import Notes
from webapp.domain.folio.tokens import Token, constant

_LINE_END: Final = re.compile(r"(\r\n|\n|\r)")
_LINE_ENDS: Final = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}
_DELIMITERS: Final = ("\t", "|", ";", ",", "^", "~")
# For a line without separators of its own: one that no constant of it holds.
_UNUSED: Final = ("^", "~", "|", "*", ";", ":", "/")
_QUOTE: Final = '"'

Line = list[Token]


@dataclass(frozen=True, slots=True)
class Part:
    """The tokens of a header, of a fee or of a footer as lines, with the ends that were met and where."""

    lines: list[Line]
    ends: tuple[str, ...]
    begins_with_end: bool
    ends_with_end: bool


def split_lines(tokens: Iterable[Token]) -> Part:
    """Cut at line ends, also those within a constant; empty lines are dropped."""
    lines: list[Line] = [[]]
    ends: list[str] = []
    for token in tokens:
        if token.text is None:
            lines[-1].append(token)
            continue
        for piece in _LINE_END.split(token.text):
            if piece in _LINE_ENDS:
                ends.append(piece)
                lines.append([])
            elif piece:
                lines[-1].append(constant(piece))
    begins, closes = bool(ends) and not lines[0], bool(ends) and not lines[-1]
    return Part([line for line in lines if line], tuple(ends), begins, closes)


def line_end(parts: Iterable[Part], notes: Notes) -> str:
    """The line end that is met most."""
    met = Counter(end for part in parts for end in part.ends)
    if len(met) > 1:
        notes.changed("line ends", "The lines ended differently; all end as most of them did.")
    return _LINE_ENDS[met.most_common(1)[0][0]] if met else "LF"


class Form:
    """How the lines of a file are put down; chosen by its tokens, the same for all of them."""

    def __init__(self, lines: list[Line], detail: list[Line], notes: Notes) -> None:
        self._notes = notes
        self.delimiter = _delimiter(detail)
        self.is_positional = not self.delimiter and all(
            token.width is not None for line in lines for token in line
        )
        self.quote = "none"
        if self.is_positional:
            return
        if not self.delimiter:
            used = "".join(token.text or "" for line in lines for token in line)
            self.delimiter = next((one for one in _UNUSED if one not in used), "^")
            notes.changed(
                "data",
                "The line has no separators and its parts vary in width, so it is one column made of them.",
            )
            notes.changed("data", f"The character {self.delimiter} within a value becomes a blank.")
        elif self._quoted(detail):
            self.quote = "all"
            notes.changed(
                "data", "Every column of every line stands in double quotes, also in header and footer."
            )
        else:
            notes.changed(
                "data",
                f"A separator ({self.delimiter!r}) within a value becomes a blank, so that columns stay in place.",
            )

    def keys(self) -> dict[str, Any]:
        """The keys of a layout that say so."""
        if self.is_positional:
            return {"mode": "positional"}
        return {"mode": "delimited", "delimiter": self.delimiter, "quote": self.quote}

    def columns(self, line: Line, place: str) -> list[dict[str, Any]]:
        """The columns of a line, each with a name of its own."""
        if self.is_positional:
            return _named((token.name, self._column([token], place)) for token in line)
        segments = _segments(line, self.delimiter)
        return _named((_title(segment), self._column(segment, place)) for segment in segments)

    def _quoted(self, detail: list[Line]) -> bool:
        return all(_in_quotes(segment) for line in detail for segment in _segments(line, self.delimiter))

    def _column(self, segment: Line, place: str) -> dict[str, Any]:
        pieces = [self._printable(token, place) for token in segment]
        pieces = [token for token in pieces if token.text != ""]
        if not pieces:
            return {"value": {"blank": True}}
        if len(pieces) == 1:
            return self._alone(pieces[0])
        return {"value": {"concat": [t.piece if t.text is None else t.text for t in pieces]}}

    def _alone(self, token: Token) -> dict[str, Any]:
        if token.text is None:
            return {**token.piece, **({"width": token.width} if self.is_positional else {})}
        value = {"const": token.text} if token.text.strip() or not self.is_positional else {"blank": True}
        return {"value": value, **({"width": len(token.text)} if self.is_positional else {})}

    def _printable(self, token: Token, place: str) -> Token:
        """A constant without what may not stand within a line: quotes are the layout's, tabs become blanks."""
        if token.text is None:
            return token
        text = token.text
        if not self.is_positional and _QUOTE in text:
            text = text.replace(_QUOTE, "")
            if self.quote == "none":
                self._notes.changed(place, "Double quotes around some columns only are left out.")
        plain = "".join(char if char.isprintable() else " " for char in text)
        if plain != text:
            self._notes.changed(
                place, "A tab or another invisible character in a fixed text becomes a blank."
            )
        return constant(plain)


def _delimiter(detail: list[Line]) -> str:
    met: Counter[str] = Counter()
    for line in detail:
        for token in line:
            bare = (token.text or "").replace(_QUOTE, "")
            met.update(
                one for one in _DELIMITERS if bare.strip(" ").startswith(one) or bare.strip(" ").endswith(one)
            )
    return met.most_common(1)[0][0] if met else ""


def _segments(line: Line, delimiter: str) -> list[Line]:
    found: list[Line] = [[]]
    for token in line:
        if token.text is None:
            found[-1].append(token)
            continue
        for at, piece in enumerate(token.text.split(delimiter)):
            if at:
                found.append([])
            if piece:
                found[-1].append(constant(piece))
    return found


def _in_quotes(segment: Line) -> bool:
    if not segment:
        return False
    opening, closing = segment[0].text or "", segment[-1].text or ""
    is_apart = len(segment) > 1 or len(opening) > 1
    return is_apart and opening.startswith(_QUOTE) and closing.endswith(_QUOTE)


def _title(segment: Line) -> str:
    values = [token.name for token in segment if token.text is None]
    return " ".join(dict.fromkeys(values))[:50] or "Text"


def _named(columns: Iterable[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    met: Counter[str] = Counter()
    made = []
    for name, column in columns:
        met[name] += 1
        made.append({"name": name if met[name] == 1 else f"{name} {met[name]}", **column})
    return made
