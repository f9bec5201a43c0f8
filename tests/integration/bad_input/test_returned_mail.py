"""A report that a mail server took and then returned: shown on its run, and on nobody else's."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS
from webapp.cli import main
from webapp.services.note_bounce import BounceRefusedError, note_bounce


def returned(mail_id: str, *fates: tuple[str, str, str, str]) -> bytes:
    """What a mail server sends back; a fate is (address, action, status, diagnostic)."""
    blocks = "".join(
        f"\nFinal-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n"
        for address, action, status, said in fates
    )
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="cut"\n\n'
        "--cut\nContent-Type: text/plain\n\nSorry.\n\n--cut\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.edu\n{blocks}\n--cut\nContent-Type: text/rfc822-headers\n\n"
        f"Subject: PeopleSoft Holds Report\nMessage-ID: {mail_id}\n\n--cut--\n"
    ).encode()


@pytest.fixture
def reported(campus):
    """A run whose report was taken by the mail server, and the report's Message-ID."""
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    return run, campus.mails()[-1]["message_id"]


def gone(campus) -> tuple[str, str, str, str]:
    return campus.address, "failed", "5.1.1", "550 5.1.1 no such user here"


def test_a_returned_report_marks_the_delivery_bounced_with_address_and_reason(campus, reported):
    run, mail_id = reported
    noted = note_bounce(returned(mail_id, gone(campus)))
    assert (noted.tenant_id, noted.run_id, noted.is_bounced) == (campus.tenant_id, run.id, True)
    state, message = campus.deliveries(run)["mail"]
    assert state == "bounced"
    assert message == (
        f"The mail to {campus.address} came back: 550 5.1.1 no such user here. Nobody there has read it; correct the "
        "address in the notification settings."
    )
    assert message in campus.notes(run)
    assert campus.the_run(run.id).state == "succeeded"
    assert campus.register() == TWO_HOLDS
    assert campus.deliveries(run)["sftp"] == ("delivered", "")


def test_the_same_notification_says_nothing_twice_and_a_second_address_is_added(campus, reported):
    run, mail_id = reported
    for _ in range(3):
        note_bounce(returned(mail_id, gone(campus)))
    assert campus.deliveries(run)["mail"][1].count("came back") == 1
    assert campus.notes(run).count("came back") == 1
    note_bounce(returned(mail_id, ("bursar@campus.example", "failed", "5.2.2", "552 5.2.2 mailbox full")))
    message = campus.deliveries(run)["mail"][1]
    assert campus.address in message
    assert "bursar@campus.example came back: 552 5.2.2 mailbox full" in message


def test_a_delay_is_noted_and_changes_no_state_and_a_success_says_nothing(campus, reported):
    run, mail_id = reported
    before = campus.notes(run)
    note_bounce(returned(mail_id, (campus.address, "delivered", "2.0.0", "250 ok")))
    assert campus.notes(run) == before
    late = (campus.address, "delayed", "4.4.1", "connection timed out")
    assert not note_bounce(returned(mail_id, late)).is_bounced
    assert campus.deliveries(run)["mail"] == ("delivered", "")
    assert (
        f"The mail to {campus.address} is not delivered yet (4.4.1 connection timed out); the mail server goes on trying."
        in campus.notes(run)
    )


def test_an_id_that_no_run_sent_is_refused_even_when_it_names_a_run(campus, reported):
    run, mail_id = reported
    mark = re.search(r"-([0-9a-f]{20})\.", mail_id)[1]
    others = (
        "<hello@example.edu>",
        mail_id.replace(mark, "0" * 20),
        mail_id.replace(f"run-{run.id}-", f"run-{run.id + 1}-"),
        mail_id.replace(".report.", ".failure."),
        mail_id.replace("@example.edu", "@evil.example"),
    )
    for other in others:
        with pytest.raises(BounceRefusedError, match="No run here has sent a mail"):
            note_bounce(returned(other, gone(campus)))
    assert campus.deliveries(run)["mail"] == ("delivered", "")
    assert "came back" not in campus.notes(run)


def test_another_campus_s_run_shows_nothing_of_it(campus, other_campus, reported):
    run, mail_id = reported
    other_campus.owes(*TWO_PATRONS)
    theirs = other_campus.run()
    note_bounce(returned(mail_id, gone(campus)))
    assert campus.deliveries(run)["mail"][0] == "bounced"
    assert other_campus.deliveries(theirs)["mail"] == ("delivered", "")
    assert "came back" not in other_campus.notes(theirs)
    id_of_theirs = other_campus.mails()[-1]["message_id"]
    note_bounce(returned(id_of_theirs, gone(other_campus)))
    assert campus.notes(run).count("came back") == 1


def test_a_returned_alert_is_noted_on_the_run_that_failed(campus):
    campus.hands_in(b"")
    run = campus.run()
    note_bounce(returned(campus.mails()[-1]["message_id"], gone(campus)))
    assert campus.the_run(run.id).state == "failed"
    assert campus.deliveries(run)["mail_failure"][0] == "bounced"


def test_a_mail_server_pipes_it_into_the_command(campus, reported, environ, tmp_path):
    run, mail_id = reported
    notification = returned(mail_id, gone(campus))
    piped = subprocess.run(
        [sys.executable, "-c", "from webapp.cli import main; main()", "mail", "bounce"],
        input=notification + b"x" * 3_000_000, env={**environ, "FEEBRIDGE_DATA": str(tmp_path)},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.decode().startswith(f"Run {run.id}: bounced. The mail to {campus.address} came back")
    assert campus.deliveries(run)["mail"][0] == "bounced"


@pytest.mark.parametrize(
    ("content", "changes", "code", "words"),
    [
        (b"hello", {}, 2, "not a delivery status notification"),
        (returned("<run-1-00000000000000000000.report.1@example.edu>", ("a@b.example", "failed", "5", "no")), {}, 2, "No run"),
        (
            returned("<run-1-00000000000000000000.report.1@example.edu>", ("a@b.example", "failed", "5", "no")),
            {"DATABASE_SCHEDULER_URL": "postgresql+psycopg://feebridge_scheduler@127.0.0.1:1/none"},
            75,
            "The database could not be reached; nothing was noted",
        ),
    ],
    ids=["no notification", "nobody's mail", "no database"],
)  # fmt: skip
def test_the_command_says_with_its_exit_code_whether_to_try_again(
    environ, monkeypatch, content, changes, code, words
):
    for name, value in {**environ, **changes}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(main, ["mail", "bounce", "-"], input=content)
    assert done.exit_code == code, done.output
    assert words in done.output
