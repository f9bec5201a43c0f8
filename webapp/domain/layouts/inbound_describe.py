"""The layout of an incoming file as the table of a file specification: for the people who write the query behind it."""

from __future__ import annotations

from typing import Final

from webapp.domain.layouts.describe import (
    ColumnDescription,
    FileDescription,
    RecordDescription,
    SetDescription,
)
from webapp.domain.layouts.inbound_model import InboundColumn, InboundLayout, PaymentKind

_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe", " ": "blank"}
_FORMS: Final = {
    "text": "text",
    "cents": "amount such as 12.50, .00, 1,204.50, (3.25) or 3.25-",
    "count": "whole number",
    "date": "day such as 2026-09-21 or 09/21/2026",
    "moment": "day and time such as 09/21/2026 2:10:05PM",
}
_EXAMPLES: Final = {
    "text": "",
    "cents": "12.50",
    "count": "1",
    "date": "09/21/2026",
    "moment": "09/21/2026 2:10:05PM",
}
_KINDS: Final[dict[PaymentKind, str]] = {
    "payment": "a payment",
    "reversal": "a payment taken back",
    "write_off": "a write-off, no payment",
    "charge_reversal": "a charge taken back, no payment",
    "refund": "a refund, no payment",
}


def describe_inbound(layout: InboundLayout) -> SetDescription:
    """What the layout expects of its file, in the words of the specification of a file that goes out."""
    columns = tuple(_column(column) for column in layout.columns)
    file = FileDescription(
        kind="in",
        when_words=_payment_words(layout),
        file_name="any",
        mode_words=_mode_words(layout),
        line_end="LF, CRLF or CR",
        encoding=f"{layout.encoding}, with or without a byte order mark",
        records=(RecordDescription("detail", columns, "Every line"),),
        order_words="any",
        split_words="",
    )
    return SetDescription(files=(file,), tables={}, calendars={}, fields={})


def _payment_words(layout: InboundLayout) -> str:
    words = layout.payments
    if words is None:
        return "lines that are not payments"
    if words.says == "state":
        return "items as they are now, each with what is paid of it so far"
    said = "payments, one a line" + (", below zero" if words.positive_is == "charge" else "")
    told = [f"{action.upper()} is {_KINDS[kind]}" for action, kind in words.actions.items()]
    return f"{said}; {', '.join(told)}; any other action waits for a person" if told else said


def _mode_words(layout: InboundLayout) -> str:
    if layout.mode == "positional":
        words = "fixed columns"
    else:
        quoted = "never quoted" if layout.quote == "none" else "quoted where needed"
        words = f"columns separated by {_DELIMITERS.get(layout.delimiter, layout.delimiter)}, {quoted}"
        words += ", found by their headings" if layout.heading else ", in this order"
    passed = [
        f"the {which} {n} lines"
        for which, n in (("first", layout.skip_first), ("last", layout.skip_last))
        if n
    ]
    return words + (f"; {' and '.join(passed)} are passed over" if passed else "")


def _column(column: InboundColumn) -> ColumnDescription:
    form = _FORMS[column.kind] if not column.date_format else f"written {column.date_format}"
    if column.amount.implied:
        form = "amount in cents without a point, such as 0001250"
    elif column.digits:
        form = f"{column.digits} digits; leading zeros may be lost"
    names = f"; also called {', '.join(column.aliases)}" if column.aliases else ""
    return ColumnDescription(
        name=column.name,
        start=column.start or None,
        length=column.width or None,
        format=form,
        source=(f"field {column.field}" if column.field else "not read") + names,
        required=column.required,
        example="0001250" if column.amount.implied else "" if column.date_format else _EXAMPLES[column.kind],
    )
