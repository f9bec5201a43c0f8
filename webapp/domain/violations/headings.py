"""Which column of a violations file holds what, found by heading."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# For each field the headings it goes by, the surest first. A balance comes before an amount: what is sent is what is
# still owed, and a file with both has the original fine in the other.
ALIASES: dict[str, tuple[str, ...]] = {
    "emplid": (
        "emplid", "student/staff id", "student or staff id", "student id", "staff id", "student number",
        "employee id", "campus id", "user id", "patron id", "person id", "id number", "id",
    ),
    "balance": (
        "balance", "balance due", "balance owing", "amount owing", "owing", "outstanding", "amount outstanding",
        "outstanding amount", "total owed", "amount owed", "total due", "amount due", "total owing", "amount", "total",
    ),
    "original": ("original amount", "fine amount", "fine", "amount"),
    "violation_on": (
        "violation date", "issued", "issued on", "date issued", "issue date", "issued date", "ticket date",
        "violation issued", "offence date", "date",
    ),
    "violation_type": (
        "violation type", "violation", "offence", "offense", "offence type", "violation description", "description",
        "ticket type", "type",
    ),
    "ticket": (
        "ticket number", "ticket no", "ticket id", "ticket", "violation id", "violation number", "violation no",
        "citation number", "citation no", "citation id", "citation", "number",
    ),
    "user_type": ("user type", "patron type", "user group", "patron group", "user category"),
    "status": ("status", "violation status", "ticket status", "payment status"),
    "patron_name": ("name", "full name", "patron name", "student name"),
}  # fmt: skip

REQUIRED = ("emplid", "balance")

_FIELD_WORDS = {
    "emplid": "the student or staff id",
    "balance": "the amount owed",
    "original": "the original amount",
    "violation_on": "the violation date",
    "violation_type": "the violation type",
    "ticket": "the ticket number",
    "user_type": "the user type",
    "status": "the status",
    "patron_name": "the name",
}


class ViolationFileError(ValueError):
    """The whole file is refused, and nothing that was read from it before may be used.

    ``line`` is where (1 is the first), ``found`` the headings of the file, ``wanted`` the headings looked for.
    """

    def __init__(
        self, message: str, *, line: int | None = None, found: Sequence[str] = (), wanted: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.found = tuple(found)
        self.wanted = tuple(wanted)


@dataclass(frozen=True)
class ViolationMapping:
    """How one campus's file is to be read.

    ``headings`` replaces the known headings of a field (a key of ``ALIASES``) by the campus's own; such a field must
    then be in the file. ``statuses`` adds the campus's status words, each ACTIVE, INDISPUTE or CLOSED. ``day_first``
    settles dates such as 4/5/2026. ``emplid_digits`` and ``pad_emplid`` are as in ``clean_emplid``. An amount beyond
    ``most_cents`` either way is taken for a misread one.

    Raises:
        ValueError: a field or status that does not exist.
    """

    headings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    day_first: bool = False
    emplid_digits: int | None = None
    pad_emplid: bool = False
    most_cents: int = 100_000_00

    def __post_init__(self) -> None:
        strange = sorted(set(self.headings) - set(ALIASES))
        if strange:
            raise ValueError(
                f"there is no violation field {', '.join(strange)}; there are {', '.join(ALIASES)}"
            )
        wrong = sorted(set(self.statuses.values()) - {"ACTIVE", "INDISPUTE", "CLOSED"})
        if wrong:
            raise ValueError(f"a status may mean ACTIVE, INDISPUTE or CLOSED, not {', '.join(wrong)}")


def normalised(heading: str) -> str:
    """A heading reduced to its words: ``Student/Staff ID:`` and ``student_staff_id`` are the same."""
    return " ".join(re.findall(r"[^\W_]+", heading.casefold()))


def find_columns(headings: Sequence[str], mapping: ViolationMapping) -> dict[str, int]:
    """Field -> column for every field found; each column serves one field."""
    words = [normalised(heading) for heading in headings]
    columns: dict[str, int] = {}
    for name, aliases in ALIASES.items():
        for alias in mapping.headings.get(name, aliases):
            wanted = normalised(alias)
            if wanted in words and (column := words.index(wanted)) not in columns.values():
                columns[name] = column
                break
    return columns


def check_columns(
    headings: Sequence[str], columns: Mapping[str, int], mapping: ViolationMapping, line: int
) -> None:
    """Passes when every needed column is there once.

    Raises:
        ViolationFileError: naming the headings found and wanted, or the heading that stands twice.
    """
    missing = [name for name in dict.fromkeys((*REQUIRED, *mapping.headings)) if name not in columns]
    if missing:
        found = ", ".join(repr(heading.strip()[:60]) for heading in headings[:50])
        sought = {name: list(mapping.headings.get(name, ALIASES[name])) for name in missing}
        wanted = "; ".join(
            f"for {_FIELD_WORDS[name]} one of {', '.join(aliases)}" for name, aliases in sought.items()
        )
        raise ViolationFileError(
            f"The file was not read: line {line} should hold the headings, and has {found}. Wanted: {wanted}. "
            "Correct the file, or name its heading in the campus's settings.",
            line=line,
            found=headings,
            wanted=[alias for aliases in sought.values() for alias in aliases],
        )
    times = Counter(normalised(heading) for heading in headings)
    for name, column in columns.items():
        if times[normalised(headings[column])] > 1:
            raise ViolationFileError(
                f"The file was not read: the heading {headings[column].strip()[:60]!r} stands more than once in line "
                f"{line}, so {_FIELD_WORDS[name]} cannot be told. Give each column its own heading.",
                line=line,
                found=headings,
            )
