"""The registrar's list of students: what a fee's rules need to know of a student and Alma's file does not say."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from webapp.domain.identifiers import IdentifierError, clean_emplid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_LINES: Final = 250_000
_LONGEST: Final = 60
_DELIMITERS: Final = ("\t", ";", "|", ",")
_HEADINGS: Final = {
    "emplid": ("emplid", "id", "employee_id", "student_id"),
    "status": ("status", "registrar_status", "student_status", "prog_status", "academic_status"),
    "patron_group": ("patron_group", "user_group", "group"),
    "career": ("career", "acad_career"),
}


class StudentListError(ValueError):
    """The list cannot be used; the message says why and what to do."""


class Student(NamedTuple):
    """A student's statuses (one for each line), patron group and career; empty where the list says none, or several."""

    statuses: tuple[str, ...] = ()
    patron_group: str = ""
    career: str = ""


@dataclass(slots=True)
class StudentList:
    """The students by EMPLID, how many lines there were, and how many of them named nobody."""

    students: dict[str, Student] = field(default_factory=dict)
    lines: int = 0
    faults: int = 0


def read_students(lines: Iterable[str], *, emplid_digits: int | None, emplid_pad: bool) -> StudentList:
    """A list with a heading line that names ``emplid`` and ``status``, and may name ``patron_group`` and ``career``.

    Cells are parted by comma, semicolon, tab or bar. A line without a usable EMPLID names nobody and is counted. A student
    with several programs has several lines, and so several statuses. Raises: StudentListError.
    """
    remaining = iter(lines)
    heading = next((line for line in remaining if line.strip()), "")
    delimiter = max(_DELIMITERS, key=heading.count)
    places = _places(next(csv.reader([heading], delimiter=delimiter), []))
    found = StudentList()
    # Thousands of students share a few facts, which need not be kept thousands of times.
    shared: dict[Student, Student] = {}
    try:
        for cells in csv.reader(remaining, delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                found.lines += 1
                _add(found, cells, places, shared, emplid_digits, emplid_pad=emplid_pad)
    except csv.Error as err:
        raise StudentListError(f"line {found.lines + 2} cannot be read: {err}") from err
    if not found.students:
        raise StudentListError("it names no student whose EMPLID could be read")
    return found


def _places(headings: Sequence[str]) -> dict[str, int]:
    written = [heading.strip().casefold().replace(" ", "_") for heading in headings]
    places = {
        name: written.index(alias)
        for name, aliases in _HEADINGS.items()
        for alias in reversed(aliases)
        if alias in written
    }
    for name in ("emplid", "status"):
        if name not in places:
            raise StudentListError(
                f"its first line has no heading {name!r}; it must name the columns, such as emplid,status"
            )
    return places


def _add(
    found: StudentList,
    cells: Sequence[str],
    places: dict[str, int],
    shared: dict[Student, Student],
    emplid_digits: int | None,
    *,
    emplid_pad: bool,
) -> None:
    if found.lines > MOST_LINES:
        raise StudentListError(
            f"it has more than {MOST_LINES:,} lines; list only students who may owe something"
        )
    says = {name: cells[at].strip()[:_LONGEST] if at < len(cells) else "" for name, at in places.items()}
    written = says["emplid"]
    try:
        emplid = clean_emplid(written, digits=emplid_digits if written.isdigit() else None, pad=emplid_pad)
    except IdentifierError:
        found.faults += 1
        return
    said = Student(
        (says["status"],) if says["status"] else (), says.get("patron_group", ""), says.get("career", "")
    )
    before = found.students.get(emplid)
    both = said if before is None else _together(before, said)
    found.students[emplid] = shared.setdefault(both, both)


def _together(one: Student, other: Student) -> Student:
    return Student(
        tuple(dict.fromkeys((*one.statuses, *other.statuses))),
        one.patron_group if one.patron_group == other.patron_group else "",
        one.career if one.career == other.career else "",
    )
