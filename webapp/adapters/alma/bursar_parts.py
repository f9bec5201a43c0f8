"""A bursar file in parts, read beside each other: a second process reads ahead while this one works on the rows.

A part ends where a patron ends. Should that place be inside a comment or the like, the part before it does not fit the
grammar, and the XML parser takes over; so a wrong cut cannot give a wrong row.
"""

from __future__ import annotations

import gc
import io
import marshal
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, NoReturn

from webapp.adapters.alma.bursar_plain import Entry, NotPlainError, PlainGrammar, read_plain_head

_PART_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 64 * 1024
_SEARCH_BYTES: Final = 64 * 1024
# The longest account of one patron that is looked through for its end.
_LONGEST_PATRON_BYTES: Final = 8 << 20
_WORTH_A_PROCESS_BYTES: Final = 4 << 20
_LENGTH_BYTES: Final = 8
_MARSHAL: Final = 2  # without references: strings that occur once are quicker so
ReadAt = Callable[[int, int], bytes]


def read_plain_parts(source: BinaryIO, size: int | None, workers: int) -> tuple[str, Iterator[list[Entry]]]:
    """The export's number, and the patrons part by part.

    Both raise NotPlainError where the file is not in Alma's own form, or cannot be read at any place.
    """
    read_at, actual_size, is_shared = _access(source)
    if size is not None and size != actual_size:
        raise NotPlainError
    head = read_plain_head(read_at(0, _HEAD_BYTES))
    parts = _Parts(read_at, head.length, actual_size, head.grammar)
    helpers = min(workers - 1, parts.count)
    if helpers > 0 and is_shared and actual_size >= _WORTH_A_PROCESS_BYTES and hasattr(os, "fork"):
        return head.export_number, _read_beside(parts, helpers)
    return head.export_number, (parts.read(number) for number in range(parts.count))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where the parts begin and end; bytes are read when asked for."""

    read_at: ReadAt
    start: int
    size: int
    grammar: PlainGrammar

    @property
    def count(self) -> int:
        """How many parts there are; at least one, the one with the file's end."""
        return max(1, -(-(self.size - self.start) // _PART_BYTES))

    def read(self, number: int) -> list[Entry]:
        """The patrons of one part, from 0; a long patron may leave the parts behind it empty. Raises: NotPlainError."""
        first = self.start if number == 0 else self._behind_patron(self.start + number * _PART_BYTES)
        last = self._behind_patron(self.start + (number + 1) * _PART_BYTES)
        if number and first == self.size:
            return []
        if last - first > _LONGEST_PATRON_BYTES:
            raise NotPlainError
        return self.grammar.read(self.read_at(first, last - first), is_last=last == self.size)

    def _behind_patron(self, at: int) -> int:
        """The place behind the first end of a patron that begins at ``at`` or later, or the file's end."""
        boundary = self.grammar.boundary
        searched = at
        while searched < self.size:
            octets = self.read_at(searched, _SEARCH_BYTES)
            if (found := octets.find(boundary)) >= 0:
                return searched + found + len(boundary)
            if searched - at > _LONGEST_PATRON_BYTES or len(octets) < len(boundary):
                break
            searched += len(octets) - len(boundary) + 1
        if self.size - at > _LONGEST_PATRON_BYTES:
            raise NotPlainError
        return self.size


def _access(source: BinaryIO) -> tuple[ReadAt, int, bool]:
    """How to read at a place, the size, and whether another process may do so too. Raises: NotPlainError."""
    with suppress(AttributeError, OSError, io.UnsupportedOperation):
        descriptor = source.fileno()
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode):
            return lambda at, length: os.pread(descriptor, length, at), facts.st_size, True
    if not source.seekable():
        raise NotPlainError

    def read_at(at: int, length: int) -> bytes:
        source.seek(at)
        return source.read(length)

    return read_at, source.seek(0, os.SEEK_END), False


def _read_beside(parts: _Parts, helpers: int) -> Iterator[list[Entry]]:
    """The parts in their order, each from the helper whose turn it is."""
    children: list[tuple[int, BinaryIO]] = []
    try:
        for helper in range(helpers):
            children.append(_start(parts, range(helper, parts.count, helpers), children))
        for number in range(parts.count):
            yield _receive(children[number % helpers][1])
    finally:
        for process_id, pipe in children:
            pipe.close()
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
            os.waitpid(process_id, 0)


def _start(parts: _Parts, numbers: range, siblings: list[tuple[int, BinaryIO]]) -> tuple[int, BinaryIO]:
    ours, theirs = os.pipe()
    process_id = os.fork()
    if process_id == 0:
        os.close(ours)
        for _, pipe in siblings:
            os.close(pipe.fileno())
        _help(parts, numbers, theirs)
    os.close(theirs)
    return process_id, os.fdopen(ours, "rb", buffering=0)


def _help(parts: _Parts, numbers: range, pipe: int) -> NoReturn:
    """The life of a helper: it reads, hands over, and ends without a trace; whatever fails, the parser will name."""
    code = 1
    try:
        # Nothing of the parent's may be cleaned up here: its connections are still its own.
        gc.disable()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with os.fdopen(pipe, "wb", buffering=0) as out:
            for number in numbers:
                octets = marshal.dumps(parts.read(number), _MARSHAL)
                _write_all(out, len(octets).to_bytes(_LENGTH_BYTES, "big"))
                _write_all(out, octets)
        code = 0
    finally:
        os._exit(code)


def _write_all(out: io.RawIOBase | BinaryIO, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[out.write(rest) or 0 :]


def _receive(pipe: BinaryIO) -> list[Entry]:
    length = int.from_bytes(_read_exactly(pipe, _LENGTH_BYTES), "big")
    entries: list[Entry] = marshal.loads(_read_exactly(pipe, length))  # noqa: S302 - from our own process
    return entries


def _read_exactly(pipe: BinaryIO, length: int) -> bytes:
    octets = bytearray(length)
    rest = memoryview(octets)
    while rest:
        read = pipe.readinto(rest)  # type: ignore[attr-defined]  # a raw pipe has it
        if not read:
            # The helper ended: its part is not plain, or it was killed.
            raise NotPlainError
        rest = rest[read:]
    return bytes(octets)
