"""Alma's webhook: the challenge when it is registered, and its messages."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from webapp.adapters.alma.webhook import SIGNATURE_HEADER
from webapp.services.campus_tokens import Caller, campus_of_hook
from webapp.services.take_webhook import take_webhook
from webapp.web.open_pages import open_to_all

MOST_BYTES = 1 << 20
LONGEST_CHALLENGE = 500

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")


@blueprint.get("/alma/<token>")
@open_to_all
def alma_challenge(token: str) -> ResponseReturnValue:
    """Say back what Alma asks when the address is registered."""
    _caller(token)
    challenge = request.args.get("challenge", "")
    if not challenge or len(challenge) > LONGEST_CHALLENGE:
        abort(400, "Alma sends a challenge of at most 500 characters here.")
    return {"challenge": challenge}


@blueprint.post("/alma/<token>")
@open_to_all
def alma_message(token: str) -> ResponseReturnValue:
    """One message, judged by the signature over its very bytes."""
    caller = _caller(token)
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    taken = take_webhook(
        caller, body, request.headers.get(SIGNATURE_HEADER, ""), current_app.config["FEEBRIDGE"]
    )
    return {"message": taken.words}, taken.status


@blueprint.errorhandler(HTTPException)
def refused(error: HTTPException) -> ResponseReturnValue:
    """Errors as programs read them."""
    return {"message": error.description or error.name}, error.code or 500


def _caller(token: str) -> Caller:
    return campus_of_hook(token) or abort(404, "There is no such address.")
