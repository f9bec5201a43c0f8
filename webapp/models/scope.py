"""The only way to a campus's rows.

``tenant_scope`` opens a session whose every transaction tells PostgreSQL which campus it works for; row security
does the rest. On top of it an ORM guard refuses any statement on a campus's table outside a scope, so that a mistake
raises here instead of finding nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, inspect, text
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, with_loader_criteria
from sqlalchemy.orm.unitofwork import UOWTransaction

from webapp.models.base import TenantRow, db


class TenantScopeError(RuntimeError):
    """Code asked for a campus's rows without saying which campus; nothing was read or written."""


class ScopedSession(Session):
    """A session that knows its campus (``tenant_id``) or its person, or that it works for neither."""

    tenant_id: int | None = None
    person_id: int | None = None


@contextmanager
def tenant_scope(tenant_id: int) -> Iterator[ScopedSession]:
    """A session on one campus's rows, for as long as the block lasts. The caller commits."""
    with ScopedSession(db.engine, expire_on_commit=False) as session:
        session.tenant_id = tenant_id
        yield session


@contextmanager
def person_scope(person_id: int | None) -> Iterator[ScopedSession]:
    """A session on people, log-ins and the registry of campuses; of tenant tables only the person's memberships."""
    with ScopedSession(db.engine, expire_on_commit=False) as session:
        session.person_id = person_id
        yield session


@contextmanager
def every_tenant_scope() -> Iterator[Session]:
    """The scheduler's session: states and counts of every campus, never a patron's column."""
    with Session(db.engines["scheduler"], expire_on_commit=False) as session:
        yield session


@event.listens_for(ScopedSession, "after_begin")
def _tell_postgres(session: ScopedSession, _transaction: SessionTransaction, connection: Any) -> None:
    # Set for the transaction only: a pooled connection must not remember the campus of the request before.
    if session.tenant_id is not None:
        connection.execute(
            text("SELECT set_config('app.tenant_id', :tenant_id, true)"),
            {"tenant_id": str(session.tenant_id)},
        )
    if session.person_id is not None:
        connection.execute(
            text("SELECT set_config('app.person_id', :person_id, true)"),
            {"person_id": str(session.person_id)},
        )


@event.listens_for(ScopedSession, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    session = state.session
    if not isinstance(session, ScopedSession):  # pragma: no cover - the listener is on ScopedSession
        return
    tables = {m.local_table.name for m in state.all_mappers if issubclass(m.class_, TenantRow)}  # type: ignore[attr-defined]
    if not tables:
        return
    if session.tenant_id is None:
        if session.person_id is not None and tables == {"membership"}:
            return
        raise TenantScopeError(
            f"A statement on {', '.join(sorted(tables))} outside tenant_scope; nothing was read or written."
        )
    tenant_id = session.tenant_id
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(
            with_loader_criteria(
                TenantRow,
                lambda cls: cls.tenant_id == tenant_id,
                include_aliases=True,
                track_closure_variables=True,
            )
        )


@event.listens_for(ScopedSession, "before_flush")
def _guard_flush(session: ScopedSession, _context: UOWTransaction, _instances: Any) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, TenantRow):
            continue
        if session.tenant_id is None:
            raise TenantScopeError(
                f"A {inspect(row).mapper.local_table.name} row changed outside tenant_scope."
            )
        given: int | None = row.tenant_id
        if given is None:
            row.tenant_id = session.tenant_id
        elif given != session.tenant_id:
            raise TenantScopeError(
                f"A row of tenant {given} was handed to the scope of tenant {session.tenant_id}; "
                "nothing was written."
            )
