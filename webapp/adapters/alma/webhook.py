"""Alma's webhook messages: whether one is genuine, and what a JOB_END says.

Source: Ex Libris Developer Network, "Webhooks" and "Webhooks, tech notes" (X-Exl-Signature is the base64 of the
HMAC-SHA256 of the body; a challenge is answered as {"challenge": text}). The names of the bursar job and its counters,
and that letter case varies, are as MIT Libraries' alma-webhook-lambdas expect them of a live Alma.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIGNATURE_HEADER = "X-Exl-Signature"
JOB_END = "JOB_END"
SUCCESS = "COMPLETED_SUCCESS"
FEES_COUNTER = "com.exlibris.external.bursar.report.fines_fees_count"
LONGEST_ID = 100
_BURSAR_JOB = re.compile(r"\s*export\s+to\s+bursar\s+using\s+profile\s+(.+?)\s*", re.IGNORECASE | re.DOTALL)


class WebhookBodyError(ValueError):
    """The body is no message of Alma's; the text says why."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job that ended. ``job_id`` is the id of its instance, which is also in the name of the file it wrote.

    ``counters`` by lower-case name; counters that are no numbers are left out.
    """

    name: str
    job_id: str
    status: str
    counters: Mapping[str, int]

    @property
    def bursar_profile(self) -> str:
        """The name of the bursar profile whose export this was, or "" when it was another job."""
        match = _BURSAR_JOB.fullmatch(self.name)
        return match[1] if match else ""

    @property
    def is_success(self) -> bool:
        """Whether Alma says that it ended well."""
        return self.status == SUCCESS

    @property
    def fee_count(self) -> int | None:
        """How many fees the job exported, if it says so."""
        return self.counters.get(FEES_COUNTER)


@dataclass(frozen=True, slots=True)
class AlmaMessage:
    """One message: ``event_id`` is Alma's own, ``action`` in capitals (JOB_END, LOAN_RETURNED …)."""

    event_id: str
    action: str
    institution: str
    job: JobEnd | None = None


def signature_matches(secret: str, body: bytes, given: str) -> bool:
    """Whether ``given`` is the signature of these very bytes; compared in constant time."""
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(expected, given.strip().encode("utf-8", "replace"))


def read_message(body: bytes) -> AlmaMessage:
    """What a genuine body says. Raises: WebhookBodyError."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise WebhookBodyError("The body is not JSON.") from err
    if not isinstance(told, dict):
        raise WebhookBodyError("The body is not a JSON object.")
    event_id, action = _text(told.get("id")), _text(told.get("action")).upper()
    if not event_id or len(event_id) > LONGEST_ID or not action:
        raise WebhookBodyError("The message has no id or no action.")
    job = told.get("job_instance")
    ended = _job_end(job) if action == JOB_END and isinstance(job, dict) else None
    return AlmaMessage(event_id, action[:LONGEST_ID], _value(told.get("institution")), ended)


def _job_end(job: Mapping[str, Any]) -> JobEnd:
    counters: dict[str, int] = {}
    listed = job.get("counter")
    for counter in listed if isinstance(listed, list) else ():
        if (
            isinstance(counter, dict)
            and (number := _text(counter.get("value"))).isascii()
            and number.isdigit()
        ):
            counters[_value(counter.get("type")).lower()] = int(number[:18])
    return JobEnd(
        name=_text(job.get("name"))[:500],
        job_id=_text(job.get("id"))[:LONGEST_ID],
        status=_value(job.get("status")).upper()[:LONGEST_ID],
        counters=counters,
    )


def _value(coded: object) -> str:
    """Alma writes codes as {"value": …, "desc": …}."""
    return _text(coded.get("value") if isinstance(coded, dict) else coded)


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
