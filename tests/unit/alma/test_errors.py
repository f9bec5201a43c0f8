import json

import pytest

from tests.unit.alma.pages import xml_error
from webapp.adapters.alma.errors import read_fault

ERROR = {
    "errorCode": "401861",
    "errorMessage": "User with identifier 7 was not found.",
    "trackingId": "E02-77",
}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"errorsExist": True, "errorList": {"error": [ERROR]}, "result": None}).encode(),
        json.dumps({"errorsExist": "true", "errorList": {"error": ERROR}}).encode(),
        json.dumps({"web_service_result": {"errorsExist": True, "errorList": {"error": ERROR}}}).encode(),
        b"\n\n " + json.dumps({"errorList": {"error": [ERROR]}}).encode(),
        xml_error("401861", "User with identifier 7 was not found.", "E02-77"),
    ],
    ids=["list", "one object and a text for true", "wrapped by the gateway", "blank lines before", "xml"],
)
def test_an_error_is_read_in_every_shape(body):
    fault = read_fault(400, body)
    assert fault is not None
    assert (fault.kind, fault.code, fault.tracking_id) == ("not_found", "401861", "E02-77")
    assert "User with identifier 7" in str(fault)
    assert fault.evidence == {"http_status": "400", "alma_code": "401861", "tracking_id": "E02-77"}


def test_an_error_without_a_tracking_id_is_read_too():
    body = json.dumps(
        {"errorsExist": True, "errorList": {"error": [{"errorCode": "PER_SECOND_THRESHOLD"}]}}
    ).encode()
    fault = read_fault(429, body)
    assert fault is not None
    assert (fault.kind, fault.tracking_id) == ("busy", "")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"", "server"),
        (502, b"<html>Bad gateway</html>", "server"),
        (503, b"try later", "server"),
        (429, b"", "busy"),
        (401, b"", "key"),
        (403, b"<html>no</html>", "key"),
        (404, b"<html>no</html>", "refused"),
        (302, b"", "refused"),
        (400, b'{"errorsExist": true', "refused"),
    ],
)
def test_without_a_readable_error_the_status_decides(status, body, kind):
    fault = read_fault(status, body)
    assert fault is not None
    assert fault.kind == kind


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "DAILY_THRESHOLD", "Too Many Requests", "daily"),
        (429, "DAILY_THRESHOLD", "Too Many Requests", "daily"),
        (200, "PER_SECOND_THRESHOLD", "", "busy"),
        (400, "UNAUTHORIZED", "", "key"),
        (400, "7", "Invalid API Key", "key"),
        (400, "INTERNAL_SERVER_ERROR", "Path not found (/shared/x)", "not_found"),
        (400, "INTERNAL_SERVER_ERROR", "Something else", "server"),
        (400, "402119", "General error.", "server"),
        (400, "401666", "amount parameter is not valid", "refused"),
        (400, "420033", "No more rows to fetch", "no_more_rows"),
    ],
)
def test_the_code_decides_before_the_status(status, code, message, kind):
    body = json.dumps(
        {"errorsExist": True, "errorList": {"error": [{"errorCode": code, "errorMessage": message}]}}
    )
    fault = read_fault(status, body.encode())
    assert fault is not None
    assert fault.kind == kind


def test_a_good_answer_is_no_fault():
    assert read_fault(200, b'{"fee": [], "total_record_count": 0}') is None
    assert read_fault(200, b'{"fee": [{"title": "The error of our ways"}]}') is None


def test_an_error_behind_a_good_status_is_still_an_error():
    assert read_fault(200, b'{"errorsExist": "true"}') is not None


def test_the_key_is_struck_out_of_what_alma_says():
    fault = read_fault(400, xml_error("1", "The key l7xxsecret may not"), redact="l7xxsecret")
    assert fault is not None
    assert "l7xxsecret" not in str(fault)
    assert "The key … may not" in str(fault)


@pytest.mark.parametrize(
    ("status", "code", "nothing"),
    [
        (429, "PER_SECOND_THRESHOLD", True),
        (400, "401666", True),
        (400, "402119", False),
        (500, "401666", False),
        (200, "401666", False),
    ],
)
def test_only_a_clear_refusal_proves_that_nothing_was_carried_out(status, code, nothing):
    fault = read_fault(status, xml_error(code, "said"))
    assert fault is not None
    assert fault.processed_nothing is nothing
