"""Mail templates: ``{{field}}`` replaced by a value, and nothing else (no conditions, loops or filters)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAIL_FIELDS: dict[str, str] = {
    "campus": "The campus's name",
    "run_date": "The day of the run on the campus's calendar",
    "run_id": "The run's number, to quote when asking for help",
    "story": "What the run did, in one plain sentence",
    "added_count": "How many lines the Holds Added file has: holds that are new or whose total changed",
    "added_total": "What the patrons in the Holds Added file owe together, in dollars",
    "updated_count": "How many of them were told again because their total changed",
    "released_count": "How many holds are released in this run",
    "hold_count": "How many holds are in force after this run",
    "hold_total": "What the patrons with a hold in force owe together, in dollars",
    "quarantined_count": "How many rows wait for a person to decide",
    "added_file": "The name of the Holds Added file",
    "released_file": "The name of the Holds Released file",
    "files": "The names of all files of the run, one per line",
    "link": "The address where the files can be fetched after signing in",
}

_OPEN, _CLOSE = "{{", "}}"


class TemplateError(ValueError):
    """The template cannot be used; the message says where or which fields.

    ``unknown`` are the fields asked for that do not exist, ``known`` all that do.
    """

    def __init__(self, message: str, *, unknown: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.unknown = unknown
        self.known = tuple(MAIL_FIELDS)


class _Piece(NamedTuple):
    """A stretch of literal text, or (``is_field``) the name between a pair of double braces."""

    text: str
    is_field: bool


def unknown_fields(template: str) -> list[str]:
    """The names in double braces that are no mail field, each once, in order of appearance.

    Raises:
        TemplateError: a ``{{`` is never closed.
    """
    names = (piece.text for piece in _pieces(template) if piece.is_field)
    return list(dict.fromkeys(name for name in names if name not in MAIL_FIELDS))


def check_template(template: str) -> None:
    """Passes when every ``{{field}}`` is closed and known.

    Raises:
        TemplateError: with the position of the open braces, or the unknown fields and the list of all known ones.
    """
    unknown = unknown_fields(template)
    if unknown:
        named = ", ".join(_braced(name) for name in unknown)
        every = ", ".join(_braced(name) for name in MAIL_FIELDS)
        raise TemplateError(
            f"The template asks for {named}, which does not exist. The fields are: {every}.",
            unknown=tuple(unknown),
        )


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each field replaced by its value, verbatim: braces inside a value stay as they are.

    Raises:
        TemplateError: the template is faulty, or a field it uses has no value; a mail never shows a bare token.
    """
    check_template(template)
    pieces = list(_pieces(template))
    missing = list(
        dict.fromkeys(piece.text for piece in pieces if piece.is_field and piece.text not in values)
    )
    if missing:
        named = ", ".join(_braced(name) for name in missing)
        raise TemplateError(f"This run has no value for {named}; the mail was not written.")
    return "".join(values[piece.text] if piece.is_field else piece.text for piece in pieces)


def fill_subject(template: str, values: Mapping[str, str]) -> str:
    """Like ``fill``, on one line, so that no value can add a header to the mail.

    Raises:
        TemplateError: as ``fill``.
    """
    return single_line(fill(template, values))


def single_line(text: str) -> str:
    """The text with every run of blanks, line ends and control characters made one space, and none at the ends."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _pieces(template: str) -> Iterator[_Piece]:
    position = 0
    while (start := template.find(_OPEN, position)) >= 0:
        end = template.find(_CLOSE, start + 2)
        name = template[start + 2 : end] if end >= 0 else ""
        if end < 0 or _OPEN in name or "\n" in name:
            raise TemplateError(f"The {{{{ at {_place(template, start)} is never closed by }}}}.")
        yield _Piece(template[position:start], is_field=False)
        yield _Piece(name.strip(), is_field=True)
        position = end + 2
    yield _Piece(template[position:], is_field=False)


def _place(template: str, offset: int) -> str:
    line = template.count("\n", 0, offset) + 1
    column = offset - (template.rfind("\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def _braced(name: str) -> str:
    return f"{_OPEN}{name[:40]}{_CLOSE}"
