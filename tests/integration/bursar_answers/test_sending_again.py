"""A rejected line goes out again because a person said so, corrected as they said, and never twice."""

from __future__ import annotations

import pytest

from tests.integration.bursar_answers.conftest import HEADING, line
from webapp.services.audit import Actor
from webapp.services.resend_lines import ResendRefusedError, resend_lines

ANN = Actor(None, "Ann")


@pytest.fixture
def rejected(campus):
    """Two lines that PeopleSoft rejected, by their rows on the desk."""
    campus.sent(line("901", 1000), line("902", 277), line("903", 500))
    campus.answered(
        HEADING + "001234567,901,,10.00,Error,No such student\n001234567,902,,2.77,Error,Closed\n"
    )
    campus.look()
    return campus.desk()


def test_the_row_shows_what_was_sent_and_can_be_mended(rejected):
    first, _ = rejected
    assert first.raw["item_title"] == "A book"
    assert (first.raw["sent_file"], first.raw["sent_line"], first.raw["sent_term"]) == (
        "FEES_0001.dat",
        1,
        "2238",
    )
    assert first.reason == "PeopleSoft rejected it: No such student"


def test_a_corrected_line_is_asked_for_and_leaves_the_desk(campus, rejected):
    first, second = rejected
    resend = resend_lines(
        campus.tenant_id,
        [first.id],
        patches={first.id: {"emplid": " 7654321 "}},
        reason="typed wrong",
        actor=ANN,
    )
    assert resend.words == "1 line, $10.00: goes out again with the next run."
    (task,) = campus.tasks()
    assert (task.kind, task.state, task.fee_ref, task.amount_cents) == ("resend", "open", "901", 1000)
    assert task.body == {
        "fee_ref": "901",
        "kind": "charge",
        "emplid": "007654321",
        "patron_id": "007654321",
        "payer": "campus",
        "fee_type": "OVERDUEFINE",
        "item_barcode": "",
        "item_title": "A book",
        "amount_cents": 1000,
        "transaction_on": "2026-08-01",
    }
    assert [row.id for row in campus.desk()] == [second.id]


def test_several_lines_go_together_or_not_at_all(campus, rejected):
    first, second = rejected
    with pytest.raises(ResendRefusedError, match="999"):
        resend_lines(campus.tenant_id, [first.id, 999], reason="", actor=ANN)
    assert campus.tasks() == []
    resend = resend_lines(campus.tenant_id, [first.id, second.id], reason="term is open now", actor=ANN)
    assert len(resend.task_ids) == 2
    assert resend.total_cents == 1277
    assert campus.desk() == []


def test_a_line_is_not_asked_for_twice(campus, rejected):
    first, _ = rejected
    resend_lines(campus.tenant_id, [first.id], reason="", actor=ANN)
    with pytest.raises(ResendRefusedError, match="decided meanwhile"):
        resend_lines(campus.tenant_id, [first.id], reason="", actor=ANN)
    assert len(campus.tasks()) == 1


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"amount_cents": "1"}, "cannot be corrected"),
        ({"emplid": "12345678901234"}, "digits"),
        ({"comment": "x" * 201}, "200 characters"),
    ],
)
def test_a_wrong_correction_is_refused_and_nothing_is_asked_for(campus, rejected, patch, words):
    first, _ = rejected
    with pytest.raises(ResendRefusedError, match=words):
        resend_lines(campus.tenant_id, [first.id], patches={first.id: patch}, reason="", actor=ANN)
    assert campus.tasks() == []
    assert len(campus.desk()) == 2


def test_what_peoplesoft_takes_after_all_is_not_sent_again(campus, rejected):
    first, _ = rejected
    resend_lines(campus.tenant_id, [first.id], reason="", actor=ANN)
    campus.answered(HEADING + "001234567,901,,10.00,Posted,\n", "later.csv")
    campus.look()
    assert [task.state for task in campus.tasks()] == ["withdrawn"]


def test_another_campus_cannot_send_it(campus, rejected, two_tenants):
    with pytest.raises(ResendRefusedError):
        resend_lines(two_tenants[1], [rejected[0].id], reason="", actor=ANN)
    assert len(campus.desk()) == 2
