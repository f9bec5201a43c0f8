"""What PeopleSoft says of each line reaches exactly that line, once, and nothing is guessed."""

from __future__ import annotations

import pytest

from tests.integration.bursar_answers.conftest import HEADING, line
from webapp.models.scope import tenant_scope
from webapp.store.ledger import told


def result(*lines: str) -> str:
    return HEADING + "".join(f"{text}\n" for text in lines)


def test_each_line_gets_its_answer_and_a_rejected_one_waits_at_the_desk(campus):
    campus.sent(line("901", 1000), line("902", 277), line("903", 500))
    inbound_id = campus.answered(
        result(
            "1234567,901,72000000916,10.00,Posted,",
            "001234567,902,,2.77,Error,Term is closed",
            "001234567,903,,5.00,Posted,",
        )
    )
    run = campus.look()
    assert run.state == "succeeded"
    assert "3 lines, 2 accepted, 1 rejected" in run.story
    assert campus.events() == [("901", 1, "accepted"), ("902", 2, "rejected"), ("903", 3, "accepted")]
    (row,) = campus.desk()
    assert (row.pipeline, row.rule, row.amount_cents) == (
        "bursar_acknowledgements",
        "rejected_by_peoplesoft",
        277,
    )
    assert row.reason == "PeopleSoft rejected it: Term is closed"
    assert row.row_ref == "line 2 of FEES_0001.dat"
    inbound = campus.inbound(inbound_id)
    assert (inbound.state, inbound.row_count, inbound.total_cents) == ("done", 3, 1777)


def test_a_rejected_charge_no_longer_counts_as_told(campus):
    campus.sent(line("901", 1000), line("902", 277))
    campus.answered(result("001234567,901,,10.00,Error,No such student", "001234567,902,,2.77,Posted,"))
    campus.look()
    with tenant_scope(campus.tenant_id) as session:
        found = told(session, campus.tenant_id, ["901", "902"])
    assert {fee: charge.remaining_cents for fee, charge in found.items()} == {"902": 277}


def test_the_same_answers_again_change_nothing(campus):
    campus.sent(line("901"), line("902"))
    lines = ("001234567,901,,10.00,Posted,", "001234567,902,,10.00,Error,Closed")
    campus.answered(result(*lines))
    campus.look()
    before, desk = campus.events(), [row.id for row in campus.desk()]
    # The same lines in another order are another file to the bytes, and the same answers to us.
    campus.answered(result(*reversed(lines)))
    run = campus.look()
    assert campus.events() == before
    assert [row.id for row in campus.desk()] == desk
    assert "2 known before" in run.story


def test_a_line_that_peoplesoft_takes_after_all_leaves_the_desk(campus):
    campus.sent(line("901"))
    campus.answered(result("001234567,901,,10.00,Error,Closed"), "first.csv")
    campus.look()
    campus.answered(result("001234567,901,,10.00,Posted,"), "second.csv")
    campus.look()
    assert campus.events() == [("901", 1, "rejected"), ("901", 1, "accepted")]
    assert campus.desk() == []


def test_a_line_without_reference_is_found_by_patron_item_type_and_amount(campus):
    campus.sent(line("901", 1000), line("902", 1100), line("903", 1000, item_type="072000000917"))
    campus.answered(
        result("001234567,,072000000916,10.00,Posted,", "001234567,,072000000916,11.00,Error,Closed")
    )
    campus.look()
    assert campus.events() == [("901", 1, "accepted"), ("902", 2, "rejected")]


def test_which_of_two_equal_lines_is_meant_is_not_guessed_but_shown(campus):
    campus.sent(line("901"), line("902"), line("903", 55))
    campus.answered(result("001234567,,072000000916,10.00,Error,Closed", "001234567,903,,.55,Posted,"))
    run = campus.look()
    assert campus.events() == [("903", 3, "accepted")]
    (row,) = campus.desk()
    assert (row.rule, row.row_ref, row.amount_cents) == ("answer_ambiguous", "line 2 of results.csv", 1000)
    assert "1 that belong to no line we can tell" in run.story


