"""Files in Alma's own form are read part by part: the same rows as the XML parser's, and the same faults."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.bursar.files import NS, bursar_file, fee, opener, patron
from webapp.adapters.alma import bursar_parts, bursar_xml
from webapp.adapters.alma.bursar_plain import NotPlainError, read_plain_head
from webapp.adapters.alma.bursar_xml import BursarFileError, read_bursar

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def parsed(content: bytes) -> list:
    """The rows as the XML parser finds them."""
    return list(bursar_xml._Reader(None).rows(iter([content])))


def plain(content: bytes) -> list:
    """The patrons as the grammar finds them. Raises: NotPlainError."""
    _, parts = bursar_parts.read_plain_parts(opener(content)(), len(content), 1)
    return list(chain.from_iterable(parts))


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="<&>\ufffe\uffff"), max_size=12
)
PIECES = st.sampled_from(
    ["&amp;", "&lt;", "&#233;", "&#xE9;", "\n  ", "\t", " ", "null", "]", "\u2013", "\U0001d518"]
)
TITLES = st.lists(st.one_of(TEXT, PIECES), max_size=5).map("".join)


@given(
    titles=st.lists(TITLES, min_size=1, max_size=4), sums=st.sampled_from(["300", "0.5", "-3.25", "x", ""])
)
@settings(max_examples=200)
def test_the_grammar_and_the_parser_find_the_same_rows(titles, sums):
    content = bursar_file(
        *(
            patron(fee(str(n), sums, itemTitle=title, fineFeeComment=None), name=title)
            for n, title in enumerate(titles)
        )
    )
    assert list(read_bursar(opener(content))) == parsed(content)


@pytest.mark.parametrize(
    "odd",
    [
        "<!-- a note --><xb:userFineFee>",
        "<xb:unheard/><xb:userFineFee>",
        '<xb:userFineFee lang="en">',
        "<xb:userFineFee ><xb:fineFeeComment><![CDATA[</xb:userExportedFineFeesList>]]></xb:fineFeeComment>",
    ],
)
def test_what_alma_does_not_write_is_left_to_the_parser_and_read_all_the_same(odd):
    content = bursar_file(*(patron(fee(str(n))) for n in range(3))).decode()
    at = content.rindex("<xb:userFineFee>")
    content = (content[:at] + odd + content[at + len("<xb:userFineFee>") :]).encode()
    with pytest.raises(NotPlainError):
        plain(content)
    assert [row["fee_ref"] for row in read_bursar(opener(content))] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "damage",
    [
        ("&amp;", "&nbsp;"),
        ("&amp;", "&"),
        ("&amp;", "&#0;"),
        ("&amp;", "&#xD800;"),
        ("&amp;", "]]>"),
        ("&amp;", "\x01"),
        ("&amp;", "\uffff"),
        ("</xb:itemTitle>", "</xb:itemtitle>"),
        ("</xb:xml-fragment>", "</xb:xml-fragment>x"),
        ("</xb:xml-fragment>", "</xb:xml-fragment><a/>"),
        ("</xb:finefeeList>", ""),
    ],
)
def test_what_is_not_well_formed_never_passes_the_grammar(damage):
    content = bursar_file(patron(fee(itemTitle="Arts &amp; crafts"))).decode().replace(*damage).encode()
    with pytest.raises(NotPlainError):
        plain(content)
    with pytest.raises(BursarFileError):
        list(read_bursar(opener(content)))


@pytest.mark.parametrize(
    "root",
    [
        f'<xb:xml-fragment xmlns:xb="{NS}x">',
        f'<xb:xml-fragment xmlns:yb="{NS}">',
        "<xb:xml-fragment>",
        f'<xb:xml-fragment xmlns:xb="{NS}" xmlns:xb="{NS}">',
        f'<!DOCTYPE a><xb:xml-fragment xmlns:xb="{NS}">',
        f'<?xml version="1.0" encoding="UTF-16"?><xb:xml-fragment xmlns:xb="{NS}">',
    ],
)
def test_a_head_that_is_not_almas_is_left_to_the_parser(root):
    head = (
        f"{root}<xb:userExportedFineFees><xb:exportNumber>1</xb:exportNumber></xb:userExportedFineFees>"
        "<xb:userExportedFineFees><xb:userExportedList>"
    )
    with pytest.raises(NotPlainError):
        read_plain_head(head.encode())


@pytest.mark.parametrize("root", [f'xmlns:xb="{NS}" {XSI}', f'xmlns:xb="{NS}"'])
def test_nil_needs_its_prefix_to_be_declared(root):
    content = bursar_file(patron(fee())).replace(f'xmlns:xb="{NS}"'.encode(), root.encode())
    content = content.replace(
        b"<xb:itemTitle>Maps of the Pacific coast</xb:itemTitle>", b'<xb:itemTitle xsi:nil="true"/>'
    )
    if XSI in root:
        (entry,) = plain(content)
        assert len(entry[1]) == 1
    else:
        with pytest.raises(BursarFileError):
            list(read_bursar(opener(content)))


class BigFile:
    """A file of many parts on the disk."""

    def __init__(self, folder: Path) -> None:
        patrons = [
            patron(*(fee(f"{p}0{n}", itemTitle="x" * 400) for n in range(p % 3 + 1)), emplid=f"{p:09d}")
            for p in range(1, 3200)
        ]
        self.content = bursar_file(*patrons)
        self.path = folder / "big.xml"
        self.path.write_bytes(self.content)
        self.expected = [f"{p}0{n}" for p in range(1, 3200) for n in range(p % 3 + 1)]

    def open(self):
        return self.path.open("rb")


@pytest.fixture(scope="module")
def big(tmp_path_factory) -> BigFile:
    return BigFile(tmp_path_factory.mktemp("big"))


@pytest.fixture
def helpers() -> Callable[[], list[psutil.Process]]:
    """The reader's processes now. Others of the suite, a browser or a sandbox, may live beside them."""
    others = set(psutil.Process().children())
    return lambda: [child for child in psutil.Process().children() if child not in others]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_many_parts_and_processes_give_every_row_once_and_in_order(big, helpers, workers):
    assert len(big.content) > 4 * bursar_parts._PART_BYTES
    rows = list(read_bursar(big.open, size=len(big.content), workers=workers))
    assert [row["fee_ref"] for row in rows] == big.expected
    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(helpers()) == 0


