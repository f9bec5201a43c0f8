"""The faults an HTTP server can have, carried out on Alma's endpoints.

Kinds, and their options with defaults:

=================  ==============================================================================================
status             refuse before any effect: ``status`` 500, ``code``, ``message``, ``body`` alma | html | empty
status_after       the same, but after the effect
per_second, daily  the two thresholds' refusals
html_error         an HTML page with status 200, before any effect
timeout_before     say nothing for ``seconds`` 30, then cut the line; no effect
timeout_after      the same, after the effect
late               cut the line at once; the effect comes ``seconds`` 1 later
duplicate_answer   the previous answer of the same address once more; nothing is done
slow_drip          the answer in pieces of ``chunk`` 64 bytes, ``pause_s`` 0.2 apart
truncated          announce the whole answer, send ``keep`` bytes (default half), cut the line
=================  ==============================================================================================
"""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from flask import Response, request

from webapp.sandbox.alma_errors import AlmaRefusalError, per_day, per_second
from webapp.sandbox.gate import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.sandbox.faults import Fault

BEFORE = ("status", "per_second", "daily", "html_error", "timeout_before", "late", "duplicate_answer")
AFTER = ("status_after", "timeout_after", "slow_drip", "truncated")
ANSWERS_KEPT = 32


class HttpFaults:
    """Carries faults out; one per application. ``stopping`` ends the waits when the sandbox shuts down."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._lock = threading.Lock()
        self._last_answers: OrderedDict[str, tuple[int, str, bytes]] = OrderedDict()

    def before(self, fault: Fault) -> Response | None:
        """The answer that replaces the call altogether, or None to let it through."""
        match fault.kind:
            case "timeout_before":
                self._hang_up_after(float(fault.options.get("seconds", 30)))
                return Response(status=503)
            case "late":
                hang_up(request.environ)
                self._stopping.wait(float(fault.options.get("seconds", 1)))
                return None
            case "duplicate_answer":
                return self._previous_answer()
            case kind if kind in BEFORE:
                return _refused(fault)
        return None

    def after(self, fault: Fault, answer: Response) -> Response:
        """What the caller gets in place of ``answer``, whose effect has happened."""
        options = fault.options
        match fault.kind:
            case "status_after":
                return failure(fault)
            case "timeout_after":
                self._hang_up_after(float(options.get("seconds", 30)))
            case "slow_drip":
                body = answer.get_data()
                pieces = self._drip(body, int(options.get("chunk", 64)), float(options.get("pause_s", 0.2)))
                return _streamed(answer, pieces, len(body))
            case "truncated":
                body = answer.get_data()
                keep = int(options.get("keep", len(body) // 2))
                return _streamed(answer, _cut_off(body[:keep], request.environ), len(body))
        return answer

    def remember(self, answer: Response) -> None:
        """Keep a good answer for a later ``duplicate_answer`` at the same address."""
        if answer.status_code >= 400:
            return
        with self._lock:
            self._last_answers[_address()] = (answer.status_code, answer.content_type, answer.get_data())
            self._last_answers.move_to_end(_address())
            while len(self._last_answers) > ANSWERS_KEPT:
                self._last_answers.popitem(last=False)

    def _previous_answer(self) -> Response | None:
        with self._lock:
            kept = self._last_answers.get(_address())
        if kept is None:
            return None
        status, content_type, body = kept
        return Response(body, status, content_type=content_type)

    def _hang_up_after(self, seconds: float) -> None:
        self._stopping.wait(seconds)
        hang_up(request.environ)

    def _drip(self, body: bytes, chunk: int, pause_s: float) -> Iterator[bytes]:
        for start in range(0, len(body), chunk):
            yield body[start : start + chunk]
            self._stopping.wait(pause_s)


def _refused(fault: Fault) -> Response:
    match fault.kind:
        case "per_second":
            return refusal(per_second())
        case "daily":
            return refusal(per_day())
        case "html_error":
            return _html_page(200)
    return failure(fault)


def failure(fault: Fault) -> Response:
    """An error answer as the fault's options describe it."""
    options = fault.options
    status = int(options.get("status", 500))
    match options.get("body", "alma"):
        case "html":
            return _html_page(status)
        case "empty":
            return Response(status=status)
    code = str(options.get("code", "INTERNAL_SERVER_ERROR"))
    return refusal(
        AlmaRefusalError(code, str(options.get("message", "The web server encountered an error.")), status)
    )


def hang_up(environ: dict[str, Any]) -> None:
    """Cut the caller's line as if the network had gone; nothing written afterwards arrives."""
    line: socket.socket = environ["werkzeug.socket"]
    line.shutdown(socket.SHUT_RDWR)


def _cut_off(kept: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    yield kept
    hang_up(environ)


def _streamed(answer: Response, pieces: Iterator[bytes], announced: int) -> Response:
    streamed = Response(pieces, answer.status_code, content_type=answer.content_type)
    streamed.headers["Content-Length"] = str(announced)
    return streamed


def _html_page(status: int) -> Response:
    page = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>"
    return Response(page, status, content_type="text/html;charset=UTF-8")


def _address() -> str:
    return f"{request.method} {request.headers.get('Authorization', '')} {request.path}"
