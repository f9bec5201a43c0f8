"""Settings: the overview with what is missing, and a page for each section."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import abort, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role, may
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.exports import export
from webapp.campus.set_up_steps import Overview, read_overview, tests_of
from webapp.campus.settings_form import form_groups
from webapp.config import Settings
from webapp.domain.campus_settings import SECTIONS, CampusSettings, Section
from webapp.domain.layouts import BUILT_IN
from webapp.domain.layouts.inbound import READY_MADE_INBOUND
from webapp.domain.settings_summary import summarise
from webapp.models import AuditEvent
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services.campus_settings import SettingsChangedMeanwhileError, SettingsRefusedError
from webapp.services.change_settings import forget_secret, save_section
from webapp.store import layouts, settings_pages
from webapp.web.csv_export import Cell
from webapp.web.listing import Column, Listing, read_query

FORM_SECTIONS = "any(notification, source, policy, mapping, files, bursar, arrival, payments, posting, reconciliation, gl, delivery, alma)"
# What the layout that a section names must be about.
_SUBJECTS = {"files": "holds", "bursar": "charges", "gl": "journal"}
HISTORY_COLUMNS = (
    Column("When", "when", "when"),
    Column("Who"),
    Column("What"),
    Column("Before and after"),
)


def feebridge_settings() -> Settings:
    """The settings of this process."""
    found: Settings = current_app.config["FEEBRIDGE"]
    return found


@blueprint.get("/settings")
@campus_role("viewer")
def settings() -> ResponseReturnValue:
    """Every section in a line, what it lacks, and for a new campus what to do next."""
    with tenant_scope(g.tenant.tenant_id) as session:
        overview: Overview = read_overview(session, g.tenant)
    return render_template("campus/settings.html", overview=overview)


@blueprint.get(f"/settings/<{FORM_SECTIONS}:section>")
@campus_role("viewer")
def settings_section(section: str) -> ResponseReturnValue:
    """One section: its form, its test where there is one, and what was changed."""
    return section_page(section)


@blueprint.post(f"/settings/<{FORM_SECTIONS}:section>")
@campus_role("editor")
def change_settings(section: str) -> ResponseReturnValue:
    """Store a section whole, or show what is wrong with everything that was typed still there."""
    require_admin_for(SECTIONS[section])
    typed = {name: text for name, text in request.form.items() if name not in {"csrf_token", "version"}}
    try:
        notes = save_section(
            g.tenant.tenant_id,
            section,
            typed,
            secrets=typed,
            actor=g.actor,
            expected_version=seen_version(),
            settings=feebridge_settings(),
        )
    except SettingsRefusedError as err:
        return section_page(section, typed=typed, faults=err.faults), 422
    except SettingsChangedMeanwhileError:
        return section_page(section, typed=typed, is_stale=True), 409
    flash(f"{SECTIONS[section].title}: saved. It counts from the next run on.", "good")
    for note in notes:
        flash(note, "ask")
    return redirect(url_for("campus.settings_section", section=section), 303)


@blueprint.post(f"/settings/<{FORM_SECTIONS}:section>/secrets/<name>/remove")
@campus_role("admin")
def remove_secret(section: str, name: str) -> ResponseReturnValue:
    """Forget a key or password."""
    if name not in SECTIONS[section].secrets():
        abort(404)
    label = SECTIONS[section].field(name).label
    if forget_secret(g.tenant.tenant_id, name, g.actor):
        flash(f"{label}: removed. Runs that need it stop and say so.", "good")
    return redirect(url_for("campus.settings_section", section=section), 303)


@blueprint.get("/settings/history")
@campus_role("viewer")
def settings_history() -> ResponseReturnValue:
    """Everything that was ever changed, with who and when."""
    query = read_query(HISTORY_COLUMNS, default_sort="when", descending=True)
    if query.wants_csv:
        return export(
            "changes",
            ("number", "when", "who", "action", "subject", "before", "after"),
            lambda session: settings_pages.every_change(session, query.q),
            _history_cells,
        )
    with tenant_scope(g.tenant.tenant_id) as session:
        events, total = settings_pages.list_changes(
            session, words=query.q, descending=query.descending, limit=query.per_page, offset=query.offset
        )
    listing = Listing(
        query,
        HISTORY_COLUMNS,
        change_lines(events),
        total,
        caption="Changes",
        noun="changes",
        search_label="A name, a section, or what was done",
        empty={
            "title": "Nothing was changed yet",
            "text": "Every change of a setting is kept here for good.",
        },
    )
    return render_template("campus/settings_history.html", listing=listing)


def section_page(
    name: str,
    *,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    is_stale: bool = False,
    **more: Any,
) -> str:
    """The page of a section. ``more`` goes to the template of that section (what a test found)."""
    section, faults = SECTIONS[name], faults or {}
    with tenant_scope(g.tenant.tenant_id) as session:
        stored = settings_pages.stored_sections(session)
        secrets = settings_pages.secrets_held(session)
        found = CampusSettings({key: row.value for key, row in stored.items()})
        events = settings_pages.changes(session, [name, *section.secrets()])
        test = tests_of(session, (name,)).get(name)
        choices = _choices(session, name)
        own_layouts = layouts.own_layouts(session) if name == "files" else []
    values = dict(found[name])
    if name == "alma" and not values["institution_code"]:
        values["institution_code"] = g.tenant.alma_institution
    return render_template(
        [f"campus/settings_{name}.html", "campus/settings_section.html"],
        section=section,
        values=values,
        groups=form_groups(section, values, typed=typed, faults=faults, secrets=secrets, choices=choices),
        faults=[(field, text) for field, text in faults.items() if text],
        version=stored[name].version if name in stored else 0,
        set_by=stored[name].set_by if name in stored else None,
        is_stale=is_stale,
        may_change=may_change(section),
        missing=summarise(found, secrets)[name].missing,
        changes=change_lines(events),
        test=test,
        built_in=BUILT_IN,
        own_layouts=own_layouts,
        source_kind=found["source"]["kind"],
        api_token_set=secrets.get("api_token"),
        base_url=feebridge_settings().base_url,
        **{"look": None, **more},
    )


def may_change(section: Section) -> bool:
    """Whether the person may save this section."""
    return may("admin" if section.needs_admin else "editor")


def require_admin_for(section: Section) -> None:
    """End the request with 403 when the section is for campus admins and the person is none."""
    if not may_change(section):
        abort(403)


def seen_version() -> int:
    """The version of what the person saw when they began to type; -1 for none that can be."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _choices(session: ScopedSession, section: str) -> dict[str, Sequence[tuple[str, str]]]:
    if section == "alma":
        return {"base_url": [(host, host) for host in feebridge_settings().alma_hosts]}
    if section == "arrival":
        return {
            "load_result_layout": [
                ("", "None; load results are not read"),
                *_incoming(session, _says_results),
            ]
        }
    if section == "payments":
        return {"layout": [("", "None; such files are not read"), *_incoming(session, _says_payments)]}
    if section == "reconciliation":
        return {"hold_list_layout": [("", "None; hold lists are not read"), *_incoming(session, _says_holds)]}
    if subject := _SUBJECTS.get(section):
        return {"layout": _layouts_about(session, subject)}
    return {}


