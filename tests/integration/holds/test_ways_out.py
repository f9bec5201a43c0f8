"""Other ways for files to leave: the mail that carries them, fetching, sending again, and safety stops before all."""

from __future__ import annotations

import pytest

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.sandbox.faults import Fault
from webapp.services.audit import Actor
from webapp.services.cancel_run import cancel_run
from webapp.services.download_file import FileGoneError, download_file
from webapp.services.fetch_file import fetch_file
from webapp.services.rerun import rerun
from webapp.services.resend_file import ResendRefusedError, resend_file

ANN = Actor(None, "Ann")


def file_id(campus, run) -> int:
    return campus.scalar(f"SELECT id FROM file WHERE run_id = {run.id} AND kind <> 'collected'")


def test_without_sftp_the_mail_carries_the_files_and_its_acceptance_advances_the_register(campus):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("notification", attach_files=True)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    (mail,) = campus.mailbox.messages
    (attachment,) = mail.message.iter_attachments()
    assert attachment.get_content().startswith("000000001\t35.50\t")
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert "mailed to bursar@example.edu, library@example.edu at" in run.story


def test_a_mail_that_carries_the_files_and_fails_leaves_the_register_as_it_was(campus, faults):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("notification", attach_files=True)
    faults.add(Fault("smtp", "554_after_data", times=None))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "failed"
    assert campus.register() == {}


def test_a_mail_with_a_link_is_a_notice_and_the_files_count_when_somebody_fetches_them(campus):
    campus.sets("delivery", sftp_enabled=False)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    (mail,) = campus.mailbox.messages
    assert list(mail.message.iter_attachments()) == []
    assert "the files wait in the portal" in run.story
    assert campus.register() == {}
    _file, source = fetch_file(campus.tenant_id, file_id(campus, run), ANN, campus.store)
    source.close()
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_file_is_not_fetched_once_a_later_run_found_nothing_left_to_tell(campus):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("policy", stop_if_empty=False)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    campus.owes()
    assert campus.run().state == "nothing_to_send"
    with pytest.raises(FileGoneError, match="compared anew"):
        fetch_file(campus.tenant_id, file_id(campus, run), ANN, campus.store)
    assert campus.register() == {}


def test_files_left_in_the_portal_are_told_when_somebody_fetches_them(campus):
    campus.sets("delivery", sftp_enabled=False, mail_enabled=False)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded"
    assert campus.register() == {}
    _file, source = fetch_file(campus.tenant_id, file_id(campus, run), ANN, campus.store)
    source.close()
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_file_nobody_fetched_is_overtaken_by_the_next_run(campus):
    campus.sets("delivery", sftp_enabled=False, mail_enabled=False)
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    campus.owes(*TWO_PATRONS[:2])
    second = campus.run()
    with pytest.raises(LookupError):
        fetch_file(campus.tenant_id, file_id(campus, first), ANN, campus.store)
    _file, source = fetch_file(campus.tenant_id, file_id(campus, second), ANN, campus.store)
    source.close()
    assert campus.register() == {"000000001": 3550}


