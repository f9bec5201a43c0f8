"""Alma's errors in every shape it sends them, sorted by what may be done next.

Shapes and codes: Ex Libris OpenAPI documents "users", "analytics" and "conf"
(https://developers.exlibrisgroup.com/alma/apis/). "Not found" is HTTP 400, so the code decides, not the status.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from webapp.adapters.alma.safe_xml import XmlRefusedError, local_name, parse_xml
from webapp.adapters.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from lxml.etree import _Element

FaultKind = Literal["busy", "daily", "key", "not_found", "no_more_rows", "refused", "server"]

_KIND_OF_CODE: dict[str, FaultKind] = {
    "PER_SECOND_THRESHOLD": "busy",
    "DAILY_THRESHOLD": "daily",
    "UNAUTHORIZED": "key",
    "FORBIDDEN": "key",
    "INVALID_REQUEST": "refused",
    "REQUEST_TOO_LARGE": "refused",
    "GENERAL_ERROR": "server",
    "ROUTING_ERROR": "server",
    "402119": "server",
    "401861": "not_found",
    "401890": "not_found",
    "401651": "not_found",
    "401665": "not_found",
    "420033": "no_more_rows",
}
_LONGEST_MESSAGE = 300


class NotFoundError(PermanentError):
    """Alma answered well: there is no such user, fee or report."""


class UnusableError(PermanentError):
    """One id or record cannot be used; what has to do with others can go on."""


class RefusedError(PermanentError):
    """Alma understood the call and said no to this one: another fee or amount may be taken."""


class DailyLimitError(PermanentError):
    """The institution has no calls left today; ``reset_at`` is when Alma counts anew."""

    def __init__(self, message: str, *, reset_at: datetime, evidence: dict[str, str] | None = None) -> None:
        super().__init__(message, evidence=evidence)
        self.reset_at = reset_at


class ReportInterruptedError(RetryableError):
    """A page of a report was lost on the way, and Alma cannot give it again: the report must be begun anew."""


@dataclass(frozen=True, slots=True)
class AlmaFault:
    """One refusal or failure, as far as it could be read."""

    kind: FaultKind
    status: int
    code: str = ""
    message: str = ""
    tracking_id: str = ""

    @property
    def processed_nothing(self) -> bool:
        """Whether Alma surely did not carry the call out."""
        if self.kind in {"busy", "daily", "key", "not_found"}:
            return True
        return self.kind == "refused" and 400 <= self.status < 500

    @property
    def evidence(self) -> dict[str, str]:
        """What Alma's support will ask for."""
        found = {"http_status": str(self.status), "alma_code": self.code, "tracking_id": self.tracking_id}
        return {name: value for name, value in found.items() if value}

    def __str__(self) -> str:
        said = self.message or f"HTTP {self.status} without a readable reason"
        code = f" (code {self.code})" if self.code else ""
        tracking = f", tracking id {self.tracking_id}" if self.tracking_id else ""
        return f"{said}{code}{tracking}"


def read_fault(status: int, body: bytes, *, redact: str = "") -> AlmaFault | None:
    """The fault in an answer, or None for a good one.

    ``redact`` (the key) is struck out of whatever Alma says.
    """
    said = _said_in_json(body) or _said_in_xml(body)
    if said is None:
        if 200 <= status < 300:
            return None
        return AlmaFault(_kind_of_status(status), status)
    code, message, tracking_id = (
        " ".join((part.replace(redact, "…") if redact else part).split())[:_LONGEST_MESSAGE] for part in said
    )
    return AlmaFault(_kind(status, code, message), status, code, message, tracking_id)


def _kind(status: int, code: str, message: str) -> FaultKind:
    known = _KIND_OF_CODE.get(code.upper())
    if known:
        return known
    words = message.casefold()
    if "invalid api key" in words:
        return "key"
    if "path not found" in words:
        return "not_found"
    if code.upper() == "INTERNAL_SERVER_ERROR":
        return "server"
    # A readable Alma code is Alma's own decision. Only without one does the status have to speak.
    return "refused" if status < 500 else _kind_of_status(status)


def _kind_of_status(status: int) -> FaultKind:
    if status == 429:
        return "busy"
    if status in {401, 403}:
        return "key"
    return "refused" if 300 <= status < 500 and status not in {408, 425} else "server"


def _said_in_json(body: bytes) -> tuple[str, str, str] | None:
    if body.lstrip()[:1] != b"{" or b"error" not in body[:2000]:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    answer = answer.get("web_service_result", answer)
    if not isinstance(answer, dict):
        return None
    listed = answer.get("errorList")
    errors = listed.get("error") if isinstance(listed, dict) else listed
    if isinstance(errors, dict):
        errors = [errors]
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        first = errors[0]
        return _text(first, "errorCode"), _text(first, "errorMessage"), _text(first, "trackingId")
    return ("", "", "") if str(answer.get("errorsExist", "")).lower() == "true" else None


def _text(error: dict[str, Any], name: str) -> str:
    value = error.get(name)
    return "" if value is None else str(value)


def _said_in_xml(body: bytes) -> tuple[str, str, str] | None:
    if b"web_service_result" not in body[:2000]:
        return None
    try:
        root = parse_xml(body)
    except XmlRefusedError:
        return None
    if local_name(root) != "web_service_result":
        return None
    return _element(root, "errorCode"), _element(root, "errorMessage"), _element(root, "trackingId")


def _element(root: _Element, name: str) -> str:
    for element in root.iter("{*}" + name):
        return (element.text or "").strip()
    return ""
