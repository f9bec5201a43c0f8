"""XML from outside, read so that it can neither reach out nor blow up."""

from __future__ import annotations

import re

from lxml import etree

_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = {b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"}


class XmlRefusedError(ValueError):
    """The text is not XML that may be read; the message says why."""


def parse_xml(text: bytes, *, max_bytes: int = 64 * 1024 * 1024) -> etree._Element:
    """The root element of a document, without comments and processing instructions.

    Raises:
        XmlRefusedError: not well-formed, too large, with a DOCTYPE, or in an encoding that could hide one.
    """
    if len(text) > max_bytes:
        raise XmlRefusedError(f"the document has {len(text):,} bytes; {max_bytes:,} are allowed")
    declared = _ENCODING.match(text[:200].removeprefix(b"\xef\xbb\xbf"))
    if b"\x00" in text or (declared and declared[1].lower() not in _ENCODINGS):
        raise XmlRefusedError("the document is not in UTF-8")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise XmlRefusedError("the document has a DOCTYPE, which is not allowed")
    # A parser of its own per document: lxml's parsers keep state and are not shared between threads.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as err:
        raise XmlRefusedError(f"the document is not well-formed: {err.msg}") from err
    if root is None:
        raise XmlRefusedError("the document is empty")
    return root


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname)
