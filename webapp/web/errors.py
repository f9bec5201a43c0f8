"""Errors in plain words, on the shell; what went wrong inside is logged under an id and never shown."""

from __future__ import annotations

import logging
import secrets
import traceback
from dataclasses import dataclass

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

log = logging.getLogger("feebridge.web")


@dataclass(frozen=True, slots=True)
class PlainError:
    """What a person reads: what happened, and what to do."""

    title: str
    text: str


ERRORS = {
    400: PlainError("That request could not be read", "Something in the address or form was not understood. Go back, check what you typed, and try again. Nothing was changed."),
    403: PlainError("You may not do that here", "Your role for this campus does not include this. Nothing was changed. A campus admin can change your role under Settings, Members."),
    404: PlainError("There is no such page", "It may have been moved or removed, or the address has a typing error. Nothing was changed."),
    405: PlainError("That does not work this way", "This address answers another kind of request. Go back and use the buttons of the page. Nothing was changed."),
    413: PlainError("That is too large", "The upload is above the limit of 32 MB. Nothing was stored. Split the file, or put it on the SFTP server."),
    429: PlainError("Too many tries", "Wait a little, then try again. Nothing was changed."),
    500: PlainError("Something went wrong on our side", "It was noted under the number below. Nothing you typed was taken over unless a page said so; try again, and tell your administrator the number if it happens again."),
    503: PlainError("Feebridge cannot answer right now", "Try again in a minute. Runs that are under way are not affected."),
}  # fmt: skip
FORM_TOO_OLD = PlainError(
    "This form is no longer valid",
    "It was open too long, or you signed in again elsewhere. Nothing was changed. Go back, reload the page, and send it again.",
)


def register(app: Flask) -> None:
    """Answer every error with a page of our own."""
    app.register_error_handler(CSRFError, _form_too_old)
    app.register_error_handler(HTTPException, _known)
    app.register_error_handler(Exception, _unknown)


def _form_too_old(_error: CSRFError) -> ResponseReturnValue:
    return _page(400, FORM_TOO_OLD)


def _known(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    if error.response is not None or code < 400:
        return error
    plain = ERRORS.get(code) or ERRORS[500 if code >= 500 else 400]
    response = _page(code, plain)
    if code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _unknown(error: Exception) -> ResponseReturnValue:
    error_id = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))
    # The exception's text may quote a row; its kind and place are enough to find the fault.
    log.error(
        "error_id=%s method=%s endpoint=%s kind=%s where=%s",
        error_id,
        request.method,
        request.endpoint,
        type(error).__name__,
        where,
    )
    return _page(500, ERRORS[500], error_id=error_id)


def _page(code: int, plain: PlainError, *, error_id: str = "") -> Response:
    return make_response(render_template("error.html", code=code, plain=plain, error_id=error_id), code)
