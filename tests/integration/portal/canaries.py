"""One row in every table of a campus, with a canary in every column that can hold text."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import CheckConstraint, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from webapp.models import Base

CANARY = "LEAK-B"
# The texts that the asker knows: they may be echoed, and find the rows whose other columns hold canaries.
KNOWN_EMPLID = "777000111"
KNOWN_LAYOUT = "their-layout"
KNOWN_FEE = "81069999990006381"
TENANT_TABLES = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.columns]


def plant(superuser: psycopg.Connection, tenant_id: int, person_id: int) -> dict[str, dict[str, Any]]:
    """Insert the rows; returns each table's key columns by name. Tables that have rows already keep them too."""
    keys: dict[str, dict[str, Any]] = {}
    for table in TENANT_TABLES:
        if table.name == "membership":
            continue
        values = {column.name: _value(table, column, tenant_id, person_id, keys) for column in table.columns}
        values = {name: value for name, value in values.items() if value is not _LEFT_OUT}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() for _ in values),
            sql.SQL(", ").join(sql.Identifier(c.name) for c in table.primary_key.columns),
        )
        row = superuser.execute(statement, list(values.values())).fetchone()
        keys[table.name] = dict(zip([c.name for c in table.primary_key.columns], row, strict=True))
    return keys


def snapshot(superuser: psycopg.Connection, tenant_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the campus in every table."""
    return {
        table.name: superuser.execute(
            sql.SQL("SELECT t::text FROM {} t WHERE tenant_id = %s ORDER BY 1").format(
                sql.Identifier(table.name)
            ),
            (tenant_id,),
        ).fetchall()
        for table in TENANT_TABLES
    }


_LEFT_OUT = object()


def _value(  # noqa: C901, PLR0911 - one line for each kind of column
    table: Table, column: Column[Any], tenant_id: int, person_id: int, keys: dict[str, dict[str, Any]]
) -> Any:
    if column.name == "tenant_id":
        return tenant_id
    if column.computed is not None:
        return _LEFT_OUT
    if column.identity is not None:
        return 770_000_001 + TENANT_TABLES.index(table)
    for key in column.foreign_keys:
        if key.column.table.name == "person":
            return person_id
        if key.column.table is table:
            return _LEFT_OUT
        return keys[key.column.table.name][key.column.name]
    if isinstance(column.type, JSONB):
        return Jsonb({"canary": f"{CANARY}-{table.name}-{column.name}"})
    if column.name == "emplid":
        return KNOWN_EMPLID
    if column.name == "fee_ref":
        return KNOWN_FEE
    if (table.name, column.name) == ("layout_version", "name"):
        return KNOWN_LAYOUT
    if isinstance(column.type, Text):
        return _allowed(table, column) or f"{CANARY}-{table.name}-{column.name}"
    if column.nullable or column.server_default is not None:
        return _LEFT_OUT
    return {"int": 7, "datetime": "2026-11-20T18:00:00Z", "date": "2026-11-20", "bool": True}[
        column.type.python_type.__name__
    ]


def _allowed(table: Table, column: Column[Any]) -> str | None:
    """The last of the values that a check on the column allows."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            found = re.match(rf'"?{column.name}"? in \((.*)\)$', str(constraint.sqltext))
            if found:
                return re.findall(r"'([^']*)'", found.group(1))[-1]
    return None
