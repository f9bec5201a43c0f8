"""What no campus hopes for: fees nobody can read, patrons merged, equal payments, decisions that were wrong."""

from __future__ import annotations

import pytest

from tests.integration.posting.conftest import Campus
from webapp.adapters.alma import client
from webapp.adapters.alma.answers import RecordFault
from webapp.adapters.alma.records import fee_from_json
from webapp.models.scope import tenant_scope
from webapp.services import settle_posting
from webapp.services.audit import Actor
from webapp.services.settle_posting import (
    PostingRefusedError,
    ask_waiver,
    check_again,
    mark_not_posted,
    mark_posted,
    restore_and_post,
)
from webapp.store import posted_patrons

pytestmark = pytest.mark.usefixtures("settles_at_once")

ANN = Actor(None, "Ann")


def damage(monkeypatch, fee_id: str) -> None:
    """From now on Alma's record of this fee cannot be read where it is asked for alone."""

    def read(fee):
        if fee["id"] == fee_id:
            raise RecordFault("the balance is missing")
        return fee_from_json(fee)

    monkeypatch.setattr(client, "fee_from_json", read)


@pytest.fixture
def open_question(campus: Campus, monkeypatch):
    """A payment of which nobody knows whether Alma has it: its key and its fee."""
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    with monkeypatch.context() as patch:
        campus.gives_up_soon(patch)
        campus.alma.fault("alma.fees.pay", "timeout_after", seconds=0.1)
        campus.alma.fault("alma.fees.get", "html_error", times=None)
        campus.alma.fault("alma.fees.list", "html_error", times=None, after=1)
        campus.posts()
    campus.alma.clear_faults()
    assert campus.line(key).state == "unknown"
    return key, fee_id


def test_a_doubt_about_a_fee_that_cannot_be_read_any_more_stops_nobody_elses_payment(
    campus, open_question, monkeypatch
):
    key, fee_id = open_question
    other_id = campus.charges("3.00", campus.others[0])
    other = campus.pays(300, other_id, patron_id=campus.others[0])
    damage(monkeypatch, fee_id)
    run = campus.posts()
    assert run.state == "succeeded", run.story
    assert (campus.line(key).state, campus.line(other).state) == ("unknown", "posted")


def test_a_doubt_about_a_fee_that_alma_shows_to_no_such_key_stops_nobody_elses_payment(campus, open_question):
    key, _ = open_question
    other_id = campus.charges("3.00", campus.others[0])
    other = campus.pays(300, other_id, patron_id=campus.others[0])
    campus.alma.fault(
        "alma.fees.get", "status", times=None, status=400, code="60340", message="restricted by library"
    )
    run = campus.posts()
    assert run.state == "succeeded", run.story
    assert (campus.line(key).state, campus.line(other).state) == ("unknown", "posted")


def test_an_account_that_alma_refuses_to_show_stops_nobody_elses_payment(campus):
    mine, theirs = campus.charges("2.00"), campus.charges("3.00", campus.others[0])
    refused = campus.pays(200, mine)
    other = campus.pays(300, theirs, patron_id=campus.others[0])
    campus.alma.fault("alma.fees.list", "status", status=400, code="60340", message="restricted by library")
    run = campus.posts()
    assert run.state == "succeeded", run.story
    line = campus.line(refused)
    assert (line.state, line.rule) == ("unapplied", "rejected")
    assert "restricted by library" in line.message
    assert campus.line(other).state == "posted"


def test_refusals_one_after_the_other_stop_the_run_before_all_the_money_is_on_the_desk(campus):
    fee_ids = [campus.charges("1.00") for _ in range(8)]
    keys = campus.pays_in_parts([(100, fee_id) for fee_id in fee_ids])
    campus.sets("posting", method="CHEQUE")
    run = campus.posts()
    assert run.state == "failed"
    assert "Look at the settings" in run.error["message"]
    assert [campus.line(key).state for key in keys] == ["unapplied"] * 5 + ["waiting"] * 3
    campus.sets("posting", method="ONLINE")
    assert campus.posts().counts["posted"] == 3


def test_accounts_that_always_fail_come_last_and_keep_no_other_from_being_posted(campus, monkeypatch):
    people, last = campus.others[:3], campus.others[3]
    for patron_id in people:
        campus.pays(100, campus.charges("1.00", patron_id), patron_id=patron_id)
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees.list", "status", times=3)
    run_id = campus.submits()
    campus.work()
    assert campus.the_run(run_id).state == "queued"
    good = campus.pays(200, campus.charges("2.00", last), patron_id=last)
    campus.changes("UPDATE payment_line SET run_id = :run_id", run_id=run_id)
    campus.alma.fault("alma.fees.list", "status", times=3, after=1)
    campus.wakes(run_id)
    assert campus.line(good).state == "posted"