def test_a_part_that_only_the_parser_can_read_changes_no_row(big, tmp_path):
    path = tmp_path / "odd.xml"
    at = big.content.rindex(b"<xb:userFineFee>")
    path.write_bytes(big.content[:at] + b"<!-- </xb:userExportedFineFeesList> -->" + big.content[at:])
    rows = list(read_bursar(lambda: path.open("rb")))
    assert [row["fee_ref"] for row in rows] == big.expected
    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99999])
def test_a_large_file_cut_anywhere_is_refused_with_line_and_column(big, helpers, tmp_path, share):
    path = tmp_path / "cut.xml"
    path.write_bytes(big.content[: int(len(big.content) * share)])
    with pytest.raises(BursarFileError) as refused:
        list(read_bursar(lambda: path.open("rb")))
    assert refused.value.line > 1
    assert len(helpers()) == 0


def test_a_reader_that_stops_early_leaves_no_process_behind(big, helpers):
    reading = read_bursar(big.open)
    assert next(reading)["fee_ref"] == big.expected[0]
    assert len(helpers()) == 1
    reading.close()
    assert len(helpers()) == 0


def test_a_helper_that_is_killed_costs_no_row(big, helpers):
    reading = read_bursar(big.open)
    first = next(reading)
    for child in helpers():
        os.kill(child.pid, 9)
    assert [first["fee_ref"], *(row["fee_ref"] for row in reading)] == big.expected


def test_a_file_that_is_not_as_long_as_was_said_is_refused(big):
    with pytest.raises(BursarFileError, match="should have"):
        list(read_bursar(big.open, size=len(big.content) + 1))


def test_a_flood_of_what_is_no_fee_is_refused_before_it_fills_the_memory():
    flood = bursar_file("<xb:unheard/>" * 2_000_000)
    with pytest.raises(BursarFileError, match="without a fee"):
        list(read_bursar(opener(flood)))
