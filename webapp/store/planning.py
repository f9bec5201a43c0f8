"""A hint to PostgreSQL where it cannot know how many rows there are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


@contextmanager
def by_hashing(session: Session) -> Iterator[None]:
    """Joins while the block lasts are made by hashing or merging, whatever size the planner takes a table for."""
    session.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    session.execute(text("SET LOCAL enable_nestloop = on"))
