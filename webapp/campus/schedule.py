"""When each pipeline runs by itself, in words before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.words import HOLDS_EXPORT
from webapp.domain.campus_settings import parse_dates
from webapp.domain.schedule import (
    LAST_DAY,
    ScheduleError,
    ScheduleRule,
    describe,
    describe_dst,
    next_times,
    rule_from_json,
    rule_to_json,
)
from webapp.models import Schedule
from webapp.models.scope import tenant_scope
from webapp.services.save_schedule import CATCH_UP_LIMIT_H, save_schedule
from webapp.store import schedules, settings_pages

KINDS = (
    ("none", "Not scheduled"),
    ("daily", "Every day"),
    ("weekdays", "On chosen weekdays"),
    ("month_days", "On chosen days of the month"),
    ("every_hours", "Every few hours, from a time until midnight"),
    ("minutes", "Every few minutes, from a time until midnight"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_CATCH_UP_H = 720


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A pipeline that can run by itself: what people call it, what it does, and whether it only looks for files."""

    title: str
    does: str
    is_looking: bool = False


SCHEDULED: Mapping[str, Scheduled] = {
    HOLDS_EXPORT: Scheduled("Holds export", "Tells PeopleSoft which holds to place and which to release."),
    "bursar_conversion": Scheduled(
        "Bursar conversion",
        "Looks whether a file of Alma's has arrived, and turns it into the files of Student Financials. A look that finds "
        "nothing does nothing.",
        is_looking=True,
    ),
    "balance_export": Scheduled(
        "Balance export", "Tells the bursar how balances in Alma have changed since it was last told."
    ),
    "bursar_acknowledgements": Scheduled(
        "Acknowledgements",
        "Looks whether PeopleSoft took the files that were delivered, and reads what it says of each line.",
        is_looking=True,
    ),
    "payment_import": Scheduled(
        "Payment import",
        "Looks whether a file of payments has come, and books what is new in it. A look that finds nothing does nothing.",
        is_looking=True,
    ),
    "reconciliation": Scheduled(
        "Reconciliation", "Compares Alma, our ledger and PeopleSoft, and lists what does not agree."
    ),
    "gl_journal": Scheduled("GL journal", "Gathers the payments of past days into one balanced journal."),
}
_PIPELINE = f"any({', '.join(SCHEDULED)})"


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """What the controls hold, as text, and what is wrong with it. ``rule`` is there when nothing is."""

    values: Mapping[str, Any]
    faults: Mapping[str, str] = field(default_factory=dict)
    rule: ScheduleRule | None = None

    @property
    def catch_up_limit_h(self) -> int:
        """The limit in hours, checked."""
        return int(self.values["catch_up_limit_h"])


@dataclass(frozen=True, slots=True)
class Preview:
    """The rule in words: in a line, the next starts, and the days on which the clock changes."""

    line: str
    next_times: Sequence[str]
    clock_changes: Sequence[str]


@blueprint.get("/settings/schedule")
@blueprint.get(f"/settings/schedule/<{_PIPELINE}:pipeline>")
@campus_role("viewer")
def schedule(pipeline: str = HOLDS_EXPORT) -> ResponseReturnValue:
    """The schedule of a pipeline as it is stored, in words and as a form."""
    return _page(pipeline, _stored_form)


@blueprint.post("/settings/schedule")
@blueprint.post(f"/settings/schedule/<{_PIPELINE}:pipeline>")
@campus_role("editor")
def change_schedule(pipeline: str = HOLDS_EXPORT) -> ResponseReturnValue:
    """Store the schedule; it counts from now on."""
    form = _typed_form(pipeline, request.form)
    if form.rule is None:
        return _page(pipeline, lambda _row: form), 422
    with tenant_scope(g.tenant.tenant_id) as session:
        stored = _seen(schedules.schedule_of(session, pipeline))
    if request.form.get("seen", "") != stored:
        return _page(pipeline, lambda _row: form, is_stale=True), 409
    save_schedule(
        g.tenant.tenant_id,
        pipeline,
        form.rule,
        g.actor,
        is_enabled=form.values["is_enabled"],
        catch_up_limit_h=form.catch_up_limit_h,
    )
    upcoming = next_times(form.rule, datetime.now(UTC), 1) if form.values["is_enabled"] else []
    flash(
        f"Schedule saved. Next run: {upcoming[0]}."
        if upcoming
        else "Schedule saved. Nothing runs by itself.",
        "good",
    )
    return redirect(url_for("campus.schedule", pipeline=pipeline), 303)


@blueprint.post("/settings/schedule/preview")
@blueprint.post(f"/settings/schedule/<{_PIPELINE}:pipeline>/preview")
@campus_role("viewer")
def preview_schedule(pipeline: str = HOLDS_EXPORT) -> ResponseReturnValue:
    """What the form would mean, in words; nothing is stored."""
    form = _typed_form(pipeline, request.form)
    return _page(pipeline, lambda _row: form, is_preview=True)


def _page(
    pipeline: str,
    form_of: Callable[[Schedule | None], ScheduleForm],
    *,
    is_preview: bool = False,
    is_stale: bool = False,
) -> str:
    with tenant_scope(g.tenant.tenant_id) as session:
        rows = schedules.schedules_by_pipeline(session)
        events = settings_pages.changes(session, [f"schedule/{pipeline}"])
    row = rows.get(pipeline)
    form = form_of(row)
    return render_template(
        "campus/schedule.html",
        pipeline=pipeline,
        scheduled=SCHEDULED,
        lines={name: _line(rows.get(name)) for name in SCHEDULED},
        form=form,
        faults=list(form.faults.items()),
        preview=_preview(form),
        is_preview=is_preview,
        is_stale=is_stale,
        # A preview goes on with what the person began with.
        seen=request.form.get("seen", "") if is_preview else _seen(row),
        changes=change_lines(events),
        kinds=[(kind, words) for kind, words in KINDS if kind != "minutes" or SCHEDULED[pipeline].is_looking],
        weekdays=WEEKDAYS,
        this_year=_today().year,
    )


