"""Take a message of Alma's webhook: genuine, new, and a bursar export that ended well sets off a run at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.adapters.alma.webhook import (
    AlmaMessage,
    JobEnd,
    WebhookBodyError,
    read_message,
    signature_matches,
)
from webapp.config import Settings
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.audit import Actor
from webapp.services.campus_tokens import Caller
from webapp.services.change_settings import vault_of
from webapp.services.receive_file import PIPELINES
from webapp.services.submit_run import ring
from webapp.store import inbound, runs
from webapp.store.runs import NewRun

log = logging.getLogger(__name__)

ALMA = Actor(None, "Alma webhook")
SECRET = "alma_webhook_secret"  # noqa: S105 - the name of a setting


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer: an HTTP status and what was made of the message, in words."""

    status: int
    words: str
    run_id: int | None = None


def take_webhook(caller: Caller, body: bytes, signature: str, settings: Settings) -> Taken:
    """What a message is answered with; everything it sets off is written down before, in one transaction.

    Asks nothing of the outside world but the bell, so that Alma has its answer well within its five seconds. A run
    whose bell is lost is found by the scheduler.
    """
    with tenant_scope(caller.tenant_id) as session:
        secret = campus_settings.open_secret(session, vault_of(settings), SECRET)
        if secret is None or not signature_matches(secret, body, signature):
            why = "no secret is set" if secret is None else "the signature does not match"
            log.warning("webhook_refused tenant=%s reason=%s", caller.tenant_id, why)
            return Taken(401, "The signature does not match. Nothing was done.")
        try:
            message = read_message(body)
        except WebhookBodyError as err:
            log.warning("webhook_unreadable tenant=%s reason=%s", caller.tenant_id, err)
            return Taken(400, f"{err} Nothing was done.")
        if message.job is None:
            return Taken(200, f"{message.action} is not waited for here. Nothing was done.")
        arrival = campus_settings.read_all(session)["arrival"]
        taken = _act(session, message, message.job, arrival)
        session.commit()
    if taken.run_id is not None:
        ring("batch", taken.run_id)
    return taken


def _act(session: ScopedSession, message: AlmaMessage, job: JobEnd, arrival: Mapping[str, Any]) -> Taken:
    reason = _why_not(job, arrival)
    verdict = reason or "It set off a run."
    event_id = f"{message.action}:{message.event_id}"
    values = {
        "event_id": event_id,
        "action": message.action,
        "job_name": job.name,
        "job_id": job.job_id,
        "status": job.status,
        "verdict": verdict,
    }
    if not inbound.note_event(session, values):
        return Taken(200, "This message came before. Nothing was done again.")
    run_id = None
    if not reason:
        new = NewRun(
            PIPELINES["bursar_xml"], "webhook", "batch", options=_options(job, arrival["profile_code"])
        )
        run_id = runs.insert_run(session, new, actor=ALMA.name)
        inbound.name_run_of_event(session, event_id, run_id)
    audit.record(
        session,
        actor=ALMA,
        action="webhook.received",
        subject=f"alma_event/{event_id}",
        after={**values, "run_id": run_id},
    )
    return Taken(200, verdict, run_id)


def _why_not(job: JobEnd, arrival: Mapping[str, Any]) -> str:
    """Why nothing is set off; empty when a run is."""
    if not job.bursar_profile:
        return f"“{job.name[:100]}” is not the bursar export. Nothing was done."
    if not job.is_success:
        return f"The bursar export ended with {job.status or 'no status'}. Nothing was done; look at the job in Alma."
    if job.fee_count == 0:
        return "The bursar export had no fees. Nothing was done."
    if arrival["place"] == "none":
        return "No place is set to fetch the file from. Nothing was done; upload the file, or name the place."
    return ""


def _options(job: JobEnd, profile_code: str) -> dict[str, Any]:
    """The file of this very job is asked for only when the profile is surely ours: Alma names it, not its code."""
    is_ours = _bare(job.bursar_profile) == _bare(profile_code)
    return {"job_id": job.job_id} if job.job_id.isdigit() and is_ours else {}


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
