"""A file layout: the ready-made ones to look at and copy, the campus's own to change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.settings import seen_version
from webapp.domain.layouts import RUN_FIELDS, TOTAL_FIELDS, LayoutError
from webapp.domain.layouts.catalogue import SUBJECTS
from webapp.domain.layouts.either_way import READY_MADE
from webapp.domain.layouts.inbound import INBOUND_FIELDS, is_inbound
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.services.edit_layout import (
    AMOUNT_CHOICES,
    CHOICES,
    RECORDS,
    EditRefusedError,
    Lines,
    Place,
    all_lines,
    edit,
    missing_lines,
    source_of,
)
from webapp.services.golden import golden_of, thaw_rows
from webapp.services.layout_coverage import unmapped_fees
from webapp.services.preview_layout import LONGEST_TEXT, LayoutPreview, preview_layout
from webapp.services.save_layout import LayoutNotSavedError, save_layout
from webapp.store import layouts, settings_pages

OWN_ROWS = 25
_KEYS = ("format", "direction", "name", "description", "subject", "kind", "when", "mode", "delimiter", "quote", "heading", "line_end", "final_newline", "encoding", "line_length", "file_name", "skip_first", "skip_last", "tables", "calendars", "fields", "aggregates", "columns")  # fmt: skip
_CHOSEN_UNDER = {
    "charges": ("bursar", "Charges to PeopleSoft"),
    "journal": ("gl", "GL journal"),
    "payments": ("payments", "Payments from PeopleSoft"),
    "hold_list": ("reconciliation", "Comparing the books"),
    "answers": ("arrival", "Where Alma’s files arrive"),
}
_COLUMN_KEYS = ("name", "value", "field", "aliases", "start", "width", "justify", "pad")


@blueprint.get("/settings/layouts/<name>")
@campus_role("viewer")
def layout(name: str) -> ResponseReturnValue:
    """A layout's text with a sample of the files it makes; an older version by ``?version=``."""
    versions, events = _read(name)
    shown = _version_asked_for(versions)
    body: Mapping[str, Any] | None = shown.body if shown else READY_MADE.get(name)
    if body is None:
        abort(404)
    return _page(name, layout_text(body), versions=versions, events=events, shown=shown)


@blueprint.post("/settings/layouts/<name>/check")
@campus_role("viewer")
def check_layout_text(name: str) -> ResponseReturnValue:
    """What is wrong with the typed text, or the sample it makes; nothing is stored."""
    versions, events = _read(name)
    return _page(name, _typed(), versions=versions, events=events, is_check=True)


@blueprint.post("/settings/layouts/<name>/columns")
@campus_role("editor")
def edit_layout_columns(name: str) -> ResponseReturnValue:
    """Add, move, change or remove one column of the typed text; nothing is stored."""
    versions, events = _read(name)
    act, _, at = request.form.get("act", "").partition(":")
    text, fault, opened = _typed(), "", None
    document = _preview(text).document
    if document is None:
        return _page(name, text, versions=versions, events=events, is_check=True), 422
    try:
        place = Place.read(at)
        if act == "open":
            opened = place
        else:
            document = edit(document, act, place, request.form)
            text = layout_text(document)
            opened = place if act in {"add", "begin"} else None
    except EditRefusedError as err:
        fault = str(err)
        opened = Place.read(at) if act == "apply" else None
    page = _page(
        name, text, versions=versions, events=events, is_check=True, fault=fault, opened=opened,
        save_as=request.form.get("save_as", ""),
    )  # fmt: skip
    return (page, 422) if fault else page


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
        if not request.form.get("know_unmapped") and (unmapped := _unmapped(preview.document)):
            versions, events = _read(name)
            page = _page(
                name, _typed(), versions=versions, events=events, is_check=True, save_as=save_as,
                fault="Fees of the last year would have waited at the desk; see below.", unmapped=unmapped,
            )  # fmt: skip
            return page, 422
        version = save_layout(
            g.tenant.tenant_id,
            save_as,
            preview.document,
            actor=g.actor,
            expected_version=seen_version() if save_as == name else 0,
            note=request.form.get("note", ""),
            effective_on=_effective_on(),
            golden=_golden(preview) if request.form.get("keep_example") else None,
            may_break_golden=bool(request.form.get("may_break_example")),
        )
    except LayoutNotSavedError as err:
        versions, events = _read(name)
        page = _page(
            name, _typed(), versions=versions, events=events, is_check=True, save_as=save_as, fault=str(err)
        )
        return page, 422
    _, where = _chosen_under(preview.subject)
    flash(f"{save_as} is saved as version {version}. Runs use it when it is chosen under {where}.", "good")
    return redirect(url_for("campus.layout", name=save_as), 303)


