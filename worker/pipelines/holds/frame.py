"""What every step of one holds export works with: the settings as they were when the run began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import PermanentError
from webapp.domain.campus_settings import CampusSettings
from webapp.domain.holds import HoldPolicy, PolicyError, from_settings
from worker.steps import StepContext

# What decides on the content of the files is frozen with the run. How they travel is not: a password may be mended
# between two attempts.
FROZEN_SECTIONS = ("source", "policy", "mapping", "files")


@dataclass(frozen=True, slots=True)
class HoldFrame:
    """The run's own settings and its day. ``run_at`` is campus wall-clock time."""

    settings: CampusSettings
    policy: HoldPolicy
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


def frozen_sections(campus: CampusSettings) -> dict[str, dict[str, Any]]:
    """The sections to keep in the first step's result."""
    return {name: dict(campus[name]) for name in FROZEN_SECTIONS}


def frame_of(ctx: StepContext, sections: Mapping[str, Mapping[str, Any]] | None = None) -> HoldFrame:
    """The frame of a run: from ``sections``, or from what its first step froze. Raises: PermanentError."""
    campus = CampusSettings(sections if sections is not None else ctx.result("collect")["settings"])
    try:
        policy = from_settings(campus["policy"], campus["mapping"])
    except PolicyError as err:
        raise PermanentError(f"{err} Correct it in the settings; nothing was sent.") from err
    return HoldFrame(campus, policy, ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)))


def file_key(ctx: StepContext, name: str) -> str:
    """Where a file of this run is kept."""
    return f"{_folder(ctx)}/{name}"


def forget_parts(ctx: StepContext) -> None:
    """Take away what a killed try at this step had begun to write; one that was only frozen cannot finish it then."""
    ctx.files.forget_parts(_folder(ctx))


def _folder(ctx: StepContext) -> str:
    return f"{ctx.tenant_id}/runs/{ctx.run.id}"
