"""Patrons: who is on hold, and for one of them since when, for what, and what PeopleSoft was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.settings import feebridge_settings
from webapp.domain.campus_settings import CampusSettings
from webapp.models import HoldRegister
from webapp.models.scope import tenant_scope
from webapp.services.ask_alma import LiveBalance
from webapp.services.ask_alma import ask_alma as ask_alma_now
from webapp.services.audit import record
from webapp.services.campus_settings import read_all
from webapp.services.temporary_release import ReleaseRefusedError, end_release, grant_release
from webapp.store import patron_pages
from webapp.store.patron_pages import PatronStory, RegisterFilter
from webapp.web.csv_export import Cell, dollars

PER_PAGE = 50
LONGEST_EMPLID = 60
CSV_HEADINGS = (
    "emplid",
    "hold code",
    "reason",
    "total owed",
    "user type",
    "violation type",
    "violation date",
    "placed",
    "last told",
    "run",
)


@blueprint.get("/patrons")
@campus_role("viewer")
def patrons() -> ResponseReturnValue:
    """Look a patron up by EMPLID, or read the list of holds in force page by page."""
    q = request.args.get("q", "").strip().replace("\x00", "")[:LONGEST_EMPLID]
    code = request.args.get("code", "").strip()[:10]
    wanted = RegisterFilter(q, code)
    if request.args.get("format") == "csv":
        return _export(wanted)
    with tenant_scope(g.tenant.tenant_id) as session:
        if q and not code and patron_pages.is_known(session, q):
            return redirect(url_for("campus.patron", emplid=q), 303)
        page = patron_pages.register_page(session, wanted, after=_after(), limit=PER_PAGE)
        released = patron_pages.released_page(session, q, limit=10) if q and not page.rows else []
        codes = _codes(read_all(session), page.rows)
    return render_template(
        "campus/patrons.html",
        q=q,
        code=code,
        page=page,
        released=released,
        codes=sorted({*codes, code} - {""}),
        counted_up_to=patron_pages.COUNTED_UP_TO,
        is_first=_after() is None,
        list_url=_list_url,
    )


@blueprint.get("/patrons/<emplid>")
@campus_role("viewer")
def patron(emplid: str) -> ResponseReturnValue:
    """Everything about one patron's holds."""
    return _patron_page(emplid)


@blueprint.post("/patrons/<emplid>/ask-alma")
@campus_role("viewer")
def ask_alma(emplid: str) -> ResponseReturnValue:
    """What Alma says at this moment; nothing is stored or changed."""
    _require_known(emplid)
    return _patron_page(emplid, live=ask_alma_now(g.tenant.tenant_id, emplid, feebridge_settings()))


@blueprint.post("/patrons/<emplid>/release")
@campus_role("editor")
def release_patron(emplid: str) -> ResponseReturnValue:
    """Lift the patron's holds until a day."""
    _require_known(emplid)
    typed = {name: request.form.get(name, "") for name in ("until", "reason")}
    try:
        until_on = grant_release(g.tenant.tenant_id, emplid, **typed, today=_today(), actor=g.actor)
    except ReleaseRefusedError as err:
        return _patron_page(emplid, typed=typed, faults=err.faults), 422
    flash(
        f"Released until {until_on.day} {until_on:%B %Y}. The next run tells PeopleSoft; after that day the hold comes "
        "back by itself if the debt is still there.",
        "good",
    )
    return redirect(url_for("campus.patron", emplid=emplid), 303)


@blueprint.post("/patrons/<emplid>/release/<int:release_id>/end")
@campus_role("editor")
def end_patron_release(emplid: str, release_id: int) -> ResponseReturnValue:
    """End a temporary release before its day."""
    try:
        end_release(g.tenant.tenant_id, emplid, release_id, actor=g.actor)
    except LookupError:
        abort(404)
    flash("The release is over. The next run places the hold again if the debt is still there.", "good")
    return redirect(url_for("campus.patron", emplid=emplid), 303)


def _patron_page(
    emplid: str,
    *,
    live: LiveBalance | None = None,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
) -> str:
    with tenant_scope(g.tenant.tenant_id) as session:
        story = patron_pages.patron_story(session, emplid)
        settings = read_all(session)
    if not story.is_known:
        abort(404)
    today = _today()
    running = next(
        (r for r in story.releases if r.release.ended_at is None and r.release.until_on >= today), None
    )
    return render_template(
        "campus/patron.html",
        emplid=emplid,
        story=story,
        patron_name=_name(story),
        running=running,
        today=today,
        live=live,
        typed=typed or {"until": "", "reason": ""},
        faults=faults or {},
        may_ask_alma=settings["source"]["kind"] != "violations_file",
        contact=settings["mapping"]["contact"],
        department=settings["mapping"]["department"],
        reply_to=next(iter(settings["notification"]["reply_to"]), ""),
        owed_cents=sum(hold.amount_cents for hold in story.holds),
    )


def _require_known(emplid: str) -> None:
    with tenant_scope(g.tenant.tenant_id) as session:
        if not patron_pages.is_known(session, emplid):
            abort(404)


def _export(wanted: RegisterFilter) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        # A list of who owes what leaves the portal: the audit log says who took it.
        after = {"begins with": wanted.prefix, "hold code": wanted.hold_code}
        record(session, actor=g.actor, action="register.exported", subject="holds in force", after=after)
        session.commit()
    return export(
        "holds-in-force", CSV_HEADINGS, lambda session: patron_pages.stream_register(session, wanted), _cells
    )


def _cells(hold: HoldRegister) -> Sequence[Cell]:
    return (
        hold.emplid,
        hold.hold_code,
        hold.hold_reason,
        dollars(hold.amount_cents),
        hold.user_type,
        hold.violation_type,
        hold.violation_on,
        hold.placed_at,
        hold.told_at,
        hold.run_id,
    )


def _codes(settings: CampusSettings, rows: Sequence[HoldRegister]) -> set[str]:
    mapping = settings["mapping"]
    others = {str(value).partition("/")[0].strip() for value in mapping["codes_by_type"].values()}
    return {mapping["hold_code"], *others, *(row.hold_code for row in rows)}


def _after() -> tuple[str, str] | None:
    emplid, code = request.args.get("after", "").replace("\x00", ""), request.args.get("after_code", "")
    return (emplid[:LONGEST_EMPLID], code.replace("\x00", "")[:10]) if emplid else None


def _list_url(q: str, code: str, **more: str) -> str:
    parts = {key: value for key, value in {"q": q, "code": code, **more}.items() if value}
    return f"{url_for('campus.patrons')}?{urlencode(parts)}" if parts else url_for("campus.patrons")


def _name(story: PatronStory) -> str:
    lines = [*story.waiting, *story.told]
    return next((line.change.patron_name for line in lines if line.change.patron_name), "")


def _today() -> date:
    return datetime.now(ZoneInfo(g.tenant.time_zone)).date()
