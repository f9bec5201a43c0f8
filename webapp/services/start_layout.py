"""The first version of a layout that a campus makes from nothing: valid, small, and with nothing invented in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SUBJECTS: Final = ("charges", "holds")
MODES: Final = ("positional", "delimited")
LINE_ENDS: Final = ("LF", "CRLF", "CR")


class StartRefusedError(ValueError):
    """No layout can begin like that; ``faults`` maps a field to a sentence."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Start:
    """What a person says of a file before its columns.

    ``item_types`` are rows of fee type and item type, ``terms`` rows of first month, last month and term; a layout of
    charges begins without item types or terms where there are none.
    """

    subject: str = "charges"
    mode: str = "positional"
    line_end: str = "LF"
    has_header: bool = False
    has_trailer: bool = False
    item_types: Sequence[Sequence[str]] = ()
    terms: Sequence[Sequence[str]] = ()


def start_layout(name: str, start: Start) -> dict[str, Any]:
    """A layout with one column a line, to add the others to. Raises: StartRefusedError."""
    tables, calendars = _item_types(start.item_types), _terms(start.terms)
    is_positional = start.mode == "positional"
    document: dict[str, Any] = {
        "format": "feebridge/layout/1",
        "name": name,
        "subject": start.subject if start.subject in SUBJECTS else SUBJECTS[0],
        "mode": start.mode if start.mode in MODES else MODES[0],
        **({} if is_positional else {"delimiter": ",", "quote": "minimal"}),
        "line_end": start.line_end if start.line_end in LINE_ENDS else LINE_ENDS[0],
        "file_name": "{campus}_{kind}_{YYYY}{MM}{DD}_{sequence:3}." + ("dat" if is_positional else "csv"),
    }
    if document["subject"] == "charges":
        fields = (
            {
                "item_type": _of_the_original(
                    "item_type", {"lookup": {"table": "item_types", "column": "item_type"}}
                )
            }
            if tables
            else {}
        ) | ({"term": _of_the_original("term", {"term": "terms", "on": "run"})} if calendars else {})
        document |= {
            key: part
            for key, part in (("tables", tables), ("calendars", calendars), ("fields", fields))
            if part
        }
    return document | {"records": _records(start, is_positional=is_positional)}


def _records(start: Start, *, is_positional: bool) -> dict[str, Any]:
    def wide(width: int, **more: str) -> dict[str, Any]:
        return {"width": width, **more} if is_positional else {}

    run_date = {"name": "Run date", "value": {"run": "date"}, "date_format": "YYYYMMDD", **wide(8)}
    count = {"name": "Lines", "value": {"aggregate": "count"}, **wide(10, pad="0", justify="right")}
    emplid = {"name": "EMPLID", "value": {"field": "emplid"}, "required": True, **wide(11)}
    return {
        **({"header": [run_date]} if start.has_header else {}),
        "detail": [emplid],
        **({"trailer": [count]} if start.has_trailer else {}),
    }


def _of_the_original(what: str, otherwise: dict[str, Any]) -> dict[str, Any]:
    """A credit names what its charge was sent with; only a charge is looked up."""
    original = f"original_{what}"
    known = {"not": {"field": original, "empty": True}}
    return {"first_of": [{"when": known, "then": {"field": original}}], "otherwise": otherwise}


def _item_types(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    if not rows:
        return {}
    if any(len(row) != 2 or not all(row) for row in rows):
        raise StartRefusedError(
            {"item_types": "Each row has a fee type and its item type, such as OVERDUEFINE, 900000000010."}
        )
    return {
        "item_types": {"keys": ["fee_type"], "columns": ["item_type"], "rows": [list(row) for row in rows]}
    }


def _terms(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    if not rows:
        return {}
    try:
        months = [[int(first), int(last), term] for first, last, term in rows]
    except ValueError:
        raise StartRefusedError(
            {"terms": "Each row has a first month, a last month and the term, such as 8, 12, 2{YY}4."}
        ) from None
    return {"terms": {"months": months, "missing": "refuse"}}
