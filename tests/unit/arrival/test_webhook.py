"""Whether a message of Alma's webhook is genuine, and what it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.adapters.alma.webhook import WebhookBodyError, read_message, signature_matches

SECRET, BODY = "itsasecret", b"The POST request body"
SIGNATURE = "e9SHoXK4MZrSGqhglMK4w+/u1pjYn0bfTEYtcFqj7CE="


def job_end(**changes):
    job = {
        "id": "1429676950006421",
        "name": "Export to bursar using profile BURSAR",
        "status": {"value": "COMPLETED_SUCCESS", "desc": "Completed Successfully"},
        "counter": [
            {"type": {"value": "com.exlibris.external.bursar.report.user_count"}, "value": "3"},
            {"type": {"value": "com.exlibris.external.bursar.report.fines_fees_count"}, "value": "12"},
            {"type": {"value": "Failed to process record"}, "value": "not a number"},
        ],
    }
    return {
        "id": "1429676950006421",
        "action": "JOB_END",
        "institution": {"value": "01CALS_USM"},
        "job_instance": job | changes,
    }


def test_the_signature_is_over_the_bytes():
    assert signature_matches(SECRET, BODY, SIGNATURE)
    assert not signature_matches(SECRET, BODY + b" ", SIGNATURE)
    assert not signature_matches("another", BODY, SIGNATURE)


@pytest.mark.parametrize("given_text", ["", "é", SIGNATURE[:-1], SIGNATURE.lower(), "null"])
def test_anything_else_is_no_signature(given_text):
    assert not signature_matches(SECRET, BODY, given_text)


def test_a_job_end_says_which_bursar_job_ended_how():
    message = read_message(json.dumps(job_end()).encode())
    assert (message.event_id, message.action, message.institution) == (
        "1429676950006421",
        "JOB_END",
        "01CALS_USM",
    )
    assert (message.job.bursar_profile, message.job.job_id) == ("BURSAR", "1429676950006421")
    assert message.job.is_success
    assert message.job.fee_count == 12


def test_letter_case_and_blanks_vary():
    told = job_end(
        name=" export TO Bursar using  Profile  Library debits ", status={"value": "completed_success"}
    )
    told["action"] = "job_end"
    message = read_message(json.dumps(told).encode())
    assert message.action == "JOB_END"
    assert message.job.bursar_profile == "Library debits"
    assert message.job.is_success


@pytest.mark.parametrize(
    "name", ["Import from Bursar Using Profile X", "Publishing Platform Job", "", None, 7]
)
def test_other_jobs_are_not_the_bursar_export(name):
    assert read_message(json.dumps(job_end(name=name)).encode()).job.bursar_profile == ""


def test_other_actions_have_no_job():
    told = {"id": "1", "action": "LOAN_RETURNED", "job_instance": None}
    assert read_message(json.dumps(told).encode()).job is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"7", b"{}", b'{"id": "1"}', b'{"action": "JOB_END"}', b'{"id": {}, "action": "JOB_END"}',
     b'{"id": "%s", "action": "JOB_END"}' % (b"1" * 101), b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_message_is_refused_in_words(body):
    with pytest.raises(WebhookBodyError, match=r"The (body|message)"):
        read_message(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["name", "id", "status", "counter"]), json_values))
def test_whatever_a_job_holds_it_is_read_or_refused(changes):
    told = job_end(**changes)
    assert read_message(json.dumps(told).encode()).action == "JOB_END"
