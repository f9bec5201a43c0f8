"""A month of files: what was due on each day, and what went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.models.scope import tenant_scope
from webapp.store.expected_files import DayState, expected_month
from webapp.web.csv_export import csv_response

# The look and the word of each state of a day.
LOOKS = {
    "sent": ("delivered", "Sent"),
    "nothing": ("nothing_to_send", "Nothing"),
    "missing": ("overdue", "Missing"),
    "late": ("overdue", "Late"),
    "waiting": ("running", "On its way"),
    "failed": ("failed", "Failed"),
    "not_due": ("skipped", "Not due"),
}
TROUBLE = frozenset({"missing", "late", "failed"})
CSV_HEADINGS = ("day", "pipeline", "state", "what happened", "run")
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of the grid; ``states`` leaves out what is not due in the future."""

    day_on: date
    is_today: bool
    states: Sequence[DayState]


@blueprint.get("/calendar")
@campus_role("viewer")
def calendar() -> ResponseReturnValue:
    """Expected and sent files of one month, a state for every day and every kind of run."""
    today = datetime.now(ZoneInfo(g.tenant.time_zone)).date()
    month_on = _month_asked_for(today)
    with tenant_scope(g.tenant.tenant_id) as session:
        states = expected_month(
            session, g.tenant.tenant_id, month_on.year, month_on.month, g.tenant.time_zone
        )
    if request.args.get("format") == "csv":
        return csv_response(
            f"{g.tenant.slug}-files-{month_on:%Y-%m}",
            CSV_HEADINGS,
            ((s.day, words.pipeline_title(s.pipeline), LOOKS[s.state][1], s.words, s.run_id) for s in states),
        )
    return render_template(
        "campus/calendar.html",
        month_on=month_on,
        weeks=weeks_of(month_on, today, states),
        trouble=[state for state in states if state.state in TROUBLE],
        has_states=any(state.state != "not_due" for state in states),
        earlier=_month_url(month_on - timedelta(days=1)),
        later=_month_url((month_on + timedelta(days=32)).replace(day=1)),
        this_month=_month_url(today),
        is_this_month=(today.year, today.month) == (month_on.year, month_on.month),
        looks=LOOKS,
        words=words,
    )


def weeks_of(month_on: date, today: date, states: Sequence[DayState]) -> list[list[CalendarDay | None]]:
    """The month in weeks from Sunday to Saturday; None pads the first and the last week."""
    days = []
    day_on = month_on
    while day_on.month == month_on.month:
        of_day = [
            state
            for state in states
            if state.day == day_on and not (state.state == "not_due" and state.words == "Nothing is planned.")
        ]
        days.append(CalendarDay(day_on, day_on == today, of_day))
        day_on += timedelta(days=1)
    # Python's Monday is 0; a campus's week begins on Sunday.
    padded: list[CalendarDay | None] = [*([None] * ((month_on.weekday() + 1) % 7)), *days]
    padded += [None] * (-len(padded) % 7)
    return [padded[n : n + 7] for n in range(0, len(padded), 7)]


def _month_asked_for(today: date) -> date:
    """The first of the month that the address names, or of this month."""
    try:
        found = date.fromisoformat(f"{request.args.get('month', '')}-01")
    except ValueError:
        return today.replace(day=1)
    return found if FIRST_YEAR < found.year < LAST_YEAR else today.replace(day=1)


def _month_url(day_on: date) -> str:
    return url_for("campus.calendar", month=f"{day_on:%Y-%m}")