def _line(row: Schedule | None) -> str:
    """A stored schedule in a line."""
    if row is None:
        return "Not scheduled"
    try:
        words = describe(rule_from_json(row.rule))
    except ScheduleError:
        return "The stored schedule cannot be used"
    return words if row.is_enabled else f"Switched off; it was: {words}"


def _seen(row: Schedule | None) -> str:
    """What tells one version of the schedule from the next."""
    return row.updated_at.isoformat() if row else ""


def _preview(form: ScheduleForm) -> Preview | None:
    if form.rule is None:
        return None
    year = _today().year
    is_on = form.values["is_enabled"]
    return Preview(
        describe(form.rule) if is_on else f"Switched off. Switched on, it would be: {describe(form.rule)}",
        next_times(form.rule, datetime.now(UTC), 5) if is_on else [],
        [sentence for y in (year, year + 1) for sentence in describe_dst(form.rule, y)]
        if is_on and form.rule.kind != "none"
        else [],
    )


def _stored_form(row: Schedule | None) -> ScheduleForm:
    if row is None:
        rule = rule_from_json({"kind": "none", "zone": g.tenant.time_zone})
        return ScheduleForm(_values(rule_to_json(rule), CATCH_UP_LIMIT_H, is_enabled=True), rule=rule)
    try:
        rule = rule_from_json({**row.rule, "zone": g.tenant.time_zone})
    except ScheduleError as err:
        return ScheduleForm(_values(row.rule, row.catch_up_limit_h, is_enabled=row.is_enabled), err.by_field)
    return ScheduleForm(
        _values(rule_to_json(rule), row.catch_up_limit_h, is_enabled=row.is_enabled), rule=rule
    )


def _values(rule: Mapping[str, Any], catch_up_limit_h: int, *, is_enabled: bool) -> dict[str, Any]:
    days = rule.get("month_days") or []
    return {
        "kind": rule.get("kind", "none"),
        "at": rule.get("at") or "18:00",
        "weekdays": {str(day) for day in rule.get("weekdays") or (0, 1, 2, 3, 4)},
        "month_days": ", ".join(
            "last" if day == LAST_DAY else str(day) for day in sorted(days, key=lambda d: d % 99)
        ),
        "every_hours": str(rule.get("every_hours") or 6),
        "every_minutes": str(rule.get("every_minutes") or 10),
        "blackout_dates": "\n".join(rule.get("blackout_dates") or ()),
        "business_days_only": bool(rule.get("business_days_only")),
        "holidays": "\n".join(rule.get("holidays") or ()),
        "is_enabled": is_enabled,
        "catch_up_limit_h": str(catch_up_limit_h),
    }


def _typed_form(pipeline: str, typed: MultiDict[str, str]) -> ScheduleForm:
    values: dict[str, Any] = {
        name: typed.get(name, "").strip()[:10_000]
        for name in (
            "kind",
            "at",
            "month_days",
            "every_hours",
            "every_minutes",
            "blackout_dates",
            "holidays",
            "catch_up_limit_h",
        )
    }
    values["weekdays"] = set(typed.getlist("weekdays"))
    for name in ("business_days_only", "is_enabled"):
        values[name] = typed.get(name) == "yes"
    faults: dict[str, str] = {}
    rule_json = _rule_json(values, faults)
    if values["kind"] == "minutes" and not SCHEDULED[pipeline].is_looking:
        faults["kind"] = "Every few minutes is only for what looks for files; choose hours or days."
    hours = values["catch_up_limit_h"]
    if not (hours.isascii() and hours.isdigit() and len(hours) < 5 and int(hours) <= _MOST_CATCH_UP_H):
        faults["catch_up_limit_h"] = f"This must be a whole number of hours from 0 to {_MOST_CATCH_UP_H}."
    try:
        rule = rule_from_json(rule_json)
    except ScheduleError as err:
        return ScheduleForm(values, {**err.by_field, **faults})
    return ScheduleForm(values, faults, None if faults else rule)


def _rule_json(values: Mapping[str, Any], faults: dict[str, str]) -> dict[str, Any]:
    """The form as the rule's JSON; what cannot be read is a fault. Only what the kind uses is checked."""
    kind = values["kind"]
    rule: dict[str, Any] = {
        "kind": kind,
        "zone": g.tenant.time_zone,
        "at": values["at"] or None,
        "business_days_only": values["business_days_only"],
    }
    if kind == "weekdays":
        rule["weekdays"] = [int(day) for day in values["weekdays"] if day in set("0123456")]
    if kind == "month_days":
        rule["month_days"] = _month_days(values["month_days"], faults)
    step = {"every_hours": "every_hours", "minutes": "every_minutes"}.get(kind)
    if step:
        text = values[step]
        rule[step] = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    for name in ("blackout_dates", "holidays"):
        try:
            rule[name] = [day.isoformat() for day in parse_dates(values[name])]
        except ValueError as err:
            faults[name] = str(err)
    return rule


def _month_days(text: str, faults: dict[str, str]) -> list[int]:
    days = []
    for word in text.replace(",", " ").split():
        if word.lower() == "last":
            days.append(LAST_DAY)
        elif word.isascii() and word.isdigit() and 1 <= int(word[:4]) <= 31:
            days.append(int(word))
        else:
            faults["month_days"] = f"{word[:20]!r} is no day of a month; use 1 to 31, or last."
    return days


def _today() -> date:
    return datetime.now(ZoneInfo(g.tenant.time_zone)).date()
