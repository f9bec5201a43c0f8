"""The gateway in front of the Alma endpoints: keys, thresholds, faults on demand, and the form of the answer.

Sources: Ex Libris developer pages on API keys and governance thresholds; 25 calls per second and a daily number,
both per institution; X-Exl-Api-Remaining on every successful answer.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from webapp.sandbox.alma_errors import AlmaRefusalError, per_day, per_second, unauthorized
from webapp.sandbox.alma_xml import error_xml, to_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from webapp.sandbox.institution import Institution
    from webapp.sandbox.settings import World

GATEWAY_CODES = {"UNAUTHORIZED", "PER_SECOND_THRESHOLD", "DAILY_THRESHOLD"}  # these carry no tracking id


class Thresholds:
    """One institution's calls of the last second and of the day."""

    def __init__(self, calls_per_second: int, calls_per_day: int) -> None:
        self._lock = threading.Lock()
        self._per_second = calls_per_second
        self._per_day = calls_per_day
        self._recent: deque[float] = deque()
        self._day: date | None = None
        self._used_today = 0

    def count(self, today: date) -> int:
        """Count one call; returns how many are left today.

        Raises:
            AlmaRefusalError: one of the two thresholds is reached.
        """
        now_s = time.monotonic()
        with self._lock:
            if today != self._day:
                self._day, self._used_today = today, 0
            while self._recent and now_s - self._recent[0] >= 1:
                self._recent.popleft()
            if len(self._recent) >= self._per_second:
                raise per_second()
            if self._used_today >= self._per_day:
                raise per_day()
            self._recent.append(now_s)
            self._used_today += 1
            return self._per_day - self._used_today


class Gate:
    """Lets a call in or refuses it; ``g.institution`` and ``g.remaining`` are set when it is in."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._keys: dict[str, tuple[Institution, bool]] = {}
        self._thresholds: dict[str, Thresholds] = {}
        for institution in world.institutions.values():
            self._keys[institution.spec.api_key] = (institution, True)
            self._keys[institution.spec.read_only_key] = (institution, False)
            settings = world.settings
            self._thresholds[institution.spec.code] = Thresholds(
                settings.calls_per_second, settings.calls_per_day
            )

    def admit(self) -> None:
        """Check the key and count the call.

        Raises:
            AlmaRefusalError: the key is unknown, is read-only and this is a POST, or a threshold is reached.
        """
        institution, can_write = self._keys.get(_key_given(), (None, False))
        if institution is None or (request.method != "GET" and not can_write):
            raise unauthorized()
        g.institution = institution
        g.remaining = self._thresholds[institution.spec.code].count(self._clock.today())


def answer(name: str, record: Mapping[str, Any]) -> Response:
    """A successful answer in the form asked for: JSON when asked by Accept or ``format``, else XML."""
    if wants_json():
        return Response(json.dumps(record, ensure_ascii=False), content_type="application/json;charset=UTF-8")
    return Response(to_xml(name, record), content_type="application/xml;charset=UTF-8")


def refusal(error: AlmaRefusalError) -> Response:
    """An error answer in the form asked for."""
    tracking_id = None if error.code in GATEWAY_CODES else f"E01-{secrets.token_hex(5).upper()}-SNDBX"
    if not wants_json():
        body = error_xml(error.code, error.message, tracking_id)
        return Response(body, error.status, content_type="application/xml;charset=UTF-8")
    entry = {"errorCode": error.code, "errorMessage": error.message}
    if tracking_id:
        entry["trackingId"] = tracking_id
    body = json.dumps({"errorsExist": True, "errorList": {"error": [entry]}, "result": None})
    return Response(body, error.status, content_type="application/json;charset=UTF-8")


def wants_json() -> bool:
    """True if the caller asked for JSON clearly; ``*/*`` is answered in XML, as Alma does."""
    asked = request.args.get("format", "").lower()
    if asked in {"json", "xml"}:
        return asked == "json"
    return "application/json" in request.headers.get("Accept", "").lower()


def _key_given() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "apikey" else request.args.get("apikey", "")
