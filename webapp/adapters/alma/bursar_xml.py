"""Alma's bursar export file, read as a stream: one row a fee, whatever its size.

A file in the form that Alma writes is read part by part (``bursar_plain``); everything else, and every fault, is the
XML parser's. Nothing in the file can make it fetch, expand or remember more than one fee at a time: a DOCTYPE is
refused before the first element, libxml2's limits on depth and text stay on, and every fee is forgotten when it was
given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from lxml import etree

from webapp.adapters.alma.bursar_parts import read_plain_parts
from webapp.adapters.alma.bursar_plain import NAMESPACE, NotPlainError
from webapp.adapters.errors import PermanentError
from webapp.domain.bursar.fees import ELEMENTS, BadFeeError, FeeRow, Patron, fee_row, tidy

if TYPE_CHECKING:
    from datetime import tzinfo

_NS: Final = f"{{{NAMESPACE}}}"
_ROOT, _FEE, _LIST, _NUMBER = (
    f"{_NS}{name}" for name in ("xml-fragment", "userFineFee", "userExportedFineFeesList", "exportNumber")
)
_CHUNK: Final = 256 * 1024
_LONGEST_STRETCH: Final = 16 * 1024 * 1024
_LONGEST_PROLOG: Final = 64 * 1024
_FIRST_ELEMENT: Final = re.compile(rb"<[A-Za-z_:\x80-\xff]")
_ENCODING: Final = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# In these no byte of a DOCTYPE can hide behind another meaning.
_ENCODINGS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"})
_NAMES: Final[dict[Any, str]] = {}
_MOST_NAMES: Final = 200


class BursarFileError(PermanentError):
    """The file cannot be read, and none of it may be used. ``line`` and ``column`` count from 1; 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{message} (line {line}, column {column})" if line else message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class BadRow:
    """A fee whose own values cannot be read; ``row`` holds what could, ``n`` is its number in the file."""

    n: int
    reason: str
    row: FeeRow


def read_bursar(
    open_source: Callable[[], BinaryIO],
    *,
    size: int | None = None,
    zone: tzinfo | None = None,
    workers: int = 2,
) -> Iterator[FeeRow | BadRow]:
    """Every fee of the file, in its order. ``zone`` is the campus's: times are given in it, else as written.

    What was given counts only when the end is reached: a damaged file raises where it is damaged. A large file on this
    machine's disk is read with up to ``workers`` processes, this one included.
    Raises: BursarFileError for anything but one whole, well-formed bursar file of ``size`` bytes.
    """
    given = 0
    with open_source() as source:
        try:
            for row in _plain_rows(source, size, zone, workers):
                given += 1
                yield row
        except NotPlainError:
            pass
        else:
            return
    # The parser begins anew: it alone says what is wrong and where. The rows that were given it finds again.
    with open_source() as source:
        yield from islice(_Reader(zone).rows(_chunks(source, size)), given, None)


def _plain_rows(
    source: BinaryIO, size: int | None, zone: tzinfo | None, workers: int
) -> Iterator[FeeRow | BadRow]:
    """The fees as long as the file is written as Alma writes it. Raises: NotPlainError."""
    export_number, parts = read_plain_parts(source, size, workers)
    n = 0
    for entries in parts:
        for (id_type, patron_id, name), fees in entries:
            patron = Patron(patron_id, id_type, name)
            for said in fees:
                n += 1
                try:
                    yield fee_row(n, patron, said, export_number, zone)
                except BadFeeError as err:
                    yield _bad_row(n, err)


def _bad_row(n: int, err: BadFeeError) -> BadRow:
    return BadRow(n, f"{err.reason[0].upper()}{err.reason[1:]}.", err.row)


def _chunks(source: BinaryIO, size: int | None) -> Iterator[bytes]:
    read = 0
    while chunk := source.read(_CHUNK):
        read += len(chunk)
        yield chunk
    if size is not None and read != size:
        raise BursarFileError(f"the file ended after {read:,} bytes; it should have {size:,}")


