"""The rows of one collection: frozen as two files of PostgreSQL's COPY text, and loaded back from them in one stream.

The files are what makes a run repeatable: a run that is resumed, by another worker or another day, decides on exactly
the rows that the first one read. Fees are by far the most rows and have a file of their own, in the plain order of
``OutstandingFee``'s fields, so that a source which reads a million of them can write them down in bulk.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import text

from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow, SourceRow
from webapp.domain.holds.verdicts import REFUSED, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from sqlalchemy.orm import Session

FEE_COLUMNS = tuple(field.name for field in fields(OutstandingFee))
OTHER_COLUMNS = (
    "verdict",
    "source",
    "fee_id",
    "emplid",
    "balance_cents",
    "fee_type",
    "status",
    "user_type",
    "detail",
)
# EMPLIDs are compared byte by byte: it is what PeopleSoft does, and several times faster than a language's order.
_TYPES = {
    "balance_cents": "bigint",
    "original_cents": "bigint",
    "billed_on": "date",
    "emplid": 'text COLLATE "C"',
}
_CREATE = (
    "CREATE TEMPORARY TABLE collected (n bigint GENERATED ALWAYS AS IDENTITY, "
    + ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in FEE_COLUMNS)
    + ", verdict text, detail text) ON COMMIT DROP"
)
_CHUNK = 1 << 18
# A school with more kinds of fees has mapped a wrong column; a million of them would not fit a worker either.
MAX_KINDS = 5_000
_LINES_PER_WRITE = 1_000

# COPY's own escapes. PostgreSQL text cannot hold NUL at all; it becomes the mark for an unreadable character.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\N{REPLACEMENT CHARACTER}"}
)


@dataclass(frozen=True, slots=True)
class BulkFees:
    """Many fees that their source has written as COPY text itself, in the order of ``FEE_COLUMNS``."""

    copy_text: bytes
    rows: int
    cents: int
    kinds: frozenset[tuple[str, str, str]]


@dataclass(slots=True)
class Collected:
    """What came in, counted while it was written down. ``rows`` and ``cents`` leave out patrons merely seen.

    ``kinds`` are the (fee type, status, user type) that occur, of which there are few.
    """

    fees: int = 0
    refused: int = 0
    seen: int = 0
    cents: int = 0
    fee_cents: int = 0
    kinds: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """Fees and refused rows."""
        return self.fees + self.refused


def freeze(
    rows: Iterable[SourceRow | BulkFees],
    write_fees: Callable[[bytes], object],
    write_others: Callable[[bytes], object],
    on_progress: Callable[[Collected], None] = lambda _collected: None,
) -> Collected:
    """Write the rows down in the order they come; returns what they add up to."""
    collected = Collected()
    lines: list[str] = []
    for row in rows:
        if isinstance(row, OutstandingFee):
            lines.append(_fee_line(row))
            collected.fees += 1
            collected.cents += row.balance_cents
            collected.fee_cents += row.balance_cents
            collected.kinds.add((row.fee_type, row.status, row.user_type))
            if len(lines) < _LINES_PER_WRITE:
                continue
            write_fees(_encoded(lines))
        elif isinstance(row, BulkFees):
            write_fees(_encoded(lines))
            write_fees(row.copy_text)
            collected.fees += row.rows
            collected.cents += row.cents
            collected.fee_cents += row.cents
            collected.kinds |= row.kinds
        elif isinstance(row, PatronSeen):
            write_others(_encoded([_seen_line(row)]))
            collected.seen += 1
            continue
        else:
            write_others(_encoded([_refused_line(row)]))
            collected.refused += 1
            collected.cents += row.amount_cents or 0
            continue
        lines.clear()
        _check_kinds(collected)
        on_progress(collected)
    write_fees(_encoded(lines))
    _check_kinds(collected)
    on_progress(collected)
    return collected


def _check_kinds(collected: Collected) -> None:
    if len(collected.kinds) > MAX_KINDS:
        raise TooManyKindsError(
            f"The rows name more than {MAX_KINDS:,} different combinations of fee type, status and user type. "
            "One of these columns is probably mapped to a wrong heading; nothing was decided."
        )


def _encoded(lines: list[str]) -> bytes:
    return "".join(lines).encode("utf-8", "replace")


def _fee_line(fee: OutstandingFee) -> str:
    return "\t".join([_cell(getattr(fee, name)) for name in FEE_COLUMNS]) + "\n"


def _seen_line(row: PatronSeen) -> str:
    return _other_line(SEEN, row.source, "", row.emplid, None, None)


def _refused_line(row: RefusedRow) -> str:
    raw = {_printable(name): _printable(value) for name, value in row.raw.items()}
    # The same bad row tomorrow stands on another line; what it says is what makes it the same.
    said = json.dumps([row.source, raw or [row.row_ref, row.reason]], sort_keys=True)
    fingerprint = hashlib.sha256(said.encode()).hexdigest()
    detail = {
        "row_ref": _printable(row.row_ref),
        "reason": _printable(row.reason),
        "raw": raw,
        "fingerprint": fingerprint,
    }
    return _other_line(REFUSED, row.source, row.fee_id, row.emplid, row.amount_cents, json.dumps(detail))


def _other_line(
    verdict: str, source: str, fee_id: str, emplid: str, amount_cents: int | None, detail: str | None
) -> str:
    cells = (verdict, source, fee_id, emplid, amount_cents, "", "", "", detail)
    return "\t".join([_cell(cell) for cell in cells]) + "\n"


def _cell(value: str | int | date | None) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


def _printable(value: str) -> str:
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


class TooManyKindsError(ValueError):
    """More different fee types, statuses and user types than a campus can have."""


class CollectionChangedError(ValueError):
    """A frozen file does not hold what was written into it; nothing may be decided on it."""


@dataclass(frozen=True, slots=True)
class FrozenFile:
    """One of the two files: how to open it, and the sha256 (hex) it was written with."""

    open_source: Callable[[], BinaryIO]
    sha256: str


def load_collected(session: Session, fees: FrozenFile, others: FrozenFile) -> None:
    """Load a frozen collection into the transaction's temporary table ``collected``.

    Raises: CollectionChangedError.
    """
    session.execute(text(_CREATE))
    _copy(session, FEE_COLUMNS, fees)
    _copy(session, OTHER_COLUMNS, others)
    # A small sample is enough to choose between plans, and ten times cheaper.
    session.execute(text("SET LOCAL default_statistics_target = 10"))
    session.execute(text("ANALYZE collected (emplid, fee_id, fee_type, status, user_type)"))


def _copy(session: Session, columns: Iterable[str], frozen: FrozenFile) -> None:
    driver_connection: Any = session.connection().connection.driver_connection
    digest = hashlib.sha256()
    statement = f"COPY collected ({', '.join(columns)}) FROM STDIN"
    with frozen.open_source() as source, driver_connection.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in _chunks(source):
            digest.update(chunk)
            copy.write(chunk)
        if digest.hexdigest() != frozen.sha256:
            raise CollectionChangedError(
                f"The frozen collection has sha256 {digest.hexdigest()}, and {frozen.sha256} was written."
            )


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
