"""A person deals with what posting could not: looks again, gives their word, asks for a waiver or a refund."""

import pytest
from sqlalchemy import text

from webapp.models import Person
from webapp.models.scope import person_scope, tenant_scope
from webapp.services import settle_posting
from webapp.services.audit import Actor, verify_chain
from webapp.services.settle_posting import (
    PostingRefusedError,
    ask_refund_of_posting,
    ask_waiver,
    check_again,
    mark_not_posted,
    mark_posted,
    restore_and_post,
)

pytestmark = pytest.mark.usefixtures("settles_at_once")


@pytest.fixture
def ann(core):
    """Somebody at the library."""
    with person_scope(None) as session:
        person = Person(email="ann@campus.example", full_name="Ann", password_hash="")
        session.add(person)
        session.commit()
        return Actor(person.id, "Ann")


@pytest.fixture
def doubtful(campus, monkeypatch):
    """A payment whose answer was lost while Alma could not be read; whether it happened is the argument."""

    def make(*, happened):
        fee_id = campus.charges("25.00")
        key = campus.pays(1000, fee_id)
        with monkeypatch.context() as patch:
            campus.gives_up_soon(patch)
            kind = "timeout_after" if happened else "timeout_before"
            campus.alma.fault("alma.fees.pay", kind, seconds=0.1)
            campus.alma.fault("alma.fees.get", "html_error", times=None)
            campus.alma.fault("alma.fees.list", "html_error", times=None, after=1)
            campus.posts()
        campus.alma.clear_faults()
        assert campus.line(key).state == "unknown"
        return key, fee_id

    return make


@pytest.mark.parametrize(("happened", "found"), [(True, "posted"), (False, "waiting")])
def test_looking_again_settles_an_open_question_in_one_call(
    campus, doubtful, ann, monkeypatch, happened, found
):
    monkeypatch.setattr(settle_posting, "LATE_EFFECT_S", 0.0)
    key, fee_id = doubtful(happened=happened)
    assert check_again(campus.tenant_id, *key, settings=campus.settings, actor=ann) == found
    assert campus.line(key).state == found
    assert campus.line(key).decided_by == ann.person_id
    assert len(campus.ledger(fee_id)) == len(campus.booked(fee_id)) == int(happened)
    campus.posts()
    assert campus.line(key).state == "posted"
    assert len(campus.ledger(fee_id)) == len(campus.booked(fee_id)) == 1


def test_looking_again_too_early_believes_nothing(campus, doubtful, ann):
    key, _ = doubtful(happened=False)
    assert check_again(campus.tenant_id, *key, settings=campus.settings, actor=ann) == "unknown"
    assert campus.line(key).state == "unknown"


def test_looking_again_while_alma_is_away_changes_nothing(campus, doubtful, ann, monkeypatch):
    key, _ = doubtful(happened=True)
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees.get", "html_error")
    with pytest.raises(PostingRefusedError, match="Alma could not be asked"):
        check_again(campus.tenant_id, *key, settings=campus.settings, actor=ann)
    assert campus.line(key).state == "unknown"


def test_a_persons_word_that_it_is_there_counts_and_nothing_is_sent(campus, doubtful, ann):
    key, fee_id = doubtful(happened=True)
    mark_posted(campus.tenant_id, *key, ann, "seen on the screen")
    assert campus.line(key).state == "posted"
    assert campus.ledger(fee_id) == [("alma", "payment", -1000)]
    assert campus.posts().state == "nothing_to_send"
    assert len(campus.booked(fee_id)) == 1
    with tenant_scope(campus.tenant_id) as session:
        assert verify_chain(session) == []
        assert session.scalar(text("SELECT count(*) FROM audit_event WHERE action = 'posting.posted'")) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_a_persons_word_that_it_is_not_there_posts_it_once_even_if_they_err(
    campus, doubtful, ann, monkeypatch, happened
):
    monkeypatch.setattr(settle_posting, "LATE_EFFECT_S", 0.0)
    key, fee_id = doubtful(happened=happened)
    mark_not_posted(campus.tenant_id, *key, ann, "not on the screen")
    assert campus.line(key).state == "waiting"
    campus.posts()
    assert campus.line(key).state == "posted"
    assert len(campus.ledger(fee_id)) == len(campus.booked(fee_id)) == 1


