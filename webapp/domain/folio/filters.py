"""FOLIO's filters as conditions of a layout, and the filter of a whole export as settings of a campus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from webapp.domain.folio.job import FolioError, objects, text_of, whole_of
from webapp.domain.folio.notes import Notes

_DEEPEST: Final = 20
_TESTS: Final = {
    "LESS_THAN": "less_than",
    "LESS_THAN_EQUAL": "at_most",
    "GREATER_THAN": "more_than",
    "GREATER_THAN_EQUAL": "at_least",
}
# The field that tells a fee apart, and the member that names FOLIO's id.
_BY_ID: Final = {
    "FeeType": ("fee_type", "feeFineTypeId"),
    "PatronGroup": ("patron_group", "patronGroupId"),
    "Location": ("item_location", "locationId"),
    "FeeFineOwner": ("owner", "feeFineOwner"),
}
_SETTINGS: Final = {"FeeType": "fee_types_only", "FeeFineOwner": "libraries_only"}
_NEVER: Final = {"FeeType": "fee_types_never", "PatronGroup": "groups_never"}
_NO_EQUAL: Final = {
    "ServicePoint": "a fee from Alma does not name a service point",
    "Age": "a column cannot depend on a fee's age; ages are limits of the campus, for all fees",
}

Condition = dict[str, Any] | bool


class Codes:
    """What FOLIO's ids are called in Alma, as far as somebody said so."""

    def __init__(self, codes: Mapping[str, str], notes: Notes) -> None:
        self._codes = {key.casefold(): code for key, code in codes.items()}
        self._notes = notes

    def of(self, folio_id: str, what: str) -> str:
        """The code; the id itself, with a note, where nobody said."""
        code = self._codes.get(folio_id.casefold())
        if code is None:
            self._notes.changed(
                what,
                f"FOLIO names this by its id {folio_id or '(none)'}; no fee from Alma has that. Put Alma's code there.",
            )
        return code or folio_id


def condition_of(
    criteria: Mapping[str, Any], codes: Codes, notes: Notes, place: str, depth: int = 0
) -> Condition | None:
    """A condition of a layout; True or False where it always or never holds, None (noted) where there is no equal."""
    if depth > _DEEPEST:
        raise FolioError(f"{place}: conditions are nested deeper than {_DEEPEST} levels.")
    kind = text_of(criteria, "type")
    if kind == "Pass":
        return True
    if kind == "Condition":
        return _joined(criteria, codes, notes, place, depth)
    if kind == "Negation":
        inner = condition_of(_inner(criteria, place), codes, notes, place, depth + 1)
        return not inner if isinstance(inner, bool) else None if inner is None else {"not": inner}
    if kind in _BY_ID:
        field, member = _BY_ID[kind]
        return {"field": field, "is": codes.of(text_of(criteria, member), f"{place}: {kind}")}
    test, amount = _TESTS.get(text_of(criteria, "condition")), whole_of(criteria, "amount")
    if kind in {"Amount", "Aggregate"} and test and amount is not None:
        counts_rows = text_of(criteria, "property") == "NUM_ROWS"
        return {"field": "item_count" if counts_rows else "amount_cents", test: amount}
    notes.missing(place, f"The condition {kind or '(none)'}: {_NO_EQUAL.get(kind, 'it is not known here')}.")
    return None


def _joined(
    criteria: Mapping[str, Any], codes: Codes, notes: Notes, place: str, depth: int
) -> Condition | None:
    is_and = text_of(criteria, "operation") != "OR"
    parts = [condition_of(part, codes, notes, place, depth + 1) for part in objects(criteria, "criteria")]
    if (not is_and) in parts:
        return not is_and
    if None in parts:
        return None
    real = [part for part in parts if isinstance(part, dict)]
    if not real:
        return is_and
    return real[0] if len(real) == 1 else {"all" if is_and else "any": real}