@blueprint.get("/settings/layout-schema.json")
@campus_role("viewer")
def layout_schema() -> ResponseReturnValue:
    """The published JSON Schema of layouts."""
    text = (resources.files("webapp.domain.layouts") / "layout.schema.json").read_text(encoding="utf-8")
    return Response(text, content_type="application/schema+json; charset=utf-8")


def layout_text(body: Mapping[str, Any]) -> str:
    """A layout as text to edit: a column a line and everything in the order of the file, so that it can be read."""
    body = _ordered(body, _KEYS)
    lines = [
        f"  {json.dumps(key)}: "
        + (_columns_text(value) if key == "columns" else json.dumps(value, ensure_ascii=False))
        for key, value in body.items()
        if key not in {"records", "files"}
    ]
    if "files" in body:
        files = ",\n".join(f"    {_indented(file)}" for file in body["files"])
        lines.append(f'  "files": [\n{files}\n  ]')
    if "records" in body:
        lines.append(f'  "records": {_records(body["records"], "  ")}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _columns_text(columns: Any) -> str:
    if not isinstance(columns, list) or not columns:
        return json.dumps(columns, ensure_ascii=False)
    rows = ",\n".join(f"    {_column_text(column)}" for column in columns)
    return f"[\n{rows}\n  ]"


def _column_text(column: Any) -> str:
    ordered = _ordered(column, _COLUMN_KEYS) if isinstance(column, Mapping) else column
    return json.dumps(ordered, ensure_ascii=False)


def _ordered(body: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The same with these keys first: the database keeps no order."""
    return {key: body[key] for key in keys if key in body} | dict(body)


def _chosen_under(subject: str) -> tuple[str, str]:
    """The section of the settings where runs are told to use a layout, and its title."""
    return _CHOSEN_UNDER.get(subject, ("files", "Files"))


def _indented(file: Any) -> str:
    if not isinstance(file, Mapping):
        return json.dumps(file, ensure_ascii=False)
    file = _ordered(file, _KEYS)
    lines = [
        f"      {json.dumps(key)}: "
        + (_records(value, "      ") if key == "records" else json.dumps(value, ensure_ascii=False))
        for key, value in file.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n    }"


def _records(records: Any, indent: str) -> str:
    if not isinstance(records, Mapping):
        return json.dumps(records, ensure_ascii=False)
    made = []
    for kind, columns in _ordered(records, RECORDS).items():
        if not isinstance(columns, list) or not columns:
            made.append(f"{indent}  {json.dumps(kind)}: {json.dumps(columns, ensure_ascii=False)}")
            continue
        rows = ",\n".join(f"{indent}    {_column_text(column)}" for column in columns)
        made.append(f"{indent}  {json.dumps(kind)}: [\n{rows}\n{indent}  ]")
    return "{\n" + ",\n".join(made) + f"\n{indent}}}"


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
    opened: Place | None = None,
    unmapped: Sequence[str] = (),
) -> str:
    newest = versions[0].version if versions else 0
    preview = _preview(text)
    document = preview.document or {}
    lines = all_lines(document)
    return render_template(
        "campus/layout.html",
        name=name,
        text=text,
        preview=preview,
        is_built_in=name in READY_MADE and not versions,
        is_check=is_check,
        versions=versions,
        shown=shown or (versions[0] if versions else None),
        shown_version=shown.version if shown else newest,
        version=seen_version() if is_check else newest,
        save_as=save_as or (f"{g.tenant.slug}-{name}" if name in READY_MADE else name),
        note=request.form.get("note", ""),
        effective_on=request.form.get("effective_on", ""),
        has_example=bool(versions and versions[0].golden),
        fault=fault,
        unmapped=unmapped,
        fields=_fields(document),
        lines=lines,
        missing=missing_lines(document),
        opened=opened,
        opened_column=_column(lines, opened),
        source_of=source_of,
        sources=_sources(document),
        chosen_under=_chosen_under(preview.subject),
        choices={**CHOICES, **AMOUNT_CHOICES},
        has_own_rows=_has_own_rows(preview.subject),
        changes=change_lines(events),
    )


def _unmapped(document: Mapping[str, Any]) -> list[str]:
    """Fees of the last year without a row in the tables. Raises: LayoutNotSavedError."""
    with tenant_scope(g.tenant.tenant_id) as session:
        try:
            return unmapped_fees(session, document)
        except LayoutError as err:
            raise LayoutNotSavedError(
                f"With this campus's own item types and terms the layout has a fault: {err.faults[0]}."
            ) from err


def _column(lines: list[Lines], opened: Place | None) -> Mapping[str, Any] | None:
    return next((column for part in lines for place, column in part.columns if place == opened), None)


def _fields(document: Mapping[str, Any]) -> Mapping[str, str]:
    if is_inbound(document):
        return INBOUND_FIELDS
    subject = document.get("subject", "holds")
    catalogue = SUBJECTS.get(subject, SUBJECTS["holds"]) if isinstance(subject, str) else SUBJECTS["holds"]
    own = document.get("fields")
    derived = dict.fromkeys(own, "made by this layout") if isinstance(own, Mapping) else {}
    return {**catalogue, **{str(name): words for name, words in derived.items()}}


def _sources(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    own = document.get("aggregates")
    totals = [*TOTAL_FIELDS, *(own if isinstance(own, Mapping) else ())]
    return [
        ("const", "Fixed text"),
        ("blank", "Nothing (an empty column)"),
        *((f"field:{field}", f"Field {field}") for field in _fields(document)),
        *_looked_up(document),
        *((f"run:{field}", f"Of the run: {field}") for field in RUN_FIELDS),
        ("line:file", "Number of the line in the file"),
        ("line:group", "Number of the line within its group"),
        *((f"aggregate:{total}", f"Total: {total}") for total in totals),
        *((f"group:{total}", f"Total of the group: {total}") for total in totals),
    ]


def _looked_up(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the layout's own tables and calendars answer."""
    tables, calendars = document.get("tables"), document.get("calendars")
    found = []
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        columns = table.get("columns") if isinstance(table, Mapping) else None
        found += [
            (f"lookup:{name}/{column}", f"Table {name}: {column}")
            for column in (columns if isinstance(columns, list) else ())
        ]
    days = [field for field, kind in _fields(document).items() if kind == "date"]
    for name in calendars if isinstance(calendars, Mapping) else ():
        found += [(f"term:{name}/{on}", f"Term of {name} on the day: {on}") for on in ("run", *days)]
    return found


def _read(name: str) -> tuple[list[LayoutVersion], list[Any]]:
    with tenant_scope(g.tenant.tenant_id) as session:
        versions = layouts.layout_versions(session, name)
        if not versions and name not in READY_MADE:
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


def _effective_on() -> date | None:
    typed = request.form.get("effective_on", "").strip()
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise LayoutNotSavedError(f"{typed[:20]!r} is not a day like 2026-12-25.") from None


def _golden(preview: LayoutPreview) -> dict[str, Any]:
    made = golden_of(
        preview.document or {},
        preview.rows,
        run_at=datetime.now(UTC).astimezone(ZoneInfo(g.tenant.time_zone)),
        campus=g.tenant.slug,
        campus_name=g.tenant.name,
    )
    if made is None:
        raise LayoutNotSavedError(
            "The example cannot be kept: the layout refuses one of its rows, or the layout is about holds."
        )
    return made


def _typed() -> str:
    return request.form.get("text", "").replace("\r\n", "\n")[: LONGEST_TEXT + 1]


def _own_rows() -> list[Any]:
    with tenant_scope(g.tenant.tenant_id) as session:
        return thaw_rows(layouts.newest_bodies(session, OWN_ROWS))


def _has_own_rows(subject: str) -> bool:
    return subject == "charges" and bool(_own_rows())


def _preview(text: str) -> LayoutPreview:
    wants_own = request.values.get("rows") == "own"
    rows = _own_rows() if wants_own else []
    preview = preview_layout(
        text, campus=g.tenant.name, slug=g.tenant.slug, time_zone=g.tenant.time_zone, fees=rows
    )
    return replace(preview, is_own=bool(rows) and preview.subject == "charges")
