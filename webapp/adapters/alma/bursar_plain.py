"""The form in which Alma writes its bursar file, as one regular expression per record: read many times faster than XML.

Every byte of a part must fit. What fits is well-formed by construction: the elements of a fee in Alma's order, texts
without markup, the references XML knows by itself, no other attributes than ``xsi:nil``. Anything else (comments,
CDATA, elements in another order, another spelling) is no fault: it is left to the XML parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from webapp.domain.bursar.fees import ELEMENTS, Said, tidy

NAMESPACE: Final = "http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans"
Entry = tuple[tuple[str, str, str], list[Said]]
"""One patron (kind of id, id, name) and the texts of their fees."""

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
# The order in which Alma writes a fee's elements.
_WRITTEN: Final = (
    *("fineFeeComment", "fineFeeType", "InstitutionId", "libraryCode", "lastTransactionDate", "itemTitle"),
    *("itemCallNumebr", "itemLibrary", "itemLocation", "itemInternalLocation", "itemDueDate", "itemBarcode"),
    *("currency", "sum", "vat", "bursarTransactionId"),
)
_in_order = itemgetter(*(_WRITTEN.index(name) for name in ELEMENTS))
_BLANK: Final = r"[ \t\r\n]*+"
_GAP: Final = r"[ \t\r\n]++"
_NOT_IN_XML: Final = bytes(octet for octet in range(32) if octet not in b"\t\n\r")
_REFERENCE: Final = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class NotPlainError(Exception):
    """Only an XML parser can say what this is."""


@dataclass(frozen=True, slots=True)
class PlainHead:
    """What stands before the first patron: its length in bytes, the export's number, the grammar of what follows."""

    length: int
    export_number: str
    grammar: PlainGrammar


def read_plain_head(octets: bytes) -> PlainHead:
    """The head of a file that begins as Alma begins it. Raises: NotPlainError."""
    match = _HEAD.match(octets)
    if match is None:
        raise NotPlainError
    prefix = match["prefix"].decode() + ":"
    return PlainHead(
        match.end(), match["number"].decode(), PlainGrammar(prefix, has_xsi=match["xsi"] is not None)
    )


class PlainGrammar:
    """Reads the parts of one file; ``prefix`` is that of its elements with the colon."""

    def __init__(self, prefix: str, *, has_xsi: bool) -> None:
        self.boundary = f"</{prefix}userExportedFineFeesList>".encode()
        form = _Form(re.escape(prefix), has_xsi=has_xsi)
        self._patron = re.compile(form.patron())
        self._fee = re.compile(form.fee())
        self._end = re.compile(form.end_of_patron())
        self._tail = re.compile(form.tail())

    def read(self, octets: bytes, *, is_last: bool) -> list[Entry]:
        """The patrons of a part that begins before one and ends behind one, or with the file. Raises: NotPlainError."""
        text = _text(octets)
        found: list[Entry] = []
        match_patron, match_fee, match_end = self._patron.match, self._fee.match, self._end.match
        at = 0
        while (patron := match_patron(text, at)) is not None:
            at = patron.end()
            fees: list[Said] = []
            while (fee := match_fee(text, at)) is not None:
                fees.append(_in_order(_tidied(fee.groups(""))))
                at = fee.end()
            end = match_end(text, at)
            if end is None:
                raise NotPlainError
            at = end.end()
            id_type, patron_id, name = _tidied(patron.groups(""))
            found.append(((id_type, patron_id, name), fees))
        if not (self._tail.fullmatch(text, at) if is_last else at == len(text)):
            raise NotPlainError
        return found


