"""What the fields of a mail template mean for one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from webapp.config import Settings
from webapp.domain.money import format_cents
from webapp.models import File, Run
from webapp.models.scope import ScopedSession
from webapp.services.file_links import make_file_link
from webapp.store import files, holds
from webapp.store.mail_pages import last_real_run


@dataclass(frozen=True, slots=True)
class Campus:
    """The campus a mail is about."""

    tenant_id: int
    slug: str
    name: str
    time_zone: str


def report_values(
    settings: Settings,
    campus: Campus,
    run: Run,
    *,
    made: Sequence[File],
    totals: holds.RegisterTotals,
    link_hours: int,
) -> dict[str, str]:
    """Every mail field for a run and its files; ``totals`` are the holds in force."""
    counts: Mapping[str, int] = run.counts
    names = {
        kind: ", ".join(f.name for f in made if f.kind == kind) for kind in ("added", "released", "snapshot")
    }
    started_at = run.started_at or run.created_at
    return {
        "campus": campus.name,
        "run_date": _day(started_at.astimezone(ZoneInfo(campus.time_zone)).date()),
        "run_id": str(run.id),
        "story": run.story,
        "added_count": f"{counts.get('added', 0) + counts.get('updated', 0):,}",
        "added_total": format_cents(counts.get("added_cents", 0) + counts.get("updated_cents", 0)),
        "updated_count": f"{counts.get('updated', 0):,}",
        "released_count": f"{counts.get('released', 0):,}",
        "hold_count": f"{totals.rows:,}",
        "hold_total": format_cents(totals.cents),
        "quarantined_count": f"{counts.get('quarantined', 0):,}",
        "added_file": names["added"] or names["snapshot"],
        "released_file": names["released"],
        "files": "\n".join(file.name for file in made),
        "link": make_file_link(
            settings,
            tenant_id=campus.tenant_id,
            slug=campus.slug,
            run_id=run.id,
            from_at=started_at,
            hours=link_hours,
        ),
    }


def preview_values(
    session: ScopedSession, settings: Settings, campus: Campus, *, link_hours: int
) -> tuple[dict[str, str], str]:
    """Values to show a template with, and in words where they are from: the last run, or an example."""
    run = last_real_run(session, "holds_export")
    if run is None:
        return _example(settings, campus), "invented values, because no run has sent anything yet"
    values = report_values(
        settings,
        campus,
        run,
        made=files.files_of(session, campus.tenant_id, run.id),
        totals=holds.register_totals(session, campus.tenant_id),
        link_hours=link_hours,
    )
    return values, f"the real values of run {run.id}, {values['run_date']}"


def _example(settings: Settings, campus: Campus) -> dict[str, str]:
    today = (datetime.now(UTC) - timedelta(hours=8)).date()
    added, released = (
        f"{campus.slug}_holds_{kind}_{today:%Y%m%d}_0001.txt" for kind in ("added", "released")
    )
    return {
        "campus": campus.name,
        "run_date": _day(today),
        "run_id": "1041",
        "story": "37 patrons added ($1,204.50), 3 changed, 12 released; files delivered to sftp.example.edu at 18:02.",
        "added_count": "40",
        "added_total": "$1,310.25",
        "updated_count": "3",
        "released_count": "12",
        "hold_count": "1,204",
        "hold_total": "$48,112.00",
        "quarantined_count": "2",
        "added_file": added,
        "released_file": released,
        "files": f"{added}\n{released}",
        "link": f"{settings.base_url}/c/{campus.slug}/files/link/example",
    }


def _day(day: date) -> str:
    return day.strftime("%A, %d %B %Y")
