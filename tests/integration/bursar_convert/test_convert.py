"""A bursar file becomes a campus's files without any server, whole or not at all."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.unit.bursar.files import bursar_file, fee, patron
from webapp.domain.layouts import BUILT_IN

HUMBOLDT = {
    "bursar": {
        "campus_ids": ["0########", "9########"],
        "community": "file",
        "credit_item_type": "820000206129",
        "minimum_cents": 100,
    },
    "time_zone": "America/Los_Angeles",
}
MIXED = bursar_file(
    patron(
        fee("1", "12.5"),
        fee("2", "90", fineFeeType="LOSTITEMREPLACEMENTFEE"),
        fee("3", "-3.25", fineFeeType="CREDIT"),
    ),
    patron(fee("4", "0.5"), fee("5", "7", fineFeeType="CUSTOMER_DEFINED_01"), emplid="912345678"),
    patron(fee("6", "3.25"), emplid="CB1001", name="Doe, Jane"),
    patron(fee("7", "12.505"), emplid="912345678"),
)


def quarantined(desk):
    return list(csv.DictReader(io.StringIO(desk.made()["quarantined.csv"].decode("utf-8-sig"))))


def test_humboldts_three_files_are_written_and_every_row_and_cent_is_accounted_for(desk):
    settings = desk.put("humboldt.json", HUMBOLDT)
    report = desk.report(MIXED, "humboldt-bursar", "--settings", settings)

    made = desk.made()
    assert made["bursar-converted-DEBITS-02032026.dat"] == (
        b"012345678,300000006919,0012.50,09/12/2025\n012345678,300000006920,0090.00,09/12/2025\n"
    )
    assert made["bursar-converted-CREDITS-02032026.dat"] == b"012345678,820000206129,0003.25,09/12/2025\n"
    assert made["bursar-community-02032026.csv"] == (
        b'UserID,Name,Item Type,Amount,Date\nCB1001,"Doe, Jane",OVERDUEFINE,0003.25,09/12/2025\n'
    )
    assert [(row["row"], row["rule"]) for row in quarantined(desk)] == [("5", "layout"), ("7", "unreadable")]
    assert "CUSTOMER_DEFINED_01" in quarantined(desk)[0]["reason"]
    assert report["excluded"] == {"below_minimum": {"rows": 1, "cents": 50}}
    assert (report["rows_in"], report["rows_sent"], report["rows_quarantined"]) == (7, 4, 2)
    assert report["cents_in"] == report["cents_sent"] + report["cents_quarantined"] + 50


def test_the_same_input_twice_gives_the_same_bytes(desk):
    settings = desk.put("humboldt.json", HUMBOLDT)
    first = desk.report(MIXED, "humboldt-bursar", "--settings", settings)
    files = desk.made()
    second = desk.report(MIXED, "humboldt-bursar", "--settings", settings)
    assert desk.made() == files
    assert [file["sha256"] for file in first["files"]] == [file["sha256"] for file in second["files"]]


def test_the_summary_for_people_names_files_totals_reasons_and_the_balance(desk):
    settings = desk.put("humboldt.json", HUMBOLDT)
    words = desk.convert(MIXED, "humboldt-bursar", "--settings", settings).output
    assert "bursar-converted-DEBITS-02032026.dat  2 rows  $102.50" in words
    assert "unreadable: 1 row." in words
    assert "below_minimum: 1 row  $0.50" in words
    assert "In 7 ($110.00) = sent 4 ($102.50) + quarantined 2 ($7.00) + left out 1 ($0.50)" in words


def test_a_credit_waits_when_nobody_named_an_item_type_for_credits(desk):
    report = desk.report(bursar_file(patron(fee("1"), fee("2", "-5", fineFeeType="CREDIT"))), "cornell-lib02")
    assert report["quarantined"]["needs_ledger"]["rows"] == 1
    assert "ledger" in quarantined(desk)[0]["reason"]
    assert set(desk.made()) == {"lib_260302a.dat", "quarantined.csv"}


def test_an_external_file_takes_a_credit_under_the_named_item_type(desk):
    settings = desk.put("settings.json", {"bursar": {"credit_item_type": "820000206129"}, "campus": "csusm"})
    desk.convert(
        bursar_file(patron(fee("2", "-5", fineFeeType="CREDIT"))), "ps-external-file", "--settings", settings
    )
    (content,) = desk.made().values()
    assert content.splitlines()[1][12:24] == b"820000206129"
    assert set(desk.made()) == {"csusm_library_credits_20260302_001.dat"}


def test_a_campuss_own_item_types_and_terms_replace_those_of_the_layout(desk):
    settings = desk.put(
        "settings.json",
        {
            "tables": {"item_types": [["OVERDUEFINE", "MAIN", "111122223333", "Fine"]]},
            "calendars": {"terms": [["2262", "2026-01-05", "2026-05-30"]], "no_such": []},
        },
    )
    report = desk.report(bursar_file(patron(fee("1"))), "ps-external-file", "--settings", settings)
    line = desk.made()["campus_library_charges_20260302_001.dat"].splitlines()[1]
    assert line[12:24] == b"111122223333"
    assert line[40:44] == b"2262"
    assert report["rows_sent"] == 1


def test_a_term_calendar_with_a_hole_keeps_the_rows_back(desk):
    settings = desk.put("s.json", {"calendars": {"terms": [["2262", "2025-01-05", "2025-05-30"]]}})
    report = desk.report(bursar_file(patron(fee("1"))), "ps-external-file", "--settings", settings)
    assert report["files"] == []
    assert report["quarantined"]["layout"]["rows"] == 1


def test_ids_on_more_than_one_row_are_a_warning_and_all_rows_are_written(desk):
    content = bursar_file(patron(fee("1"), fee("2"), fee("1")), patron(fee("1")))
    report = desk.report(content, "ps-mass-select")
    assert report["rows_sent"] == 4
    (warning,) = report["warnings"]
    assert warning.startswith(
        "2 rows repeat the bursarTransactionId of another row (row 3 that of row 1, row 4 that"
    )


def test_an_export_without_fees_writes_nothing_and_says_so(desk):
    words = desk.convert(bursar_file(), "mit-csv").output
    assert "Nothing to send" in words
    assert desk.made() == {}


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_damaged_file_is_refused_whole_and_leaves_no_file(desk, cut):
    content = bursar_file(*(patron(fee(str(n))) for n in range(200)))
    words = desk.convert(content[: int(len(content) * cut)], "mit-csv", code=1).output
    assert "line" in words
    assert "refused whole" in words
    assert not desk.out.exists()


def test_what_lay_in_the_folder_before_stays_as_it_was_when_a_file_is_refused(desk):
    desk.convert(bursar_file(patron(fee("1"))), "mit-csv")
    before = desk.made()
    desk.convert(bursar_file(patron(fee("1")))[:-20], "mit-csv", code=1)
    assert desk.made() == before


def test_an_older_list_of_quarantined_rows_goes_when_there_is_none_any_more(desk):
    desk.convert(bursar_file(patron(fee("1", "x"))), "mit-csv")
    assert "quarantined.csv" in desk.made()
    desk.convert(bursar_file(patron(fee("1"))), "mit-csv")
    assert "quarantined.csv" not in desk.made()


def test_a_title_cannot_become_a_formula_in_the_list_for_people(desk):
    desk.convert(bursar_file(patron(fee("1", "x", itemTitle="=HYPERLINK(1)"))), "mit-csv")
    assert quarantined(desk)[0]["item_title"] == "'=HYPERLINK(1)"


def test_a_layout_for_holds_is_refused(desk):
    assert "about holds" in desk.convert(bursar_file(), "opscom-holds", code=1).output


def test_two_files_of_one_name_are_refused_before_anything_is_written(desk):
    document = json.loads(json.dumps(BUILT_IN["cornell-lib02"]))
    document["files"][0]["file_name"] = "Lib.dat"
    document["files"][1]["file_name"] = "lib.dat"
    layout = desk.put("own.json", document)
    settings = desk.put("s.json", {"bursar": {"credit_item_type": "1"}})
    content = bursar_file(patron(fee("1"), fee("2", "-1", fineFeeType="CREDIT")))
    assert "name" in desk.convert(content, layout, "--settings", settings, code=1).output
    assert desk.made() == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ('{"bursar": {"minimum": 1}}', "bursar.minimum: is not known"),
        ('{"bursar": {"campus_ids": "0#"}}', "bursar.campus_ids: must be a list"),
        ('{"bursar": {"campus_ids": ["^[0-9]+$"]}}', "id pattern"),
        ('{"bursar": {"minimum_cents": 2.5}}', "minimum_cents: must be a int"),
        ('{"time_zone": "Mars/Olympus"}', "Mars/Olympus"),
        ('{"campus": "No Slug"}', "campus"),
        ('{"tables": []}', "tables: must be an object"),
        ('{"sequence": 0}', "sequence"),
        ('{"laoyut": 1}', "laoyut"),
    ],
)
def test_settings_that_cannot_be_used_are_named_before_anything_is_read(desk, settings, words):
    path = desk.put("settings.json", settings)
    said = desk.convert(bursar_file(patron(fee())), "mit-csv", "--settings", path, code=2).output
    assert words in " ".join(said.split())
    assert desk.made() == {}


def test_an_unknown_layout_names_the_ready_made_ones(desk):
    assert "humboldt-bursar" in desk.convert(bursar_file(), "nothing-such", code=2).output


def test_a_layout_with_a_fault_is_refused_with_its_place(desk):
    document = json.loads(json.dumps(BUILT_IN["mit-csv"]))
    document["records"]["detail"][4]["value"] = {"field": "amout_cents"}
    said = desk.convert(bursar_file(), desk.put("own.json", document), code=1).output
    assert "$.records.detail[4]" in said


def test_days_and_terms_are_those_of_the_campuss_zone(desk):
    evening = bursar_file(patron(fee("1", lastTransactionDate="09/13/2025 01:30:00 EST")))
    desk.convert(evening, "ps-external-file")
    line = desk.made()["campus_library_charges_20260302_001.dat"].splitlines()[1]
    assert line[44:52] == b"20250912"


def test_a_list_of_students_says_who_is_billed_also_offline(desk):
    settings = desk.put(
        "own.json", {"bursar": {"statuses_never": ["DC"], "credit_item_type": "820000206129"}}
    )
    students = desk.put("students.csv", "EMPLID,Status\n12345678,DC\n")
    report = desk.report(MIXED, "humboldt-bursar", "--settings", settings, "--students", students)
    assert report["excluded"]["status_never"]["rows"] == 2
    assert report["quarantined"]["no_status"]["rows"] >= 1


def test_a_list_of_students_that_is_none_stops_the_conversion(desk):
    students = desk.put("students.csv", "name\nAda\n")
    said = desk.convert(MIXED, "humboldt-bursar", "--students", students, code=2)
    assert "has no heading 'emplid'" in said.output
    assert not desk.out.exists()
