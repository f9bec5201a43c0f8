"""Ask Alma for the fees of students whose money names no fee we know: one call each, and what it says is remembered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.errors import PermanentError
from webapp.models.scope import tenant_scope
from webapp.store import alma_fees
from webapp.store.clock import database_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webapp.adapters.alma.client import AlmaClient

MOST_ASKED = 20_000


def ask_fees(
    tenant_id: int,
    client: AlmaClient,
    emplids: Sequence[str],
    *,
    pad: bool,
    on_progress: Callable[[int, int], object] = lambda _done, _all: None,
) -> int:
    """Keep the active fees of these students; returns how many of them Alma knows.

    ``pad``: zeros were put back in front of ids, so Alma may know them without. Raises: RetryableError, PermanentError.
    """
    known = 0
    with contextlib.closing(client):
        for number, emplid in enumerate(emplids):
            on_progress(number, len(emplids))
            known += _ask(tenant_id, client, emplid, pad=pad)
    return known


def _ask(tenant_id: int, client: AlmaClient, emplid: str, *, pad: bool) -> bool:
    forms = dict.fromkeys([emplid, emplid.lstrip("0")] if pad else [emplid])
    for form in filter(None, forms):
        with tenant_scope(tenant_id) as session:
            seen_at = database_now(session)
        try:
            fees = client.fees(form)
        except NotFoundError:
            continue
        except PermanentError as err:
            if "cannot be used" not in err.message:
                raise
            # One fee of theirs is damaged: their money waits for a person, nobody else's does.
            return False
        with tenant_scope(tenant_id) as session:
            alma_fees.keep_fees(session, tenant_id, fees, emplid, seen_at)
            session.commit()
        return True
    return False
