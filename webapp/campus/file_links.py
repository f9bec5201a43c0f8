"""Where the link in a mail leads: to a run's files, after signing in, until the link expires."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, current_app, g, render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.file_links import FileLinkError, read_file_link
from webapp.store import run_pages


@blueprint.get("/files/link/<token>")
@campus_role("viewer")
def file_link(token: str) -> ResponseReturnValue:
    """The files that a mail announced. That the link was used is in the audit log."""
    try:
        link = read_file_link(current_app.config["FEEBRIDGE"], token, now=datetime.now(UTC))
    except FileLinkError as err:
        return render_template("campus/file_link_over.html", why=str(err)), 410
    # A link of another campus is, here, the link of nothing.
    if link.tenant_id != g.tenant.tenant_id:
        abort(404)
    with tenant_scope(g.tenant.tenant_id) as session:
        run = run_pages.run_row(session, link.run_id)
        if run is None:
            abort(404)
        files, _ = run_pages.files_of_run(session, run.id)
        audit.record(session, actor=g.actor, action="file_link.opened", subject=f"run/{run.id}")
        session.commit()
    return render_template("campus/file_link.html", run=run, files=files, link=link, words=words)
