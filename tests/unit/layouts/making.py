"""Invented rows, small layouts, and short ways to render them."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from webapp.domain.layouts import (
    Aggregates,
    RenderContext,
    compile_layout,
    load_layout,
    measure_rows,
    render,
)

GOLDEN = Path(__file__).parent / "golden"
PACIFIC = ZoneInfo("America/Los_Angeles")
CONTEXT = RenderContext(
    run_at=datetime(2025, 9, 5, 18, 0, 0, tzinfo=PACIFIC),
    campus="csusm",
    kind="added",
    sequence=12,
    hold_code="L01",
)


def hold(**changes):
    """One hold row with invented values."""
    row = {
        "emplid": "012345678",
        "total_cents": 12_500,
        "currency": "USD",
        "user_type": "Student",
        "violation_type": "No Permit",
        "violation_on": date(2025, 9, 4),
        "hold_code": "L01",
        "hold_reason": "LIBFN",
        "action": "A",
        "institution": "SMCMP",
        "department": "LIBRARY",
        "contact": "Library desk",
        "start_term": "0000",
        "reference": "10000000000000017",
        "item_count": 2,
        "patron_name": "Doe, Jane",
    }
    return {**row, **changes}


HOLDS = (
    hold(),
    hold(
        emplid="012345679",
        total_cents=325,
        user_type="Staff",
        violation_type='Overdue\tbook: "Caf\u00e9\r\nMuller"',
        violation_on=date(2025, 8, 11),
        action="U",
        reference="10000000000000018",
        item_count=1,
        patron_name='M\u00fcller-Stra\u00dfe, "Kit" \u0141ucja',
    ),
    hold(
        emplid="900000001",
        total_cents=120_450,
        currency=None,
        violation_type="Lost item replacement fee",
        reference=None,
        contact="Circulation desk at the Kellogg Library",
        patron_name="",
    ),
)


def layout(*detail, **changes):
    """A small comma-separated layout document of these columns."""
    records = {"detail": [*detail], **changes.pop("records", {})}
    document = {
        "format": "feebridge/layout/1",
        "name": "Test",
        "mode": "delimited",
        "delimiter": ",",
        "file_name": "x.txt",
        "records": records,
        **changes,
    }
    if document["mode"] == "positional":
        del document["delimiter"]
    return document


def column(value, **shaping):
    """A column; a plain word is a field name."""
    return {"name": "Column", "value": {"field": value} if isinstance(value, str) else value, **shaping}


def written(document, *rows, context=CONTEXT, aggregates=None):
    """The whole file as bytes."""
    compiled = compile_layout(load_layout(document), context)
    octets = bytearray()
    render(compiled, iter(rows), octets.extend, aggregates or measure_rows(compiled, rows))
    return bytes(octets)


def value_of(column_document, row=None, **changes):
    """The text one column gives for one row."""
    line = written(layout(column_document, final_newline=False, **changes), row or hold())
    return line.decode(changes.get("encoding", "ascii"))


def totals(*rows):
    """The totals of rows that are all written."""
    return Aggregates(len(rows), sum(row["total_cents"] for row in rows))
