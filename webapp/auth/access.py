"""Who may open which page: decorators that every view carries."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

from flask import abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user

from webapp.services.audit import Actor
from webapp.services.sign_in import Visitor
from webapp.store.people import CampusAccess
from webapp.web.open_pages import open_to_all

__all__ = ["SignedIn", "campus_role", "consortium_admin", "may", "open_to_all", "signed_in", "to_sign_in"]

P = ParamSpec("P")
R = TypeVar("R", bound=ResponseReturnValue)
Role = Literal["viewer", "approver", "editor", "admin"]

# Everyone reads. Approving and editing are two duties that only an admin has both of.
MAY_ACT_AS: dict[Role, frozenset[str]] = {
    "viewer": frozenset({"viewer", "approver", "editor", "admin"}),
    "approver": frozenset({"approver", "admin"}),
    "editor": frozenset({"editor", "admin"}),
    "admin": frozenset({"admin"}),
}


class SignedIn(UserMixin):  # type: ignore[misc]  # flask_login has no types
    """Flask-Login's view of a visitor (``current_user``)."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.id = str(visitor.person_id)
        self.person_id = visitor.person_id
        self.full_name = visitor.full_name
        self.email = visitor.email
        self.is_consortium_admin = visitor.is_consortium_admin
        self.campuses = visitor.campuses

    @property
    def actor(self) -> Actor:
        """The person as the audit log names them."""
        return Actor(self.person_id, self.full_name)


def may(role: Role) -> bool:
    """Whether the person may act as ``role`` for the campus of this page; for hiding buttons, not for guarding."""
    return g.get("role") in MAY_ACT_AS[role]


def campus_role(role: Role) -> Callable[[Callable[P, R]], Callable[P, ResponseReturnValue]]:
    """Let members in who may act as ``role``, and set ``g.tenant``, ``g.role`` and ``g.actor``.

    ``g.tenant`` is a ``CampusAccess`` (tenant_id, slug, name, time_zone, alma_institution). Strangers are sent to
    sign in; to people of other campuses the page does not exist (404); members without the role get 403.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                return to_sign_in()
            campus = _campus_named(g.get("campus_slug", ""))
            if campus is None:
                abort(404)
            g.tenant, g.role, g.actor = campus, campus.role, current_user.actor
            if campus.role not in MAY_ACT_AS[role]:
                abort(403)
            return view(*args, **kwargs)

        guarded.feebridge_access = f"campus {role}"  # type: ignore[attr-defined]
        return guarded

    return decorate


def consortium_admin(view: Callable[P, R]) -> Callable[P, ResponseReturnValue]:
    """Let consortium admins in; to everyone else who is signed in the page does not exist."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return to_sign_in()
        if not current_user.is_consortium_admin:
            abort(404)
        g.actor = current_user.actor
        return view(*args, **kwargs)

    guarded.feebridge_access = "consortium admin"  # type: ignore[attr-defined]
    return guarded


def signed_in(view: Callable[P, R]) -> Callable[P, ResponseReturnValue]:
    """Let anyone in who has signed in: pages about oneself."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return to_sign_in()
        g.actor = current_user.actor
        return view(*args, **kwargs)

    guarded.feebridge_access = "signed in"  # type: ignore[attr-defined]
    return guarded


def to_sign_in() -> ResponseReturnValue:
    """Send a stranger to the sign-in page and, for a page that can be read, back afterwards."""
    if request.headers.get("HX-Request"):
        return "", 401, {"HX-Refresh": "true"}
    here = request.full_path.rstrip("?")
    return redirect(url_for("auth.sign_in", next=here if request.method == "GET" and here != "/" else None))


def _campus_named(slug: str) -> CampusAccess | None:
    return next((campus for campus in current_user.campuses if campus.slug == slug), None)
