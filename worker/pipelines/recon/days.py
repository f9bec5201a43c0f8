"""Which days a run compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from worker.steps import StepContext


@dataclass(frozen=True, slots=True)
class Days:
    """The campus's days from first to last. Alma is asked for a day more on both sides: its clock need not be ours.

    ``is_past``: the last day is not the campus's today. ``today``: the day that it is furthest to the east.
    """

    first_on: date
    last_on: date
    today: date
    zone: ZoneInfo
    is_past: bool = False

    @property
    def first_at(self) -> datetime:
        """When the first day begins."""
        return datetime.combine(self.first_on, time(), self.zone)

    @property
    def end_at(self) -> datetime:
        """When the last day ends; for today never, as a clock ahead of ours tells of moments that have yet to come."""
        if not self.is_past:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.combine(self.last_on + timedelta(days=1), time(), self.zone)

    @property
    def asked(self) -> tuple[date, date]:
        """The days Alma is asked for; none that lies ahead."""
        return self.first_on - timedelta(days=1), min(self.last_on + timedelta(days=1), self.today)


def days_of(ctx: StepContext, window_days: int) -> Days:
    """The days up to the one the run was asked for (``on``), else up to today. Raises: PermanentError."""
    zone = ZoneInfo(ctx.tenant.time_zone)
    local = ctx.now.astimezone(zone).date()
    wanted = ctx.run.options.get("on") or local.isoformat()
    try:
        last_on = date.fromisoformat(str(wanted))
    except ValueError as err:
        raise PermanentError(f"{wanted!r} is not a day such as {local}. Nothing was compared.") from err
    if last_on > local:
        raise PermanentError(f"{last_on} has not come yet; today is {local}. Nothing was compared.")
    today = max(local, ctx.now.astimezone(UTC).date())
    return Days(last_on - timedelta(days=window_days), last_on, today, zone, is_past=last_on < local)
