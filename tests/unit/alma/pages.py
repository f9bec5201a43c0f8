"""Invented pages of reports in the shape in which Alma sends them."""

from xml.sax.saxutils import escape, quoteattr

ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
TOKEN = "AB" * 64


def schema(headings):
    elements = "".join(
        f'<xsd:element maxOccurs="1" minOccurs="0" name="Column{number}" saw-sql:columnHeading={quoteattr(heading)} '
        f'saw-sql:displayFormula="s_{number}" saw-sql:tableHeading={quoteattr(table)} saw-sql:type="varchar" type="xsd:string"/>'
        for number, (table, heading) in enumerate([("", "0"), *headings])
    )
    return (
        f'<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:saw-sql="urn:saw-sql" targetNamespace="{ROWSET}">'
        f'<xsd:complexType name="Row"><xsd:sequence>{elements}</xsd:sequence></xsd:complexType></xsd:schema>'
    )


def rows(cells_of_rows, prefix=""):
    return "".join(
        f"      <{prefix}Row>\n        <{prefix}Column0>0</{prefix}Column0>\n"
        + "".join(
            f"        <{prefix}Column{number}>{escape(cell)}</{prefix}Column{number}>\n"
            for number, cell in enumerate(cells, 1)
            if cell is not None
        )
        + f"      </{prefix}Row>\n"
        for cells in cells_of_rows
    )


def page(cells_of_rows=(), headings=None, *, token="", finished=True, prefix="", raw_rows=None):
    """``headings`` are (table, heading) pairs; None leaves the schema out, as on every page but the first."""
    name = f"xmlns:{prefix.rstrip(':')}" if prefix else "xmlns"
    inner = (schema(headings) if headings is not None else "") + (
        rows(cells_of_rows, prefix) if raw_rows is None else raw_rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><report><QueryResult>\n'
        + (f"  <ResumptionToken>{token}</ResumptionToken>\n" if token else "")
        + f"  <IsFinished>{'true' if finished else 'false'}</IsFinished>\n  <ResultXml>\n"
        + f'    <{prefix}rowset {name}="{ROWSET}">{inner}</{prefix}rowset>\n  </ResultXml>\n</QueryResult></report>'
    ).encode()


STILL_LOADING = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<report>\n   <QueryResult>\n'
    b"      <IsFinished>false</IsFinished>\n      <ResultXml/>\n   </QueryResult>\n</report>\n"
)


def xml_error(code, message, tracking_id="E01-0101010101-ABCDE-AWAE1"):
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<web_service_result xmlns="http://com/exlibris/urm/general/xmlbeans"><errorsExist>true</errorsExist><errorList>'
        f"<error><errorCode>{code}</errorCode><errorMessage>{escape(message)}</errorMessage>"
        f"<trackingId>{tracking_id}</trackingId></error></errorList></web_service_result>"
    ).encode()


FEE_HEADINGS = [
    ("Fines and Fees Transactions", "Fine Fee Id"),
    ("User Details", "Primary Identifier"),
    ("Fines and Fees Transactions", "Remaining Amount"),
    ("Fines and Fees Transactions", "Fine FeeType"),
    ("Fines and Fees Transactions", "Fine Fee Status"),
    ("Fines and Fees Transactions", "Fine Fee Creation Date"),
    ("Bibliographic Details", "Title"),
]


def fee_row(
    number, patron="012345678", amount="12.5", kind="Overdue fine", status="Active", title="Quiet rivers"
):
    return [
        f"{9_000_000_000 + number}0006381",
        patron,
        amount,
        kind,
        status,
        "2026-10-05T10:11:12",
        title,
    ]
