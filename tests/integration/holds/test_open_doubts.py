"""A delivery whose answer was lost: looked for only where it went, settled by looking or by a person, never guessed."""

from __future__ import annotations

import pytest

import worker.pipelines.shared.delivery as delivering
from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.adapters.errors import RetryableError, UnknownOutcomeError
from webapp.models.scope import tenant_scope
from webapp.services import settle_by_looking
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError
from webapp.services.settle_effect import settle_effect
from webapp.store.overdue import list_overdue

ANN = Actor(None, "Ann")
BOTH = {"000000001": 3550, "000000002": 277}


def file_id(campus, run) -> int:
    return campus.scalar(f"SELECT id FROM file WHERE run_id = {run.id} AND kind <> 'collected'")


@pytest.fixture
def answer_lost(monkeypatch):
    """Files arrive, or not, but neither the answer nor a look comes through until ``monkeypatch.undo()``."""
    real = delivering.put_file

    def lose(*, arrives: bool = True, look: Exception | None = None):
        def put(target, *, before_effect, **parcel):
            if arrives:
                real(target, before_effect=before_effect, **parcel)
            else:
                before_effect()
            raise UnknownOutcomeError("The answer to the rename was lost.")

        def blind(*_args, **_parcel):
            raise look or UnknownOutcomeError("Nobody can tell.")

        monkeypatch.setattr(delivering, "put_file", put)
        monkeypatch.setattr(settle_by_looking, "settle_put", blind)

    return lose


def overdue(campus) -> list[str]:
    with tenant_scope(campus.tenant_id) as session:
        return [item.kind for item in list_overdue(session)]


def test_a_file_is_never_taken_for_delivered_because_another_folder_does_not_hold_it(
    campus, answer_lost, monkeypatch
):
    answer_lost(arrives=False, look=RetryableError("The server is away."))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "queued"
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'sftp'") == "unknown"
    monkeypatch.undo()
    campus.drop.add_folder("elsewhere")
    campus.sets("delivery", sftp_directory="elsewhere")
    run = campus.work_again(run.id)
    assert run.state == "failed"
    assert campus.register() == {}
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'sftp'") == "unknown"
    assert campus.scalar("SELECT address FROM delivery WHERE target = 'sftp'").endswith(":inbox")


def test_a_mended_folder_is_used_by_the_next_attempt_when_nothing_had_left(campus, faults):
    from webapp.sandbox.faults import Fault

    faults.add(Fault("sftp", "cut_at_byte", options={"byte": 10}))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "queued"
    campus.drop.add_folder("elsewhere")
    campus.sets("delivery", sftp_directory="elsewhere")
    run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    assert campus.scalar("SELECT address FROM delivery WHERE target = 'sftp'").endswith(":elsewhere")


def test_the_next_run_finds_the_file_and_releases_who_has_paid_meanwhile(campus, answer_lost, monkeypatch):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    assert first.state == "failed"
    assert campus.register() == {}
    monkeypatch.undo()
    campus.sets("policy", stop_if_empty=False)
    campus.owes()
    second = campus.run()
    assert second.state == "succeeded", second.story
    assert "released" in campus.files(second)
    assert campus.register() == {}
    assert f"run {second.id} looked at the server" in campus.notes(first.id)


def test_while_a_delivery_stays_unknown_the_next_run_asks_and_a_later_success_does_not_hide_it(
    campus, answer_lost, monkeypatch
):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    monkeypatch.undo()
    campus.drop.add_folder("elsewhere")
    campus.sets("delivery", sftp_directory="elsewhere")
    second = campus.run()
    assert second.state == "awaiting_approval"
    assert f"of run {first.id} reached PeopleSoft is not known" in second.story
    second = campus.approve(second.id)
    assert second.state == "succeeded", second.error
    assert overdue(campus) == ["unknown_effect"]


def test_a_run_with_nothing_to_send_still_tells_what_is_in_doubt_and_it_stays_on_the_list(
    campus, answer_lost, monkeypatch
):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    monkeypatch.undo()
    campus.drop.add_folder("elsewhere")
    campus.sets("delivery", sftp_directory="elsewhere")
    campus.sets("policy", stop_if_empty=False)
    campus.owes()
    second = campus.run()
    assert second.state == "nothing_to_send"
    assert f"of run {first.id} reached PeopleSoft is still not known" in second.story
    assert f"of run {first.id} reached PeopleSoft is still not known" in campus.mailbox.messages[-1].text
    assert overdue(campus) == ["unknown_effect"]


def test_a_person_says_that_it_arrived_and_the_register_advances_by_its_lines(campus, answer_lost):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert settle_effect(campus.tenant_id, run.id, file_id(campus, run), arrived=True, actor=ANN) == 2
    assert campus.register() == BOTH
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'sftp'") == "delivered"
    assert campus.scalar("SELECT actor FROM audit_event WHERE action = 'delivery.arrived'") == "Ann"
    with pytest.raises(RunRefusedError, match="no unknown delivery"):
        settle_effect(campus.tenant_id, run.id, file_id(campus, run), arrived=False, actor=ANN)


def test_a_person_says_that_it_did_not_arrive_and_the_next_run_tells_it(campus, answer_lost, monkeypatch):
    answer_lost(arrives=False)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert settle_effect(campus.tenant_id, run.id, file_id(campus, run), arrived=False, actor=ANN) == 0
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'sftp'") == "failed"
    assert campus.scalar("SELECT actor FROM audit_event WHERE action = 'delivery.not_arrived'") == "Ann"
    monkeypatch.undo()
    assert campus.run().state == "succeeded"
    assert campus.register() == BOTH


def test_what_was_told_since_stands_when_an_older_file_turns_out_to_have_arrived(
    campus, answer_lost, monkeypatch
):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    monkeypatch.undo()
    campus.drop.add_folder("elsewhere")
    campus.sets("delivery", sftp_directory="elsewhere")
    campus.owes("000000001,1.00,Meter,2026-10-01,T1,Student")
    campus.approve(campus.run().id)
    assert campus.register() == {"000000001": 100}
    assert settle_effect(campus.tenant_id, first.id, file_id(campus, first), arrived=True, actor=ANN) == 1
    assert campus.register() == {"000000001": 100, "000000002": 277}


def test_nothing_is_settled_while_a_run_is_at_work(campus, answer_lost, superuser):
    answer_lost()
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    superuser.execute(
        "INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at, state, started_at)"
        " VALUES (%s, 'resend_file', 'person', now(), 'delivering', now())",
        (campus.tenant_id,),
    )
    with pytest.raises(RunRefusedError, match="at work on the same holds"):
        settle_effect(campus.tenant_id, run.id, file_id(campus, run), arrived=True, actor=ANN)
    assert campus.register() == {}