class _Form:
    """The expressions, for one prefix."""

    def __init__(self, prefix: str, *, has_xsi: bool) -> None:
        self._prefix = prefix
        declared = f'xmlns:xsi="{re.escape(_XSI)}"'
        nil = 'xsi:nil="true"'
        forms = [f"{nil}{_GAP}{declared}", f"{declared}{_GAP}{nil}", *([nil] if has_xsi else [])]
        self._nil = f"(?:{_GAP}(?:{'|'.join(forms)}))?+{_BLANK}"

    def patron(self) -> str:
        user = (
            self._leaf("type") + self._leaf("value") + self._block("owneredEntity", *self._owner(keep=False))
        )
        return (
            f"{_BLANK}{self._open('userExportedFineFeesList')}{self._open('user')}{user}{self._close('user')}"
            f"{self._leaf('patronName')}{self._open('finefeeList')}"
        )

    def fee(self) -> str:
        leaves = (
            *("lastTransactionDate", "itemTitle", "itemCallNumebr", "itemLibrary", "itemLocation"),
            *("itemInternalLocation", "itemDueDate", "itemBarcode"),
        )
        return (
            self._open("userFineFee")
            + self._leaf("fineFeeComment")
            + self._leaf("fineFeeType")
            + self._block("owneredEntity", *self._owner(keep=True))
            + "".join(map(self._leaf, leaves))
            + self._block("compositeSum", *map(self._leaf, ("currency", "sum", "vat")))
            + self._leaf("bursarTransactionId")
            + self._close("userFineFee")
        )

    def end_of_patron(self) -> str:
        return f"{self._close('finefeeList')}</{self._prefix}userExportedFineFeesList>"

    def tail(self) -> str:
        names = ("userExportedList", "userExportedFineFees", "xml-fragment")
        return _BLANK + "".join(map(self._close, names))

    def _owner(self, *, keep: bool) -> tuple[str, str, str]:
        return (
            self._leaf("InstitutionId", keep=keep),
            self._leaf("libraryId", keep=False),
            self._leaf("libraryCode", keep=keep),
        )

    def _open(self, name: str) -> str:
        return f"<{self._prefix}{name}>{_BLANK}"

    def _close(self, name: str) -> str:
        return f"</{self._prefix}{name}>{_BLANK}"

    def _leaf(self, name: str, *, keep: bool = True) -> str:
        text = "([^<]*+)" if keep else "[^<]*+"
        tag = self._prefix + name
        return f"(?:<{tag}(?:>{text}</{tag}>|{self._nil}(?:/>|></{tag}>)){_BLANK})?+"

    def _block(self, name: str, *inner: str) -> str:
        return f"(?:{self._open(name)}{''.join(inner)}{self._close(name)})?+"


def _text(octets: bytes) -> str:
    if len(octets.translate(None, _NOT_IN_XML)) != len(octets):
        raise NotPlainError
    try:
        text = octets.decode()
    except UnicodeDecodeError as err:
        raise NotPlainError from err
    # Not allowed in XML texts; the last two are no characters at all.
    if "]]>" in text or "\ufffe" in text or "\uffff" in text:
        raise NotPlainError
    return text


def _tidied(texts: tuple[str, ...]) -> tuple[str, ...]:
    joined = "".join(texts)
    if "&" in joined:
        texts = tuple([_REFERENCE.sub(_character, text) for text in texts])
    elif not ("\n" in joined or "\t" in joined or "\r" in joined):
        # As ``tidy`` would, in one go.
        texts = tuple(map(str.strip, texts))
        return tuple(["" if text == "null" else text for text in texts]) if "null" in texts else texts
    return tuple(map(tidy, texts))


def _character(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMED[name]
    if not (decimal or hexadecimal):
        raise NotPlainError
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if not (
        code in {9, 10, 13} or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
    ):
        raise NotPlainError
    return chr(code)


_HEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?"
    rb"""(?:<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"(?i:UTF-8)"|'(?i:UTF-8)'))?"""
    rb"""(?: standalone=(?:"(?:yes|no)"|'(?:yes|no)'))? ?\?>)?[ \t\r\n]*"""
    rb"<(?!xsi:)(?P<prefix>[A-Za-z_][A-Za-z0-9_.-]*):xml-fragment[ \t\r\n]+xmlns:(?P=prefix)=\"%(ns)s\""
    rb"""(?P<xsi>[ \t\r\n]+xmlns:xsi="%(xsi)s")?[ \t\r\n]*>[ \t\r\n]*"""
    rb"<(?P=prefix):userExportedFineFees>[ \t\r\n]*"
    rb"<(?P=prefix):exportNumber>(?P<number>[0-9]*)</(?P=prefix):exportNumber>[ \t\r\n]*"
    rb"</(?P=prefix):userExportedFineFees>[ \t\r\n]*<(?P=prefix):userExportedFineFees>[ \t\r\n]*"
    rb"<(?P=prefix):userExportedList>"
    % {b"ns": re.escape(NAMESPACE.encode()), b"xsi": re.escape(_XSI.encode())}
)
