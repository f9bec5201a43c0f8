"""Patrons and their fees for the pages and for programs, without going through Alma's gate."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from webapp.sandbox.records import json_number

if TYPE_CHECKING:
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron


def list_patrons(institution: Institution, start: int, limit: int, *, only_owing: bool) -> list[Patron]:
    """Up to ``limit`` patrons by number from the ``start``-th on; with ``only_owing`` those with an open balance."""
    if only_owing:
        view = institution.live_view()
        owing = (
            patron
            for patron in view.patrons_with_fees()
            if any(fee.is_outstanding for fee in view.fees(patron))
        )
        return list(islice(owing, start, start + limit))
    population = institution.population
    return [population.patron(index) for index in range(start, min(start + limit, population.size))]


def patron_summary(institution: Institution, patron: Patron) -> dict[str, Any]:
    """A patron with all fees as JSON; ``balance`` as Alma prints it, the same exactly in ``balance_cents``."""
    return {
        "primary_id": patron.primary_id,
        "emplid": patron.emplid,
        "name": patron.full_name,
        "group": patron.group.code,
        "owed_cents": institution.owed_cents(patron),
        "fees": [
            {
                "id": fee.fee_id,
                "type": fee.type_code,
                "status": fee.status,
                "balance": json_number(fee.balance_cents),
                "balance_cents": fee.balance_cents,
            }
            for fee in institution.fees(patron)
        ],
    }
