"""Browser sessions and the count of failed sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from webapp.models import LoginThrottle, Person, WebSession

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A count of failures is forgotten after a day without another one.
FORGET_FAILURES_AFTER_H = 24


def add_session(
    session: Session, *, token_sha256: str, person_id: int, payload: dict[str, Any], lifetime_s: int
) -> None:
    """Remember a browser by the hash of its token, for at most ``lifetime_s``."""
    session.execute(
        insert(WebSession).values(
            token_sha256=token_sha256,
            person_id=person_id,
            payload=payload,
            expires_at=func.now() + _seconds(lifetime_s),
        )
    )


def find_session(session: Session, token_sha256: str, *, idle_s: int) -> tuple[WebSession, Person] | None:
    """The session that is neither idle for ``idle_s`` nor past its end, with its person, who may still log in."""
    row = session.execute(
        select(WebSession, Person)
        .join(Person, Person.id == WebSession.person_id)
        .where(
            WebSession.token_sha256 == token_sha256,
            WebSession.expires_at > func.now(),
            WebSession.last_seen_at > func.now() - _seconds(idle_s),
            Person.is_active,
        )
    ).first()
    return (row[0], row[1]) if row else None


def touch_session(session: Session, token_sha256: str, *, not_within_s: int) -> None:
    """Note that the person is there, at most once in ``not_within_s``."""
    session.execute(
        update(WebSession)
        .where(
            WebSession.token_sha256 == token_sha256,
            WebSession.last_seen_at < func.now() - _seconds(not_within_s),
        )
        .values(last_seen_at=func.now())
    )


def save_payload(session: Session, token_sha256: str, payload: dict[str, Any]) -> None:
    """Keep what the session holds."""
    session.execute(update(WebSession).where(WebSession.token_sha256 == token_sha256).values(payload=payload))


def end_session(session: Session, token_sha256: str) -> None:
    """Forget one browser."""
    session.execute(delete(WebSession).where(WebSession.token_sha256 == token_sha256))


def end_sessions_of(session: Session, person_id: int) -> None:
    """Forget every browser of one person."""
    session.execute(delete(WebSession).where(WebSession.person_id == person_id))


def end_expired(session: Session, *, idle_s: int) -> None:
    """Delete what can no longer be used."""
    session.execute(
        delete(WebSession).where(
            (WebSession.expires_at <= func.now()) | (WebSession.last_seen_at <= func.now() - _seconds(idle_s))
        )
    )


def count_sessions(session: Session, person_id: int, *, idle_s: int) -> int:
    """How many browsers the person is signed in with."""
    return (
        session.scalar(
            select(func.count())
            .select_from(WebSession)
            .where(
                WebSession.person_id == person_id,
                WebSession.expires_at > func.now(),
                WebSession.last_seen_at > func.now() - _seconds(idle_s),
            )
        )
        or 0
    )


def count_try(session: Session, key: str, *, free: int, longest_s: int) -> int:
    """Count a try before its outcome is known; returns 0, or for how many seconds tries are still refused.

    After ``free`` tries each further one doubles the wait, from one second up to ``longest_s``. Counting and looking
    are one statement on a locked row, so that tries at the same moment cannot slip through together.
    """
    stale = LoginThrottle.updated_at < func.now() - _seconds(FORGET_FAILURES_AFTER_H * 3600)
    failures = case((stale, 1), else_=LoginThrottle.failures + 1)
    wait_s = func.least(longest_s, func.power(2, func.least(failures - free - 1, 20)))
    blocked_until = case((failures > free, func.now() + _seconds(wait_s)), else_=None)
    counted = session.scalar(
        upsert(LoginThrottle)
        .values(key=key, failures=1)
        .on_conflict_do_update(
            index_elements=[LoginThrottle.key],
            set_={"failures": failures, "blocked_until": blocked_until, "updated_at": func.now()},
            where=func.coalesce(LoginThrottle.blocked_until, func.now()) <= func.now(),
        )
        .returning(LoginThrottle.failures)
    )
    if counted is not None:
        return 0
    left_s = session.scalar(
        select(func.ceil(func.extract("epoch", LoginThrottle.blocked_until - func.now()))).where(
            LoginThrottle.key == key
        )
    )
    return max(1, int(left_s or 1))


def forget_tries(session: Session, key: str) -> None:
    """Start the count again after a good sign-in."""
    session.execute(delete(LoginThrottle).where(LoginThrottle.key == key))


def take_back_try(session: Session, key: str) -> None:
    """Uncount one try that turned out well, where the key is shared with others."""
    session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.key == key, LoginThrottle.failures > 0)
        .values(failures=LoginThrottle.failures - 1)
    )


def forget_old_tries(session: Session) -> None:
    """Delete counts that no longer matter."""
    session.execute(
        delete(LoginThrottle).where(
            LoginThrottle.updated_at < func.now() - _seconds(FORGET_FAILURES_AFTER_H * 3600)
        )
    )


def _seconds(seconds: Any) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
