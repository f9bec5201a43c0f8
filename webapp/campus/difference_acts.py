"""What a person does about a difference: takes it, hands it on, keeps a note, or closes it."""

from __future__ import annotations

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.reconciliation import difference_page
from webapp.models.scope import tenant_scope
from webapp.services import close_difference as closing
from webapp.services import own_difference as owning
from webapp.store import difference_pages
from webapp.store.difference_pages import ListedDifference


@blueprint.post("/reconciliation/<int:difference_id>/own")
@campus_role("editor")
def own_difference(difference_id: int) -> ResponseReturnValue:
    """Look after it from now on."""
    _found(difference_id)
    try:
        owning.own_difference(g.tenant.tenant_id, difference_id, g.actor.person_id, g.actor)
    except closing.DifferenceRefusedError as err:
        return difference_page(difference_id, fault=str(err)), 422
    flash("You look after this difference now.", "good")
    return redirect(url_for("campus.difference", difference_id=difference_id), 303)


@blueprint.post("/reconciliation/<int:difference_id>/note")
@campus_role("editor")
def note_difference(difference_id: int) -> ResponseReturnValue:
    """Keep a note, and say who looks after it."""
    found = _found(difference_id)
    note, owner = request.form.get("note", ""), request.form.get("owner", "")
    owner_id = int(owner) if owner.isascii() and owner.isdigit() and len(owner) < 10 else None
    if "owner" not in request.form:
        owner_id = found.difference.owner_id
    try:
        owning.own_difference(g.tenant.tenant_id, difference_id, owner_id, g.actor, note=note)
    except closing.DifferenceRefusedError as err:
        return difference_page(difference_id, fault=str(err), act="note", note=note), 422
    flash("Kept.", "good")
    return redirect(url_for("campus.difference", difference_id=difference_id), 303)


@blueprint.post("/reconciliation/<int:difference_id>/close")
@campus_role("editor")
def close_difference(difference_id: int) -> ResponseReturnValue:
    """Close it for a reason."""
    _found(difference_id)
    reason = request.form.get("reason", "")
    try:
        closing.close_difference(g.tenant.tenant_id, difference_id, g.actor, reason)
    except closing.DifferenceRefusedError as err:
        return difference_page(difference_id, fault=str(err), act="close", reason=reason), 422
    flash("Closed. It opens anew only when the books say something else.", "good")
    return redirect(url_for("campus.reconciliation"), 303)


def _found(difference_id: int) -> ListedDifference:
    with tenant_scope(g.tenant.tenant_id) as session:
        found = difference_pages.difference(session, difference_id)
    if found is None:
        abort(404)
    return found
