"""Mapping coverage: which fees of the last year the rows of a table fit, and which they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import abort, g, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.charge_words import field_title
from webapp.domain.charge_maps import first_match
from webapp.domain.layouts import FEE_FIELDS
from webapp.models.scope import tenant_scope
from webapp.services.save_charge_map import ChargeMap, read_charge_maps
from webapp.store import coverage
from webapp.store.coverage import SeenCombination
from webapp.web.csv_export import csv_response, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

CHOICES = (Choice("fit", "Row", (("mapped", "Has a row"), ("unmapped", "Has none"))),)
EMPTY = {
    "title": "No fee was seen yet",
    "text": "Once Alma's files were converted, every combination of their fees is held against this table here.",
}


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """A combination that fees had, the row of the table that answers (from 1; None: none does), and what it says."""

    seen: SeenCombination
    row_n: int | None
    answer: tuple[str, ...]


@blueprint.get("/settings/charge_maps/coverage/<name>")
@campus_role("viewer")
def map_coverage(name: str) -> ResponseReturnValue:
    """The fees of the last year against one table: those without a row first."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = read_charge_maps(session, datetime.now(ZoneInfo(g.tenant.time_zone)).date())
        known = found.find("tables", name)
        if known is None:
            abort(404)
        strange = [key for key in known.key_fields if key not in FEE_FIELDS]
        seen, looked_at = ([], 0) if strange else coverage.combinations_seen(session, known.key_fields)
    columns = _columns(known)
    query = read_query(columns, default_sort="fees", descending=True, choices=CHOICES)
    lines = [line for line in _lines(known, seen) if _fits(line, query.chosen["fit"], query.q)]
    if query.wants_csv:
        return csv_response(
            f"{g.tenant.slug}-coverage-{name}",
            (*known.key_fields, "fees", "total", "row", *known.headings[len(known.key_fields) :]),
            ((*x.seen.values, x.seen.rows, dollars(x.seen.cents), x.row_n, *x.answer) for x in lines),
        )
    listing = Listing(
        query,
        columns,
        lines[query.offset : query.offset + query.per_page],
        len(lines),
        caption=f"Coverage of {name}",
        choices=CHOICES,
        noun="combinations",
        search_label="A fee type, a library …",
        empty=EMPTY,
    )
    unmapped = [line for line in _lines(known, seen) if line.row_n is None]
    return render_template(
        "campus/map_coverage.html",
        known=known,
        listing=listing,
        unmapped=unmapped,
        looked_at=looked_at,
        is_capped=looked_at >= coverage.LOOKED_AT,
        strange=strange,
        row_url=lambda line: url_for(
            "campus.charge_map", part="tables", name=name, key=list(line.seen.values)
        ),
        words=words,
    )


def _columns(known: ChargeMap) -> tuple[Column, ...]:
    return (
        *(Column(field_title(key)) for key in known.key_fields),
        Column("Fees", kind="number"),
        Column("Total", kind="money"),
        Column("Row", kind="state"),
        Column("Answer", wide_only=True),
    )


def _lines(known: ChargeMap, seen: Sequence[SeenCombination]) -> list[CoverageLine]:
    """Those without a row first, then the most frequent."""
    keys, lines = len(known.key_fields), []
    for combination in seen:
        place = first_match([row[:keys] for row in known.rows], combination.values)
        answer = () if place is None else tuple(known.rows[place][keys:])
        lines.append(CoverageLine(combination, None if place is None else place + 1, answer))
    return sorted(lines, key=lambda line: line.row_n is not None)


def _fits(line: CoverageLine, fit: str, typed: str) -> bool:
    if fit and (fit == "mapped") != (line.row_n is not None):
        return False
    said = " ".join((*line.seen.values, *line.answer)).casefold()
    return all(word in said for word in typed.casefold().split())
