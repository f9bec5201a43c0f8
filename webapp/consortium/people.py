"""Everyone who can sign in: the list, and one person's account."""

from __future__ import annotations

from flask import abort, current_app, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from webapp.auth.access import consortium_admin
from webapp.consortium.blueprint import blueprint
from webapp.consortium.forms import AddToCampusForm
from webapp.models import Tenant
from webapp.models.scope import every_tenant_scope, person_scope
from webapp.services import members
from webapp.services.mail_link import mail_link
from webapp.store import consortium as health_store
from webapp.store import people as people_store
from webapp.store import tenants as tenant_store
from webapp.web.csv_export import csv_response
from webapp.web.listing import Choice, Column, Listing, read_query

PEOPLE_COLUMNS = (
    Column("Name", "name"),
    Column("Address", "email"),
    Column("Campuses and roles", wide_only=True),
    Column("Last signed in", "signed_in", "when", wide_only=True),
    Column("State", "active", "state"),
)


@blueprint.get("/people")
@consortium_admin
def people() -> ResponseReturnValue:
    """Everyone who can sign in, or could."""
    choice = Choice("state", "State", (("active", "Active"), ("inactive", "Inactive")))
    query = read_query(PEOPLE_COLUMNS, default_sort="name", choices=(choice,))
    with person_scope(None) as session:
        rows, total = people_store.list_people(
            session,
            text=query.q,
            state=query.chosen["state"],
            sort=query.sort,
            descending=query.descending,
            limit=query.limit,
            offset=query.offset,
        )
        tenants = tenant_store.tenants_by_id(session)
    with every_tenant_scope() as every:
        roles = health_store.roles_of(every, [person.id for person in rows])
    places = {
        person_id: [(tenants[t], role) for t, role in held if t in tenants]
        for person_id, held in roles.items()
    }
    if query.wants_csv:
        return csv_response(
            "people",
            ("name", "address", "campuses", "consortium_admin", "last_signed_in_at", "active"),
            (
                (p.full_name, p.email, _places_text(places.get(p.id, [])), "yes" if p.is_consortium_admin else "no",
                 p.last_login_at, "yes" if p.is_active else "no")
                for p in rows
            ),
        )  # fmt: skip
    listing = Listing(
        query,
        PEOPLE_COLUMNS,
        rows,
        total,
        "People",
        (choice,),
        noun="people",
        search_label="Search by name or address",
    )
    return render_template("consortium/people.html", listing=listing, places=places, places_text=_places_text)


def _places_text(places: list[tuple[Tenant, str]]) -> str:
    return ", ".join(f"{tenant.name} ({role})" for tenant, role in places)


@blueprint.get("/people/<int:person_id>")
@consortium_admin
def person(person_id: int) -> ResponseReturnValue:
    """One person's account."""
    return _person_page(person_id)


@blueprint.post("/people/<int:person_id>/link")
@consortium_admin
def person_link(person_id: int) -> ResponseReturnValue:
    """Make a link with which the person chooses a password.

    It is shown while the account has none. Whoever has one gets it by mail: a consortium admin who could use it
    would be one step from patrons' data.
    """
    try:
        person, token = members.consortium_invitation(
            person_id, actor=g.actor, secret_key=str(current_app.config["SECRET_KEY"])
        )
    except LookupError:
        abort(404)
    settings = current_app.config["FEEBRIDGE"]
    link = settings.base_url + url_for("auth.choose_password", token=token)
    if not person.password_hash:
        return _person_page(person_id, link=link)
    sent = mail_link(settings, person, link)
    flash(sent.lines[0], "message" if sent.is_well else "bad")
    return redirect(url_for("consortium.person", person_id=person_id), 303)


@blueprint.post("/people/<int:person_id>/<any(activate, deactivate):what>")
@consortium_admin
def change_person(person_id: int, what: str) -> ResponseReturnValue:
    """Keep a person out, or let them in again."""
    try:
        found = members.set_active(person_id, active=what == "activate", actor=g.actor)
        flash(f"{found.full_name} can {'sign in again' if found.is_active else 'no longer sign in'}.")
    except members.MembersRefusedError as err:
        flash(str(err), "bad")
    except LookupError:
        abort(404)
    return redirect(url_for("consortium.person", person_id=person_id), 303)


@blueprint.post("/people/<int:person_id>/campuses")
@consortium_admin
def add_to_campus(person_id: int) -> ResponseReturnValue:
    """Let an existing account work for one more campus."""
    form = _add_form()
    with person_scope(None) as session:
        found = people_store.person_by_id(session, person_id)
    if found is None:
        abort(404)
    if form.validate_on_submit():
        try:
            members.add_member(
                form.tenant_id.data,
                email=found.email,
                full_name=found.full_name,
                role=form.role.data or "",
                actor=g.actor,
                may_exist=True,
            )
            flash(f"{found.full_name} works for one more campus now.")
        except members.MembersRefusedError as err:
            flash(str(err), "bad")
    else:
        flash("Choose a campus and a role from the lists. Nothing was changed.", "bad")
    return redirect(url_for("consortium.person", person_id=person_id), 303)


def _add_form() -> AddToCampusForm:
    form = AddToCampusForm()
    with person_scope(None) as session:
        tenants = tenant_store.tenants_by_id(session)
    by_name = sorted(tenants.values(), key=lambda tenant: tenant.name.lower())
    form.tenant_id.choices = [SelectChoice(tenant.id, tenant.name) for tenant in by_name]
    return form


def _person_page(person_id: int, *, link: str = "") -> ResponseReturnValue:
    with person_scope(None) as session:
        found = people_store.person_by_id(session, person_id)
        tenants = tenant_store.tenants_by_id(session)
    if found is None:
        abort(404)
    with every_tenant_scope() as every:
        held = health_store.roles_of(every, [person_id]).get(person_id, [])
    places = [(tenants[tenant_id], role) for tenant_id, role in held]
    return render_template("consortium/person.html", person=found, places=places, link=link, form=_add_form())
