"""File names from a pattern: literals and {tokens}, the same for the same run, safe on every receiver's disk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

MAX_NAME: Final = 200
_PIECE: Final = re.compile(r"\{([^{}]*)\}|([{}])|[^{}]+")
_SEQUENCE: Final = re.compile(r"sequence:([1-9])")
_ODD_EVEN: Final = re.compile(r"odd_even:([A-Za-z0-9_-]{1,10}),([A-Za-z0-9_-]{1,10})")
_PLAIN_TOKENS: Final = ("campus", "kind", "YYYY", "YY", "MM", "DD", "HH", "mm", "sequence", "hold_code")
FEE_TOKENS: Final = ("part", "count", "total", "term", "profile", "export_number")
# Path separators, and what Windows forbids in a name: campus receivers run on either system.
_FORBIDDEN: Final = frozenset('/\\<>:"|?*')


class FileNameError(ValueError):
    """A pattern or the name made from it cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class FileNameContext:
    """What a name may tell; ``sequence`` counts this campus's files from 1, ``run_at`` is campus wall-clock time.

    ``extra`` holds the texts of further tokens (FEE_TOKENS, totals).
    """

    campus: str
    kind: str
    run_on: date
    run_at: datetime
    sequence: int
    hold_code: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def file_name(pattern: str, context: FileNameContext) -> str:
    """The name of one file: "holds_{kind}_{YYYY}{MM}{DD}.txt" gives "holds_added_20250904.txt".

    {odd_even:o,e} is the first text for odd sequence numbers, the second for even ones.
    Raises: FileNameError for an unknown token, a token without a value, or a name no receiver should be given.
    """
    faults = check_pattern(pattern, context.extra)
    if faults:
        raise FileNameError("; ".join(faults))
    name = "".join(
        match[0] if match[1] is None else _token_text(match[1], context) for match in _PIECE.finditer(pattern)
    )
    fault = _name_fault(name)
    if fault:
        raise FileNameError(f"the file name {name[:MAX_NAME]!r}, made from {pattern!r}, {fault}")
    return name


def check_pattern(pattern: str, extra: Iterable[str] = ()) -> list[str]:
    """Everything wrong with a pattern, as sentences; empty when it can be used. ``extra`` names further tokens."""
    faults = []
    tokens = (*_PLAIN_TOKENS, *extra)
    allowed = "allowed: " + " ".join(f"{{{token}}}" for token in tokens) + " {sequence:4} {odd_even:o,e}"
    for match in _PIECE.finditer(pattern):
        if match[2] is not None:
            faults.append(
                f"a single {match[2]!r} in the file name; tokens are written {{like_this}}, {allowed}"
            )
        elif match[1] is None:
            continue
        elif (
            match[1] not in tokens and not _SEQUENCE.fullmatch(match[1]) and not _ODD_EVEN.fullmatch(match[1])
        ):
            faults.append(f"unknown token {{{match[1]}}} in the file name; {allowed}")
    # Tokens stand in as one letter here; their values are checked when the name is made.
    fault = _name_fault(_PIECE.sub(lambda match: match[0] if match[1] is None else "x", pattern))
    if fault and not faults:
        faults.append(f"the file name pattern {fault}")
    return faults


def with_suffix_on_collision(name: str, number: int) -> str:
    """The name with a number before its extension: ("holds_added.txt", 2) gives "holds_added_2.txt".

    Raises: FileNameError when that makes the name too long.
    """
    stem, dot, extension = name.rpartition(".")
    suffixed = f"{stem}_{number}{dot}{extension}" if stem else f"{name}_{number}"
    if len(suffixed) > MAX_NAME:
        raise FileNameError(f"the file name {suffixed[:MAX_NAME]!r} is longer than {MAX_NAME} characters")
    return suffixed


def _token_text(token: str, context: FileNameContext) -> str:
    if match := _SEQUENCE.fullmatch(token):
        return f"{context.sequence:0{int(match[1])}d}"
    if match := _ODD_EVEN.fullmatch(token):
        return match[1] if context.sequence % 2 else match[2]
    run_on, run_at = context.run_on, context.run_at
    text = {
        "campus": context.campus,
        "kind": context.kind,
        "YYYY": f"{run_on.year:04d}",
        "YY": f"{run_on.year % 100:02d}",
        "MM": f"{run_on.month:02d}",
        "DD": f"{run_on.day:02d}",
        "HH": f"{run_at.hour:02d}",
        "mm": f"{run_at.minute:02d}",
        "sequence": str(context.sequence),
        "hold_code": context.hold_code or "",
        **context.extra,
    }[token]
    if not text:
        raise FileNameError(f"the file name asks for {{{token}}}, and this file has none")
    return text


def _name_fault(name: str) -> str | None:
    if not name or len(name) > MAX_NAME:
        return f"has {len(name)} characters; 1 to {MAX_NAME} are allowed"
    if not (name.isascii() and name.isprintable()):
        return "holds a character outside printable ASCII, which not every receiver can store"
    if found := sorted(_FORBIDDEN & set(name)):
        return f"holds {' '.join(found)}, which must not be in a file name"
    if name[0] in ". -~" or name[-1] in ". ":
        return f"begins with {name[0]!r} or ends with {name[-1]!r}; neither . nor a blank, - or ~ may stand there"
    return None
