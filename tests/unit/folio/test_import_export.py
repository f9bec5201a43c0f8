"""A bursar export of FOLIO's becomes a layout that writes the same file, and says what is different."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from tests.unit.folio.exports import (
    CODES,
    LOST,
    OVERDUE,
    STAFF,
    amount,
    by_type,
    export,
    fee_type,
    fixed,
    joined,
    negated,
    positional,
    saved,
    sized,
    user,
)
from webapp.domain.bursar import BursarPolicy
from webapp.domain.campus_settings import SECTIONS
from webapp.domain.folio import FolioError, import_export
from webapp.domain.layouts import check_layout
from webapp.services.golden import make_golden_files
from webapp.services.import_folio import import_folio, read_codes

ROWS = [
    {"patron_id": "12345678", "emplid": "12345678", "fee_type": "OVERDUEFINE", "amount_cents": 1_250,
     "total_cents": 1_250, "item_title": "Calculus", "transaction_on": "2026-02-20", "item_count": 1},
    {"patron_id": "98765432", "emplid": "98765432", "fee_type": "LOSTITEMPROCESSFEE", "amount_cents": 700,
     "total_cents": 700, "item_title": "Maps, an atlas", "transaction_on": "2026-02-21", "item_count": 1},
]  # fmt: skip


def written(job, rows=ROWS):
    """What the imported layout writes of the rows, and the rows it refuses."""
    document = import_export(saved(job), name="From FOLIO", codes=CODES).document
    assert check_layout(document) == []
    golden = {"rows": rows, "run_at": datetime(2026, 3, 2, 12, tzinfo=UTC).isoformat()}
    files, refused = make_golden_files(document, golden)
    assert len(files) <= 1
    return next(iter(files.values()), ""), refused


def notes(job, kind):
    return [note.words for note in import_export(job, name="x", codes=CODES).notes if note.kind == kind]


def filters(criteria):
    return import_export(export([user(), fixed("\n")], filter=criteria), name="x", codes=CODES)


def test_fixed_columns_come_out_as_folio_writes_them():
    assert written(positional()) == (
        "H20260302000002\n0123456780000012.50A1  02202026\n0987654320000007.00B1  02212026\nT000000001950\n",
        [],
    )


def test_columns_between_commas_become_columns():
    line = [user(), fixed(","), amount(decimal=False), fixed(",LIB-"), by_type(), fixed("\r\n")]
    text, _ = written(export(line, header=[fixed("id,cents,code\r\n")]))
    assert text == "id,cents,code\r\n12345678,1250,LIB-A1\r\n98765432,700,LIB-B1\r\n"


def test_quotes_around_every_column_are_the_layouts_own():
    title = {"type": "ItemData", "value": "NAME", "placeholder": "-"}
    text, _ = written(export([fixed('"'), user(), fixed('","'), title, fixed('"\n')]))
    assert text == '"12345678","Calculus"\n"98765432","Maps, an atlas"\n'


def test_a_line_of_varying_parts_without_separators_is_written_in_one_piece():
    text, _ = written(export([user(), fixed(" owes "), amount(), fixed("\n")]))
    assert text == "12345678 owes 12.50\n98765432 owes 7.00\n"


def test_fees_of_a_patron_are_summed_where_folio_sums_them():
    count = {"type": "Aggregate", "value": "NUM_ROWS", "decimal": False}
    again = {**ROWS[0], "amount_cents": 250, "total_cents": 250}
    line = [user(), fixed("|"), count, fixed("|"), amount(), fixed("\n")]
    text, _ = written(export(line, groupByPatron=True), [ROWS[0], again, ROWS[1]])
    assert text == "12345678|2|15.00\n98765432|1|7.00\n"


def test_further_lines_of_a_fee_become_continuation_lines():
    text, _ = written(export([user(), fixed("\n"), fixed("  "), amount(), fixed("\n")]))
    assert text == "12345678\n  12.50\n98765432\n  7.00\n"


def test_a_file_without_a_last_line_end_stays_so():
    text, _ = written(export([user(), fixed("\n")], footer=[fixed("END")]))
    assert text.endswith("98765432\nEND")


def test_an_id_is_never_cut_into_somebody_elses():
    text, refused = written(export([user(lengthControl=sized(7)), fixed("\n")]))
    assert text == ""
    assert len(refused) == 2


def test_an_amount_is_never_cut():
    _, refused = written(export([amount(lengthControl=sized(4, "0")), fixed("\n")]))
    assert len(refused) == 1


def test_text_is_cut_where_folio_cuts_it():
    title = {"type": "ItemData", "value": "NAME", "placeholder": ""}
    back, _ = written(export([{**title, "lengthControl": sized(4, direction="BACK")}, fixed("\n")]))
    front, _ = written(export([{**title, "lengthControl": sized(4)}, fixed("\n")]))
    assert (back, front) == ("Calc\nMaps\n", "ulus\ntlas\n")


def test_what_alma_does_not_know_is_listed_and_its_placeholder_stands_there():
    job = export([user(), fixed(","), user("MIDDLE_NAME", placeholder="-"), fixed("\n")])
    assert written(job)[0] == "12345678,-\n98765432,-\n"
    assert any("“Middle name” is not in Alma's file" in words for words in notes(job, "missing"))


def test_an_unknown_time_zone_never_becomes_text_in_the_file():
    today = {"type": "CurrentDate", "value": "YYYY-MM-DD", "timezone": "Mars/Olympus"}
    job = export([today, fixed(","), user(), fixed("\n")])
    assert written(job)[0].startswith("2026-03-02,")
    assert any("no time zone 'Mars/Olympus'" in words for words in notes(job, "changed"))


@pytest.mark.parametrize("form", ["YEAR_LONG", "YEAR_SHORT", "MONTH", "DATE", "HOUR", "MINUTE", "SECOND", "QUARTER",
                                  "WEEK_OF_YEAR_ISO", "WEEK_YEAR_ISO", "DAY_OF_YEAR", "YYYYMMDD", "YYYY-MM-DD",
                                  "MMDDYYYY", "DDMMYYYY"])  # fmt: skip
def test_every_form_of_date_can_be_written(form):
    today = {"type": "CurrentDate", "value": form, "timezone": "UTC"}
    assert written(export([user(), fixed(","), today, fixed("\n")]))[0].count("\n") == 2


def test_tokens_that_nobody_knows_are_listed_and_nothing_stands_there():
    job = export([user(), fixed(","), {"type": "Hologram"}, fixed("\n")])
    assert written(job)[0] == "12345678,\n98765432,\n"
    assert "The token Hologram is left out; nothing stands there." in notes(job, "missing")


def test_filters_become_settings_of_the_campus():
    found = filters(
        joined(
            "AND",
            {"type": "Age", "numDays": 30, "condition": "GREATER_THAN"},
            {"type": "Age", "numDays": 365, "condition": "LESS_THAN_EQUAL"},
            {"type": "Amount", "amount": 500, "condition": "GREATER_THAN_EQUAL"},
            joined("OR", fee_type(OVERDUE), fee_type(LOST)),
            negated({"type": "PatronGroup", "patronGroupId": STAFF}),
        )
    )
    assert found.settings == {
        "age_min_days": 31,
        "age_max_days": 365,
        "minimum_cents": 500,
        "fee_types_only": ["OVERDUEFINE", "LOSTITEMREPLACEMENTFEE"],
        "groups_never": ["STAFF"],
    }
    policy = BursarPolicy.from_settings({**SECTIONS["bursar"].defaults(), **found.settings})
    assert policy.minimum_cents == 500


def test_the_stricter_of_two_limits_holds():
    found = filters(
        joined(
            "AND",
            {"type": "Amount", "amount": 500, "condition": "GREATER_THAN"},
            {"type": "Amount", "amount": 300, "condition": "GREATER_THAN"},
            joined("OR", fee_type(OVERDUE), fee_type(LOST)),
            fee_type(LOST),
        )
    )
    assert found.settings == {"minimum_cents": 501, "fee_types_only": ["LOSTITEMREPLACEMENTFEE"]}


@pytest.mark.parametrize(
    ("criteria", "says"),
    [
        ({"type": "ServicePoint", "servicePointId": "x"}, "The filter ServicePoint."),
        ({"type": "Amount", "amount": 500, "condition": "LESS_THAN"}, "The filter Amount less than 500."),
        (joined("OR", fee_type(OVERDUE), {"type": "Location", "locationId": "x"}), "(FeeType OR Location)"),
        (negated({"type": "Age", "numDays": 5, "condition": "LESS_THAN"}), "not Age less than 5"),
        ({"type": "PatronGroup", "patronGroupId": STAFF}, "The filter PatronGroup."),
    ],
)
def test_a_filter_without_an_equal_is_listed_and_leaves_nothing_out(criteria, says):
    found = filters(criteria)
    assert found.settings == {}
    assert any(says in note.words for note in found.notes if note.kind == "missing")


def test_ids_that_nobody_translated_are_listed():
    found = import_export(export([by_type(), fixed("\n")]), name="x")
    assert any(OVERDUE in note.words for note in found.notes)


def test_conditions_join_and_negate_as_in_folio():
    conditional = {
        "type": "Conditional",
        "conditions": [
            {
                "condition": joined("AND", {"type": "Pass"}, negated(fee_type(OVERDUE)),
                                    {"type": "Amount", "amount": 500, "condition": "GREATER_THAN"}),
                "value": fixed("big"),
            },
            {"condition": {"type": "Pass"}, "value": fixed("all")},
            {"condition": fee_type(OVERDUE), "value": fixed("never reached")},
        ],
        "else": fixed("none"),
    }  # fmt: skip
    assert (
        written(export([user(), fixed(","), conditional, fixed("\n")]))[0] == "12345678,all\n98765432,big\n"
    )


@pytest.mark.parametrize(
    ("configuration", "says"),
    [
        ([], "0 configurations"),
        ("text", "JSON object"),
        ({"configs": [saved(positional()), saved(positional())]}, "2 configurations"),
        ({"daysOutstanding": 5}, "before 2023"),
        ({"data": []}, "no list “data”"),
        ({"data": ["x"]}, "must be a list of objects"),
        (export([fixed("x")] * 501), "501 entries"),
    ],
)
def test_what_is_no_export_is_refused_in_words(configuration, says):
    with pytest.raises(FolioError, match=says):
        import_export(configuration, name="x")


def test_endless_filters_are_refused():
    criteria = {"type": "Pass"}
    for _ in range(60):
        criteria = negated(criteria)
    conditional = {
        "type": "Conditional",
        "conditions": [{"condition": criteria, "value": fixed("x")}],
        "else": fixed(""),
    }
    with pytest.raises(FolioError, match="nested deeper"):
        import_export(export([conditional]), name="x")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe{", "not text in UTF-8"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * 1_000_001, "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(content, says):
    with pytest.raises(FolioError, match=says):
        import_folio(content, name="x")


def test_a_list_with_one_bursar_export_is_read():
    configs = {"configs": [{"type": "CIRCULATION_LOG"}, saved(positional())]}
    report = import_folio(json.dumps(configs), name="Ours", codes=CODES)
    assert report.faults == ()
    assert report.imported.document["name"] == "Ours"


def test_codes_are_typed_a_line_each():
    assert read_codes(f"{OVERDUE} = OVERDUEFINE\n\n {LOST}=LOST \n") == {OVERDUE: "OVERDUEFINE", LOST: "LOST"}
    with pytest.raises(FolioError, match="Line 2"):
        read_codes("a = b\nc")


def test_days_of_a_fee_are_the_campus_days():
    assert any("time zone UTC is left out" in words for words in notes(positional(), "changed"))
    assert date.fromisoformat(ROWS[0]["transaction_on"]) == date(2026, 2, 20)