def test_a_file_is_sent_again_with_the_same_bytes_under_the_same_name(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    (name, text) = next(iter(campus.dropped().items()))
    next(campus.drop.root.rglob(name)).unlink()
    again = resend_file(campus.tenant_id, file_id(campus, run), actor=ANN)
    campus.work()
    assert campus.the_run(again).state == "succeeded"
    assert campus.dropped() == {name: text}
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_file_that_never_arrived_advances_the_register_when_it_is_sent_again(campus, faults):
    faults.add(Fault("sftp", "refuse_auth"))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert campus.register() == {}
    resend_file(campus.tenant_id, file_id(campus, run), actor=ANN)
    campus.work()
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_file_that_would_undo_newer_news_is_not_sent_again(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    campus.owes(*TWO_PATRONS[:2])
    campus.run()
    with pytest.raises(ResendRefusedError, match="newer about 1 of the patrons"):
        resend_file(campus.tenant_id, file_id(campus, run), actor=ANN)


def test_an_older_list_of_everyone_is_not_sent_again_after_a_newer_one(campus):
    campus.sets("policy", style="snapshot")
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    campus.owes(*TWO_PATRONS, "000000003,9.00,Meter,2026-10-01,T9,Student")
    assert campus.run().state == "succeeded"
    with pytest.raises(ResendRefusedError, match="lists everyone later"):
        resend_file(campus.tenant_id, file_id(campus, first), actor=ANN)


def test_a_file_that_never_arrived_is_not_sent_once_a_later_run_has_compared_anew(campus, faults):
    faults.add(Fault("sftp", "refuse_auth"))
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    assert first.state == "failed"
    campus.sets("policy", stop_if_empty=False)
    campus.owes()
    assert campus.run().state == "nothing_to_send"
    with pytest.raises(ResendRefusedError, match="run the holds export again"):
        resend_file(campus.tenant_id, file_id(campus, first), actor=ANN)


def test_sending_again_waits_for_an_export_that_is_not_finished(campus):
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    campus.owes("000000001,7000.00,No permit,2026-09-01,T1,Student")
    waiting = campus.run()
    assert waiting.state == "awaiting_approval"
    again = resend_file(campus.tenant_id, file_id(campus, first), actor=ANN)
    campus.work()
    assert campus.the_run(again).state == "queued"
    campus.approve(waiting.id)
    campus.work()
    assert campus.the_run(again).state == "failed"
    assert "something newer" in campus.the_run(again).error["message"]


def test_a_run_that_waits_for_a_person_can_be_cancelled_after_its_mail_went_out(campus):
    campus.owes("000000001,7000.00,No permit,2026-09-01,T1,Student")
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert len(campus.mailbox.messages) == 1
    assert cancel_run(campus.tenant_id, run.id, ANN) == "cancelled"
    assert campus.scalar("SELECT actor FROM audit_event WHERE action = 'run.cancelled'") == "Ann"


def test_running_again_is_in_the_audit_log(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    rerun(campus.tenant_id, run.id, ANN)
    assert (
        campus.scalar("SELECT subject FROM audit_event WHERE action = 'run.asked_again'") == f"run/{run.id}"
    )


def test_each_mail_of_a_run_has_a_delivery_of_its_own(campus):
    campus.owes("000000001,7000.00,No permit,2026-09-01,T1,Student")
    run = campus.run()
    assert campus.approve(run.id).state == "succeeded"
    assert (
        campus.scalar("SELECT string_agg(target, ' ' ORDER BY id) FROM delivery") == "mail_approval sftp mail"
    )


def test_what_was_collected_is_no_file_to_download(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    collected = campus.scalar(f"SELECT id FROM file WHERE run_id = {run.id} AND kind = 'collected' LIMIT 1")
    with pytest.raises(LookupError):
        download_file(campus.tenant_id, collected, ANN, campus.store)


def test_a_source_that_is_suddenly_empty_asks_a_person_and_goes_on_when_they_agree(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes()
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "The source is empty, and 2 holds are in force" in run.story
    assert "approval needed" in campus.mailbox.messages[-1].subject
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    run = campus.approve(run.id)
    assert run.state == "succeeded", run.error
    assert campus.register() == {}


def test_a_patron_above_the_limit_asks_a_person_and_is_not_named_in_full(campus):
    campus.owes("000000001,7000.00,No permit,2026-09-01,T1,Student")
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "$7,000.00 for …0001" in run.story
    assert "000000001" not in run.story


def test_more_than_half_of_all_holds_released_at_once_asks_a_person(campus):
    lines = [f"{n:09d},1.01,Meter,2026-10-01,T{n},Student" for n in range(1, 13)]
    campus.owes(*lines)
    campus.run()
    campus.owes(*lines[:5])
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "7 of 12 holds would be released at once" in run.story


def test_unreadable_rows_of_nobody_ask_a_person_before_anyone_is_released(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS[:2], "a torn line")
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "could not be read far enough to say whose they are: 1." in run.story
