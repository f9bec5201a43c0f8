"""What every table shares: the database handle, the tenant mark, and keys that never cross tenants."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Date, DateTime, ForeignKey, Identity, Integer, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Maps text, aware times and JSON the same way in every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: DateTime(timezone=True),
        date: Date,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


# Models derive from Base, not from db.Model, so that the type checker sees them; db brings engines and sessions.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


class TenantRow:
    """A row that belongs to one campus: ``tenant_id`` comes first in every key, and row security holds it."""

    @declared_attr
    def tenant_id(cls) -> Mapped[int]:  # noqa: N805 - a declared_attr receives the class
        """The campus the row belongs to."""
        return mapped_column(Integer, ForeignKey("tenant.id"), primary_key=True, sort_order=-20)


class NumberedTenantRow(TenantRow):
    """A campus's row with a number of its own."""

    @declared_attr
    def id(cls) -> Mapped[int]:  # noqa: N805
        """The row's own number, given by the database."""
        return mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-10)
