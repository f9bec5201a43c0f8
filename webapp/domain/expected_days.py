"""Was a file due on a day, and did it go? One answer for each day and pipeline, in a word and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from webapp.domain.money import format_cents
from webapp.domain.schedule import ScheduleRule

Expected = Literal["sent", "nothing", "missing", "late", "waiting", "failed", "not_due"]
# The same patience as the list of overdue things has.
LATE_AFTER = timedelta(minutes=30)
_IN_PROGRESS = frozenset({"queued", "running", "delivering", "awaiting_approval"})
_WELL_ENDED = frozenset({"succeeded", "nothing_to_send"})


@dataclass(frozen=True, slots=True)
class RunOfDay:
    """One run as the calendar sees it.

    ``files`` left or wait to leave, ``confirmed`` of them reached PeopleSoft, ``taken`` were seen to be taken there;
    ``rows`` and ``cents`` are in them. ``had_input``: a file of Alma's was converted.
    """

    run_id: int
    state: str
    scheduled_at: datetime
    files: int = 0
    confirmed: int = 0
    taken: int = 0
    rows: int = 0
    cents: int = 0
    had_input: bool = False


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What is known of one day and pipeline.

    ``dues`` are the moments at which a run was planned; ``reads_files``: the pipeline converts files of Alma's, of
    which ``came`` arrived on the day, and ``usually_comes`` says that one came on the same weekday of the weeks before.
    ``rest`` says in words why nothing is planned.
    """

    day: date
    pipeline: str
    dues: tuple[datetime, ...] = ()
    runs: tuple[RunOfDay, ...] = ()
    reads_files: bool = False
    came: int = 0
    usually_comes: bool = False
    rest: str = "Nothing is planned."


@dataclass(frozen=True, slots=True)
class DayState:
    """What to show for one day and pipeline; ``run_id`` is the run that says most about it."""

    day: date
    pipeline: str
    state: Expected
    run_id: int | None
    words: str


def day_state(facts: DayFacts, now: datetime, zone: ZoneInfo) -> DayState:
    """The day's answer: trouble before work in progress, that before what went well, and that before what is due."""
    state, run, words = _of_runs(facts, now, zone) or _without_runs(facts, now, zone)
    return DayState(facts.day, facts.pipeline, state, run.run_id if run else None, words)


def why_at_rest(rule: ScheduleRule | None, day: date) -> str:
    """Why a schedule plans no run on a day."""
    if rule is None or rule.kind == "none":
        return "Nothing is planned."
    if day in rule.blackout_dates:
        return "A day without runs, as set in the schedule."
    if rule.business_days_only and day in rule.holidays:
        return "A holiday."
    if rule.business_days_only and day.weekday() >= 5:
        return "No business day."
    return "Nothing is planned for this day."


def _of_runs(facts: DayFacts, now: datetime, zone: ZoneInfo) -> tuple[Expected, RunOfDay, str] | None:
    runs = sorted(facts.runs, key=lambda run: run.run_id)
    good = [run for run in runs if run.state in _WELL_ENDED]
    last_good = good[-1].run_id if good else 0
    for run in reversed(runs):
        if run.state == "failed" and run.run_id > last_good:
            return "failed", run, f"Run {run.run_id} failed; nothing of it is known to have left."
        if run.state in _IN_PROGRESS:
            return _in_progress(run, now, zone)
    sent = [run for run in good if run.files]
    if sent:
        return _sent(sent)
    if good:
        return _nothing(facts, good[-1])
    if runs:
        return "missing", runs[-1], f"Run {runs[-1].run_id} was cancelled, and no other took its place."
    return None


def _in_progress(run: RunOfDay, now: datetime, zone: ZoneInfo) -> tuple[Expected, RunOfDay, str]:
    if run.state == "awaiting_approval":
        return "waiting", run, f"Run {run.run_id} waits for approval."
    if now - run.scheduled_at > LATE_AFTER and run.state != "queued":
        return "late", run, f"Run {run.run_id} of {_clock(run.scheduled_at, zone)} is not done yet."
    return "waiting", run, f"Run {run.run_id} is on its way."


def _sent(runs: Sequence[RunOfDay]) -> tuple[Expected, RunOfDay, str]:
    last = runs[-1]
    files, rows = sum(run.files for run in runs), sum(run.rows for run in runs)
    words = (
        f"{files:,} file{'' if files == 1 else 's'}, {rows:,} line{'' if rows == 1 else 's'}, "
        f"{format_cents(sum(run.cents for run in runs))}"
    )
    if any(run.confirmed < run.files for run in runs):
        return "waiting", last, f"{words}: waits to be fetched."
    taken = sum(run.taken for run in runs)
    return "sent", last, f"{words}{', taken by PeopleSoft' if taken == files else ''}."


def _nothing(facts: DayFacts, run: RunOfDay) -> tuple[Expected, RunOfDay, str]:
    if facts.reads_files and facts.dues and not facts.came and not any(r.had_input for r in facts.runs):
        return "missing", run, "No file came from Alma."
    return "nothing", run, "Nothing had to be sent."


def _without_runs(facts: DayFacts, now: datetime, zone: ZoneInfo) -> tuple[Expected, RunOfDay | None, str]:
    today = now.astimezone(zone).date()
    if facts.dues:
        past = [due for due in facts.dues if now - due > LATE_AFTER]
        if not past:
            return "waiting", None, f"Due at {_clock(facts.dues[0], zone)}."
        words = f"The run of {_clock(past[-1], zone)} did not take place."
        return ("late" if facts.day == today else "missing"), None, words
    if facts.reads_files and facts.usually_comes and not facts.came and facts.day < today:
        return "missing", None, "No file came from Alma, as one did on this weekday in the weeks before."
    return "not_due", None, facts.rest


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
