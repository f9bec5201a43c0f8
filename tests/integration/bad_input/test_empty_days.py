"""A day on which nobody owes anything new: a success, without a file unless the campus wants one."""

from __future__ import annotations

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS


def test_a_first_day_without_debts_is_nothing_to_send_and_one_mail(campus):
    campus.owes()
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert run.error is None
    assert run.story.startswith("Nothing to send")
    assert campus.built(run) == {}
    assert campus.dropped() == {}
    assert campus.register() == {}
    (mail,) = campus.mails()
    assert "nothing to send" in mail["subject"]
    assert "nothing to send; 0 holds are in force" in mail["text"]
    assert "PeopleSoft already knows every hold" in mail["text"]


def test_the_mail_about_nothing_is_the_campus_s_choice(campus):
    campus.sets("notification", mail_when_nothing=False)
    campus.owes(*TWO_PATRONS)
    campus.run()
    assert len(campus.mails()) == 1
    assert campus.run().state == "nothing_to_send"
    assert len(campus.mails()) == 1
    assert len(campus.dropped()) == 1
    assert campus.register() == TWO_HOLDS


def test_empty_files_are_sent_when_asked_for_and_are_really_empty(campus):
    campus.sets("files", empty_file=True)
    campus.owes()
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.built(run) == {"added": "", "released": ""}
    assert set(campus.dropped().values()) == {""}
    assert len(campus.dropped()) == 2
    assert campus.register() == {}


def test_a_source_that_falls_silent_while_holds_are_in_force_asks_a_person(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes()
    run = campus.run()
    assert run.state == "awaiting_approval"
    assert "The source is empty, and 2 holds are in force" in run.story
    assert campus.register() == TWO_HOLDS
    assert len(campus.dropped()) == 1
