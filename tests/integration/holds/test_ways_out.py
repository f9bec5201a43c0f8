"""Other ways for files to leave: the mail that carries them, fetching, sending again, and safety stops before all."""

from __future__ import annotations

import pytest

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.sandbox.faults import Fault
from webapp.services.audit import Actor
from webapp.services.fetch_file import fetch_file
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
    faults.add(Fault("smtp", "554_after_data", times=None))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "failed"
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
