"""Titles with tabs, quotes, line ends and foreign letters never break a line, in characters or in bytes."""

from __future__ import annotations

import csv

import pytest

from webapp.services.audit import SYSTEM
from webapp.services.save_layout import save_layout

EMPLID, TITLE = {"field": "emplid"}, {"field": "item_title"}
COLUMNS = [
    {"name": "id", "value": EMPLID},
    {"name": "cents", "value": {"field": "item_cents"}},
    {"name": "title", "value": TITLE},
]


@pytest.fixture
def titles(alma_campus):
    """The bytes of the file that a layout makes of Alma's own titles, oddities and all."""

    def build(**layout) -> bytes:
        document = {
            "format": "feebridge/layout/1", "name": "titles", "file_name": "x.txt", "rows": "per_item", **layout,
        }  # fmt: skip
        save_layout(alma_campus.tenant_id, "titles", document, actor=SYSTEM, expected_version=0)
        alma_campus.sets("files", layout="titles")
        alma_campus.sets("policy", keep_disputed_out=False)
        run = alma_campus.run()
        assert run.state == "succeeded", run.error
        assert run.counts["quarantined"] == 1
        (name,) = alma_campus.dropped()
        return (alma_campus.folder / name).read_bytes()

    return build


def test_without_quotes_a_tab_or_line_end_in_a_title_becomes_a_blank(titles):
    made = titles(
        mode="delimited", delimiter="\t", quote="none", encoding="utf-8", records={"detail": COLUMNS}
    )
    lines = made.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == 13
    assert {line.count("\t") for line in lines} == {2}
    assert any(line.endswith("A column of figures : accounting for poets") for line in lines)
    assert any(line.endswith("Maps of nowhere / by C. Driftmoor.") for line in lines)
    assert any(line.endswith("\t'Quoted lives' : an oral history of 'the stacks'") for line in lines)


def test_with_quotes_a_reader_of_csv_gets_every_title_in_its_own_cell(titles):
    made = titles(
        mode="delimited", delimiter=",", quote="minimal", encoding="utf-8", records={"detail": COLUMNS}
    )
    rows = list(csv.reader(made.decode().splitlines()))
    assert {len(row) for row in rows} == {3}
    assert len(rows) == 13
    found = {row[2] for row in rows}
    assert "Tidepools for beginners; or, What the barnacle knew" in found
    assert '"Quoted lives" : an oral history of "the stacks"' in found
    assert "Café des Étoiles : poèmes inédits" in found


@pytest.mark.parametrize("width_in", ["chars", "bytes"])
def test_a_fixed_width_holds_in_the_unit_that_the_receiver_counts(titles, width_in):
    title = {"name": "title", "value": TITLE, "width": 12, "overflow": "cut_right"}
    made = titles(
        mode="positional",
        encoding="utf-8",
        width_in=width_in,
        records={"detail": [{"name": "id", "value": EMPLID, "width": 9}, title]},
    )
    lines = made.removesuffix(b"\n").split(b"\n")
    assert len(lines) == 13
    widths = {len(line) if width_in == "bytes" else len(line.decode()) for line in lines}
    assert widths == {21}


def test_a_receiver_that_reads_ascii_only_gets_ascii_only(titles):
    made = titles(
        mode="delimited",
        delimiter="|",
        quote="none",
        encoding="ascii",
        replacement="?",
        records={"detail": COLUMNS},
    )
    assert made.isascii()
    assert {line.count(b"|") for line in made.splitlines()} == {2}


def test_foreign_letters_in_an_uploaded_type_reach_the_default_file_as_one_cell(campus):
    campus.hands_in('EMPLID,Balance,Violation Type\n000000001,5.00,"café\t""x""\nnext ½"\n'.encode())
    run = campus.run()
    assert run.state == "succeeded", run.error
    (text,) = campus.dropped().values()
    assert text.count("\n") == 1
    assert len(text.split("\t")) == 5
