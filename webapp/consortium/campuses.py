"""Every campus's health, onboarding, and one campus's page."""

from __future__ import annotations

from flask import abort, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import consortium_admin
from webapp.consortium.blueprint import blueprint
from webapp.consortium.forms import OnboardForm
from webapp.models import Person
from webapp.models.scope import every_tenant_scope
from webapp.services import members, onboard_tenant
from webapp.store import consortium as health_store
from webapp.web.csv_export import csv_response
from webapp.web.listing import Choice, Column, Listing, read_query

ATTENTION_WORDS = {
    "failing": "Needs mending",
    "waiting": "Waits for a person",
    "well": "All is well",
    "new": "No run yet",
    "inactive": "Resting",
}
HEALTH_COLUMNS = (
    Column("Campus", "name"),
    Column("State", "attention", "state"),
    Column("Last run", "last", "when"),
    Column("Next due", "next", "when", wide_only=True),
    Column("Failed", "failed", "number"),
    Column("Overdue", "overdue", "number"),
    Column("To approve", "awaiting", "number"),
    Column("Quarantined", "quarantined", "number"),
)


@blueprint.get("/")
@consortium_admin
def home() -> ResponseReturnValue:
    """Each campus's health as counts and states, the one that needs most first."""
    choice = Choice("attention", "State", tuple(ATTENTION_WORDS.items()))
    query = read_query(HEALTH_COLUMNS, default_sort="attention", choices=(choice,))
    with every_tenant_scope() as session:
        rows, total = health_store.list_health(
            session,
            search=query.q,
            attention=query.chosen["attention"],
            sort=query.sort,
            descending=query.descending,
            limit=query.limit,
            offset=query.offset,
        )
        counts = health_store.attention_counts(session)
    if query.wants_csv:
        return csv_response(
            "campuses",
            ("campus", "short_name", "state", "last_run", "last_run_at", "next_due_at", "failed", "overdue", "to_approve", "quarantined"),
            (
                (row.name, row.slug, row.attention, row.last_state, row.last_at, row.next_due_at, row.failed_count,
                 row.overdue_count, row.awaiting_count, row.quarantined_count)
                for row in rows
            ),
        )  # fmt: skip
    listing = Listing(
        query,
        HEALTH_COLUMNS,
        rows,
        total,
        "Campuses and their health",
        (choice,),
        noun="campuses",
        search_label="Search by name or code",
        empty={
            "title": "No campus yet",
            "text": "Onboard the first one: a name, its Alma institution code, and who will run it.",
            "url": url_for("consortium.onboard"),
            "action": "Onboard a campus",
        },
    )
    return render_template("consortium/home.html", listing=listing, counts=counts, words=ATTENTION_WORDS)


@blueprint.route("/onboard", methods=["GET", "POST"])
@consortium_admin
def onboard() -> ResponseReturnValue:
    """Take a campus in."""
    form = OnboardForm()
    if form.validate_on_submit():
        try:
            tenant, admin = onboard_tenant.onboard_tenant(
                slug=form.slug.data or "",
                name=form.name.data or "",
                alma_institution=form.alma_institution.data or "",
                time_zone=form.time_zone.data or "",
                admin_email=form.admin_email.data or "",
                admin_name=form.admin_name.data or "",
                actor=g.actor,
            )
        except onboard_tenant.OnboardRefusedError as err:
            for field, text in err.faults.items():
                form[field].errors = [text]
        else:
            flash(f"{tenant.name} is taken in. {_next_step(admin)}")
            return redirect(url_for("consortium.campus", slug=tenant.slug), 303)
    return render_template("consortium/onboard.html", form=form), 400 if form.errors else 200


def _next_step(admin: Person) -> str:
    if admin.password_hash:
        return f"{admin.full_name} can sign in already and finds the campus there."
    return f"Now send {admin.full_name} a link to choose a password: open their page below."


@blueprint.get("/campuses/<slug>")
@consortium_admin
def campus(slug: str) -> ResponseReturnValue:
    """One campus: its health, who runs it, and whether it is active."""
    with every_tenant_scope() as session:
        health = health_store.health_of(session, slug)
    if health is None:
        abort(404)
    return render_template(
        "consortium/campus.html",
        health=health,
        members=members.list_members(health.tenant_id),
        words=ATTENTION_WORDS,
    )


@blueprint.post("/campuses/<slug>/<any(rest, wake):what>")
@consortium_admin
def change_campus(slug: str, what: str) -> ResponseReturnValue:
    """Let a campus rest, or wake it."""
    try:
        tenant = onboard_tenant.set_tenant_active(slug, active=what == "wake", actor=g.actor)
    except LookupError:
        abort(404)
    flash(f"{tenant.name} is {'active' if tenant.is_active else 'resting; its data is kept'}.")
    return redirect(url_for("consortium.campus", slug=slug), 303)
