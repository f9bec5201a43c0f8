"""Hand in a bursar file, a load result, what PeopleSoft says of payments and holds, or the registrar's list."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import BinaryIO, cast

from flask import current_app, g, request
from flask.typing import ResponseReturnValue

from webapp.api.blueprint import blueprint, campus_token, error
from webapp.config import Settings
from webapp.services.receive_file import LONGEST_NAME, Origin, Received, TooLargeError, receive_file

_TEXTS = ("text/plain", "text/csv", "application/octet-stream")
KINDS = {
    "bursar": "bursar_xml",
    "load-result": "load_result",
    "payments": "payments",
    "hold-list": "hold_list",
    "student-list": "student_list",
}
TYPES = {
    "bursar": ("application/xml", "text/xml", "application/octet-stream"),
    "load-result": _TEXTS,
    "payments": _TEXTS,
    "hold-list": _TEXTS,
    "student-list": _TEXTS,
}
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+")
_STATUS = {"waiting": 202, "duplicate": 409, "refused": 422}


@blueprint.post("/inbound/<any(bursar, 'load-result', payments, 'hold-list', 'student-list'):what>")
@campus_token
def hand_in(what: str) -> ResponseReturnValue:
    """The file as the request's body; ``name`` in the query is what it is called. It is read as it comes.

    202: kept, and a run will read it (a list of students: the next one). 409: the same content came before. 413, 415, 422: not taken in, and why.
    """
    settings: Settings = current_app.config["FEEBRIDGE"]
    if request.mimetype not in TYPES[what]:
        return error(
            415, f"Send the file itself as {' or '.join(TYPES[what])}, not {request.mimetype or 'unnamed'}."
        )
    name = request.args.get("name") or f"{what}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    if not _NAME.fullmatch(name) or name in {".", ".."} or len(name) > LONGEST_NAME:
        return error(
            400, f"A name has no slashes and no control characters, {LONGEST_NAME} characters at most."
        )
    request.max_content_length = settings.inbound_limit_mb << 20
    try:
        received = receive_file(
            g.caller.tenant_id,
            Origin(KINDS[what], "api", name, "API"),
            cast("BinaryIO", request.stream),
            settings=settings,
            actor=g.actor,
        )
    except TooLargeError as err:
        return error(413, err.message)
    return _answer(received)


def _answer(received: Received) -> ResponseReturnValue:
    facts = {
        "inbound_file_id": received.inbound_file_id,
        "state": received.state,
        "sha256": received.sha256,
        "size": received.size,
        "run_id": received.run_id,
    }
    if received.state == "waiting":
        return {**facts, "message": received.message}, _STATUS["waiting"]
    if received.state == "duplicate":
        facts["repeats"] = received.repeats_id
    return error(_STATUS[received.state], received.message, **facts)