def test_there_is_no_word_to_give_about_a_line_without_an_open_question(campus, ann):
    key = campus.pays(100, campus.charges("1.00"))
    for state in ("waiting", "posted"):
        assert campus.line(key).state == state
        with pytest.raises(PostingRefusedError, match="no open question"):
            mark_posted(campus.tenant_id, *key, ann, "I say so")
        campus.posts()
    with pytest.raises(LookupError):
        mark_posted(campus.tenant_id, key[0], 9, ann, "I say so")


def test_a_word_needs_a_reason(campus, doubtful, ann):
    key, _ = doubtful(happened=True)
    with pytest.raises(PostingRefusedError, match="Say why"):
        mark_posted(campus.tenant_id, *key, ann, "  ")


def test_a_debt_that_the_bursar_wrote_off_is_waived_when_a_person_says_so(campus, ann):
    fee_id = campus.charges("7.00")
    payment_id, n = campus.pays(700, "", kind="write_off", state="unapplied", rule="write_off")
    with pytest.raises(PostingRefusedError, match="which fee"):
        ask_waiver(campus.tenant_id, payment_id, n, "", ann, "written off in PeopleSoft")
    number = ask_waiver(campus.tenant_id, payment_id, n, fee_id, ann, "written off in PeopleSoft")
    campus.posts()
    assert campus.lines_of(payment_id) == [(n, "replaced", "write_off", 700), (number, "posted", "", 700)]
    assert [cents for cents, _ in campus.booked(fee_id, "waive")] == [700]
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"


def test_after_a_dispute_a_person_has_it_ended_in_alma_and_the_money_posted(campus, ann):
    fee_id = campus.charges("9.00")
    campus.at_the_desk(fee_id, "dispute")
    payment_id, n = campus.pays(900, fee_id)
    campus.posts()
    assert campus.line((payment_id, n)).rule == "disputed"
    number = restore_and_post(campus.tenant_id, payment_id, n, ann, "the student agreed")
    campus.alma.fault("alma.fees.restore", "timeout_after", seconds=0.1)
    campus.posts()
    assert campus.line((payment_id, number)).state == "posted"
    assert len(campus.booked(fee_id, "restore")) == 1
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"


def test_only_money_for_a_disputed_fee_can_be_restored(campus, ann):
    key = campus.pays(100, "1234567890120000")
    campus.posts()
    with pytest.raises(PostingRefusedError, match="in dispute"):
        restore_and_post(campus.tenant_id, *key, ann, "why not")


def test_a_wrong_posting_becomes_a_refund_with_an_owner_because_alma_takes_nothing_back(campus, ann):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    with pytest.raises(PostingRefusedError, match="not posted"):
        ask_refund_of_posting(campus.tenant_id, *key, ann, "the wrong student")
    campus.posts()
    ask_refund_of_posting(campus.tenant_id, *key, ann, "the wrong student")
    line = campus.line(key)
    assert (line.state, line.owner_id, line.reason) == ("refund_due", ann.person_id, "the wrong student")
    assert campus.ledger(fee_id) == [("alma", "payment", -500)]


def test_a_dispute_that_alma_will_not_end_stays_at_the_desk_and_stops_nobody_else(campus, ann):
    fee_id, other_id = campus.charges("9.00"), campus.charges("2.00")
    campus.at_the_desk(fee_id, "dispute")
    payment_id, n = campus.pays(900, fee_id)
    campus.posts()
    other = campus.pays(200, other_id)
    number = restore_and_post(campus.tenant_id, payment_id, n, ann, "the student agreed")
    campus.alma.fault("alma.fees.restore", "status", status=400, code="401666")
    campus.posts()
    assert (campus.line((payment_id, number)).state, campus.line((payment_id, number)).rule) == (
        "unapplied",
        "disputed",
    )
    assert "would not end the dispute" in campus.line((payment_id, number)).reason
    assert campus.line(other).state == "posted"
