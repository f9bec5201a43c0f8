"""The mail server is down or refuses: deliveries stay as they are, and the run says who was not told and why."""

from __future__ import annotations

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS, assert_failed_in_words


def test_a_mail_server_that_is_down_undoes_no_delivery_and_the_report_follows_when_it_is_back(campus, faults):
    faults.add("smtp", "421", times=None)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "queued"
    assert "cannot take the mail now (421" in run.story
    assert "It was not sent; it is tried again" in run.story
    assert campus.register() == TWO_HOLDS
    assert len(campus.dropped()) == 1
    faults.clear()
    run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    (mail,) = campus.mails()
    assert mail["subject"].startswith("PeopleSoft Holds Report")
    assert len(campus.dropped()) == 1
    assert campus.deliveries(run)["mail"][0] == "delivered"


def test_a_mail_server_that_stays_down_is_given_up_with_the_files_delivered(campus, faults):
    faults.add("smtp", "421", times=None)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    for _ in range(4):
        assert run.state == "queued"
        run = campus.work_again(run.id)
    assert run.state == "succeeded"
    assert "; the report mail was not sent" in run.story
    assert "The files were delivered, but the report mail was not sent" in campus.notes(run)
    assert campus.deliveries(run)["mail"][0] == "failed"
    assert campus.register() == TWO_HOLDS


def test_an_address_that_is_refused_is_named_and_the_others_get_the_mail(campus, faults):
    gone = f"gone-{campus.address}"
    campus.sets("notification", recipients=[campus.address, gone])
    faults.add("smtp", "550_rcpt", addresses=[gone])
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    (mail,) = campus.mails()
    assert mail["envelope_to"] == [campus.address]
    state, message = campus.deliveries(run)["mail"]
    assert state == "delivered"
    assert f"{gone} was refused: 550 5.1.1 no such user here" in message


def test_when_every_address_is_refused_the_run_says_which_and_where_to_correct_it(campus, faults):
    faults.add("smtp", "550_rcpt", times=None)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert "the report mail was not sent" in run.story
    state, message = campus.deliveries(run)["mail"]
    assert state == "failed"
    assert f"{campus.address}: 550" in message
    assert "Correct the addresses in the notification settings" in message
    assert message in campus.notes(run)
    assert campus.register() == TWO_HOLDS
    faults.clear()
    assert campus.run().state == "nothing_to_send"
    assert "nothing to send" in campus.mails()[-1]["subject"]


def test_a_mail_that_carries_the_files_counts_only_when_it_was_taken(campus, faults):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("notification", attach_files=True)
    faults.add("smtp", "554_after_data")
    campus.owes(*TWO_PATRONS)
    refused = campus.run()
    assert_failed_in_words(campus, refused, "refused the mail (554", "It was not sent")
    assert campus.register() == {}
    healed = campus.run()
    assert healed.state == "succeeded", healed.error
    (attachment,) = campus.mails()[-1]["attachments"]
    assert attachment["size"] == len(campus.built(healed)["added"])
    assert campus.register() == TWO_HOLDS


def test_an_alert_that_cannot_be_mailed_is_noted_on_the_run_that_failed(campus, faults):
    faults.add("smtp", "550_rcpt", times=None)
    campus.hands_in(b"")
    run = campus.run()
    assert run.state == "failed"
    assert "the export failed – San Marcos” was not sent" in campus.notes(run)
    assert campus.mails() == []
