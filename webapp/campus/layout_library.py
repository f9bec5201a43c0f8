"""The library of layouts: ready-made, own, and offered by other campuses; a layout as a specification to hand out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.layouts import layout_text
from webapp.domain.layouts import LayoutError, apply_overrides
from webapp.domain.layouts.either_way import READY_MADE, describe_either, subject_of
from webapp.models import LayoutVersion
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.layout_versions import layout_changes
from webapp.services.save_layout import LayoutNotSavedError, follow_layout, share_layout
from webapp.services.specification import as_html
from webapp.store import layouts


@blueprint.get("/settings/layouts")
@campus_role("viewer")
def layout_library() -> ResponseReturnValue:
    """Every layout this campus may use, and what each is for."""
    with tenant_scope(g.tenant.tenant_id) as session:
        campus = read_all(session)
        shared = layouts.shared_by_others(session)
        return render_template(
            "campus/layout_library.html",
            own=layouts.own_layouts(session),
            ready_made=READY_MADE,
            offered=[row for row in shared if row.owner_id != g.tenant.tenant_id],
            shared_names={row.name for row in shared if row.owner_id == g.tenant.tenant_id},
            in_use={campus[section]["layout"] for section in ("files", "bursar", "payments")},
            subject_of=subject_of,
        )


@blueprint.post("/settings/layout-follow")
@campus_role("editor")
def follow_shared_layout() -> ResponseReturnValue:
    """Use another campus's layout, and its later versions, under a name of one's own."""
    typed, name = request.form.get("shared_id", ""), request.form.get("save_as", "").strip()
    if not (typed.isascii() and typed.isdigit()):
        abort(404)
    try:
        follow_layout(g.tenant.tenant_id, int(typed[:18]), name, actor=g.actor)
    except LookupError:
        abort(404)
    except LayoutNotSavedError as err:
        flash(str(err), "bad")
        return redirect(url_for("campus.layout_library"), 303)
    flash(
        f"{name} follows that campus's layout: its later versions count here when they take effect.", "good"
    )
    return redirect(url_for("campus.layout", name=name), 303)


@blueprint.post("/settings/layouts/<name>/share")
@campus_role("editor")
def share_own_layout(name: str) -> ResponseReturnValue:
    """Offer the newest version to every campus, or offer none any more."""
    is_offered = request.form.get("act") != "withdraw"
    try:
        share_layout(g.tenant.tenant_id, g.tenant.name, name, is_offered=is_offered, actor=g.actor)
    except LookupError:
        abort(404)
    except LayoutNotSavedError as err:
        flash(str(err), "bad")
    else:
        words = "is offered to every campus" if is_offered else "is not offered any more"
        flash(f"{name} {words}.", "good")
    return redirect(url_for("campus.layout_library"), 303)


@blueprint.get("/settings/layouts/<name>/specification")
@campus_role("viewer")
def layout_specification(name: str) -> ResponseReturnValue:
    """The file specification for people who write or check a loader; made to be printed, or one file to send."""
    with tenant_scope(g.tenant.tenant_id) as session:
        version = _version(session, name, request.args.get("version", ""))
        body: Mapping[str, Any] | None = version.body if version else READY_MADE.get(name)
        maps = read_all(session)["charge_maps"]
    if body is None:
        abort(404)
    try:
        if subject_of(body) == "charges":
            body = apply_overrides(body, maps["tables"], maps["calendars"])
        found, described = describe_either(body)
    except LayoutError as err:
        return render_template("campus/layout_specification.html", name=name, faults=err.faults), 422
    if request.args.get("download") == "html":
        said = version.version if version else "ready-made"
        answer = Response(as_html(found, described), content_type="text/html; charset=utf-8")
        answer.headers.set("Content-Disposition", "attachment", filename=f"{name}-{said}.html")
        return answer
    return render_template(
        "campus/layout_specification.html",
        name=name,
        layout=found,
        version=version,
        described=described,
        faults=(),
    )


@blueprint.get("/settings/layouts/<name>/compare")
@campus_role("viewer")
def compare_layout_versions(name: str) -> ResponseReturnValue:
    """Two versions of an own layout, line by line."""
    with tenant_scope(g.tenant.tenant_id) as session:
        versions = layouts.layout_versions(session, name)
    if not versions:
        abort(404)
    newer = _asked(versions, "to") or versions[0]
    older = _asked(versions, "from") or next((row for row in versions if row.version < newer.version), newer)
    lines = difflib.unified_diff(
        layout_text(older.body).splitlines(), layout_text(newer.body).splitlines(), n=2, lineterm=""
    )
    return render_template(
        "campus/layout_compare.html",
        name=name,
        versions=versions,
        older=older,
        newer=newer,
        changes=layout_changes(older.body, newer.body),
        lines=[line for line in lines if not line.startswith(("---", "+++"))],
    )


def _version(session: ScopedSession, name: str, asked: str) -> LayoutVersion | None:
    versions = layouts.layout_versions(session, name)
    if not asked:
        return versions[0] if versions else None
    found = next((row for row in versions if str(row.version) == asked), None)
    if found is None:
        abort(404)
    return found


def _asked(versions: list[LayoutVersion], key: str) -> LayoutVersion | None:
    asked = request.args.get(key, "")
    if not asked:
        return None
    found = next((row for row in versions if str(row.version) == asked), None)
    if found is None:
        abort(404)
    return found
