"""A look into a stored file: a bounded piece of it, line by line, never the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

LINES = 200
BLOCK_BYTES = 256 << 10
TAIL_BYTES = 32 << 10
LONGEST_SHOWN = 1_000
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line: its text without the line end, the line end, and how many characters were not shown."""

    text: str
    end: str
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """A piece of a file. ``at`` and ``next_at`` are byte offsets; ``next_at`` is None at the end of the file."""

    lines: tuple[PreviewLine, ...]
    at: int
    next_at: int | None
    encoding: str

    @property
    def has_tabs(self) -> bool:
        """Whether columns are set by tabs, so that a ruler would mislead."""
        return any("\t" in line.text for line in self.lines)

    @property
    def widest(self) -> int:
        """Characters in the longest line shown."""
        return max((len(line.text) for line in self.lines), default=0)


def preview_from(source: BinaryIO, size: int, at: int) -> Preview:
    """Up to 200 lines from the byte offset ``at`` on. ``source`` is seekable; at most 256 KiB of it are read."""
    at = min(max(at, 0), size)
    source.seek(at)
    block = source.read(BLOCK_BYTES)
    reaches_end = at + len(block) >= size
    pieces = _split(block, reaches_end=reaches_end)[:LINES]
    next_at = at + sum(len(piece) for piece in pieces)
    return _preview(pieces, at, next_at if next_at < size else None)


def preview_tail(source: BinaryIO, size: int) -> Preview:
    """The last lines of the file, up to 200: where a trailer stands."""
    at = max(size - TAIL_BYTES, 0)
    source.seek(at)
    pieces = _split(source.read(TAIL_BYTES), reaches_end=True)
    if at and len(pieces) > 1:
        # The first piece most likely began before the block.
        at += len(pieces[0])
        pieces = pieces[1:]
    kept = pieces[-LINES:]
    at += sum(len(piece) for piece in pieces[: -len(kept)]) if kept else 0
    return _preview(kept, at, None)


def _split(block: bytes, *, reaches_end: bool) -> list[bytes]:
    """Lines with their ends. A last line that may go on after the block is left for the next look."""
    pieces = [found.group() for found in _LINE.finditer(block) if found.group()]
    if not reaches_end and len(pieces) > 1 and not pieces[-1].endswith(b"\n"):
        pieces.pop()
    return pieces


def _preview(pieces: list[bytes], at: int, next_at: int | None) -> Preview:
    encoding = "UTF-8" if _is_utf8(b"".join(pieces)) else "Latin-1"
    codec = "utf-8" if encoding == "UTF-8" else "latin-1"
    return Preview(tuple(_line(piece.decode(codec, "replace")) for piece in pieces), at, next_at, encoding)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as err:
        # Only a character cut in two by the end of the block.
        return err.reason == "unexpected end of data"
    return True


def _line(decoded: str) -> PreviewLine:
    text = decoded.rstrip("\r\n") if decoded.endswith(("\r", "\n")) else decoded
    end = decoded[len(text) :]
    return PreviewLine(text[:LONGEST_SHOWN], end, max(len(text) - LONGEST_SHOWN, 0))
