"""Looking into a file a piece at a time."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from webapp.services.preview_file import BLOCK_BYTES, LINES, LONGEST_SHOWN, preview_from, preview_tail


def look(content: bytes, at: int = 0):
    return preview_from(io.BytesIO(content), len(content), at)


def test_line_ends_of_every_kind_are_told_apart():
    assert [(line.text, line.end) for line in look(b"a\nb\r\nc\rd").lines] == [
        ("a", "\n"),
        ("b", "\r\n"),
        ("c", "\r"),
        ("d", ""),
    ]


def test_an_empty_file_has_no_lines_and_no_next_page():
    preview = look(b"")
    assert preview.lines == ()
    assert preview.next_at is None


def test_text_that_is_no_utf8_is_read_as_latin_1():
    assert look("Muñoz\n".encode("latin-1")).encoding == "Latin-1"
    assert look("Muñoz\n".encode("latin-1")).lines[0].text == "Muñoz"
    assert look("Muñoz\n".encode()).encoding == "UTF-8"


def test_a_line_longer_than_the_page_is_cut_and_says_by_how_much():
    line = look(b"x" * 5_000 + b"\n").lines[0]
    assert (len(line.text), line.hidden) == (LONGEST_SHOWN, 4_000)


def test_a_file_of_one_endless_line_is_read_in_pieces():
    content = b"x" * (BLOCK_BYTES * 2 + 5)
    first = look(content)
    assert first.next_at == BLOCK_BYTES
    assert look(content, BLOCK_BYTES * 2).next_at is None


def test_the_last_lines_are_shown_whole():
    content = b"".join(b"%05d\r\n" % n for n in range(10_000))
    preview = preview_tail(io.BytesIO(content), len(content))
    assert len(preview.lines) == LINES
    assert preview.lines[-1].text == "09999"
    assert preview.lines[0].text == "09800"


@given(st.lists(st.binary(max_size=30), max_size=900), st.sampled_from([b"\n", b"\r\n"]))
def test_pages_put_together_are_the_file(pieces, end):
    content = end.join(piece.replace(b"\r", b"").replace(b"\n", b"") for piece in pieces)
    at, seen = 0, ""
    while True:
        preview = look(content, at)
        seen += "".join(line.text + line.end for line in preview.lines)
        if preview.next_at is None:
            break
        assert preview.next_at > at
        at = preview.next_at
    assert len(seen) >= len(content.decode("utf-8", "ignore")) or not content
    assert seen.count("\n") == content.count(b"\n")
