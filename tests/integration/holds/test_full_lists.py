"""The style that tells everyone every time: the same facts are the same bytes."""

from __future__ import annotations

import pytest

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope

THIRD = "000000003,9.00,Meter,2026-10-01,T9,Student"


def detail(*fields: str) -> dict:
    return {"detail": [{"name": field, "value": {"field": field}} for field in fields]}


def use_layout(campus, rows: str, *fields: str) -> None:
    """A layout of the campus's own, with these fields in a line."""
    body = {
        "format": "feebridge/layout/1",
        "name": "own",
        "file_name": "h.txt",
        "mode": "delimited",
        "delimiter": "\t",
        "rows": rows,
        "total_of": "item_cents" if rows == "per_item" else "total_cents",
        "records": detail(*fields),
    }
    with tenant_scope(campus.tenant_id) as session:
        session.add(LayoutVersion(name="own", version=1, body=body))
        session.commit()
    campus.sets("files", layout="own")
    campus.sets("policy", style="snapshot", stop_release_percent=0)


@pytest.mark.parametrize(
    ("rows", "fields"),
    [
        ("per_item", ("emplid", "fee_id", "violation_type", "item_cents")),
        ("per_patron", ("emplid", "reference", "item_count", "total_cents")),
    ],
)
def test_an_unchanged_hold_is_listed_with_the_same_bytes_every_day(campus, rows, fields):
    use_layout(campus, rows, *fields)
    campus.owes(*TWO_PATRONS)
    days = [campus.run() for _ in range(3)]
    assert {day.state for day in days} == {"succeeded"}, [day.error for day in days]
    texts = [campus.files(day) for day in days]
    assert "T1" in texts[0]["snapshot"]
    assert texts[0] == texts[1] == texts[2]


def test_one_patrons_news_leaves_everybody_elses_lines_as_they_were(campus):
    use_layout(campus, "per_item", "emplid", "fee_id", "item_cents")
    campus.owes(*TWO_PATRONS)
    before = campus.files(campus.run())["snapshot"]
    campus.owes(*TWO_PATRONS, THIRD)
    assert campus.files(campus.run())["snapshot"] == f"{before}000000003\tT9\t9.00\n"
    campus.owes(*TWO_PATRONS)
    assert campus.files(campus.run())["snapshot"] == before
