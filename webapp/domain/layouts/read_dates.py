"""From JSON to date rules, zones and term calendars."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal
from zoneinfo import ZoneInfo

from webapp.domain.layouts.calendars import pattern_fault
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import Calendar, DateStep, Term, TermRule
from webapp.domain.layouts.reading import Node, shown, text_fault

_STEPS: Final[tuple[Literal["add_days", "add_months", "day"], ...]] = ("add_days", "add_months", "day")
_FARTHEST: Final = {"add_days": 3_660, "add_months": 120}
_MAX_TERMS: Final = 2_000


def read_date_rule(node: Node) -> tuple[DateStep, ...]:
    """The steps under "date_rule" of a piece; none where it is absent."""
    steps = []
    for path, item in node.items("date_rule", 1, 10):
        step = Node(item, path, node.faults, _STEPS)
        kinds = [kind for kind in _STEPS if step.has(kind)]
        if len(kinds) != 1:
            step.refuse("", f"must hold exactly one of {', '.join(_STEPS)}")
        elif kinds[0] == "day":
            steps.append(DateStep("day", _day(step)))
        else:
            most = _FARTHEST[kinds[0]]
            steps.append(DateStep(kinds[0], step.whole(kinds[0], -most, most) or 0))
    return tuple(steps)


def _day(step: Node) -> int:
    if step.members["day"] == "last":
        return 0
    if type(step.members["day"]) is int:
        return step.whole("day", 1, 31) or 0
    step.refuse("day", f'must be a day from 1 to 31 or "last", not {shown(step.members["day"])}')
    return 0


def read_zone(node: Node) -> str | None:
    """The IANA time zone under "date_zone"; None where it is absent."""
    name = node.text("date_zone", lowest=1, highest=60)
    if not name:
        return None
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        node.refuse("date_zone", f'is no time zone: {name!r}; write it like "America/Los_Angeles"')
        return None
    return name


def read_calendar(members: object, path: str, faults: list[Fault]) -> Calendar:
    """One calendar: terms by days, or by months."""
    node = Node(members, path, faults, ("terms", "months", "missing"))
    if node.has("terms") == node.has("months"):
        node.refuse("", "must hold either terms or months")
    terms = [_term(node, at, item) for at, item in node.items("terms", 1, _MAX_TERMS)]
    months = [_months(node, at, item) for at, item in node.items("months", 1, 24)]
    return Calendar(
        path,
        tuple(term for term in terms if term is not None),
        tuple(rule for rule in months if rule is not None),
        node.choice("missing", ("refuse", "blank"), "refuse"),
    )


def _term(node: Node, path: str, item: object) -> Term | None:
    form = "must be [code, first day, last day] or [code, first day, last day, career]"
    if not isinstance(item, (list, tuple)) or len(item) not in {3, 4}:
        node.faults.append(Fault(path, f"{form}, not {shown(item)}"))
        return None
    code, career = item[0], item[3] if len(item) == 4 else ""
    for text, least in ((code, 1), (career, 0)):
        if message := text_fault(text, least, 40):
            node.faults.append(Fault(path, message))
            return None
    days = []
    for text in item[1:3]:
        try:
            days.append(date.fromisoformat(text))
        except (TypeError, ValueError):
            node.faults.append(Fault(path, f'{shown(text)} is no day; write it like "2025-09-04"'))
            return None
    if days[0] > days[1]:
        node.faults.append(Fault(path, f"term {code!r} ends on {days[1]}, before it begins on {days[0]}"))
    return Term(code, days[0], days[1], career)


def _months(node: Node, path: str, item: object) -> TermRule | None:
    if not isinstance(item, (list, tuple)) or len(item) != 3:
        node.faults.append(Fault(path, f"must be [first month, last month, pattern], not {shown(item)}"))
        return None
    first, last, pattern = item
    if not (type(first) is int and type(last) is int and 1 <= first <= last <= 12):
        node.faults.append(Fault(path, "months are whole numbers from 1 to 12, the first not after the last"))
        return None
    message = text_fault(pattern, 1, 40) or pattern_fault(pattern)
    if message:
        node.faults.append(Fault(path, message))
        return None
    return TermRule(first, last, pattern)
