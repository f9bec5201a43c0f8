"""Refused lines of a file of payments, given back in the sender's own form so that they can be put right and sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO, Final, Protocol

from webapp.domain.layouts.inbound import find_heading
from webapp.domain.layouts.inbound_model import InboundFault, InboundLayout
from webapp.domain.layouts.inbound_text import Record, read_records
from webapp.domain.violations.headings import normalised

_UTF_8_BOM: Final = b"\xef\xbb\xbf"


class Sink(Protocol):
    """Where bytes go."""

    def write(self, content: bytes, /) -> object:
        """Take some."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the sender's file is written, as far as its first bytes tell."""

    start: bytes
    end: str
    encoding: str


def write_rejects(
    source: Iterable[bytes] | BinaryIO,
    layout: InboundLayout,
    bad: Mapping[int, str],
    sink: Sink,
    reasons: Sink | None = None,
) -> int:
    """Write the refused lines as they came, with the file's own titles, headings and last lines; how many there were.

    ``bad`` holds a reason by line number. A delimited file gets one column more, "Reason". A positional one keeps its
    form, and ``reasons`` gets a text with the reason for each of its lines.

    Raises: InboundFileError when the file cannot be read at all.
    """
    form, pieces = _form_of(source, layout)
    records = read_records(pieces, replace(layout, skip_first=0, skip_last=0))
    sink.write(form.start)
    written = 0
    for number, (text, because) in enumerate(_chosen(records, layout, bad), 1):
        written += bool(because)
        sink.write(_encoded(text + form.end, form.encoding))
        if reasons is not None and because:
            reasons.write(f"Line {number}: {_without_number(because)}{form.end}".encode())
    return written


def _chosen(
    records: Iterator[Record | InboundFault], layout: InboundLayout, bad: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    """The texts to write: what a reader passes over as it stands, and each refused line with its reason."""
    line = 0
    for record in records:
        if record.line > layout.skip_first:
            records = chain([record], records)
            break
        # Blank lines count among the first ones, and are no records.
        yield from (("", "") for _ in range(record.line - line - 1))
        line = record.line
        yield _text_of(record), ""
    yield from (("", "") for _ in range(layout.skip_first - line))
    if layout.heading:
        yield from _down_to_heading(records, layout)
    last: deque[Record | InboundFault] = deque()
    for record in records:
        last.append(record)
        if len(last) > layout.skip_last:
            gone = last.popleft()
            if gone.line in bad:
                yield _with_reason(_text_of(gone), bad[gone.line], layout), bad[gone.line]
    yield from ((_text_of(record), "") for record in last)


def _down_to_heading(
    records: Iterator[Record | InboundFault], layout: InboundLayout
) -> Iterator[tuple[str, str]]:
    taken: list[Record | InboundFault] = []

    def noted() -> Iterator[Record | InboundFault]:
        for record in records:
            taken.append(record)
            yield record

    heading, _ = find_heading(noted(), layout)
    yield from ((_text_of(title), "") for title in taken[:-1])
    has_reason = "reason" in map(normalised, heading.cells)
    yield heading.text + layout.delimiter + ("Refused because" if has_reason else "Reason"), ""


def _text_of(record: Record | InboundFault) -> str:
    return record.text if isinstance(record, Record) else record.record


def _with_reason(text: str, because: str, layout: InboundLayout) -> str:
    if layout.mode == "positional":
        return text
    bare = " ".join(because.split())
    if layout.quote == "none":
        return f"{text}{layout.delimiter}{bare.replace(layout.delimiter, ' ')}"
    doubled = bare.replace('"', '""')
    return f'{text}{layout.delimiter}"{doubled}"'


def _without_number(because: str) -> str:
    """In a file of their own the lines count anew."""
    head, colon, rest = because.partition(": ")
    return rest if colon and head.startswith("Line ") and head[5:].isdigit() else because


def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding, errors="replace")


def _form_of(source: Iterable[bytes] | BinaryIO, layout: InboundLayout) -> tuple[_Form, Iterator[bytes]]:
    read = getattr(source, "read", None)
    pieces = iter(lambda: read(1 << 16), b"") if read is not None else iter(source)
    first = b""
    while len(first) < 1 << 12 and (piece := next(pieces, None)) is not None:
        first += piece
    end = "\r\n" if b"\r\n" in first else "\n" if b"\n" in first or b"\r" not in first else "\r"
    start = _UTF_8_BOM if first.startswith(_UTF_8_BOM) and layout.encoding == "utf-8" else b""
    return _Form(start, end, layout.encoding), chain([first], pieces)
