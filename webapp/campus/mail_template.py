"""What the mail after a run says: the template, and how it looks with real values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.settings import feebridge_settings, seen_version
from webapp.domain.campus_settings import SECTIONS, CampusSettings
from webapp.domain.mail_tokens import MAIL_FIELDS, TemplateError, fill, fill_subject
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import SettingsChangedMeanwhileError, SettingsRefusedError
from webapp.services.change_settings import save_section
from webapp.services.mail_values import Campus, preview_values
from webapp.services.send_test_mail import send_test_mail
from webapp.store import settings_pages

SECTION = SECTIONS["mail_template"]


@dataclass(frozen=True, slots=True)
class MailPreview:
    """The mail as it would be, or per field why it cannot be."""

    subject: str
    body: str
    origin: str
    faults: Mapping[str, str]


@blueprint.get("/settings/mail-template")
@campus_role("viewer")
def mail_template() -> ResponseReturnValue:
    """The template as it is stored, beside the mail it makes."""
    return _page()


@blueprint.post("/settings/mail-template")
@campus_role("editor")
def change_mail_template() -> ResponseReturnValue:
    """Store the template; one with an unknown field is refused with the list of fields."""
    try:
        save_section(
            g.tenant.tenant_id,
            SECTION.name,
            _typed(),
            secrets={},
            actor=g.actor,
            expected_version=seen_version(),
            settings=feebridge_settings(),
        )
    except SettingsRefusedError as err:
        return _page(_typed(), faults=err.faults), 422
    except SettingsChangedMeanwhileError:
        return _page(_typed(), is_stale=True), 409
    flash("The template is saved. The next run's mail is written with it.", "good")
    return redirect(url_for("campus.mail_template"), 303)


@blueprint.post("/settings/mail-template/preview")
@campus_role("viewer")
def preview_mail() -> ResponseReturnValue:
    """The mail that the typed template would make; nothing is stored."""
    return _page(_typed(), is_preview=True)


@blueprint.post("/settings/mail-template/send-test")
@campus_role("editor")
def send_test() -> ResponseReturnValue:
    """Send the typed template, filled in, to the person who asks and to nobody else."""
    typed = _typed()
    try:
        result = send_test_mail(
            feebridge_settings(),
            _campus(),
            subject=typed["subject"],
            body=typed["body"],
            to=current_user.email,
            actor=g.actor,
        )
    except TemplateError as err:
        return _page(typed, faults={"body": str(err)}), 422
    flash(result.lines[0], "good" if result.is_well else "bad")
    return _page(typed, is_preview=True)


def _page(
    typed: Mapping[str, str] | None = None,
    *,
    faults: Mapping[str, str] | None = None,
    is_preview: bool = False,
    is_stale: bool = False,
) -> str:
    with tenant_scope(g.tenant.tenant_id) as session:
        stored = settings_pages.stored_sections(session)
        found = CampusSettings({name: row.value for name, row in stored.items()})
        events = settings_pages.changes(session, [SECTION.name])
        values, origin = preview_values(
            session, feebridge_settings(), _campus(), link_hours=found["notification"]["link_hours"]
        )
    template = {**found[SECTION.name], **(typed or {})}
    version = stored[SECTION.name].version if SECTION.name in stored else 0
    return render_template(
        "campus/mail_template.html",
        section=SECTION,
        template=template,
        preview=_preview(template, values, origin),
        faults=dict(faults or {}),
        is_preview=is_preview,
        is_stale=is_stale,
        # A preview goes on with the version that the person began with.
        version=seen_version() if is_preview else version,
        mail_fields=MAIL_FIELDS,
        values=values,
        recipients=found["notification"]["recipients"],
        changes=change_lines(events),
    )


def _preview(template: Mapping[str, str], values: Mapping[str, str], origin: str) -> MailPreview:
    faults: dict[str, str] = {}
    written = {"subject": "", "body": ""}
    for name, write in (("subject", fill_subject), ("body", fill)):
        try:
            written[name] = write(template[name], values)
        except TemplateError as err:
            faults[name] = str(err)
    return MailPreview(written["subject"], written["body"], origin, faults)


def _typed() -> dict[str, str]:
    return {
        "subject": request.form.get("subject", "")[:1_000],
        "body": request.form.get("body", "").replace("\r\n", "\n")[:50_000],
    }


def _campus() -> Campus:
    return Campus(g.tenant.tenant_id, g.tenant.slug, g.tenant.name, g.tenant.time_zone)
