"""What a person does about a fee that a conversion held back: look after it, correct it, let it go, send it again."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.desk import row_page
from webapp.campus.desk_help import is_charge, mend_fields, read_patch
from webapp.models import QuarantinedRow
from webapp.models.scope import tenant_scope
from webapp.services import resend_lines
from webapp.services.mend_row import MENDABLE, mend_row, own_row, release_row, send_desk_now
from webapp.services.resend_lines import ResendRefusedError
from webapp.services.resolve_row import LONGEST_REASON, RowRefusedError
from webapp.store import desk_pages


@blueprint.post("/desk/<int:row_id>/own")
@campus_role("editor")
def own_desk_row(row_id: int) -> ResponseReturnValue:
    """Look after a row, or give it up."""
    gives_up = request.form.get("give_up") == "yes"
    return _act(
        row_id,
        lambda: own_row(g.tenant.tenant_id, row_id, None if gives_up else g.actor.person_id, g.actor),
        "Nobody looks after this row now." if gives_up else "You look after this row now.",
    )


@blueprint.post("/desk/<int:row_id>/mend")
@campus_role("editor")
def mend_desk_row(row_id: int) -> ResponseReturnValue:
    """Correct values of a row, or say which charge a credit belongs to."""
    row = _row(row_id)
    fields = mend_fields(row, MENDABLE)
    patch, fault = read_patch(fields, request.form)
    if chosen := request.form.get("charge", ""):
        patch["original_reference"] = chosen[:200]
    if fault:
        return row_page(row_id, typed=request.form, fault=fault), 422
    if not patch:
        return row_page(row_id, typed=request.form, fault="Nothing differs from what is there already."), 422
    return _act(
        row_id,
        lambda: mend_row(g.tenant.tenant_id, row_id, patch, g.actor),
        "Corrected. The next run judges the row with it; Send the desk now does so at once.",
    )


@blueprint.post("/desk/<int:row_id>/release")
@campus_role("editor")
def release_desk_row(row_id: int) -> ResponseReturnValue:
    """Let a row go as it is with the next run, for a reason."""
    reason = _reason()
    if not reason:
        return row_page(row_id, fault="A row is let go only for a reason; say why. Nothing was changed."), 422
    return _act(
        row_id,
        lambda: release_row(g.tenant.tenant_id, row_id, g.actor, reason),
        "Let go as it is: it leaves with the next run.",
    )


@blueprint.post("/desk/<int:row_id>/send-again")
@campus_role("editor")
def resend_desk_row(row_id: int) -> ResponseReturnValue:
    """Send a line again that PeopleSoft rejected, corrected where a person corrected it."""
    row = _row(row_id)
    reason = _reason() or "corrected after PeopleSoft rejected it"
    patch, fault = read_patch(mend_fields(row, resend_lines.MENDABLE), request.form)
    if fault:
        return row_page(row_id, typed=request.form, fault=fault), 422
    try:
        sent = resend_lines.resend_lines(
            g.tenant.tenant_id,
            [row_id],
            patches={row_id: patch} if patch else None,
            reason=reason,
            actor=g.actor,
            at_once=request.form.get("at_once") == "on",
        )
    except ResendRefusedError as err:
        return row_page(row_id, typed=request.form, fault=str(err)), 422
    flash(sent.words[:1].upper() + sent.words[1:], "good")
    if sent.run_id is not None:
        return redirect(url_for("campus.run", run_id=sent.run_id), 303)
    return redirect(url_for("campus.desk"), 303)


@blueprint.post("/desk/send-now")
@campus_role("editor")
def send_desk() -> ResponseReturnValue:
    """A run of what waits on the desk alone."""
    return redirect(url_for("campus.run", run_id=send_desk_now(g.tenant.tenant_id, g.actor)), 303)


def _row(row_id: int) -> QuarantinedRow:
    with tenant_scope(g.tenant.tenant_id) as session:
        found = desk_pages.desk_row(session, row_id)
    if found is None or not is_charge(found.row):
        abort(404)
    return found.row


def _act(row_id: int, act: Callable[[], object], done: str) -> ResponseReturnValue:
    try:
        act()
    except LookupError:
        abort(404)
    except RowRefusedError as err:
        return row_page(row_id, typed=request.form, fault=str(err)), 422
    flash(done, "good")
    return redirect(url_for("campus.desk_row", row_id=row_id), 303)


def _reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]