def test_a_patron_who_was_merged_into_another_is_found_by_their_emplid(campus):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id, patron_id="gone-since-the-merger")
    run = campus.posts()
    assert (run.state, campus.line(key).state) == ("succeeded", "posted")
    assert [cents for cents, _ in campus.booked(fee_id)] == [500]


def test_a_doubt_about_a_merged_patrons_payment_is_settled_under_their_emplid(campus, open_question):
    key, fee_id = open_question
    campus.changes("UPDATE payment_line SET patron_id = 'gone-since-the-merger'")
    campus.posts()
    assert campus.line(key).state == "posted"
    assert len(campus.booked(fee_id)) == 1


def test_looking_again_finds_a_merged_patrons_payment_under_their_emplid(campus, open_question):
    key, _ = open_question
    campus.changes("UPDATE payment_line SET patron_id = 'gone-since-the-merger'")
    assert check_again(campus.tenant_id, *key, settings=campus.settings, actor=ANN) == "posted"


def test_another_amount_under_our_name_is_a_question_that_a_person_can_answer(campus):
    fee_id = campus.charges("9.00")
    key = campus.pays(500, fee_id)
    campus.at_the_desk(
        fee_id, "pay", amount="3.00", method="CASH", external_transaction_id=campus.line(key).external_id
    )
    for _ in range(2):
        campus.posts()
        assert campus.line(key).state == "unknown"
    assert "$3.00 instead of $5.00" in campus.line(key).message
    mark_posted(campus.tenant_id, *key, ANN, "mended on the screen")
    assert campus.line(key).state == "posted"
    assert [cents for cents, _ in campus.booked(fee_id)] == [300]


def test_a_fee_that_alma_shows_under_the_wrong_patron_is_not_paid(campus, monkeypatch):
    """Whether Alma checks that a fee asked for by its id is this patron's is not documented."""
    stranger = campus.others[0]
    foreign_id = campus.charges("6.00", stranger)
    campus.charges("1.00")
    key = campus.pays(600, foreign_id)
    campus.changes("UPDATE payment_line SET fee_id = :fee_id", fee_id=foreign_id)
    real = client.AlmaClient.fee
    monkeypatch.setattr(
        client.AlmaClient,
        "fee",
        lambda self, _user, fee_id, id_type="": real(self, stranger, fee_id, id_type),
    )
    sent = []
    monkeypatch.setattr(client.AlmaClient, "pay_fee", lambda *_args, **_options: sent.append(1))
    campus.posts()
    assert (campus.line(key).state, sent) == ("unapplied", [])


def test_a_key_that_is_withdrawn_in_mid_run_fails_the_run_and_loses_nothing(campus, sandbox):
    fee_ids = [campus.charges("2.00") for _ in range(3)]
    keys = campus.pays_in_parts([(200, fee_id) for fee_id in fee_ids])
    campus.alma.fault(
        "alma.fees.pay", "status", after=1, times=None, status=401, code="UNAUTHORIZED", message="API key"
    )
    run = campus.posts()
    assert run.state == "failed"
    assert "refused the key" in run.error["message"]
    assert [campus.line(key).state for key in keys] == ["posted", "waiting", "waiting"]
    campus.alma.clear_faults()
    campus.posts()
    assert [campus.line(key).state for key in keys] == ["posted"] * 3
    assert [len(campus.booked(fee_id)) for fee_id in fee_ids] == [1, 1, 1]


def test_a_run_killed_after_a_dispute_was_ended_leaves_no_open_question_behind(campus):
    fee_id = campus.charges("9.00")
    campus.at_the_desk(fee_id, "dispute")
    payment_id, n = campus.pays(900, fee_id)
    campus.posts()
    number = restore_and_post(campus.tenant_id, payment_id, n, ANN, "the student agreed")
    # The worker died after Alma had ended the dispute, before it could write that down.
    line = campus.line((payment_id, number))
    campus.changes(
        "INSERT INTO effect (tenant_id, run_id, key, kind, state, detail, sent_at) SELECT tenant_id, max(id), :key, "
        "'alma_restore', 'unknown', '{}', clock_timestamp() FROM run GROUP BY tenant_id",
        key=f"restore:{fee_id}:{line.external_id}",
    )
    campus.at_the_desk(fee_id, "restore")
    campus.posts()
    assert campus.line((payment_id, number)).state == "posted"
    assert campus.rows("SELECT state FROM effect WHERE kind = 'alma_restore'") == [("confirmed",)]


