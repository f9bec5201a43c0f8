"""The one shape in which every source hands over what a patron owes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class OutstandingFee:
    """One open fine or fee.

    ``fee_id`` is text of up to 17 digits (an Alma id does not survive a JSON number); ``patron_key`` is the id as
    the source gave it and ``emplid`` the same cleaned for PeopleSoft; money is integer cents and is always the
    **balance**, never the original amount.
    """

    source: str
    fee_id: str
    patron_key: str
    emplid: str
    balance_cents: int
    fee_type: str
    status: str = "ACTIVE"
    original_cents: int | None = None
    billed_on: date | None = None
    user_type: str = ""
    library: str = ""
    title: str = ""
    barcode: str = ""
    patron_name: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that may not go out until a person decides.

    ``row_ref`` is where to find it ("page 3 row 17", "line 12"), ``reason`` a sentence, ``amount_cents`` its
    balance where that much could be read (so that the totals still balance), ``raw`` what the source said.
    """

    source: str
    row_ref: str
    reason: str
    amount_cents: int | None = None
    raw: dict[str, str] = field(default_factory=dict)
    # Whose row it is, where that much could be read: a hold is never lifted on the strength of a row we could not use.
    emplid: str = ""
    fee_id: str = ""


@dataclass(frozen=True, slots=True)
class PatronSeen:
    """The source read this patron's whole account; whatever open fees it handed over for them are all there are.

    A source that covers only some patrons (users changed since yesterday) says so for each one it covered, so that
    somebody who owes nothing any more can be told from somebody who was not looked at.
    """

    source: str
    patron_key: str
    emplid: str


SourceRow = OutstandingFee | RefusedRow | PatronSeen
