"""A bursar file of any size in the form Alma writes, with invented people and books."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NS = "http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans"
NIL = 'xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>'
TYPES = ("OVERDUEFINE", "LOSTITEMREPLACEMENTFEE", "LOSTITEMPROCESSFEE", "OVERDUEFINE")
SUMS = ("300", "0.5", "12.45", "1.75")
TITLES = ("A history of the {} lakes /", "The history of {} &amp; other rivers", "Núñez: the\n  {} letters")

HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<xb:xml-fragment xmlns:xb="{NS}">
\t<xb:userExportedFineFees>
\t\t<xb:exportNumber>15216075870006761</xb:exportNumber>
\t</xb:userExportedFineFees>
\t<xb:userExportedFineFees>
\t\t<xb:userExportedList>
"""
TAIL = "\t\t</xb:userExportedList>\n\t</xb:userExportedFineFees>\n</xb:xml-fragment>\n"
PATRON = """\t\t\t<xb:userExportedFineFeesList>
\t\t\t\t<xb:user>
\t\t\t\t\t<xb:type>02</xb:type>
\t\t\t\t\t<xb:value>{emplid:09d}</xb:value>
\t\t\t\t\t<xb:owneredEntity>
\t\t\t\t\t\t<xb:InstitutionId>6761</xb:InstitutionId>
\t\t\t\t\t</xb:owneredEntity>
\t\t\t\t</xb:user>
\t\t\t\t<xb:patronName>Patron, Number {emplid}</xb:patronName>
\t\t\t\t<xb:finefeeList>
"""
PATRON_END = "\t\t\t\t</xb:finefeeList>\n\t\t\t</xb:userExportedFineFeesList>\n"
FEE = f"""\t\t\t\t\t<xb:userFineFee>
\t\t\t\t\t\t<xb:fineFeeComment {NIL}
\t\t\t\t\t\t<xb:fineFeeType>{{kind}}</xb:fineFeeType>
\t\t\t\t\t\t<xb:owneredEntity>
\t\t\t\t\t\t\t<xb:InstitutionId>6761</xb:InstitutionId>
\t\t\t\t\t\t\t<xb:libraryId>161686070006761</xb:libraryId>
\t\t\t\t\t\t\t<xb:libraryCode>{{library}}</xb:libraryCode>
\t\t\t\t\t\t</xb:owneredEntity>
\t\t\t\t\t\t<xb:lastTransactionDate>{{day}} {{clock}}</xb:lastTransactionDate>
\t\t\t\t\t\t<xb:itemTitle>{{title}}</xb:itemTitle>
\t\t\t\t\t\t<xb:itemCallNumebr>QK495.C11 S64 {{n}}</xb:itemCallNumebr>
\t\t\t\t\t\t<xb:itemLibrary>Main Library</xb:itemLibrary>
\t\t\t\t\t\t<xb:itemLocation>Stacks</xb:itemLocation>
\t\t\t\t\t\t<xb:itemInternalLocation>Stacks</xb:itemInternalLocation>
\t\t\t\t\t\t<xb:itemDueDate {NIL}
\t\t\t\t\t\t<xb:itemBarcode>{{barcode}}</xb:itemBarcode>
\t\t\t\t\t\t<xb:compositeSum>
\t\t\t\t\t\t\t<xb:currency>USD</xb:currency>
\t\t\t\t\t\t\t<xb:sum>{{amount}}</xb:sum>
\t\t\t\t\t\t\t<xb:vat {NIL}
\t\t\t\t\t\t</xb:compositeSum>
\t\t\t\t\t\t<xb:bursarTransactionId>{{ref}}</xb:bursarTransactionId>
\t\t\t\t\t</xb:userFineFee>
"""


def write_bursar_file(path: Path, fees: int) -> None:
    """About 1.4 kB a fee; one to three fees a patron, one title in eight with a reference, one with a line break."""
    with path.open("w", encoding="utf-8") as out:
        out.write(HEAD)
        n = 0
        while n < fees:
            texts = [PATRON.format(emplid=n + 1)]
            for _ in range(min(1 + n % 3, fees - n)):
                texts.append(_fee(n))
                n += 1
            out.write("".join([*texts, PATRON_END]))
        out.write(TAIL)


def _fee(n: int) -> str:
    return FEE.format(
        n=n,
        kind=TYPES[n % 4],
        library="RTC" if n % 5 else "MAIN",
        day=f"{1 + n % 12:02d}/{1 + n % 28:02d}/2025",
        clock=f"1{n % 10}:{n % 60:02d}:{n % 59:02d}",
        title=TITLES[n % 8 if n % 8 < 3 else 0].format(n),
        barcode=39080000000000 + n,
        amount=SUMS[n % 4],
        ref=15216000000006761 + n * 10000,
    )
