"""Which column of a report means what: by its heading, never by its place, because Alma changes the order."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from webapp.adapters.alma.page import Heading

# The headings of the subject area "Fines and Fees" and the tables joined to it
# (https://knowledge.exlibrisgroup.com/Alma/Product_Documentation, Analytics Subject Areas, Fines and Fees).
USUAL_HEADINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "fee_id": ("Fine Fee Id",),
    "patron_key": ("Primary Identifier",),
    "balance": ("Remaining Amount",),
    "fee_type": ("Fine Fee Type",),
    "status": ("Fine Fee Status",),
    "original": ("Original Amount",),
    "billed_on": ("Fine Fee Creation Date",),
    "user_type": ("User Group Code", "User Group"),
    "library": ("Library Code", "Fine Owner Library", "Library Name", "Unit Code"),
    "title": ("Title",),
    "barcode": ("Barcode",),
    "patron_name": ("Full Name", "Patron Name"),
    "last_name": ("Last Name",),
    "first_name": ("First Name",),
    "comment": ("Fine Comment",),
})  # fmt: skip
REQUIRED = ("fee_id", "patron_key", "balance", "fee_type")


def find_columns(headings: Sequence[Heading], pinned: Mapping[str, str], path: str) -> dict[str, str]:
    """Role → column name ("Column3") for every role that the report has.

    ``pinned`` is the campus's own choice, role → heading, or ``Table::Heading`` where a heading occurs twice; such a
    column must then be there. Headings are compared without regard to case and blanks.

    Raises:
        PermanentError: columns are missing or not unique; it names them and the headings that were found.
    """
    unknown = sorted(set(pinned) - set(USUAL_HEADINGS))
    if unknown:
        raise PermanentError(
            f"The settings of the report {path} map {', '.join(unknown)}, which means nothing here. "
            f"What can be mapped: {', '.join(USUAL_HEADINGS)}."
        )
    found: dict[str, str] = {}
    missing: list[str] = []
    for role, usual in USUAL_HEADINGS.items():
        choices = (pinned[role],) if role in pinned else usual
        name = _first_match(headings, choices, path)
        if name:
            found[role] = name
        elif role in pinned or role in REQUIRED:
            missing.append(" or ".join(choices))
    if missing:
        shown = ", ".join(heading.heading or f"({heading.name}, no heading)" for heading in headings)
        raise PermanentError(
            f"The report {path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}. It has: "
            f"{shown or 'no headings at all'}. No hold was computed from it. Add the columns to the report, or map the "
            "headings in the settings."
        )
    return found


def normalised(heading: str) -> str:
    """A heading without what Alma changes at will: case and blanks."""
    return "".join(heading.split()).casefold()


def _first_match(headings: Sequence[Heading], choices: Sequence[str], path: str) -> str:
    for choice in choices:
        table, _, wanted = choice.rpartition("::")
        matches = [
            heading
            for heading in headings
            if normalised(heading.heading) == normalised(wanted)
            and (not table or normalised(heading.table) == normalised(table))
        ]
        if len(matches) > 1:
            tables = ", ".join(f"{heading.table}::{heading.heading}" for heading in matches)
            raise PermanentError(
                f"The report {path} has the column {choice} {len(matches)} times: {tables}. No hold was computed from it. "
                "Say in the settings which one is meant, in this form, or remove the others from the report."
            )
        if matches:
            return matches[0].name
    return ""
