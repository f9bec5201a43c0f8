"""The rows of one collection: frozen as a file of PostgreSQL's COPY text, and loaded back from it in one stream.

The file is what makes a run repeatable: a run that is resumed, by another worker or another day, decides on exactly
the rows that the first one read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import text

from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow, SourceRow
from webapp.domain.holds.verdicts import REFUSED, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

# n counts the rows; verdict is empty for an ordinary fee; detail is JSON for a refused row.
COLUMNS = (
    ("n", "bigint"),
    ("verdict", "text"),
    ("emplid", "text"),
    ("fee_id", "text"),
    ("balance_cents", "bigint"),
    ("fee_type", "text"),
    ("status", "text"),
    ("user_type", "text"),
    ("billed_on", "date"),
    ("library", "text"),
    ("title", "text"),
    ("barcode", "text"),
    ("patron_name", "text"),
    ("source", "text"),
    ("detail", "text"),
)
_CREATE = (
    "CREATE TEMPORARY TABLE collected ("
    + ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
    + ") ON COMMIT DROP"
)
_COPY = "COPY collected FROM STDIN"
_CHUNK = 1 << 18
_LINES_PER_WRITE = 2_000

# COPY's own escapes. PostgreSQL text cannot hold NUL at all; it becomes the mark for an unreadable character.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\N{REPLACEMENT CHARACTER}"}
)
_NEEDS_ESCAPE = frozenset("\\\t\n\r\x00")


@dataclass(slots=True)
class Collected:
    """What came in, counted while it was written down. ``rows`` and ``cents`` leave out patrons merely seen."""

    rows: int = 0
    cents: int = 0
    fees: int = 0
    refused: int = 0
    seen: int = 0


def freeze(
    rows: Iterable[SourceRow], write: Callable[[bytes], object], on_progress: Callable[[Collected], None]
) -> Collected:
    """Write the rows as COPY text, in the order they come; returns what they add up to."""
    collected = Collected()
    lines: list[str] = []
    for n, row in enumerate(rows, 1):
        lines.append(_line(n, row, collected))
        if len(lines) == _LINES_PER_WRITE:
            write("".join(lines).encode("utf-8", "replace"))
            lines.clear()
            on_progress(collected)
    write("".join(lines).encode("utf-8", "replace"))
    on_progress(collected)
    return collected


def _line(n: int, row: SourceRow, collected: Collected) -> str:
    if isinstance(row, OutstandingFee):
        return _fee_line(n, row, collected)
    if isinstance(row, PatronSeen):
        collected.seen += 1
        return f"{n}\t{SEEN}\t{_escaped(row.emplid)}\t\t\\N\t\t\t\t\\N\t\t\t\t\t{_escaped(row.source)}\t\\N\n"
    collected.rows += 1
    collected.refused += 1
    collected.cents += row.amount_cents or 0
    amount = "\\N" if row.amount_cents is None else str(row.amount_cents)
    return (
        f"{n}\t{REFUSED}\t{_escaped(row.emplid)}\t{_escaped(row.fee_id)}\t{amount}\t\t\t\t\\N\t\t\t\t\t"
        f"{_escaped(row.source)}\t{_escaped(_detail(row))}\n"
    )


def _fee_line(n: int, fee: OutstandingFee, collected: Collected) -> str:
    collected.rows += 1
    collected.fees += 1
    collected.cents += fee.balance_cents
    texts: Sequence[str] = (
        fee.emplid, fee.fee_id, fee.fee_type, fee.status, fee.user_type,
        fee.library, fee.title, fee.barcode, fee.patron_name, fee.source,
    )  # fmt: skip
    # Most rows need no escape; looking once at all of it is several times cheaper than translating each part.
    if not _NEEDS_ESCAPE.isdisjoint("".join(texts)):
        texts = [_escaped(part) for part in texts]
    emplid, fee_id, fee_type, status, user_type, library, title, barcode, patron_name, source = texts
    billed_on = fee.billed_on.isoformat() if fee.billed_on else "\\N"
    return (
        f"{n}\t\\N\t{emplid}\t{fee_id}\t{fee.balance_cents}\t{fee_type}\t{status}\t{user_type}\t{billed_on}\t"
        f"{library}\t{title}\t{barcode}\t{patron_name}\t{source}\t\\N\n"
    )


def _detail(row: RefusedRow) -> str:
    raw = {_printable(name): _printable(value) for name, value in row.raw.items()}
    # The same bad row tomorrow stands on another line; what it says is what makes it the same.
    said = json.dumps([row.source, row.reason, raw], sort_keys=True)
    fingerprint = hashlib.sha256(said.encode()).hexdigest()
    return json.dumps(
        {
            "row_ref": _printable(row.row_ref),
            "reason": _printable(row.reason),
            "raw": raw,
            "fingerprint": fingerprint,
        }
    )


def _printable(value: str) -> str:
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def load_collected(
    session: Session, source: BinaryIO, *, expected_sha256: str, still_ours: Callable[[], None]
) -> None:
    """Load a frozen collection into the transaction's temporary table ``collected``.

    ``still_ours`` is called between chunks. Raises: ValueError when the file is not the one that was frozen.
    """
    session.execute(text(_CREATE))
    driver_connection: Any = session.connection().connection.driver_connection
    digest = hashlib.sha256()
    with driver_connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for chunk in _chunks(source):
            digest.update(chunk)
            copy.write(chunk)
            still_ours()
    if digest.hexdigest() != expected_sha256:
        raise ValueError(
            f"The frozen collection has sha256 {digest.hexdigest()}, and {expected_sha256} was written; nothing left."
        )
    session.execute(text("ANALYZE collected (emplid, fee_id, fee_type, status, user_type)"))


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
