"""Bursar exports as FOLIO describes them, with invented ids and texts."""

from __future__ import annotations

from typing import Any

OVERDUE, LOST, STAFF = (f"{n}5c9f1f0-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
CODES = {OVERDUE: "OVERDUEFINE", LOST: "LOSTITEMREPLACEMENTFEE", STAFF: "STAFF"}


def fixed(text: str) -> dict[str, Any]:
    return {"type": "Constant", "value": text}


def sized(
    length: int, character: str = " ", direction: str = "FRONT", *, truncate: bool = True
) -> dict[str, Any]:
    return {"character": character, "length": length, "direction": direction, "truncate": truncate}


def user(value: str = "EXTERNAL_SYSTEM_ID", **more: Any) -> dict[str, Any]:
    return {"type": "UserDataOptional", "value": value, "placeholder": "", **more}


def amount(*, decimal: bool = True, **more: Any) -> dict[str, Any]:
    return {"type": "FeeAmount", "decimal": decimal, **more}


def fee_type(folio_id: str) -> dict[str, Any]:
    return {"type": "FeeType", "feeFineTypeId": folio_id}


def joined(operation: str, *criteria: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Condition", "operation": operation, "criteria": list(criteria)}


def negated(criteria: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Negation", "criteria": criteria}


def by_type(otherwise: str = "B1") -> dict[str, Any]:
    return {
        "type": "Conditional",
        "conditions": [{"condition": fee_type(OVERDUE), "value": fixed("A1")}],
        "else": fixed(otherwise),
    }


def export(data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A job with these tokens for a fee."""
    return {
        "filter": {"type": "Pass"},
        "groupByPatron": False,
        "header": [],
        "data": data,
        "footer": [],
        "transferInfo": {"conditions": [], "else": {"account": "x"}},
        **more,
    }


def saved(job: dict[str, Any]) -> dict[str, Any]:
    """The job within a saved configuration."""
    return {"type": "BURSAR_FEES_FINES", "exportTypeSpecificParameters": {"bursarFeeFines": job}}


def positional() -> dict[str, Any]:
    """Fixed columns with a header and a footer."""
    today = {"type": "CurrentDate", "value": "YYYYMMDD", "timezone": "America/Los_Angeles"}
    created = {
        "type": "FeeDate",
        "property": "CREATED",
        "value": "MMDDYYYY",
        "placeholder": "",
        "timezone": "UTC",
    }
    count = {"type": "Aggregate", "value": "NUM_ROWS", "decimal": False, "lengthControl": sized(6, "0")}
    total = {"type": "Aggregate", "value": "TOTAL_AMOUNT", "decimal": False, "lengthControl": sized(12, "0")}
    return export(
        [
            user(lengthControl=sized(9, "0")),
            amount(lengthControl=sized(10, "0")),
            by_type(),
            fixed("  "),
            created,
            fixed("\n"),
        ],
        header=[fixed("H"), today, count, fixed("\n")],
        footer=[fixed("T"), total, fixed("\n")],
    )