def _inner(criteria: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    inner = criteria.get("criteria")
    if not isinstance(inner, Mapping):
        raise FolioError(f"{place}: a Negation must hold one criteria.")
    return inner


def settings_of(criteria: Mapping[str, Any], codes: Codes, notes: Notes) -> dict[str, Any]:
    """The filter of an export as values of the settings section ``bursar``; the rest is noted."""
    found: dict[str, Any] = {}
    for part in _all_of(criteria):
        if text_of(part, "type") == "Pass":
            continue
        said = _ages_and_amounts(part) or _lists(part, codes)
        if said is None:
            notes.missing(
                "filter", f"{_words(part)}. Fees are not left out by that here; all of them go out."
            )
            continue
        for key, value in said.items():
            there = found.get(key)
            if isinstance(value, list):
                # Two lists of what is wanted hold together; two of what is not wanted add up.
                wanted = value if there is None else [one for one in there if one in value]
                found[key] = wanted if key.endswith("_only") else [*(there or []), *value]
            elif key == "age_max_days":
                found[key] = value if there is None else min(there, value)
            else:
                found[key] = max(there or 0, value)
    for key in [key for key, value in found.items() if key.endswith("_only") and not value]:
        del found[key]
        notes.missing("filter", f"The filter's conditions on {key.removesuffix('_only')} let no fee through.")
    return found


def _all_of(criteria: Mapping[str, Any], depth: int = 0) -> Iterable[Mapping[str, Any]]:
    is_and = text_of(criteria, "type") == "Condition" and text_of(criteria, "operation") != "OR"
    if not is_and or depth > _DEEPEST:
        yield criteria
        return
    for part in objects(criteria, "criteria"):
        yield from _all_of(part, depth + 1)


def _ages_and_amounts(part: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, test = text_of(part, "type"), text_of(part, "condition")
    number = whole_of(part, "numDays" if kind == "Age" else "amount")
    if kind not in {"Age", "Amount"} or number is None or number < 0:
        return None
    if test in {"GREATER_THAN", "GREATER_THAN_EQUAL"}:
        return {"age_min_days" if kind == "Age" else "minimum_cents": number + (test == "GREATER_THAN")}
    at_most = number - (test == "LESS_THAN")
    # A limit of nothing means no limit in the settings.
    return {"age_max_days": at_most} if kind == "Age" and test in _TESTS and at_most > 0 else None


def _lists(part: Mapping[str, Any], codes: Codes) -> dict[str, list[str]] | None:
    """Wanted or unwanted fee types, owners, groups: one, or several joined by OR."""
    keys, inner = _SETTINGS, part
    if text_of(part, "type") == "Negation":
        keys, inner = _NEVER, _inner(part, "filter")
    is_or = text_of(inner, "type") == "Condition" and text_of(inner, "operation") == "OR"
    members = objects(inner, "criteria") if is_or else [inner]
    kinds = {text_of(member, "type") for member in members}
    kind = kinds.pop() if len(kinds) == 1 else ""
    if kind not in keys:
        return None
    return {keys[kind]: [codes.of(text_of(one, _BY_ID[kind][1]), f"filter: {kind}") for one in members]}


def _words(part: Mapping[str, Any]) -> str:
    """A filter in words, for a note."""
    kind, negated = text_of(part, "type"), ""
    if kind == "Negation" and isinstance(part.get("criteria"), Mapping):
        negated, part = "not ", part["criteria"]
        kind = text_of(part, "type")
    if kind == "Condition":
        joined = f" {text_of(part, 'operation') or 'AND'} ".join(
            text_of(one, "type") or "?" for one in objects(part, "criteria")
        )
        return f"The filter {negated}({joined})"
    limit = part.get("numDays", part.get("amount"))
    test = text_of(part, "condition").lower().replace("_", " ")
    return f"The filter {negated}{kind or '(none)'}" + (f" {test} {limit}" if test else "")
