"""Alma's bursar import file: payments in the structure in which Alma itself exports fees to the bursar.

Alma matches each by the bursar transaction id, else by the fee's own id, and takes the composite sum as what was paid
(Ex Libris Developer Network, "Bursar integration": import). The whole structure of the export is written, because
which of its elements the import can do without is not documented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from webapp.adapters.alma.bursar_plain import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_NIL: Final = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
_PATRON: Final = attrgetter("institution", "id_type", "patron_id", "patron_name")
# XML 1.0 has no way to write these.
_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class PaidFee:
    """One payment. ``bursar_ref`` is the fee's bursar transaction id or its own; ``paid_at`` campus wall-clock time.

    ``institution`` is Alma's number of the institution, on which its ids end.
    """

    institution: str
    patron_id: str
    id_type: str
    patron_name: str
    fee_type: str
    library: str
    title: str
    barcode: str
    comment: str
    amount_cents: int
    bursar_ref: str
    paid_at: datetime


def import_chunks(paid: Iterable[PaidFee], *, file_number: str) -> Iterator[bytes]:
    """The file piece by piece; payments of one patron must follow one another.

    Raises: ValueError for an amount that is none, or a payment without an id: Alma could not tell what was paid.
    """
    yield (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xb:xml-fragment xmlns:xb="{NAMESPACE}">\n'
        f"<xb:userExportedFineFees><xb:exportNumber>{_text(file_number)}</xb:exportNumber></xb:userExportedFineFees>\n"
        "<xb:userExportedFineFees><xb:userExportedList>\n"
    ).encode()
    for (institution, id_type, patron_id, name), of_patron in groupby(paid, _PATRON):
        yield (
            f"<xb:userExportedFineFeesList><xb:user>{_leaf('type', id_type)}{_leaf('value', patron_id)}"
            f"<xb:owneredEntity>{_leaf('InstitutionId', institution)}</xb:owneredEntity></xb:user>"
            f"{_leaf('patronName', name)}<xb:finefeeList>\n"
        ).encode()
        for payment in of_patron:
            yield _fee(payment).encode()
        yield b"</xb:finefeeList></xb:userExportedFineFeesList>\n"
    yield b"</xb:userExportedList></xb:userExportedFineFees>\n</xb:xml-fragment>\n"


def _fee(payment: PaidFee) -> str:
    if payment.amount_cents <= 0 or not payment.bursar_ref:
        raise ValueError(
            f"a payment of {payment.amount_cents} cents on fee {payment.bursar_ref!r} cannot be imported"
        )
    library = _leaf("libraryCode", payment.library) if payment.library else ""
    item = ""
    if payment.title or payment.barcode:
        item = f"{_leaf('itemTitle', payment.title)}{_leaf('itemDueDate', '')}{_leaf('itemBarcode', payment.barcode)}"
    return (
        f"<xb:userFineFee>{_leaf('fineFeeComment', payment.comment)}{_leaf('fineFeeType', payment.fee_type)}"
        f"<xb:owneredEntity>{_leaf('InstitutionId', payment.institution)}{library}</xb:owneredEntity>"
        f"{_leaf('lastTransactionDate', f'{payment.paid_at:%m/%d/%Y %H:%M:%S}')}{item}"
        f"<xb:compositeSum>{_leaf('currency', 'USD')}{_leaf('sum', _sum(payment.amount_cents))}{_leaf('vat', '')}"
        f"</xb:compositeSum>{_leaf('bursarTransactionId', payment.bursar_ref)}</xb:userFineFee>\n"
    )


def _leaf(name: str, value: str) -> str:
    text = _text(value)
    return f"<xb:{name}>{text}</xb:{name}>" if text else f"<xb:{name}{_NIL}"


def _text(value: str) -> str:
    return escape(_NOT_IN_XML.sub("", " ".join(value.split())))


def _sum(cents: int) -> str:
    """As Alma writes it: 300, 0.5, 123.45."""
    whole, part = divmod(cents, 100)
    return f"{whole}" + (f".{part:02d}".rstrip("0") if part else "")
