"""A database for each test that nobody has used, or that nothing is left in: emptying one is far quicker than making one."""

from __future__ import annotations

import itertools
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from webapp.embedded import create_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

# Emptying leaves dead rows behind, which cost little until there are many of them.
_MOST_DEAD_BYTES = 64 << 10
# Every change of the schema or of a right shows in one of these; filling, emptying and measuring tables does not.
_SHAPE = """
    SELECT concat_ws('|',
        (SELECT md5(string_agg(concat_ws(',', relname, relkind, relowner, relacl, relrowsecurity, relforcerowsecurity,
                                         reloptions), ';' ORDER BY relname))
         FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'),
        (SELECT string_agg(version_num, ',') FROM public.alembic_version),
        {})
""".format(
    ", ".join(
        f"(SELECT concat(count(*), ',', max(xmin::text::bigint)) FROM {catalog})"
        for catalog in (
            "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_policy", "pg_proc", "pg_trigger",
        )
    )
)  # fmt: skip
_FILLED = """
    SELECT oid::regclass::text, pg_relation_size(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
      AND pg_relation_size(oid) > 0
"""
_COUNTED = """
    SELECT seqrelid::regclass::text FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
"""


class Databases:
    """Databases like ``template``: while a test uses one, the next is made ready and the one before is emptied.

    ``url_of`` gives the superuser's address of a database. One in which the schema was changed is dropped.
    """

    def __init__(self, url_of: Callable[[str], str], template: str, maker: ThreadPoolExecutor) -> None:
        self._url_of, self._template, self._maker = url_of, template, maker
        self._numbers = itertools.count(1)
        self._ready: deque[Future[str | None]] = deque([maker.submit(self._make), maker.submit(self._make)])
        self._shape = ""

    def take(self) -> str:
        """The name of one that is as new."""
        return self._ready.popleft().result() or self._make()

    def give_back(self, name: str) -> None:
        """Have it made ready for another test, whoever is still connected."""
        self._ready.append(self._maker.submit(self._renew, name))

    def finish(self) -> None:
        """Raise what went wrong with those that were given back."""
        for database in self._ready:
            database.result()

    def _make(self) -> str:
        name = self._new_name()
        with self._connect("postgres") as admin:
            create_database(admin, name, template=self._template)
        return name

    def _renew(self, name: str) -> str | None:
        """A new name for it, so that nobody who used it before finds it again; None: it is gone."""
        new_name = self._new_name()
        with self._connect("postgres") as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            try:
                admin.execute(_named("ALTER DATABASE {} RENAME TO {}", name, new_name))
            except psycopg.errors.ObjectInUse:
                admin.execute(_named("DROP DATABASE {} WITH (FORCE)", name))
                return None
            with self._connect(new_name) as connection:
                self._shape = self._shape or self._shape_of_template()
                is_as_it_was = _shape(connection) == self._shape
                if is_as_it_was:
                    _empty(connection)
            if not is_as_it_was:
                admin.execute(_named("DROP DATABASE {} WITH (FORCE)", new_name))
        return new_name if is_as_it_was else None

    def _shape_of_template(self) -> str:
        with self._connect(self._template) as connection:
            return _shape(connection)

    def _new_name(self) -> str:
        return f"test_{os.getpid()}_{next(self._numbers)}"

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url_of(name), autocommit=True)


def _shape(connection: psycopg.Connection[Any]) -> str:
    try:
        row = connection.execute(_SHAPE).fetchone()
    except psycopg.errors.UndefinedTable:
        return "without its tables"
    assert row is not None
    return str(row[0])


def _empty(connection: psycopg.Connection[Any]) -> None:
    # Without triggers: neither foreign keys nor what keeps the ledger from being changed.
    connection.execute("SET session_replication_role = replica")
    for table, size in connection.execute(_FILLED).fetchall():
        how = "TRUNCATE {} CASCADE" if size > _MOST_DEAD_BYTES else "DELETE FROM {}"
        connection.execute(sql.SQL(how).format(sql.SQL(table)))
    for (sequence,) in connection.execute(_COUNTED).fetchall():
        connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.SQL(sequence)))


def _named(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*(sql.Identifier(name) for name in names))
