"""The whole process: what reaches the drop and the mailbox is in the judge's book."""

import hashlib
import smtplib
from email.message import EmailMessage

import paramiko
import pytest
import requests

from tests.integration.sandbox.alma import TIMEOUT_S
from webapp.sandbox.process import start_sandbox


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with start_sandbox(data=tmp_path_factory.mktemp("sandbox"), drop_folders=["parking"]) as running:
        yield running


def signed_in(whole):
    transport = paramiko.Transport((whole.sftp["host"], whole.sftp["port"]))
    transport.connect(username=whole.sftp["username"], password=whole.sftp["password"])
    return transport


def judged(whole):
    return requests.get(f"{whole.http}/book.json", timeout=TIMEOUT_S).json()


def fault(whole, **described):
    assert requests.post(f"{whole.http}/faults", json=described, timeout=TIMEOUT_S).status_code == 201


def a_mail():
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.edu", "b@example.edu", "Holds"
    mail.set_content("1 added\n")
    return mail


def test_a_file_put_by_sftp_is_listed_with_its_checksum_and_every_operation(whole):
    with signed_in(whole) as transport, paramiko.SFTPClient.from_transport(transport) as client:
        assert sorted(client.listdir("/")) == ["csusm", "humboldt", "parking"]
        with client.open("/csusm/added.txt.part", "w") as file:
            file.write("001\t12.50\n")
        client.rename("/csusm/added.txt.part", "/csusm/added.txt")
    files = requests.get(f"{whole.http}/drop.json", timeout=TIMEOUT_S).json()["files"]
    assert [(entry["path"], entry["sha256"]) for entry in files] == [
        ("csusm/added.txt", hashlib.sha256(b"001\t12.50\n").hexdigest())
    ]
    acts = [entry["act"] for entry in judged(whole)["sftp"]]
    assert acts.index("open") < acts.index("rename")


def test_the_host_key_shown_is_the_one_announced(whole):
    with signed_in(whole) as transport:
        assert transport.get_remote_server_key().fingerprint == whole.sftp["fingerprint"]


def test_a_fault_switched_on_over_http_strikes_the_sftp_drop(whole):
    fault(whole, kind="sftp.refuse_auth")
    with pytest.raises(paramiko.AuthenticationException):
        signed_in(whole)
    assert judged(whole)["faults"][-1]["kind"] == "refuse_auth"


def test_a_mail_is_in_the_mailbox_and_a_refused_one_is_not(whole):
    fault(whole, where="smtp", kind="451_after_data")
    with smtplib.SMTP(whole.smtp["host"], whole.smtp["port"], timeout=TIMEOUT_S) as server:
        with pytest.raises(smtplib.SMTPDataError):
            server.send_message(a_mail())
        server.send_message(a_mail())
    mails = judged(whole)["mail"]
    assert [(mail["subject"], mail["envelope_to"], mail["text"]) for mail in mails] == [
        ("Holds", ["b@example.edu"], "1 added\n")
    ]


def test_pages_show_what_was_delivered(whole):
    for path, words in (("/drop", "What the server was asked to do"), ("/mailbox", "Newest first")):
        page = requests.get(whole.http + path, headers={"Accept": "text/html"}, timeout=TIMEOUT_S)
        assert words in page.text