def _layouts_about(session: ScopedSession, subject: str) -> list[tuple[str, str]]:
    """The layouts that write holds, charges or journals: the campus's own first, then those that come with Feebridge."""
    own = {row.name: row.body for row in layouts.own_layouts(session)}
    found = [(name, f"{name} – your own") for name, body in own.items() if _is_about(body, subject)]
    return found + [
        (name, f"{name} – {body['name']}")
        for name, body in BUILT_IN.items()
        if _is_about(body, subject) and name not in own
    ]


def _incoming(session: ScopedSession, is_meant: Callable[[Mapping[str, Any]], bool]) -> list[tuple[str, str]]:
    """The layouts of incoming files of one sort, the campus's own first."""
    own = {row.name: row.body for row in layouts.own_layouts(session)}
    found = [
        (name, f"{name} – your own")
        for name, body in own.items()
        if body.get("direction") == "in" and is_meant(body)
    ]
    return found + [
        (name, f"{name} – {_first_words(body['description'])}")
        for name, body in READY_MADE_INBOUND.items()
        if is_meant(body) and name not in own
    ]


def _first_words(description: str) -> str:
    """What a description says before it goes into detail."""
    return description.partition(":")[0].partition(". ")[0]


def _says_results(body: Mapping[str, Any]) -> bool:
    return "status" in body


def _says_payments(body: Mapping[str, Any]) -> bool:
    return "payments" in body


def _says_holds(body: Mapping[str, Any]) -> bool:
    return not (_says_results(body) or _says_payments(body))


def _is_about(body: Mapping[str, Any], subject: str) -> bool:
    return body.get("direction") != "in" and body.get("subject", "holds") == subject


def _history_cells(event: AuditEvent) -> Sequence[Cell]:
    return (
        event.n,
        event.at,
        event.actor,
        event.action,
        event.subject,
        str(event.before or ""),
        str(event.after or ""),
    )
