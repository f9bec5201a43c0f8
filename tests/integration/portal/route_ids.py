"""What the isolation matrix puts into each parameter of an address, and into forms.

A new route needs nothing here as long as its parameters have names that are known. A new parameter gets one line: the
other campus's row that it names, and a value that names nothing. Without it the matrix fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.portal.canaries import KNOWN_EMPLID, KNOWN_FEE, KNOWN_LAYOUT

# Ids of the other campus's rows by table (the whole key as a mapping), plus "slug", "tenant_id" and "person_id".
Foreign = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """``foreign`` picks the other campus's value; ``missing`` names nothing; ``is_text`` may answer "not known"."""

    foreign: Callable[[Foreign], Any]
    missing: Any = 987_654_321
    is_text: bool = False


PARAMETERS: dict[str, Parameter] = {
    "run_id": Parameter(lambda b: b["run"]["id"]),
    "file_id": Parameter(lambda b: b["file"]["id"]),
    "delivery_id": Parameter(lambda b: b["delivery"]["id"]),
    "row_id": Parameter(lambda b: b["quarantined_row"]["id"]),
    "release_id": Parameter(lambda b: b["temporary_release"]["id"]),
    "schedule_id": Parameter(lambda b: b["schedule"]["id"]),
    "person_id": Parameter(lambda b: b["person_id"]),
    "emplid": Parameter(lambda b: b["hold_register"]["emplid"], "000000001", is_text=True),
    "inbound_id": Parameter(lambda b: b["inbound_file"]["id"]),
    "fee_ref": Parameter(lambda _: KNOWN_FEE, "81060000000000000", is_text=True),
    "payment_id": Parameter(lambda b: b["payment"]["id"]),
    "line_n": Parameter(lambda b: b["payment_line"]["n"]),
    "difference_id": Parameter(lambda b: b["difference"]["id"]),
    # A layout's or a secret's name; the other campus has a layout of this name.
    "name": Parameter(lambda _: KNOWN_LAYOUT, "no-such-layout", is_text=True),
    "token": Parameter(lambda _: "made-up", "made-up-too", is_text=True),
}

# Parameters with a few fixed values, the same for every campus: each value is tried.
FIXED: dict[str, tuple[str, ...]] = {}

# Sent with every POST, besides what FORMS adds for one endpoint: ids of the other campus where a form may take them.
FORM_FIELDS: dict[str, Callable[[Foreign], Any]] = {
    "tenant_id": lambda b: b["tenant_id"],
    "person_id": lambda b: b["person_id"],
    "run_id": lambda b: b["run"]["id"],
    "file_id": lambda b: b["file"]["id"],
    "row_id": lambda b: b["quarantined_row"]["id"],
    "emplid": lambda b: b["hold_register"]["emplid"],
    "slug": lambda b: b["slug"],
    "charge": lambda _: KNOWN_FEE,
    "reason": lambda _: "because",
}
FORMS: dict[str, dict[str, str]] = {
    "campus.change_member_role": {"role": "admin"},
    "auth.sign_in": {"email": "nobody@nowhere.example", "password": "not a password at all"},
}

# Lists that leave the portal as CSV: each must be one of those that were asked for.
EXPORTS = frozenset(
    f"campus.{name}"
    for name in (
        *("payments", "money", "reconciliation", "reconciliation_closed", "fees", "inbound", "runs", "files"),
        *("desk", "desk_resolved", "patrons"),
    )
)


def searches(foreign: Foreign) -> list[dict[str, Any]]:
    """What a list may be asked for besides: everything as CSV, and the other campus's patron, fee and file by its id."""
    file_id = foreign["inbound_file"]["id"]
    return [
        {"format": "csv"},
        {"q": KNOWN_EMPLID},
        {"q": KNOWN_FEE, "format": "csv"},
        {"file": file_id},
        {"file": file_id, "format": "csv"},
    ]


# Left out, with the reason: endpoints that end the session the matrix works in.
ENDS_SESSION = frozenset({"auth.sign_out", "auth.sign_out_everywhere"})
