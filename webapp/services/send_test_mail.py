"""Send the campus's mail template, filled in, to the person who asks for it and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from webapp.adapters.errors import OutsideError
from webapp.adapters.mail import send_mail
from webapp.config import Settings
from webapp.domain.mail_tokens import fill, fill_subject
from webapp.models.scope import tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.audit import Actor
from webapp.services.check_alma import CheckResult
from webapp.services.delivery_targets import framed_mail, smtp_target
from webapp.services.mail_values import Campus, preview_values


def send_test_mail(
    settings: Settings, campus: Campus, *, subject: str, body: str, to: str, actor: Actor
) -> CheckResult:
    """What became of it. The mail says in its subject that it is a test; files are never attached.

    Raises: TemplateError when the template cannot be filled in; nothing is sent then.
    """
    with tenant_scope(campus.tenant_id) as session:
        found = campus_settings.read_all(session)
        values, origin = preview_values(
            session, settings, campus, link_hours=found["notification"]["link_hours"]
        )
    mail = framed_mail(
        settings,
        found,
        run_key=f"test-{uuid4().hex}",
        channel="test",
        subject=f"[Test] {fill_subject(subject, values)}",
        text=f"{fill(body, values)}\n\n-- \nA test of the mail template, with {origin}. Nothing else was sent.",
    )
    try:
        receipt = send_mail(smtp_target(settings), replace(mail, to=(to,)))
    except OutsideError as err:
        return CheckResult([f"The test was not sent to {to}: {err}"], is_well=False)
    with tenant_scope(campus.tenant_id) as session:
        audit.record(session, actor=actor, action="mail.tested", subject="mail_template", after={"to": to})
        session.commit()
    return CheckResult([f"Sent to {to}. The mail server said: {receipt.server_reply}"], is_well=True)