def test_an_answer_that_disagrees_with_what_was_sent_is_shown_and_touches_no_line(campus):
    campus.sent(line("901", 1000), line("902", 1000))
    campus.answered(
        result(
            "001234567,901,,11.00,Posted,",
            "009999999,902,,10.00,Posted,",
            "001234567,902,,10.00,Posted,",
        )
    )
    campus.look()
    assert campus.events() == [("902", 2, "accepted")]
    assert [row.rule for row in campus.desk()] == ["answer_unplaced", "answer_unplaced"]


def test_lines_that_cannot_be_read_are_shown_with_their_number(campus):
    campus.sent(line("901"))
    campus.answered(
        result("001234567,901,,10.00,Posted,", "001234567,902,,ten,Posted,", ",903,,1.00,Posted,")
    )
    run = campus.look()
    assert campus.events() == [("901", 1, "accepted")]
    assert [(row.rule, row.row_ref) for row in campus.desk()] == [
        ("answer_unreadable", "line 3 of results.csv"),
        ("answer_unreadable", "line 4 of results.csv"),
    ]
    assert run.counts["answers_unmatched"] == 2


def test_a_file_of_somebody_else_is_refused_whole(campus):
    campus.sent(line("901"))
    inbound_id = campus.answered(result("001234567,777,,10.00,Posted,", "001234567,778,,10.00,Error,Closed"))
    campus.look()
    inbound = campus.inbound(inbound_id)
    assert inbound.state == "refused"
    assert "Not one of the 2 lines" in inbound.message
    assert campus.events() == []
    assert campus.desk() == []


def test_wrong_headings_refuse_the_file_and_the_next_one_is_still_read(campus):
    campus.sent(line("901"))
    bad = campus.answered("Student,Outcome\n001234567,Posted\n", "bad.csv")
    good = campus.answered(result("001234567,901,,10.00,Posted,"), "good.csv")
    run = campus.look()
    assert campus.inbound(bad).state == "refused"
    assert "'Student', 'Outcome'" in campus.inbound(bad).message
    assert campus.inbound(good).state == "done"
    assert "bad.csv was refused" in run.story


def test_a_half_written_file_changes_nothing(campus):
    campus.sent(line("901"), line("902"))
    inbound_id = campus.answered(HEADING + '001234567,901,,10.00,Posted,\n001234567,902,,10.00,Error,"Clo')
    campus.look()
    assert campus.inbound(inbound_id).state == "refused"
    assert campus.events() == []


def test_without_a_layout_the_file_waits_and_says_so(campus):
    campus.sets("arrival", load_result_layout="")
    campus.sent(line("901"))
    inbound_id = campus.answered(result("001234567,901,,10.00,Posted,"))
    run = campus.look()
    assert campus.inbound(inbound_id).state == "waiting"
    assert "choose their layout" in run.story
    campus.sets("arrival", load_result_layout="load-result-csv")
    campus.look()
    assert campus.inbound(inbound_id).state == "done"


def test_an_unknown_layout_fails_the_run_and_keeps_the_file(campus):
    campus.sets("arrival", load_result_layout="ours")
    inbound_id = campus.answered(result("001234567,901,,10.00,Posted,"))
    run = campus.look()
    assert run.state == "failed"
    assert "'ours'" in run.error["message"]
    assert campus.inbound(inbound_id).state == "waiting"


def test_a_result_named_after_our_file_speaks_of_its_lines_only(campus):
    campus.sent(line("901"), name="FEES_20260814.dat")
    campus.sent(line("901"), name="FEES_20260815.dat")
    campus.answered(result("001234567,901,,10.00,Error,Closed"), "rej_FEES_20260815.csv")
    campus.look()
    assert len(campus.events()) == 1
    (row,) = campus.desk()
    assert row.row_ref == "line 1 of FEES_20260815.dat"


def test_the_line_sent_again_is_the_one_that_is_accepted(campus):
    campus.sent(line("901"))
    campus.answered(result("001234567,901,,10.00,Error,Closed"))
    campus.look()
    campus.sent(line("901"))
    campus.answered(result("001234567,901,,10.00,Posted,"))
    campus.look()
    assert campus.events() == [("901", 1, "rejected"), ("901", 1, "accepted")]
    with tenant_scope(campus.tenant_id) as session:
        assert told(session, campus.tenant_id, ["901"])["901"].remaining_cents == 1000


