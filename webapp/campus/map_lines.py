"""Terms drawn on a line of days: where each begins and ends, where two overlap, and where a hole is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from webapp.domain.charge_maps import Stretch, read_terms, stretches

WIDTH = 1000
MONTHS_BACK, MONTHS_AHEAD = 6, 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch as a bar: ``x`` and ``width`` of a line that is ``WIDTH`` long."""

    stretch: Stretch
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The first of a January, or of a July, on the line."""

    label: str
    x: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The terms of one career. ``today`` is its place on the line, None outside. ``words`` say what the picture shows."""

    career: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    today: int | None
    words: str

    @property
    def troubles(self) -> tuple[Stretch, ...]:
        """Overlaps and holes."""
        return tuple(bar.stretch for bar in self.bars if bar.stretch.kind != "term")


def timelines(rows: Sequence[Sequence[str]], today: date) -> list[Timeline]:
    """A line for each career that has terms, from half a year ago to two years on, or as far as the terms reach."""
    terms = read_terms(rows)
    if not terms:
        return []
    first_on = max(min(t.first_on for t in terms), today - timedelta(days=MONTHS_BACK * 30))
    last_on = min(max(t.last_on for t in terms), today + timedelta(days=MONTHS_AHEAD * 30))
    if first_on >= last_on:
        first_on, last_on = min(t.first_on for t in terms), max(t.last_on for t in terms)
    careers = dict.fromkeys(term.career for term in terms)
    return [
        _line(career, stretches([t for t in terms if t.career == career]), first_on, last_on, today)
        for career in careers
    ]


def _line(career: str, found: Sequence[Stretch], first_on: date, last_on: date, today: date) -> Timeline:
    days = max((last_on - first_on).days + 1, 1)

    def at(day: date) -> int:
        return (day - first_on).days * WIDTH // days

    bars = []
    for stretch in found:
        begins, ends = max(stretch.first_on, first_on), min(stretch.last_on, last_on)
        if begins <= ends:
            bars.append(Bar(stretch, at(begins), max(at(ends + timedelta(days=1)) - at(begins), 3)))
    ticks = [
        Tick(f"{day:%b %Y}", at(day))
        for year in range(first_on.year, last_on.year + 1)
        for day in (date(year, 1, 1), date(year, 7, 1))
        if first_on <= day <= last_on
    ]
    here = at(today) if first_on <= today <= last_on else None
    return Timeline(career, tuple(bars), tuple(ticks), here, _words(career, found))


def _words(career: str, found: Sequence[Stretch]) -> str:
    terms = [s.label for s in found if s.kind == "term"]
    overlaps, holes = (sum(s.kind == kind for s in found) for kind in ("overlap", "hole"))
    trouble = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((overlaps, "overlap"), (holes, "hole"))
        if count
    ]
    whose = f" of career {career}" if career else ""
    return f"Terms{whose}: {', '.join(terms)}. {' and '.join(trouble) or 'No overlap and no hole'}."
