"""Who calls, by bearer token, and errors in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Blueprint, Response, current_app, g, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from webapp.adapters.errors import OutsideError
from webapp.services.audit import Actor
from webapp.services.campus_tokens import campus_of_bearer

P = ParamSpec("P")
R = TypeVar("R", bound=ResponseReturnValue)

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


def campus_token(view: Callable[P, R]) -> Callable[P, ResponseReturnValue]:
    """Let programs in that carry a campus's API token; sets ``g.caller`` and ``g.actor``. Everyone else gets 401."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        caller = None
        if scheme.lower() == "bearer":
            caller = campus_of_bearer(token.strip(), current_app.config["FEEBRIDGE"])
        if caller is None:
            answer = error(
                401, "Send the campus's API token: Authorization: Bearer fb_… It is made under Settings."
            )
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        g.caller, g.actor = caller, Actor(None, f"API of {caller.slug}")
        return view(*args, **kwargs)

    guarded.feebridge_access = "campus API token"  # type: ignore[attr-defined]
    return guarded


def error(status: int, message: str, **facts: object) -> Response:
    """{"error": {"status", "message"}} and whatever else the caller can use."""
    return make_response(jsonify(error={"status": status, "message": message}, **facts), status)


@blueprint.errorhandler(HTTPException)
def known_error(err: HTTPException) -> ResponseReturnValue:
    """Werkzeug's errors, as JSON."""
    return error(err.code or 500, err.description or err.name)


@blueprint.errorhandler(OutsideError)
def storage_error(err: OutsideError) -> ResponseReturnValue:
    """The file store is in trouble: nothing was kept, and it may be sent again."""
    return error(503, err.message)
