"""Alma bursar files of our own, in the shape Alma writes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

NS = "http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans"
NIL = ' xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>'
USUAL = {
    "fineFeeType": "OVERDUEFINE",
    "InstitutionId": "6761",
    "libraryCode": "MAIN",
    "lastTransactionDate": "09/12/2025 15:22:06",
    "itemTitle": "Maps of the Pacific coast",
    "itemCallNumebr": "GA 401",
    "itemBarcode": "31205000112233",
    "currency": "USD",
    "sum": "12.50",
    "bursarTransactionId": "15216075630006761",
}


def fee(ref: str = "15216075630006761", amount: str = "12.50", **elements: str | None) -> str:
    """One userFineFee; an element given as None is left out, one given as "nil" is ``xsi:nil``."""
    said = USUAL | {"sum": amount, "bursarTransactionId": ref} | elements

    def one(name: str) -> str:
        value = said.get(name)
        if value == "nil":
            return f"<xb:{name}{NIL}"
        return "" if value is None else f"<xb:{name}>{value}</xb:{name}>"

    def some(*names: str) -> str:
        return "".join(one(name) for name in names)

    return (
        f"<xb:userFineFee>\n{some('fineFeeComment', 'fineFeeType')}"
        f"<xb:owneredEntity>{some('InstitutionId', 'libraryId', 'libraryCode')}</xb:owneredEntity>\n"
        f"{some('lastTransactionDate', 'itemTitle', 'itemCallNumebr', 'itemLibrary', 'itemLocation')}"
        f"{some('itemInternalLocation', 'itemDueDate', 'itemBarcode')}\n"
        f"<xb:compositeSum>{some('currency', 'sum', 'vat')}</xb:compositeSum>{some('bursarTransactionId')}"
        "</xb:userFineFee>\n"
    )


def patron(*fees: str, emplid: str = "012345678", name: str = "Carson, Rachel", id_type: str = "02") -> str:
    """One patron with their fees."""
    return (
        f"<xb:userExportedFineFeesList><xb:user><xb:type>{id_type}</xb:type><xb:value>{emplid}</xb:value>"
        f"<xb:owneredEntity><xb:InstitutionId>null</xb:InstitutionId></xb:owneredEntity></xb:user>"
        f"<xb:patronName>{name}</xb:patronName>\n<xb:finefeeList>{''.join(fees)}</xb:finefeeList>"
        "</xb:userExportedFineFeesList>\n"
    )


def bursar_file(*patrons: str, number: str = "17492217040006761", head: str = "") -> bytes:
    """A whole export."""
    declared = head or '<?xml version="1.0" encoding="UTF-8"?>\n'
    return (
        f'{declared}<xb:xml-fragment xmlns:xb="{NS}">\n<xb:userExportedFineFees><xb:exportNumber>{number}'
        "</xb:exportNumber></xb:userExportedFineFees>\n<xb:userExportedFineFees><xb:userExportedList>\n"
        f"{''.join(patrons)}</xb:userExportedList></xb:userExportedFineFees>\n</xb:xml-fragment>\n"
    ).encode()


def opener(content: bytes | Sequence[bytes]) -> Callable[[], io.BytesIO]:
    """What ``read_bursar`` opens."""
    return lambda: io.BytesIO(content if isinstance(content, bytes) else b"".join(content))