def test_a_reversal_is_answered_by_its_own_sign(campus):
    campus.sent(line("901", 1000), line("901", -1000, original_ref="901"))
    campus.answered(result("001234567,901,,-10.00,Error,Original not found"))
    campus.look()
    assert campus.events() == [("901", 2, "rejected")]


def test_an_answer_shows_that_the_file_was_taken(campus):
    file_id = campus.sent(line("901"), name="one.dat")
    campus.lies_there("one.dat")
    campus.answered(result("001234567,901,,10.00,Posted,"))
    campus.look()
    assert campus.delivery(file_id).acknowledgement == "load result results.csv"


def test_lines_of_another_campus_are_never_answered(campus, two_tenants, settings, drop):
    campus.sent(line("901"))
    other = type(campus)(two_tenants[1], settings, drop)
    other.sets("arrival", load_result_layout="load-result-csv")
    inbound_id = other.answered(result("001234567,901,,10.00,Error,Closed"))
    other.look()
    assert other.inbound(inbound_id).state == "refused"
    assert campus.events() == []


@pytest.mark.parametrize("count", [1, 1_001])
def test_many_lines_are_answered_in_one_go(campus, count):
    campus.sent(*(line(str(10_000 + n), 100 + n) for n in range(count)))
    lines = [f"001234567,{10_000 + n},,{(100 + n) / 100:.2f},Posted," for n in range(count)]
    campus.answered(result(*lines))
    run = campus.look()
    assert run.counts["lines_accepted"] == count
    assert len(campus.events()) == count


def test_a_rehearsal_reads_nothing(campus):
    from webapp.services.submit_run import submit_run
    from worker.interrupts import Interrupts
    from worker.lifecycle import carry_out_due

    campus.sent(line("901"))
    inbound_id = campus.answered(result("001234567,901,,10.00,Posted,"))
    submit_run(campus.tenant_id, "bursar_acknowledgements", dry_run=True)
    carry_out_due(campus.settings, "interactive", Interrupts("test worker"))
    assert campus.inbound(inbound_id).state == "waiting"
    assert campus.events() == []


def test_a_failure_in_the_middle_leaves_the_file_unread_and_the_next_run_reads_it_whole(campus, monkeypatch):
    from webapp.store import answers_desk

    def broken(*_args, **_kwargs):
        raise RuntimeError("out of luck")

    campus.sent(line("901"), line("902"))
    inbound_id = campus.answered(result("001234567,901,,10.00,Posted,", "001234567,902,,10.00,Error,Closed"))
    with monkeypatch.context() as patched:
        patched.setattr(answers_desk, "park_left_over", broken)
        assert campus.look().state == "failed"
    assert (campus.events(), campus.desk(), campus.inbound(inbound_id).state) == ([], [], "waiting")
    campus.look()
    assert len(campus.events()) == 2
    assert len(campus.desk()) == 1


def test_a_load_result_left_on_the_delivery_server_is_fetched_once_and_stays_there(campus):
    campus.sets("arrival", load_result_files=["*.rej"], settle_s=1)
    campus.sent(line("901"), name="FEES_1.dat")
    path = campus.lies_there("FEES_1.rej")
    path.write_text(result("001234567,901,,10.00,Error,Closed"))
    campus.lies_there("other.txt")
    first = campus.look()
    assert "FEES_1.rej: 1 lines, 0 accepted, 1 rejected" in first.story
    assert path.exists()
    second = campus.look()
    assert "FEES_1.rej" not in second.story
    assert len(campus.events()) == 1


def test_where_the_folder_of_results_cannot_be_seen_uploaded_ones_are_read_all_the_same(campus):
    campus.sets("arrival", load_result_files=["*.rej"], load_result_directory="nowhere", settle_s=1)
    campus.sent(line("901"))
    campus.answered(result("001234567,901,,10.00,Posted,"))
    run = campus.look()
    assert run.state == "succeeded"
    assert "nowhere" in run.story
    assert campus.events() == [("901", 1, "accepted")]
