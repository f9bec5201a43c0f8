"""A credit names the charge that it takes back, or it waits: never guessed by amount, never above what is left."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.bursar.books import Books, Line
from webapp.services.audit import Actor
from webapp.services.mend_row import mend_row

LOST, LOST_TYPE = "LOSTITEMREPLACEMENTFEE", "300000006920"


@pytest.fixture
def books(campus, superuser) -> Books:
    return Books(campus.tenant_id, superuser)


def credit(ref: str, cents: str, **more: str) -> Fee:
    return Fee(ref, cents, fee_type="CREDIT", **more)


def rule_of(run, campus, ref: str) -> str:
    return campus.rows(run)[ref][1]


def test_a_credit_finds_its_charge_by_the_reference_in_its_comment_and_carries_its_item_type(campus, books):
    books.file(Line("15216075630006761", 9500, item_type=LOST_TYPE))
    run = campus.converts(credit("C1", "-95", comment="Lost item returned, fee 15216075630006761"))
    assert run.state == "succeeded", run.error
    assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},95.00,C1"]}
    assert campus.ledger()[-1] == ("C1", "credit", -9500, LOST_TYPE)
    assert campus.scalar("SELECT original_ref FROM ledger_entry WHERE fee_ref = 'C1'") == "15216075630006761"
    assert (run.counts["credits"], run.counts["credits_cents"]) == (1, -9500)


def test_a_credit_finds_its_charge_by_patron_and_barcode(campus, books):
    books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE), Line("F2", 9500, barcode="B2"))
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},95.00,C1"]}


def test_only_references_count_where_the_campus_says_so(campus, books):
    campus.sets("bursar", credit_match="reference")
    books.file(Line("F1", 9500, barcode="B1"))
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert rule_of(run, campus, "C1") == "credit_without_charge"


def test_a_credit_that_could_mean_two_charges_waits_for_a_person(campus, books):
    books.file(Line("F1", 9500, barcode="B1"), Line("F2", 9500, barcode="B1"))
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert run.state == "nothing_to_send"
    assert campus.desk() == {"fee C1": "credit_ambiguous"}
    assert "F1, F2" in campus.scalar("SELECT reason FROM quarantined_row")


def test_that_only_one_of_two_charges_is_large_enough_is_no_reason_to_take_it(campus, books):
    books.file(Line("F1", 9500, barcode="B1"), Line("F2", 1500, barcode="B1"))
    run = campus.converts(credit("C1", "-50", barcode="B1"))
    assert rule_of(run, campus, "C1") == "credit_ambiguous"


def test_a_charge_that_was_taken_back_is_not_credited_once_more(campus, books):
    campus.sets("bursar", credit_item_type="820000206129")
    books.file(Line("F1", 9500, barcode="B1"))
    books.file(Line("C0", -9500, "credit", original="F1"))
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert rule_of(run, campus, "C1") == "credit_above_charge"


def test_a_credit_is_never_matched_by_its_amount_alone(campus, books):
    books.file(Line("F1", 9500, barcode="B1"))
    run = campus.converts(credit("C1", "-95", barcode="B2"))
    assert rule_of(run, campus, "C1") == "credit_without_charge"


def test_another_patrons_charge_is_never_credited(campus, books):
    books.file(Line("F1", 9500, barcode="B1", patron="987654321"))
    run = campus.converts(credit("C1", "-95", barcode="B1", comment="fee F1"))
    assert rule_of(run, campus, "C1") == "credit_without_charge"


def test_a_credit_above_what_is_left_of_its_charge_waits(campus, books):
    books.file(Line("F1", 9500, barcode="B1"))
    books.file(Line("C0", -5000, "credit", original="F1"))
    run = campus.converts(credit("C1", "-95", comment="F1"), credit("C2", "-95", barcode="B1"))
    assert campus.rows(run) == {
        "C1": ("quarantined", "credit_above_charge"),
        "C2": ("quarantined", "credit_above_charge"),
    }


def test_credits_of_one_run_never_exceed_their_charge_together(campus, books):
    books.file(Line("F1", 10000, barcode="B1"))
    run = campus.converts(credit("C1", "-60", barcode="B1"), credit("C2", "-60", barcode="B1"))
    assert campus.rows(run) == {"C1": ("send", ""), "C2": ("quarantined", "credit_above_charge")}


def test_a_charge_that_was_rejected_or_never_arrived_is_none_to_credit(campus, books):
    rejected = books.file(Line("F1", 9500, barcode="B1"))
    books.rejects(rejected, 1)
    books.file(Line("F2", 9500, barcode="B2"), run_state="failed", confirmed=False, effect="failed")
    run = campus.converts(credit("C1", "-95", barcode="B1"), credit("C2", "-95", barcode="B2"))
    assert set(campus.rows(run).values()) == {("quarantined", "credit_without_charge")}


def test_a_credit_of_a_charge_in_doubt_waits_until_that_is_settled(campus, books):
    books.file(Line("F1", 9500, barcode="B1"), run_state="failed", confirmed=False, effect="unknown")
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert rule_of(run, campus, "C1") == "in_doubt"


def test_a_campus_may_name_one_item_type_for_credits_without_a_charge(campus):
    campus.sets("bursar", credit_item_type="820000206129")
    run = campus.converts(credit("C1", "-3.25"))
    assert campus.files(run) == {"credits": ["012345678,820000206129,3.25,C1"]}
    assert campus.ledger() == [("C1", "credit", -325, "820000206129")]


def test_that_item_type_is_not_for_credits_above_their_charge_or_of_two_charges(campus, books):
    campus.sets("bursar", credit_item_type="820000206129")
    books.file(Line("F1", 1000, barcode="B1"), Line("F2", 500, barcode="B2"), Line("F3", 500, barcode="B2"))
    run = campus.converts(credit("C1", "-95", barcode="B1"), credit("C2", "-5", barcode="B2"))
    assert campus.rows(run) == {
        "C1": ("quarantined", "credit_above_charge"),
        "C2": ("quarantined", "credit_ambiguous"),
    }


def test_a_credit_whose_charge_leaves_with_the_same_file_goes_with_the_next(campus):
    run = campus.converts(Fee("F1", "95", barcode="B1", fee_type=LOST), credit("C1", "-95", barcode="B1"))
    assert campus.rows(run) == {"F1": ("send", ""), "C1": ("quarantined", "charge_not_told_yet")}
    run = campus.run(only_desk=True)
    assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},95.00,C1"]}
    assert campus.desk() == {}


@pytest.mark.parametrize(("age_days", "rule"), [(179, ""), (200, "charge_too_old")])
def test_a_charge_older_than_peoplesoft_reverses_waits_at_the_desk(campus, books, age_days, rule):
    campus.sets("bursar", reversal_max_age_days=180)
    billed_on = date.today() - timedelta(days=age_days)  # noqa: DTZ011 - a day more or less does not matter here
    books.file(Line("F1", 9500, barcode="B1", billing_on=billed_on))
    run = campus.converts(credit("C1", "-95", barcode="B1"))
    assert rule_of(run, campus, "C1") == rule


def test_a_partial_credit_is_told_as_it_is_where_peoplesoft_takes_it(campus, books):
    books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
    run = campus.converts(credit("C1", "-45", barcode="B1"))
    assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},45.00,C1"]}


class TestACampusThatReversesWholeChargesOnly:
    @pytest.fixture(autouse=True)
    def whole_only(self, campus):
        campus.sets("bursar", partial_reversals=False)

    def test_a_partial_credit_is_the_whole_reversed_and_the_rest_charged_again(self, campus, books):
        books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
        run = campus.converts(credit("C1", "-45", barcode="B1"))
        assert run.state == "succeeded", run.error
        assert campus.files(run) == {
            "credits": [f"012345678,{LOST_TYPE},95.00,C1"],
            "debits": [f"012345678,{LOST_TYPE},50.00,F1"],
        }
        assert sorted(campus.ledger()[1:]) == [
            ("C1", "reversal", -9500, LOST_TYPE),
            ("F1", "charge", 5000, LOST_TYPE),
        ]
        assert (run.counts["rows_in"], run.counts["rows_sent"], run.counts["cents_sent"]) == (1, 1, -4500)
        assert (run.counts["reversals"], run.counts["charges"]) == (1, 1)

    def test_the_next_credit_reverses_what_was_charged_again(self, campus, books):
        books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
        campus.converts(credit("C1", "-45", barcode="B1"))
        run = campus.converts(credit("C2", "-50", barcode="B1"), export_number="2", name="BURSAR-78-1.xml")
        assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},50.00,C2"]}

    def test_the_same_credit_again_is_known_by_its_own_amount(self, campus, books):
        books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
        campus.converts(credit("C1", "-45", barcode="B1"))
        run = campus.converts(
            credit("C1", "-45", barcode="B1"), Fee("F9"), export_number="2", name="BURSAR-78-1.xml"
        )
        assert campus.rows(run)["C1"] == ("excluded", "already_sent")

    def test_a_second_credit_of_one_charge_waits_for_the_next_run(self, campus, books):
        books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
        run = campus.converts(credit("C1", "-45", barcode="B1"), credit("C2", "-10", barcode="B1"))
        assert campus.rows(run) == {"C1": ("send", ""), "C2": ("quarantined", "one_reversal_a_run")}
        assert campus.run(only_desk=True).state == "succeeded"
        left = "SELECT sum(amount_cents) FROM ledger_entry WHERE fee_ref = 'F1' OR original_ref = 'F1'"
        assert campus.scalar(left) == 4000

    def test_where_one_of_the_two_lines_does_not_fit_neither_is_sent(self, campus, books):
        books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE))
        body = campus.scalar("SELECT body FROM layout_version")
        body["files"] = [body["files"][1] | {"when": {"field": "debit_credit", "is": "C"}}]
        campus.saves_layout(body, 2)
        run = campus.converts(credit("C1", "-45", barcode="B1"), credit("C2", "-1.00", barcode="B2"))
        assert run.state == "nothing_to_send", run.error
        assert campus.rows(run)["C1"] == ("quarantined", "layout")
        assert len(campus.ledger()) == 1


def test_a_person_names_the_charge_of_an_ambiguous_credit(campus, books):
    books.file(Line("F1", 9500, barcode="B1", item_type=LOST_TYPE), Line("F2", 9500, barcode="B1"))
    campus.converts(credit("C1", "-95", barcode="B1"))
    row_id = campus.scalar("SELECT id FROM quarantined_row")
    mend_row(campus.tenant_id, row_id, {"original_reference": "F1"}, Actor(None, "Ann"))
    run = campus.run(only_desk=True)
    assert campus.files(run) == {"credits": [f"012345678,{LOST_TYPE},95.00,C1"]}
    assert campus.scalar("SELECT original_ref FROM ledger_entry WHERE fee_ref = 'C1'") == "F1"
