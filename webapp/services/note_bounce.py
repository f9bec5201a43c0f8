"""A mail of ours came back: mark its delivery, say so on the run, and let nobody mark what is not theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from webapp.adapters.errors import PermanentError
from webapp.adapters.mail.bounce import DeliveryStatus, RecipientStatus, read_delivery_status
from webapp.models.scope import ScopedSession, every_tenant_scope, tenant_scope
from webapp.store import mail_returns, runs

ACTOR = "mail server"
# framed_mail makes them; the mark in the middle cannot be guessed, and the whole must stand in the intent log.
_RUN_MAIL = re.compile(r"<run-([0-9]{1,18})-[0-9a-f]{20}\.[a-z]+\.1@[^<>]+>")


class BounceRefusedError(Exception):
    """Nothing was changed; the message says why the notification cannot be used."""


@dataclass(frozen=True, slots=True)
class NotedBounce:
    """``is_bounced``: the delivery is now marked so; False for a delay. ``sentences`` are what the run now says."""

    tenant_id: int
    run_id: int
    is_bounced: bool
    sentences: tuple[str, ...]


def note_bounce(raw: bytes) -> NotedBounce:
    """Note a mail server's delivery status notification (RFC 3464) on the run whose mail it returns.

    A failure marks the run's mail *bounced*; a delay is noted and changes no state. The same notification again
    changes nothing more.

    Raises: BounceRefusedError when it is malformed, or returns no mail that any run here has sent.
    """
    try:
        told = read_delivery_status(raw)
    except PermanentError as err:
        raise BounceRefusedError(err.message) from err
    named = _RUN_MAIL.fullmatch(told.message_id)
    if named is None:
        raise _unknown(told.message_id)
    run_id = int(named[1])
    with every_tenant_scope() as every:
        tenant_ids = mail_returns.tenants_with_run(every, run_id)
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id) as session:
            if mail_returns.has_sent(session, run_id, told.message_id):
                noted = _note(session, tenant_id, run_id, told)
                session.commit()
                return noted
    raise _unknown(told.message_id)


def _note(session: ScopedSession, tenant_id: int, run_id: int, told: DeliveryStatus) -> NotedBounce:
    failed = [_came_back(one) for one in told.recipients if one.action == "failed"]
    sentences = failed + [_is_late(one) for one in told.recipients if one.action == "delayed"]
    delivery = mail_returns.lock_mail_delivery(session, run_id, told.message_id)
    if failed and delivery is not None:
        delivery.state = "bounced"
        new = [sentence for sentence in failed if sentence not in delivery.message]
        delivery.message = " ".join([delivery.message, *new]).strip()
    known = {event.note for event in runs.events_of(session, run_id)}
    for sentence in sentences:
        if sentence not in known:
            runs.add_event(session, run_id, actor=ACTOR, note=sentence)
    return NotedBounce(tenant_id, run_id, bool(failed), tuple(sentences))


def _came_back(one: RecipientStatus) -> str:
    return (
        f"The mail to {one.address} came back: {_reason(one)}. Nobody there has read it; correct the address in the "
        "notification settings."
    )


def _is_late(one: RecipientStatus) -> str:
    return f"The mail to {one.address} is not delivered yet ({_reason(one)}); the mail server goes on trying."


def _reason(one: RecipientStatus) -> str:
    said = one.reason.rstrip(". ")
    if one.status and one.status not in said:
        said = f"{one.status} {said}".strip()
    return said or "the mail server gave no reason"


def _unknown(message_id: str) -> BounceRefusedError:
    return BounceRefusedError(f"No run here has sent a mail {message_id[:120]}. Nothing was changed.")
