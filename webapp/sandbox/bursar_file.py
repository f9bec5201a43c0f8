"""Alma's bursar export file, as Alma really writes it: misspelt elements, missing ones, sums without fixed decimals.

The element names and their oddities follow public files of live Almas (MIT Libraries' and Princeton's bursar tools):
``ownered``, ``itemCallNumebr``, the literal text "null" for an institution, nil and empty side by side, dates with and
without a zone word, and no item elements at all for a fee without an item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from webapp.sandbox.words import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from webapp.sandbox.debts import Fee
    from webapp.sandbox.people import Patron

NAMESPACE = "http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans"
_NIL = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
_ZONES = ("", " PST", "")


def bursar_lines(
    owed: Iterable[tuple[Patron, Sequence[Fee]]],
    *,
    export_number: str,
    institution_number: str,
    match_id: str,
) -> Iterator[str]:
    """The file in pieces of text. ``match_id`` is "userName" (primary ids) or an identifier's code such as "02"."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<xb:xml-fragment xmlns:xb="{NAMESPACE}">\n'
    yield f"<xb:userExportedFineFees><xb:exportNumber>{export_number}</xb:exportNumber></xb:userExportedFineFees>\n"
    yield "<xb:userExportedFineFees><xb:userExportedList>\n"
    for n, (patron, fees) in enumerate(owed):
        # Some of Alma's files say "null" where others give the number.
        number = "null" if n % 5 == 4 else institution_number
        yield _user(patron, number, match_id)
        yield "<xb:finefeeList>\n"
        for fee in fees:
            yield _fee(fee, institution_number)
        yield "</xb:finefeeList></xb:userExportedFineFeesList>\n"
    yield "</xb:userExportedList></xb:userExportedFineFees>\n</xb:xml-fragment>\n"


def shortest_sum(cents: int) -> str:
    """Cents as Alma prints them here: 300 for 300.00, 0.5 for 0.50, -3.25."""
    sign, whole, part = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    return f"{sign}{whole}" + (f".{part:02d}".rstrip("0") if part else "")


def _user(patron: Patron, institution_number: str, match_id: str) -> str:
    value = patron.primary_id if match_id == "userName" else patron.emplid or patron.primary_id
    return (
        f"<xb:userExportedFineFeesList><xb:user><xb:type>{escape(match_id)}</xb:type><xb:value>{escape(value)}</xb:value>"
        f"<xb:owneredEntity><xb:InstitutionId>{institution_number}</xb:InstitutionId></xb:owneredEntity></xb:user>"
        f"<xb:patronName>{escape(f'{patron.last_name}, {patron.first_name}')}</xb:patronName>"
    )


def _fee(fee: Fee, institution_number: str) -> str:
    number = int((fee.bursar_transaction_id or "0")[2:11] or 0)
    comment = f">{escape(fee.comment)}</xb:fineFeeComment>" if fee.comment else ("/>" if number % 2 else _NIL)
    library = ""
    if fee.owner in LIBRARIES:
        library = f"<xb:libraryId>{institution_number}{len(fee.owner):04d}</xb:libraryId><xb:libraryCode>{fee.owner}</xb:libraryCode>"
    moment = f"{fee.created_at:%m/%d/%Y %H:%M:%S}{_ZONES[number % 3]}"
    return (
        f"<xb:userFineFee><xb:fineFeeComment{comment}<xb:fineFeeType>{fee.type_code}</xb:fineFeeType>"
        f"<xb:owneredEntity><xb:InstitutionId>{institution_number}</xb:InstitutionId>{library}</xb:owneredEntity>"
        f"<xb:lastTransactionDate>{moment}</xb:lastTransactionDate>{_item(fee)}"
        f"<xb:compositeSum><xb:currency>USD</xb:currency><xb:sum>{shortest_sum(fee.balance_cents)}</xb:sum>"
        f"<xb:vat{_NIL}</xb:compositeSum>"
        f"<xb:bursarTransactionId>{fee.bursar_transaction_id}</xb:bursarTransactionId></xb:userFineFee>\n"
    )


def _item(fee: Fee) -> str:
    if fee.title is None:
        return ""
    library = LIBRARIES[fee.owner].desc if fee.owner in LIBRARIES else ""
    return (
        f"<xb:itemTitle>{escape(fee.title)}</xb:itemTitle><xb:itemCallNumebr>PS{fee.patron_index} .A{fee.patron_index % 97}"
        f"</xb:itemCallNumebr><xb:itemLibrary>{escape(library)}</xb:itemLibrary><xb:itemLocation>Stacks</xb:itemLocation>"
        f"<xb:itemInternalLocation>Stacks</xb:itemInternalLocation><xb:itemDueDate{_NIL}"
        f"<xb:itemBarcode>{fee.barcode}</xb:itemBarcode>"
    )
