"""Signing in and one's own account."""

from __future__ import annotations

from flask import Flask, current_app, request
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from webapp.auth.access import SignedIn, may
from webapp.auth.sessions import DatabaseSessions, browser_session, load_session
from webapp.auth.views import blueprint
from webapp.config import Settings

__all__ = ["blueprint", "register"]

WITHOUT_SESSION = frozenset({"static", "health.livez", "health.readyz"})
# Programs have no session; they name their campus in each request.
FOR_PROGRAMS = frozenset({"hooks", "api"})
# Pages on which files of any size the installation takes in are handed in; they go to a temporary file as they come.
LARGE_UPLOADS = frozenset({"campus.upload_inbound"})


def register(app: Flask) -> None:
    """Put sessions, ``current_user`` and the forms' tokens in place."""
    app.session_interface = DatabaseSessions()

    @app.before_request
    def open_session() -> None:
        if request.endpoint not in WITHOUT_SESSION and request.blueprint not in FOR_PROGRAMS:
            load_session(current_app, request)

    @app.before_request
    def allow_large_upload() -> None:
        # Here, because the form's token is looked for next, and that reads the body; and only for who is signed in.
        if request.endpoint in LARGE_UPLOADS and browser_session().visitor:
            settings: Settings = current_app.config["FEEBRIDGE"]
            request.max_content_length = settings.inbound_limit_mb << 20

    login = LoginManager(app)
    login.session_protection = None

    @login.request_loader  # type: ignore[untyped-decorator]
    def who(_request: object) -> SignedIn | None:
        visitor = browser_session().visitor
        return SignedIn(visitor) if visitor else None

    # After open_session: the token is checked against the session.
    CSRFProtect(app)
    app.jinja_env.globals["may"] = may
