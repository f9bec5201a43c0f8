"""Alma's webhook over real HTTP: genuine messages set off a run at once, all others do nothing."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import redis
import requests
from sqlalchemy import text

from tests.integration.arrival.conftest import bursar_xml, run_export
from webapp.models.scope import tenant_scope
from webapp.sandbox.bursar_job import signature
from webapp.services.audit import SYSTEM, verify_chain
from webapp.services.campus_tokens import make_hook_token

SECRET = "a secret of San Marcos"


class Hook:
    """The campus's webhook address, as Alma calls it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def tell(
        self, told: dict[str, Any] | bytes, *, secret: str = SECRET, **headers: str
    ) -> requests.Response:
        body = told if isinstance(told, bytes) else json.dumps(told, indent=1).encode()
        return requests.post(
            self.url, data=body, headers={"X-Exl-Signature": signature(secret, body), **headers}, timeout=5
        )


@pytest.fixture
def hook(campus, portal_url) -> Hook:
    campus.puts_secret("alma_webhook_secret", SECRET)
    return Hook(f"{portal_url}/hooks/alma/{make_hook_token(campus.tenant_id, SYSTEM)}")


def job_end(job_id: str = "777", **changes: Any) -> dict[str, Any]:
    job = {
        "id": job_id,
        "name": "Export to bursar using profile BURSAR",
        "status": {"value": "COMPLETED_SUCCESS"},
        "counter": [
            {"type": {"value": "com.exlibris.external.bursar.report.fines_fees_count"}, "value": "2"}
        ],
    }
    return {"id": job_id, "action": "JOB_END", "job_instance": job | changes}


def run_count(campus) -> int:
    return campus.scalar("SELECT count(*) FROM run")


def test_alma_s_challenge_is_said_back(hook):
    answer = requests.get(hook.url, params={"challenge": 'a "text" <b>'}, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"challenge": 'a "text" <b>'})
    assert answer.headers["Content-Type"] == "application/json"


def test_from_alma_s_job_to_the_file_in_hand(campus, alma, hook):
    told = run_export(alma, webhook_url=hook.url, webhook_secret=SECRET)
    assert told["webhook"] == 200
    campus.work("batch")
    (row,) = campus.arrived()
    assert (row.state, row.job_id) == ("done", told["job_id"])
    assert campus.scalar("SELECT trigger FROM run") == "webhook"
    assert campus.scalar("SELECT run_id FROM alma_event") == row.run_id


def test_the_answer_comes_well_within_five_seconds_and_a_run_waits(campus, hook):
    started = time.monotonic()
    answer = hook.tell(job_end())
    assert time.monotonic() - started < 2
    assert (answer.status_code, answer.json()) == (200, {"message": "It set off a run."})
    assert campus.scalar("SELECT pipeline || options::text FROM run") == 'bursar_conversion{"job_id": "777"}'


def test_the_same_message_again_does_nothing_again(campus, hook):
    hook.tell(job_end())
    for _ in range(2):
        answer = hook.tell(job_end())
        assert (answer.status_code, answer.json()["message"]) == (
            200,
            "This message came before. Nothing was done again.",
        )
    assert run_count(campus) == 1


