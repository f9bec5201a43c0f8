"""Lists as downloads that stream from the database while they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from flask import Response, g, stream_with_context

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.web.csv_export import Cell, csv_response


def export(
    name: str,
    headings: Sequence[str],
    read: Callable[[ScopedSession], Iterable[Any]],
    cells: Callable[[Any], Sequence[Cell]],
) -> Response:
    """A CSV of what ``read`` finds in the campus's rows, each written by ``cells``."""
    tenant_id = g.tenant.tenant_id

    def rows() -> Iterator[Sequence[Cell]]:
        with tenant_scope(tenant_id) as session:
            for row in read(session):
                yield cells(row)

    response = csv_response(f"{g.tenant.slug}-{name}", headings, rows())
    # The database is reached through the application, which must stay at hand until the last line.
    response.response = stream_with_context(cast("Iterator[str]", response.response))
    return response
