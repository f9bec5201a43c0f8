"""Hints to PostgreSQL where it cannot know how many rows there are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

_BYTES_PER_ROW = 200
_LEAST_MEMORY_KB, _MOST_MEMORY_KB = 8 << 10, 192 << 10


def make_room(session: Session, rows: int) -> None:
    """Sort and hash in memory instead of on disk, as much as the rows need and the server can spare."""
    memory_kb = min(max(rows * _BYTES_PER_ROW >> 10, _LEAST_MEMORY_KB), _MOST_MEMORY_KB)
    session.execute(text(f"SET LOCAL work_mem = '{memory_kb}kB'"))
    # Compiling costs more than it saves on statements that run once.
    session.execute(text("SET LOCAL jit = off"))


@contextmanager
def by_hashing(session: Session) -> Iterator[None]:
    """Joins while the block lasts are made by hashing or merging, whatever size the planner takes a table for."""
    session.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    session.execute(text("SET LOCAL enable_nestloop = on"))