def test_the_same_message_twenty_times_at_once_sets_off_one_run(campus, hook):
    answers = []
    callers = [
        threading.Thread(target=lambda: answers.append(hook.tell(job_end()).status_code)) for _ in range(20)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == [200] * 20
    assert run_count(campus) == 1


@pytest.mark.parametrize("secret", ["another secret", ""])
def test_a_forged_message_is_refused_and_does_nothing(campus, hook, secret):
    answer = hook.tell(job_end(), secret=secret)
    assert answer.status_code == 401
    assert run_count(campus) == 0
    assert campus.scalar("SELECT count(*) FROM alma_event") == 0


def test_a_message_whose_bytes_were_changed_is_refused(campus, hook):
    body = json.dumps(job_end()).encode()
    given = {"X-Exl-Signature": signature(SECRET, body)}
    answer = requests.post(hook.url, data=body.replace(b", ", b","), headers=given, timeout=5)
    assert answer.status_code == 401
    assert requests.post(hook.url, data=body, timeout=5).status_code == 401
    assert run_count(campus) == 0


def test_a_campus_without_a_secret_takes_nothing(campus, portal_url):
    hook = Hook(f"{portal_url}/hooks/alma/{make_hook_token(campus.tenant_id, SYSTEM)}")
    assert hook.tell(job_end(), secret="").status_code == 401


def test_unknown_addresses_are_all_alike(campus, hook, portal_url, two_tenants):
    path = hook.url.rsplit("/", 1)[0]
    _, _, chance = hook.url.rsplit("/", 1)[1].partition("-")
    answers = [
        requests.post(f"{path}/{token}", data=b"{}", timeout=5)
        for token in (
            f"{campus.tenant_id}-{'0' * 32}",
            f"{two_tenants[1]}-{chance}",
            f"99999-{chance}",
            "made-up",
            f"999999999-{chance}",
        )
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (404, '{"message":"There is no such address."}\n')
    }


def test_a_new_address_ends_the_old_one(campus, hook):
    make_hook_token(campus.tenant_id, SYSTEM)
    assert hook.tell(job_end()).status_code == 404


def test_the_secret_of_one_campus_opens_no_other(campus, hook, portal_url, two_tenants):
    other = Hook(f"{portal_url}/hooks/alma/{make_hook_token(two_tenants[1], SYSTEM)}")
    assert other.tell(job_end()).status_code == 401
    assert run_count(campus) == 0


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (job_end(name="Publishing Platform Job FTP Dump"), "is not the bursar export"),
        (job_end(status={"value": "COMPLETED_FAILED"}), "ended with COMPLETED_FAILED"),
        (
            job_end(
                counter=[
                    {"type": {"value": "com.exlibris.external.bursar.report.fines_fees_count"}, "value": "0"}
                ]
            ),
            "had no fees",
        ),
        ({"id": "1", "action": "LOAN_RETURNED"}, "LOAN_RETURNED is not waited for here"),
    ],
)
def test_other_messages_are_answered_and_set_nothing_off(campus, hook, told, words):
    answer = hook.tell(told)
    assert answer.status_code == 200
    assert words in answer.json()["message"]
    assert run_count(campus) == 0


def test_letter_case_of_job_and_action_does_not_matter(campus, hook):
    told = job_end(name="EXPORT TO BURSAR USING PROFILE bursar")
    told["action"] = "job_end"
    assert hook.tell(told).json()["message"] == "It set off a run."
    assert campus.scalar("SELECT options ->> 'job_id' FROM run") == "777"


def test_the_job_of_another_profile_only_makes_us_look(campus, hook):
    hook.tell(job_end(name="Export to bursar using profile Credits of the law library"))
    assert campus.scalar("SELECT options::text FROM run") == "{}"
    campus.work("batch")
    assert campus.scalar("SELECT state FROM run") == "nothing_to_send"


def test_a_job_whose_file_is_not_there_yet_is_looked_for_again(campus, hook):
    hook.tell(job_end())
    campus.work("batch")
    assert campus.scalar("SELECT state FROM run") == "queued"
    assert "no file BURSAR-777-….xml lies where" in campus.scalar("SELECT story FROM run")
    campus.lays_down("BURSAR-777-1.xml", bursar_xml("1"))
    with tenant_scope(campus.tenant_id) as session:
        session.execute(text("UPDATE run SET not_before = clock_timestamp()"))
        session.commit()
    campus.work("batch")
    assert campus.states() == ["done"]


def test_where_files_are_uploaded_by_hand_a_message_says_so(campus, hook):
    campus.sets(place="none")
    assert "upload the file" in hook.tell(job_end()).json()["message"]
    assert run_count(campus) == 0


@pytest.mark.parametrize("body", [b"", b"not json", b"[]"])
def test_a_signed_body_that_is_no_message_is_refused(hook, body):
    assert hook.tell(body).status_code == 400


def test_a_body_above_the_limit_is_refused_unread(hook):
    assert hook.tell(b"x" * ((1 << 20) + 1)).status_code == 413


def test_what_a_message_set_off_is_in_the_audit_log(campus, hook):
    hook.tell(job_end())
    after = campus.scalar("SELECT after FROM audit_event WHERE action = 'webhook.received'")
    assert after["verdict"] == "It set off a run."
    assert after["run_id"] == campus.scalar("SELECT id FROM run")
    with tenant_scope(campus.tenant_id) as session:
        assert verify_chain(session) == []


def test_redis_away_is_no_hindrance(campus, hook, monkeypatch):
    nobody = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_args, **_kwargs: nobody)
    assert hook.tell(job_end()).status_code == 200
    assert run_count(campus) == 1
