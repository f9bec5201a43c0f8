"""A layout made from nothing: what the file is like is asked first, the editor takes it from there."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.charge_maps import LONGEST_PASTE, pasted_rows
from webapp.services.save_layout import LayoutNotSavedError, save_layout
from webapp.services.start_layout import Start, StartRefusedError, start_layout

SUBJECT_CHOICES = (("charges", "Charges: a line for each fee"), ("holds", "Holds: a line for each patron"))
MODE_CHOICES = (("positional", "Each column at its place"), ("delimited", "Columns apart by commas"))
LINE_END_CHOICES = (
    ("LF", "Line feed (Unix)"),
    ("CRLF", "Carriage return and line feed (Windows)"),
    ("CR", "Carriage return"),
)


@blueprint.get("/settings/layout-start")
@campus_role("editor")
def layout_start() -> ResponseReturnValue:
    """The questions that come before the columns."""
    return _page({}, {})


@blueprint.post("/settings/layout-start")
@campus_role("editor")
def begin_layout() -> ResponseReturnValue:
    """Keep a first version with one column a line, and open it in the editor."""
    typed = request.form
    name = typed.get("name", "").strip()
    start = Start(
        subject=typed.get("subject", ""),
        mode=typed.get("mode", ""),
        line_end=typed.get("line_end", ""),
        has_header=bool(typed.get("has_header")),
        has_trailer=bool(typed.get("has_trailer")),
        item_types=pasted_rows(typed.get("item_types", "")[:LONGEST_PASTE]),
        terms=pasted_rows(typed.get("terms", "")[:LONGEST_PASTE]),
    )
    try:
        save_layout(
            g.tenant.tenant_id,
            name,
            start_layout(f"{g.tenant.name} {start.subject}", start),
            actor=g.actor,
            expected_version=0,
            note="Begun from nothing",
        )
    except StartRefusedError as err:
        return _page(typed, err.faults), 422
    except LayoutNotSavedError as err:
        return _page(typed, {"name": str(err)}), 422
    flash(f"{name} has begun. Add its columns and save; no run uses it before it is chosen.", "good")
    return redirect(url_for("campus.layout", name=name), 303)


def _page(typed: Mapping[str, str], faults: Mapping[str, str]) -> str:
    return render_template(
        "campus/layout_start.html",
        typed=typed,
        faults=faults,
        subjects=SUBJECT_CHOICES,
        modes=MODE_CHOICES,
        line_ends=LINE_END_CHOICES,
    )
