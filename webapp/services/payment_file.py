"""A payment file read into the transaction's tables: every line, what is new in it, and which fee it pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from webapp.domain.layouts.inbound import InboundFileError
from webapp.domain.payments.patron_fees import MatchRules
from webapp.domain.payments.staging import copy_payments
from webapp.services.read_load_result import choose_inbound_layout
from webapp.store import payment_match, payment_rows, payments

# So many students of a file that names nobody known are looked for in Alma before it is taken for another campus's.
MOST_STRANGERS = 20

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from webapp.domain.campus_settings import CampusSettings
    from webapp.domain.layouts.inbound import InboundLayout
    from webapp.models.scope import ScopedSession


@dataclass(frozen=True, slots=True)
class ReadFile:
    """How many lines a file had, and how many of them could not be read."""

    rows: int
    faults: int


class StrangersError(InboundFileError):
    """Nobody in the file is known here; Alma may know one of ``emplids``."""

    def __init__(self, message: str, emplids: list[str]) -> None:
        super().__init__(message)
        self.emplids = emplids


def payment_layout(session: ScopedSession, campus: CampusSettings) -> InboundLayout:
    """The campus's layout of payment files. Raises: PermanentError."""
    return choose_inbound_layout(session, campus["payments"]["layout"])


def match_rules(section: Mapping[str, Any]) -> MatchRules:
    """The campus's rules for money, from the settings section *payments*."""
    return MatchRules(
        by_item=section["match_by_item"],
        rule=section["allocation"],
        types=section["allocation_types"],
        lost_types=frozenset(section["lost_types"]),
        waives=section["write_offs"] == "waive",
    )


def read_news(
    session: ScopedSession,
    source: BinaryIO,
    layout: InboundLayout,
    campus: CampusSettings,
    *,
    inbound_file_id: int,
    file_at: datetime,
    time_zone: str,
    on_rows: Callable[[int], object] = lambda _rows: None,
) -> ReadFile:
    """Make the transaction's tables ``incoming``, ``told`` and ``news`` of a whole file.

    ``file_at``: how old its lines are at least, where they do not say so themselves.

    Raises: InboundFileError when the file is damaged, or of another business unit; then nothing of it may be used.
    """
    section = campus["payments"]
    payment_rows.open_incoming(session)
    with payment_rows.copy_incoming(session) as write:
        read = _copy(source, layout, campus, time_zone, write, on_rows)
    if not read.rows:
        raise InboundFileError("The file has no line with a payment. Nothing of it was used.")
    if read.rows == read.faults:
        raise InboundFileError(
            f"Not one of the {read.rows:,} lines could be read with the layout {layout.name!r}. Nothing of the file was "
            "used; look whether it is the right layout, or another system's file."
        )
    payment_rows.find_news(
        session,
        payment_rows.FileFacts(
            inbound_file_id, file_at, section["repeat_rule"], section["repeat_days"], section["write_offs"]
        ),
    )
    return read


def refuse_strangers(session: ScopedSession, rows: int) -> None:
    """Look whether ``incoming`` names anybody this campus knows.

    Raises: StrangersError when it names none, and the campus has books by which it could be known.
    """
    if payments.has_books(session) and not payments.knows_anyone(session):
        raise StrangersError(
            f"Not one of the {rows:,} lines names a fee or a student this campus knows. It may be another campus's or "
            "another system's file; nothing of it was used.",
            payment_match.emplids_to_ask(session, MOST_STRANGERS),
        )


def _copy(
    source: BinaryIO,
    layout: InboundLayout,
    campus: CampusSettings,
    time_zone: str,
    write: Callable[[bytes], object],
    on_rows: Callable[[int], object],
) -> ReadFile:
    bursar = campus["bursar"]
    copied = copy_payments(
        source,
        layout,
        write,
        emplid_digits=bursar["emplid_digits"] or None,
        emplid_pad=bursar["emplid_pad"],
        zone=ZoneInfo(time_zone),
        on_rows=on_rows,
    )
    _check_units(copied.units, {unit.casefold() for unit in campus["payments"]["business_units"]})
    return ReadFile(copied.rows, copied.faults)


def _check_units(found: Mapping[str, int], wanted: set[str]) -> None:
    """``found``: the first line of each business unit."""
    for unit, line in found.items():
        if wanted and unit and unit.casefold() not in wanted:
            raise InboundFileError(
                f"Line {line} is of the business unit {unit}, which is not this campus's. The file may be another "
                "campus's; nothing of it was used.",
                line=line,
            )
