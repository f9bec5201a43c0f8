"""Who works for the campus, and as what."""

from __future__ import annotations

from flask import abort, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.models.tenant import ROLES
from webapp.services import members as use_case
from webapp.services.members import MembersRefusedError

ROLE_WORDS = {
    "viewer": "Viewer: reads everything of this campus",
    "approver": "Approver: also lets held-back runs go",
    "editor": "Editor: also changes settings and starts runs",
    "admin": "Admin: all of it, and members, keys and hosts",
}
NOTHING_TYPED = {"email": "", "full_name": "", "role": "viewer"}


@blueprint.get("/settings/members")
@campus_role("viewer")
def members() -> ResponseReturnValue:
    """Everyone who works for the campus."""
    return _page()


@blueprint.post("/settings/members")
@campus_role("admin")
def add_member() -> ResponseReturnValue:
    """Take somebody in; someone new gets a link with which they choose their password, shown once."""
    typed = {name: request.form.get(name, "") for name in NOTHING_TYPED}
    try:
        person = use_case.add_member(
            g.tenant.tenant_id,
            email=typed["email"],
            full_name=typed["full_name"],
            role=typed["role"],
            actor=g.actor,
        )
    except MembersRefusedError as err:
        return _page(typed=typed, faults=err.faults), 422
    flash(f"{person.full_name} works for {g.tenant.name} now.", "good")
    return _page(invited=(person.full_name, _invitation(person.id)))


@blueprint.post("/settings/members/<int:person_id>/role")
@campus_role("admin")
def change_member_role(person_id: int) -> ResponseReturnValue:
    """Give a member another role, from their next click on."""
    try:
        use_case.change_role(g.tenant.tenant_id, person_id, request.form.get("role", ""), actor=g.actor)
    except LookupError:
        abort(404)
    except MembersRefusedError as err:
        return _page(faults={"": str(err)}), 422
    flash("The role is changed; it counts from their next click on.", "good")
    return redirect(url_for("campus.members"), 303)


@blueprint.post("/settings/members/<int:person_id>/remove")
@campus_role("admin")
def remove_member(person_id: int) -> ResponseReturnValue:
    """Take a member's rights at this campus away."""
    try:
        use_case.remove_member(g.tenant.tenant_id, person_id, actor=g.actor)
    except LookupError:
        abort(404)
    except MembersRefusedError as err:
        return _page(faults={"": str(err)}), 422
    flash(f"They no longer work for {g.tenant.name}. Their account stays.", "good")
    return redirect(url_for("campus.members" if person_id != g.actor.person_id else "auth.start"), 303)


@blueprint.post("/settings/members/<int:person_id>/invitation")
@campus_role("admin")
def invite_member(person_id: int) -> ResponseReturnValue:
    """A fresh link for somebody who has no password yet, shown once."""
    try:
        link = _invitation(person_id)
    except LookupError:
        abort(404)
    except MembersRefusedError as err:
        return _page(faults={"": str(err)}), 422
    name = next(m.full_name for m in use_case.list_members(g.tenant.tenant_id) if m.person_id == person_id)
    return _page(invited=(name, link))


def _page(
    *,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    invited: tuple[str, str] | None = None,
) -> str:
    return render_template(
        "campus/members.html",
        members=use_case.list_members(g.tenant.tenant_id),
        roles=[(role, ROLE_WORDS[role]) for role in ROLES],
        typed=typed or NOTHING_TYPED,
        faults=faults or {},
        invited=invited,
    )


def _invitation(person_id: int) -> str:
    token = use_case.campus_invitation(
        g.tenant.tenant_id, person_id, actor=g.actor, secret_key=str(current_app.config["SECRET_KEY"])
    )
    return url_for("auth.choose_password", token=token, _external=True)
