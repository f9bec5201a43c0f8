"""Alma's bursar files with invented people, as small as a test needs them."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

NAMESPACE = "http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans"


@dataclass(frozen=True)
class Fee:
    """One fee of one patron; ``sum`` as Alma prints it: 300, 0.5, -3.25."""

    ref: str
    sum: str = "10.00"
    patron: str = "012345678"
    fee_type: str = "OVERDUEFINE"
    barcode: str = ""
    comment: str = ""
    at: str = "10/01/2026 09:30:00"
    name: str = "Lovelace, Ada"
    title: str = "A title"


def bursar_file(*fees: Fee, export_number: str = "17492217040006761") -> bytes:
    """The whole file; fees that follow each other with one patron are one user's."""
    users: list[list[Fee]] = []
    for fee in fees:
        if users and users[-1][0].patron == fee.patron:
            users[-1].append(fee)
        else:
            users.append([fee])
    listed = "".join(_user(each) for each in users)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xb:xml-fragment xmlns:xb="{NAMESPACE}">'
        f"<xb:userExportedFineFees><xb:exportNumber>{export_number}</xb:exportNumber></xb:userExportedFineFees>"
        f"<xb:userExportedFineFees><xb:userExportedList>{listed}</xb:userExportedList></xb:userExportedFineFees>"
        "</xb:xml-fragment>\n"
    ).encode()


def _user(fees: list[Fee]) -> str:
    patron = fees[0]
    return (
        "<xb:userExportedFineFeesList><xb:user><xb:type>userName</xb:type>"
        f"<xb:value>{escape(patron.patron)}</xb:value>"
        "<xb:owneredEntity><xb:InstitutionId>6761</xb:InstitutionId></xb:owneredEntity></xb:user>"
        f"<xb:patronName>{escape(patron.name)}</xb:patronName>"
        f"<xb:finefeeList>{''.join(map(_fee, fees))}</xb:finefeeList></xb:userExportedFineFeesList>\n"
    )


def _fee(fee: Fee) -> str:
    return (
        f"<xb:userFineFee><xb:fineFeeComment>{escape(fee.comment)}</xb:fineFeeComment>"
        f"<xb:fineFeeType>{fee.fee_type}</xb:fineFeeType>"
        "<xb:owneredEntity><xb:InstitutionId>6761</xb:InstitutionId><xb:libraryId>12</xb:libraryId>"
        "<xb:libraryCode>MAIN</xb:libraryCode></xb:owneredEntity>"
        f"<xb:lastTransactionDate>{fee.at}</xb:lastTransactionDate><xb:itemTitle>{escape(fee.title)}</xb:itemTitle>"
        "<xb:itemCallNumebr>QA76</xb:itemCallNumebr><xb:itemLibrary>Main</xb:itemLibrary>"
        f"<xb:itemBarcode>{fee.barcode}</xb:itemBarcode>"
        f"<xb:compositeSum><xb:currency>USD</xb:currency><xb:sum>{fee.sum}</xb:sum></xb:compositeSum>"
        f"<xb:bursarTransactionId>{fee.ref}</xb:bursarTransactionId></xb:userFineFee>"
    )
