"""A row of a file of payments as one line of PostgreSQL's COPY text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from webapp.domain.payments.rows import PaymentRow, RowFault

COPY_COLUMNS: Final = (
    *(
        "n",
        "line",
        "kind",
        "says",
        "item_key",
        "event_id",
        "emplid",
        "patron_id",
        "reference",
        "item_type",
        "term",
    ),
    *("amount_cents", "applied_cents", "cents", "paid_on", "updated_at", "raw", "fault"),
)
"""The columns of the text, as in PaymentRow; ``n`` is the line's number again, another for each row. ``fault`` is null, or
the sentence why the line cannot be used; then only ``raw`` says anything beside it."""

NULL: Final = "\\N"
ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_line(row: PaymentRow | RowFault) -> str:
    """The line with its end; what PostgreSQL would take for a mark of its own is escaped."""
    if isinstance(row, RowFault):
        said = f"{row.raw.translate(ESCAPES)}\t{row.reason.translate(ESCAPES)}"
        return "\t".join((f"{row.line}\t{row.line}", *[""] * 9, *[NULL] * 5, f"{said}\n"))
    words = (
        row.kind, row.says, row.item_key, row.event_id, row.emplid, row.patron_id, row.reference, row.item_type,
        row.term,
    )  # fmt: skip
    numbers = (row.amount_cents, row.applied_cents, row.cents)
    return "\t".join(
        (
            f"{row.line}\t{row.line}",
            *(word.translate(ESCAPES) for word in words),
            *(NULL if number is None else str(number) for number in numbers),
            day_text(row.paid_on),
            moment_text(row.updated_at),
            row.raw.translate(ESCAPES),
            f"{NULL}\n",
        )
    )


def day_text(day: date | None) -> str:
    """A day as COPY takes it."""
    return NULL if day is None else day.isoformat()


def moment_text(moment: datetime | None) -> str:
    """A moment as COPY takes it, with its offset."""
    return NULL if moment is None else moment.isoformat(" ")
