"""The browser's session: a signed cookie for strangers, a row in the database for people who signed in.

A stranger costs the database nothing. Signing in always starts a session under a new token, of which the database
keeps the hash only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, Response, session
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer

from webapp.services import sign_in as use_case
from webapp.services.sign_in import Visitor

STRANGER_S = 12 * 60 * 60
# Requests a page makes by itself carry this header; they do not keep a session from going idle.
LIVE_HEADER = "Feebridge-Live"


class BrowserSession(SessionMixin):
    """What one browser's session holds, and whether it belongs to somebody."""

    accessed = True

    def __init__(self, cookie: str) -> None:
        self.cookie = cookie
        self.token: str | None = None
        self.visitor: Visitor | None = None
        self.modified = False
        self.is_new_token = False
        self.has_ended = False
        self._content: dict[str, Any] = {}

    def load(self, content: dict[str, Any]) -> None:
        """Take over what was kept from the requests before."""
        self._content = dict(content)

    def belong_to(self, token: str) -> None:
        """Become the session of someone who just signed in: nothing of the stranger's is carried over."""
        self.token, self.is_new_token, self.modified = token, True, False
        self.has_ended = False
        self._content = {}

    def end(self) -> None:
        """Become a stranger's empty session."""
        self.token, self.visitor, self.has_ended = None, None, True
        self._content = {}

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._content[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._content[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def browser_session() -> BrowserSession:
    """The session of the request under way."""
    found = session._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - a werkzeug LocalProxy
    if not isinstance(found, BrowserSession):  # pragma: no cover - create_app sets the interface
        raise TypeError("The session interface of create_app is not in place.")
    return found


class DatabaseSessions(SessionInterface):
    """Opens and saves ``BrowserSession``; reading the database is left to ``load_session``, inside the request."""

    def open_session(self, app: Flask, request: Request) -> BrowserSession:
        """An empty session that remembers the cookie."""
        return BrowserSession(request.cookies.get(self.get_cookie_name(app), ""))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep what changed, and hand out or take back the cookie."""
        if not isinstance(session, BrowserSession):  # pragma: no cover - open_session makes no other
            raise TypeError("A session that open_session did not make.")
        if session.token is not None:
            if session.modified:
                use_case.keep_payload(session.token, dict(session))
            if session.is_new_token:
                self._set_cookie(app, response, session.token)
        elif session.modified:
            self._set_cookie(app, response, "~" + _signer(app).dumps(dict(session)))
        elif session.has_ended:
            response.delete_cookie(
                self.get_cookie_name(app),
                path="/",
                secure=self.get_cookie_secure(app),
                httponly=True,
                samesite="Lax",
            )

    def _set_cookie(self, app: Flask, response: Response, value: str) -> None:
        response.set_cookie(
            self.get_cookie_name(app),
            value,
            path="/",
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )


def load_session(app: Flask, request: Request) -> None:
    """Fill the request's session from the cookie."""
    opened = browser_session()
    if opened.cookie.startswith("~"):
        try:
            opened.load(_signer(app).loads(opened.cookie[1:], max_age=STRANGER_S))
        except BadSignature:
            opened.has_ended = True
    elif opened.cookie:
        visitor = use_case.visitor_of(opened.cookie, counts_as_activity=LIVE_HEADER not in request.headers)
        if visitor is None:
            opened.has_ended = True
            return
        opened.token, opened.visitor = opened.cookie, visitor
        opened.load(visitor.payload)


def _signer(app: Flask) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(app.config["SECRET_KEY"]), salt="feebridge-stranger")
