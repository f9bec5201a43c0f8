"""Mail somebody the link with which they choose a new password: to their own address, so that nobody else can use it."""

from __future__ import annotations

from uuid import uuid4

from webapp.adapters.errors import OutsideError
from webapp.adapters.mail import OutgoingMail, message_id, send_mail
from webapp.config import Settings
from webapp.models import Person
from webapp.services.check_alma import CheckResult
from webapp.services.delivery_targets import smtp_target


def mail_link(settings: Settings, person: Person, link: str) -> CheckResult:
    """What became of it, in words."""
    domain = settings.mail_from.rpartition("@")[2].rstrip(">")
    mail = OutgoingMail(
        message_id=message_id(f"password-{uuid4().hex}", "link", 1, domain),
        sender=settings.mail_from,
        reply_to=None,
        to=(person.email,),
        subject="Choose a new password for Feebridge",
        text=(
            f"{person.full_name},\n\nwith this link you choose a new password for Feebridge:\n{link}\n\n"
            "If you did not ask for it, tell the people who look after Feebridge; your old password still works."
        ),
    )
    try:
        send_mail(smtp_target(settings), mail)
    except OutsideError as err:
        return CheckResult([f"The link was not sent to {person.email}: {err}"], is_well=False)
    return CheckResult([f"A link was sent to {person.email}. It is not shown here."], is_well=True)
