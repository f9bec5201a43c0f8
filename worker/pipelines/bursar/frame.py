"""What every step of one run about charges works with: the settings and the layout as they were when it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import PermanentError
from webapp.domain.bursar.policy import BursarPolicy
from webapp.domain.campus_settings import CampusSettings
from webapp.services.choose_layout_set import choose_layout_set, frozen_layout_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.domain.layouts import LayoutSet
    from worker.steps import StepContext

# What decides on the content of the files is frozen with the run. How they travel is not: a password may be mended
# between two attempts.
FROZEN_SECTIONS = ("bursar", "charge_maps")
# The step that froze them: the conversion reads a file, the balance export collects balances.
_FREEZERS = ("read", "collect")


@dataclass(frozen=True, slots=True)
class BursarFrame:
    """The run's own settings and its day. ``run_at`` is campus wall-clock time."""

    settings: CampusSettings
    policy: BursarPolicy
    run_at: datetime

    @property
    def run_on(self) -> date:
        """The campus's calendar day on which the run began."""
        return self.run_at.date()

    @property
    def day(self) -> tuple[datetime, datetime]:
        """The first moment of that day, and of the next."""
        zone = self.run_at.tzinfo
        tomorrow = self.run_on + timedelta(days=1)
        return datetime.combine(self.run_on, time(), zone), datetime.combine(tomorrow, time(), zone)


def new_frame(ctx: StepContext, campus: CampusSettings) -> tuple[BursarFrame, dict[str, Any]]:
    """The frame of a run that begins, and what its first step must leave under ``frame`` in its result.

    Raises: PermanentError when the campus's layout cannot be used.
    """
    sections = {name: dict(campus[name]) for name in FROZEN_SECTIONS}
    frame = _frame(ctx, sections)
    with ctx.transaction() as session:
        chosen = choose_layout_set(session, campus["bursar"]["layout"], frame.run_on)
    # A layout that cannot be used is found out before an hour of reading, not after.
    chosen.ready(**_overrides(frame))
    return frame, {"settings": sections, "layout": chosen.frozen()}


def frame_of(ctx: StepContext) -> BursarFrame:
    """The frame of a run, from what its first step froze."""
    return _frame(ctx, first_result(ctx)["frame"]["settings"])


def layout_of(ctx: StepContext, frame: BursarFrame) -> tuple[LayoutSet, Mapping[str, Any]]:
    """The run's layout with the campus's tables and calendars, and what was frozen of it. Raises: PermanentError."""
    frozen = first_result(ctx)["frame"]["layout"]
    with ctx.transaction() as session:
        chosen = frozen_layout_set(session, frozen)
    return chosen.ready(**_overrides(frame)), frozen


def first_result(ctx: StepContext) -> dict[str, Any]:
    """What the step left that read the rows."""
    return next(ctx.results[name] for name in _FREEZERS if name in ctx.results)


def folder_of(ctx: StepContext) -> str:
    """Where the run's files are kept."""
    return f"{ctx.tenant_id}/runs/{ctx.run.id}"


def _frame(ctx: StepContext, sections: Mapping[str, Mapping[str, Any]]) -> BursarFrame:
    campus = CampusSettings(sections)
    try:
        policy = BursarPolicy.from_settings(campus["bursar"])
    except ValueError as err:
        raise PermanentError(f"{err} Correct it in the settings; nothing was sent.") from err
    return BursarFrame(campus, policy, ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)))


def _overrides(frame: BursarFrame) -> dict[str, Any]:
    maps = frame.settings["charge_maps"]
    return {
        "tables": maps["tables"],
        "calendars": maps["calendars"],
        "file_name": frame.settings["bursar"]["file_name"],
    }
