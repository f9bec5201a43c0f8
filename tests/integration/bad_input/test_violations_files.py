"""The parking system's file: half-written, empty, something else, or the same once more."""

from __future__ import annotations

from tests.integration.bad_input.campus import (
    HEADINGS,
    TWO_HOLDS,
    TWO_PATRONS,
    assert_balances,
    assert_failed_in_words,
)
from webapp.services.audit import Actor
from webapp.services.decide_approval import reject_run


def test_a_file_that_cannot_be_trusted_is_refused_whole_by_name_and_the_next_one_heals(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    dropped = campus.dropped()
    for content, words in (
        (b"", "it is empty, without even headings. Ask for it again"),
        (
            b'EMPLID,Balance,Type\n1,25.00,Meter\n2,2.77,"half of a li',
            "half-written or damaged; nothing of it",
        ),
        (b"Name;Colour\na;b\n", "line 1 should hold the headings, and has 'Name', 'Colour'. Wanted: "),
        ("EMPLID,Balance\n1,2.00\n".encode("utf-16"), "it is not plain text"),
    ):
        campus.hands_in(content, "parking 2026-11-21.csv")
        refused = campus.run()
        assert_failed_in_words(
            campus, refused, "parking 2026-11-21.csv: The file was not read", words, "No hold was computed"
        )
        assert campus.register() == TWO_HOLDS
        assert campus.dropped() == dropped
    campus.owes(*TWO_PATRONS[:2])
    assert campus.run().counts["released"] == 1
    assert campus.register() == {"000000001": 3550}


def test_no_file_at_all_says_what_to_do(campus):
    assert_failed_in_words(
        campus, campus.run(), "There is no violations file", "Upload the parking system's file"
    )


def test_a_row_cut_off_by_the_end_of_the_file_lifts_and_lowers_no_hold(campus):
    content = b"Ticket,EMPLID,Balance\nT1,000000001,25.00\nT2,000000002,12.77\n"
    campus.hands_in(content)
    campus.run()
    for cut in (b"2.77\n", b"12.77\n"):
        campus.hands_in(content.removesuffix(cut))
        run = campus.run()
        assert run.state == "nothing_to_send", (cut, run.error, run.story)
        assert list(campus.quarantine()) == ["line 3"]
        assert campus.register() == {"000000001": 2500, "000000002": 1277}
    campus.hands_in(content.removesuffix(b"0002,12.77\n"))
    asking = campus.run()
    assert asking.state == "awaiting_approval"
    assert "Rows that could not be read far enough to say whose they are: 1." in asking.story
    reject_run(campus.tenant_id, asking.id, Actor(None, "Ann"), "the file is cut off")
    assert campus.register() == {"000000001": 2500, "000000002": 1277}
    campus.hands_in(content)
    assert campus.run().state == "nothing_to_send"
    assert campus.quarantine() == {}


def test_a_file_of_which_half_is_missing_asks_a_person_before_anyone_is_released(campus):
    lines = [f"{n:09d},1.01,Meter,2026-10-01,T{n},Student" for n in range(1, 21)]
    campus.owes(*lines)
    campus.run()
    campus.owes(*lines[:8])
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "12 of 20 holds would be released at once, more than 50 percent." in run.story
    assert "approval needed" in campus.mails()[-1]["subject"]
    assert len(campus.register()) == 20


def test_the_same_file_twice_changes_nothing(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert len(campus.dropped()) == 1
    assert campus.register() == TWO_HOLDS


def test_a_ticket_repeated_word_for_word_is_owed_once_and_shown(campus):
    campus.owes(*TWO_PATRONS, TWO_PATRONS[0])
    run = campus.run()
    assert campus.register() == TWO_HOLDS
    assert campus.quarantine() == {
        "line 5": ("Line 5: ticket 'T1' is on line 2 already, word for word.", 2500)
    }
    assert_balances(run)


def test_two_tickets_that_are_equal_but_for_their_number_both_count(campus):
    campus.owes(TWO_PATRONS[0], TWO_PATRONS[0].replace("T1", "T9"))
    campus.run()
    assert campus.register() == {"000000001": 5000}


def test_spellings_of_the_same_debt_are_one_debt(campus):
    for content in (
        b"\xef\xbb\xbf" + HEADINGS.encode() + b"000000001,5.00,Meter,2026-10-01,T1,Student\r\n",
        HEADINGS.replace(",", "\t").encode() + b"000000001\t5.00\tMeter\t10/01/2026\tT1\tStudent",
        b"\n\nID Number;Amount Due\n1;$5.00\n",
    ):
        campus.hands_in(content)
        assert campus.run().state in {"succeeded", "nothing_to_send"}
        assert campus.register() == {"000000001": 500}