class _Reader:
    """Feeds libxml2 chunk by chunk and turns each finished fee into a row."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._n = self._n_before = self._stretch = 0
        self._export_number = ""
        self._list: etree._Element | None = None
        self._patron = Patron("", "", "")

    def rows(self, chunks: Iterator[bytes]) -> Iterator[FeeRow | BadRow]:
        parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=(_ROOT, _FEE, _LIST, _NUMBER),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )
        try:
            for chunk in _without_doctype(chunks):
                parser.feed(chunk)
                yield from self._finished(parser)
                self._check_stretch(len(chunk))
            root = parser.close()
        except etree.XMLSyntaxError as err:
            line, column = err.position
            raise BursarFileError(f"the file is not well-formed XML: {err.msg}", line, column) from err
        yield from self._finished(parser)
        if root.tag != _ROOT:
            raise BursarFileError(
                f"the file is not an Alma bursar export: it begins with {str(root.tag)[:120]!r}, not with {_ROOT!r}",
                1,
                1,
            )

    def _check_stretch(self, read: int) -> None:
        """What is no fee stays in memory until its patron ends, so there must not be much of it."""
        self._stretch = 0 if self._n != self._n_before else self._stretch + read
        self._n_before = self._n
        if self._stretch > _LONGEST_STRETCH:
            raise BursarFileError(
                f"the file is not an Alma bursar export: {_LONGEST_STRETCH:,} bytes without a fee behind fee {self._n}"
            )

    def _finished(self, parser: etree.XMLPullParser[Any]) -> Iterator[FeeRow | BadRow]:
        for event, element in parser.read_events():
            tag = element.tag
            if event == "start":
                if tag == _LIST:
                    self._list = None
                continue
            if tag == _FEE:
                yield self._fee(element)
            elif tag == _NUMBER:
                self._export_number = self._export_number or _text(element)
            elif tag == _LIST:
                _forget(element)

    def _fee(self, element: etree._Element) -> FeeRow | BadRow:
        self._n += 1
        fees = element.getparent()
        if self._list is None:
            self._list = fees
            self._patron = _patron(fees.getparent() if fees is not None else None)
        texts: dict[str, str] = {}
        # The values are leaves; what they are nested in holds blanks only.
        for leaf in element.iter():
            if (text := leaf.text) and not text.isspace():
                texts[_NAMES.get(leaf.tag) or _name(leaf.tag)] = tidy(text)
        _forget(element)
        # Should Alma ever mend its spelling.
        texts.setdefault("itemCallNumebr", texts.get("itemCallNumber", ""))
        said = tuple([texts.get(name, "") for name in ELEMENTS])
        try:
            return fee_row(self._n, self._patron, said, self._export_number, self._zone)
        except BadFeeError as err:
            return _bad_row(self._n, err)


def _name(tag: Any) -> str:
    """The element's name without its namespace, remembered."""
    if len(_NAMES) < _MOST_NAMES:
        _NAMES[tag] = str(tag).rpartition("}")[2]
    return str(tag).rpartition("}")[2]


def _patron(entry: etree._Element | None) -> Patron:
    if entry is None:
        return Patron("", "", "")
    user = entry.find(f"{_NS}user")
    name = entry.find(f"{_NS}patronName")
    if user is None:
        return Patron("", "", _text(name))
    return Patron(_text(user.find(f"{_NS}value")), _text(user.find(f"{_NS}type")), _text(name))


def _text(element: etree._Element | None) -> str:
    return tidy(element.text or "") if element is not None else ""


def _forget(element: etree._Element) -> None:
    """Free the element and what came before it under the same parent."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    if parent is not None:
        while (before := element.getprevious()) is not None:
            parent.remove(before)


def _without_doctype(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, once what stands before the first element was looked at."""
    prolog = b""
    for chunk in chunks:
        prolog += chunk
        if _FIRST_ELEMENT.search(prolog) or len(prolog) > _LONGEST_PROLOG:
            break
    _check_prolog(prolog)
    yield prolog
    yield from chunks


def _check_prolog(prolog: bytes) -> None:
    start = _FIRST_ELEMENT.search(prolog[: _LONGEST_PROLOG + 8])
    before = prolog[: start.start()] if start else prolog[:_LONGEST_PROLOG]
    if not prolog.strip():
        raise BursarFileError("the file is empty")
    if b"\x00" in prolog[:_LONGEST_PROLOG]:
        raise BursarFileError("the file is not text in UTF-8", 1, 1)
    if b"<!DOCTYPE" in before or b"<!ENTITY" in before:
        at = min(found for word in (b"<!DOCTYPE", b"<!ENTITY") if (found := before.find(word)) >= 0)
        line = before.count(b"\n", 0, at) + 1
        raise BursarFileError(
            "the file has a DOCTYPE, which no export of Alma has", line, at - before.rfind(b"\n", 0, at)
        )
    declared = _ENCODING.search(before)
    if declared and declared[1].lower() not in _ENCODINGS:
        raise BursarFileError(
            f"the file says that it is in {declared[1].decode()[:40]}; only UTF-8 is read", 1, 1
        )
    if start is None:
        line = before.count(b"\n") + 1
        raise BursarFileError("the file is not XML: no element begins in it", line, 1)