def test_a_dispute_that_somebody_else_ended_in_that_moment_does_not_keep_the_money_back(campus, monkeypatch):
    fee_id = campus.charges("9.00")
    campus.at_the_desk(fee_id, "dispute")
    payment_id, n = campus.pays(900, fee_id)
    campus.posts()
    number = restore_and_post(campus.tenant_id, payment_id, n, ANN, "the student agreed")
    real = client.AlmaClient.restore_fee

    def late(self, user_id, fee, **options):
        campus.at_the_desk(fee_id, "restore")
        return real(self, user_id, fee, **options)

    monkeypatch.setattr(client.AlmaClient, "restore_fee", late)
    campus.posts()
    assert campus.line((payment_id, number)).state == "posted"


def test_a_fee_paid_at_the_desk_between_our_look_and_our_payment_is_never_overpaid(campus, monkeypatch):
    whole_id, part_id = campus.charges("9.00"), campus.charges("9.00")
    whole, part = campus.pays(900, whole_id), campus.pays(900, part_id)
    real = client.AlmaClient.pay_fee

    def too_late(self, user_id, fee_id, **options):
        if not campus.booked(fee_id):
            amount = "9.00" if fee_id == whole_id else "4.00"
            campus.at_the_desk(fee_id, "pay", amount=amount, method="CASH")
        return real(self, user_id, fee_id, **options)

    monkeypatch.setattr(client.AlmaClient, "pay_fee", too_late)
    campus.posts()
    assert (campus.line(whole).state, campus.line(whole).rule) == ("unapplied", "closed")
    assert campus.lines_of(part[0])[1:] == [(2, "posted", "", 500), (3, "unapplied", "shrunk", 400)]
    assert campus.fee(part_id)["status"]["value"] == "CLOSED"


def test_a_persons_word_that_it_is_not_there_waits_until_it_cannot_come_late_any_more(
    campus, open_question, monkeypatch
):
    key, fee_id = open_question
    with pytest.raises(PostingRefusedError, match="may still"):
        mark_not_posted(campus.tenant_id, *key, ANN, "not on the screen")
    assert campus.line(key).state == "unknown"
    monkeypatch.setattr(settle_posting, "LATE_EFFECT_S", 0.0)
    mark_not_posted(campus.tenant_id, *key, ANN, "not on the screen")
    campus.posts()
    assert len(campus.booked(fee_id)) == 1


def test_real_money_is_never_used_up_by_a_waiver(campus):
    fee_id = campus.charges("7.00")
    payment_id, n = campus.pays(700, "", state="unapplied", rule="unmatched")
    with pytest.raises(PostingRefusedError, match="was paid"):
        ask_waiver(campus.tenant_id, payment_id, n, fee_id, ANN, "let it go")
    assert campus.lines_of(payment_id) == [(n, "unapplied", "unmatched", 700)]


def test_a_payment_that_alma_books_without_our_name_is_not_posted_again(campus, monkeypatch):
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    real = client.AlmaClient.pay_fee

    def nameless(self, user_id, fee, **options):
        options["external_transaction_id"] = ""
        return real(self, user_id, fee, **options)

    monkeypatch.setattr(client.AlmaClient, "pay_fee", nameless)
    campus.posts()
    campus.posts()
    assert [cents for cents, _ in campus.booked(fee_id)] == [1000]
    assert campus.line(key).state == "unknown"


def test_who_paid_the_rest_at_the_desk_is_seen_to_owe_nothing(campus):
    """Our copy of the other fee is from an earlier look, when it was still open."""
    earlier_id, today_id = campus.charges("4.00"), campus.charges("5.00")
    campus.remembers(earlier_id, bursar_ref="", balance_cents=400)
    campus.changes("UPDATE alma_fee SET seen_at = seen_at - interval '1 day'")
    campus.at_the_desk(earlier_id, "pay", amount="4.00", method="CASH")
    campus.pays(500, today_id)
    campus.changes(
        "INSERT INTO hold_register (tenant_id, emplid, hold_code, amount_cents, placed_at, told_at, file_id, run_id) "
        "VALUES (:t, :e, 'LIB', 900, now(), now(), 1, 1)",
        t=campus.tenant_id,
        e=campus.emplid,
    )
    run = campus.posts()
    with tenant_scope(campus.tenant_id) as session:
        assert posted_patrons.paid_and_on_hold(session, campus.tenant_id, run.id) == [campus.emplid]
