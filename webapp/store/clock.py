"""The database's clock, which all machines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def database_now(session: Session) -> datetime:
    """The moment, also in a transaction that has gone on for long."""
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now
