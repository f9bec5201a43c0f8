"""A file layout: the ready-made ones to look at and copy, the campus's own to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.settings import seen_version
from webapp.domain.layouts import BUILT_IN, HOLD_FIELDS
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.services.preview_layout import LONGEST_TEXT, LayoutPreview, preview_layout
from webapp.services.save_layout import LayoutNotSavedError, save_layout
from webapp.store import layouts, settings_pages


@blueprint.get("/settings/layouts/<name>")
@campus_role("viewer")
def layout(name: str) -> ResponseReturnValue:
    """A layout's text with a sample of the file it makes; an older version by ``?version=``."""
    versions, events = _read(name)
    shown = _version_asked_for(versions)
    body: Mapping[str, Any] | None = shown.body if shown else BUILT_IN.get(name)
    if body is None:
        abort(404)
    return _page(name, layout_text(body), versions=versions, events=events, shown=shown)


@blueprint.post("/settings/layouts/<name>/check")
@campus_role("viewer")
def check_layout_text(name: str) -> ResponseReturnValue:
    """What is wrong with the typed text, or the sample it makes; nothing is stored."""
    versions, events = _read(name)
    return _page(name, _typed(), versions=versions, events=events, is_check=True)


@blueprint.post("/settings/layouts/<name>")
@campus_role("editor")
def change_layout(name: str) -> ResponseReturnValue:
    """Store the typed text as a new version, under the name that was typed."""
    save_as = request.form.get("save_as", name).strip()
    preview = _preview(_typed())
    if preview.document is None or preview.faults:
        versions, events = _read(name)
        return _page(name, _typed(), versions=versions, events=events, is_check=True, save_as=save_as), 422
    try:
        version = save_layout(
            g.tenant.tenant_id,
            save_as,
            preview.document,
            actor=g.actor,
            expected_version=seen_version() if save_as == name else 0,
        )
    except LayoutNotSavedError as err:
        versions, events = _read(name)
        page = _page(
            name, _typed(), versions=versions, events=events, is_check=True, save_as=save_as, fault=str(err)
        )
        return page, 422
    flash(f"{save_as} is saved as version {version}. Runs use it when it is chosen under Files.", "good")
    return redirect(url_for("campus.layout", name=save_as), 303)


@blueprint.get("/settings/layout-schema.json")
@campus_role("viewer")
def layout_schema() -> ResponseReturnValue:
    """The published JSON Schema of layouts."""
    text = (resources.files("webapp.domain.layouts") / "layout.schema.json").read_text(encoding="utf-8")
    return Response(text, content_type="application/schema+json; charset=utf-8")


def layout_text(body: Mapping[str, Any]) -> str:
    """A layout as text to edit: a column a line, so that it can be read."""
    shell = {**body, "records": {}}
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in shell.items()
        if key != "records"
    ]
    records = []
    for kind, columns in body.get("records", {}).items():
        rows = ",\n".join(f"      {json.dumps(column, ensure_ascii=False)}" for column in columns)
        records.append(f"    {json.dumps(kind)}: [\n{rows}\n    ]")
    lines.append('  "records": {\n' + ",\n".join(records) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _page(
    name: str,
    text: str,
    *,
    versions: list[LayoutVersion],
    events: list[Any],
    shown: LayoutVersion | None = None,
    is_check: bool = False,
    save_as: str = "",
    fault: str = "",
) -> str:
    newest = versions[0].version if versions else 0
    return render_template(
        "campus/layout.html",
        name=name,
        text=text,
        preview=_preview(text),
        is_built_in=name in BUILT_IN and not versions,
        is_check=is_check,
        versions=versions,
        shown_version=shown.version if shown else newest,
        version=seen_version() if is_check else newest,
        save_as=save_as or (f"{g.tenant.slug}-{name}" if name in BUILT_IN else name),
        fault=fault,
        hold_fields=HOLD_FIELDS,
        changes=change_lines(events),
    )


def _read(name: str) -> tuple[list[LayoutVersion], list[Any]]:
    with tenant_scope(g.tenant.tenant_id) as session:
        versions = layouts.layout_versions(session, name)
        if not versions and name not in BUILT_IN:
            abort(404)
        return versions, settings_pages.changes(session, [f"layout/{name}"])


def _version_asked_for(versions: list[LayoutVersion]) -> LayoutVersion | None:
    asked = request.args.get("version", "")
    if not asked:
        return versions[0] if versions else None
    found = next((row for row in versions if str(row.version) == asked), None)
    if found is None:
        abort(404)
    return found


def _typed() -> str:
    return request.form.get("text", "").replace("\r\n", "\n")[: LONGEST_TEXT + 1]


def _preview(text: str) -> LayoutPreview:
    return preview_layout(text, campus=g.tenant.name, slug=g.tenant.slug, time_zone=g.tenant.time_zone)
