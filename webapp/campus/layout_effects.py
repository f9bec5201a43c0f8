"""What a version of a layout would have made of last month's files, and what changed in it."""

from __future__ import annotations

from flask import abort, g, render_template, request
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.domain.layouts import BUILT_IN
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.layout_effects import ROWS_OF_A_RUN, CampusFrame, effects_on_newest_runs
from webapp.services.layout_versions import layout_changes
from webapp.store import layouts


@blueprint.get("/settings/layouts/<name>/effects")
@campus_role("viewer")
def layout_effects(name: str) -> ResponseReturnValue:
    """Two versions on the campus's newest runs; ``?from=`` and ``?to=``, usually the newest and the one before."""
    with tenant_scope(g.tenant.tenant_id) as session:
        versions = layouts.layout_versions(session, name)
        if not versions:
            abort(404)
        newer = _asked(versions, "to") or versions[0]
        older = _asked(versions, "from") or _before(versions, newer)
        settings = read_all(session)
        # Without an earlier version there is the layout that the campus uses now to compare with.
        against = older.body if older else BUILT_IN.get(settings["bursar"]["layout"], newer.body)
        is_charges = newer.body.get("subject") == "charges" == against.get("subject")
        frame = CampusFrame(
            g.tenant.slug,
            g.tenant.name,
            g.tenant.time_zone,
            settings["charge_maps"]["tables"],
            settings["charge_maps"]["calendars"],
        )
        effects = effects_on_newest_runs(session, against, newer.body, frame) if is_charges else []
    return render_template(
        "campus/layout_effects.html",
        name=name,
        versions=versions,
        older=older,
        newer=newer,
        against=against,
        changes=layout_changes(against, newer.body),
        effects=effects,
        is_charges=is_charges,
        rows_of_a_run=ROWS_OF_A_RUN,
    )


def _asked(versions: list[LayoutVersion], key: str) -> LayoutVersion | None:
    asked = request.args.get(key, "")
    if not asked:
        return None
    found = next((row for row in versions if str(row.version) == asked), None)
    if found is None:
        abort(404)
    return found


def _before(versions: list[LayoutVersion], newer: LayoutVersion) -> LayoutVersion | None:
    return next((row for row in versions if row.version < newer.version), None)
