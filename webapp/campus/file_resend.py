"""Send the same bytes again, after saying what that does."""

from __future__ import annotations

from flask import abort, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.models.scope import tenant_scope
from webapp.services.resend_file import ResendRefusedError, plan_resend, resend_file


@blueprint.get("/files/<int:file_id>/resend")
@campus_role("editor")
def resend(file_id: int) -> ResponseReturnValue:
    """What sending this file again would do."""
    with tenant_scope(g.tenant.tenant_id) as session:
        try:
            plan = plan_resend(session, file_id)
        except LookupError:
            abort(404)
    return render_template("campus/file_resend.html", plan=plan, file=plan.file, words=words)


@blueprint.post("/files/<int:file_id>/resend")
@campus_role("editor")
def resend_now(file_id: int) -> ResponseReturnValue:
    """Send it, as a run of its own."""
    try:
        run_id = resend_file(g.tenant.tenant_id, file_id, actor=g.actor)
    except LookupError:
        abort(404)
    except ResendRefusedError as err:
        flash(str(err), "bad")
        return redirect(url_for("campus.resend", file_id=file_id), 303)
    return redirect(url_for("campus.run", run_id=run_id), 303)
