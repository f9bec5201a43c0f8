"""The users list: Alma's brief search, sort order and paging over invented patrons.

``q`` is field~text, several joined by " AND "; what the sandbox understands is in FIELDS. Source: Ex Libris OpenAPI
users, "Retrieve users" (2026-05). Identifiers are found by arithmetic; other fields read through every patron.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from webapp.sandbox.alma_errors import AlmaRefusalError, bad_parameter
from webapp.sandbox.records import BLOCKED_FROM_CENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron


def _is_blocked(institution: Institution, patron: Patron, text: str) -> bool:
    return text in {"general", "owes"} and institution.owed_cents(patron) >= BLOCKED_FROM_CENTS


FIELDS: dict[str, Callable[[Institution, Patron, str], bool]] = {
    "primary_id": lambda _, patron, text: patron.primary_id.lower() == text,
    "identifiers": lambda _, patron, text: text in {patron.primary_id.lower(), patron.barcode, patron.emplid},
    "first_name": lambda _, patron, text: text in patron.first_name.lower(),
    "last_name": lambda _, patron, text: text in patron.last_name.lower(),
    "user_group": lambda _, patron, text: text in {patron.group.code.lower(), patron.group.desc.lower()},
    "block_type": _is_blocked,
    "ALL": lambda _, patron, text: text in f"{patron.full_name} {patron.primary_id} {patron.barcode}".lower(),
}


@dataclass(frozen=True, slots=True)
class UserQuery:
    """What a caller asks of the users list."""

    conditions: tuple[tuple[str, str], ...]
    modified_from: date | None
    limit: int
    offset: int

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> UserQuery:
        """The query in Alma's parameters limit, offset, q and modify_date_from.

        Raises:
            AlmaRefusalError: an unknown search field, a bad date or number, or q together with modify_date_from.
        """
        q, since = args.get("q", ""), args.get("modify_date_from", "")
        if q and since:
            raise AlmaRefusalError("402119", "General error: q and modify_date_from exclude each other.")
        try:
            limit, offset = int(args.get("limit") or 10), int(args.get("offset") or 0)
            modified_from = date.fromisoformat(since) if since else None
        except ValueError as err:
            raise AlmaRefusalError("402119", f"General error: {err}.") from err
        if not 0 <= limit <= 100 or offset < 0:
            raise AlmaRefusalError("402119", "General error: limit is 0 to 100 and offset 0 or more.")
        return cls(_conditions(q), modified_from, limit, offset)


def search_users(institution: Institution, query: UserQuery) -> tuple[list[Patron], int]:
    """One page of patrons in Alma's order (last name, first name, primary id), and how many match in all."""
    population = institution.population
    if not query.conditions and query.modified_from is None:
        page = population.by_name[query.offset : query.offset + query.limit]
        return [population.patron(index) for index in page], population.size
    matches = list(_matches(institution, query))
    return list(islice(matches, query.offset, query.offset + query.limit)), len(matches)


def _matches(institution: Institution, query: UserQuery) -> Iterator[Patron]:
    population = institution.population
    indexes = iter(population.by_name)
    for name, text in query.conditions:
        if name in {"primary_id", "identifiers"}:
            found = population.find(text)
            indexes = iter(() if found is None else (found,))
    for index in indexes:
        patron = population.patron(index)
        if query.modified_from and institution.modified_on(patron) < query.modified_from:
            continue
        if all(FIELDS[name](institution, patron, text) for name, text in query.conditions):
            yield patron


def _conditions(q: str) -> tuple[tuple[str, str], ...]:
    conditions = []
    for part in q.split(" AND ") if q else ():
        name, tilde, text = part.partition("~")
        if not tilde or name.strip() not in FIELDS:
            raise bad_parameter("q", q)
        conditions.append(
            (name.strip(), text.strip().replace("_", " ").lower() if "name" in name else text.strip().lower())
        )
    return tuple(conditions)
