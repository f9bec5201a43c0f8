import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.alma.pages import STILL_LOADING, TOKEN, page, xml_error
from webapp.adapters.alma import page as page_module
from webapp.adapters.alma.page import PageFault, read_page
from webapp.adapters.alma.safe_xml import parse_xml

HEADINGS = [("Patron", "Name"), ("Fees", "Amount"), ("Book", "Title")]
NAMES = ["Column0", "Column1", "Column2", "Column3"]


def columns(body, wanted=("Column1", "Column2", "Column3")):
    return read_page(body).columns(NAMES, wanted)


def test_the_first_page_tells_the_token_the_headings_and_that_more_follows():
    first = read_page(page([["Ann", "1", "x"]], HEADINGS, token=TOKEN, finished=False))
    assert (first.token, first.finished, first.loading) == (TOKEN, False, False)
    assert [(found.name, found.table, found.heading) for found in first.headings[1:]] == [
        ("Column1", "Patron", "Name"),
        ("Column2", "Fees", "Amount"),
        ("Column3", "Book", "Title"),
    ]


def test_a_later_page_has_rows_but_no_headings():
    later = read_page(page([["Ann", "1", "x"]]))
    assert later.headings == ()
    assert later.has_rows


def test_null_cells_are_absent_and_do_not_shift_the_others():
    assert columns(page([["Ann", None, "x"], [None, "2", None]])) == [["Ann", ""], ["", "2"], ["x", ""]]


def test_columns_come_in_the_order_in_which_they_are_asked_for():
    assert columns(page([["Ann", "1", "x"]]), ("Column3", "Column1")) == [["x"], ["Ann"]]


@pytest.mark.parametrize("prefix", ["", "rowset:", "rs:"])
def test_the_rowset_may_be_prefixed_or_in_the_default_namespace(prefix):
    assert columns(page([["Ann", "1", "x"]], prefix=prefix)) == [["Ann"], ["1"], ["x"]]


def test_tabs_newlines_quotes_ampersands_and_letters_of_all_kinds_arrive_as_they_are():
    odd = "a\tb\nc \"d\" 'e' & <f> &amp; é ü 漢 \U0001f4da ]] >"
    assert columns(page([["Ann", "1", odd]]))[2] == [odd]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("<![CDATA[a < b & c]]>", "a < b & c"),
        ("a<!-- not a value -->b", "ab"),
        ("line&#10;end&#x41;", "line\nendA"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_cells_written_in_unusual_ways_are_read_all_the_same(cell, value):
    body = page(raw_rows=f"<Row><Column0>0</Column0><Column1>{cell}</Column1></Row>")
    assert columns(body)[0] == [value]


def test_cells_out_of_order_with_attributes_or_empty_are_read_by_name():
    body = page(raw_rows='<Row><Column3>x</Column3><Column1 a="b">Ann</Column1><Column2/></Row><Row/>')
    assert columns(body) == [["Ann", ""], ["", ""], ["x", ""]]


def test_empty_cells_do_not_make_a_page_slow():
    body = page(
        raw_rows="<Row>\n<Column0>0</Column0>\n<Column1/>\n<Column2></Column2>\n<Column3>x</Column3>\n</Row>\n"
    )
    cut = page_module._cut_columns(read_page(body)._rows, "", tuple(NAMES), frozenset(NAMES[1:]))
    assert cut == {"Column1": [""], "Column2": [""], "Column3": ["x"]}


def test_a_still_loading_answer_has_neither_rows_nor_an_end():
    loading = read_page(STILL_LOADING)
    assert loading.loading
    assert loading.token == ""


def test_a_token_may_come_together_with_the_end():
    both = read_page(page([["Ann", "1", "x"]], HEADINGS, token=TOKEN, finished=True))
    assert both.finished
    assert both.token == TOKEN


def test_the_answer_may_begin_with_the_query_result_itself():
    body = page([["Ann", "1", "x"]]).replace(b"<report>", b"").replace(b"</report>", b"")
    assert columns(body)[0] == ["Ann"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Maintenance</body></html>",
        b"not xml",
        page([["Ann", "1", "x"]])[:-200],
        xml_error("420033", "No more rows to fetch"),
        b'<!DOCTYPE report [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + page([["&x;", "1", "x"]])[55:],
        page([["Ann", "1", "x"]]).decode().encode("utf-16"),
    ],
    ids=["empty", "html", "text", "half", "error", "doctype", "utf-16"],
)
def test_anything_but_a_whole_page_is_refused(body):
    with pytest.raises(PageFault):
        columns(body)


@pytest.mark.parametrize("cell", ["a & b", "&unknown;", "a\x01b", "&#0;", "<b>", "&#31;"])
def test_rows_that_are_not_well_formed_are_refused(cell):
    body = page(raw_rows=f"<Row><Column1>{cell}</Column1></Row>")
    with pytest.raises(PageFault):
        columns(body)


def test_text_that_only_looks_like_rows_is_not_taken_for_rows():
    body = page(raw_rows="<!-- <Row><Column1>ghost</Column1></Row> -->")
    assert not read_page(body).has_rows
    assert columns(body) == [[], [], []]


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.none(),
                st.text(
                    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
                    | st.sampled_from("\t\n&<>\"'"),
                    max_size=12,
                ),
            ),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None)
def test_the_fast_way_reads_exactly_what_lxml_reads(cells):
    body = page(cells)
    wanted = NAMES[1:]
    fast = read_page(body)
    assert fast._rows is not None
    cut = page_module._cut_columns(fast._rows, "", tuple(NAMES), frozenset(wanted))
    assert cut is not None
    assert [cut[name] for name in wanted] == page_module._tree_columns(parse_xml(body), wanted)
    assert [cut[name] for name in wanted] == [[row[at] or "" for row in cells] for at in range(3)]
