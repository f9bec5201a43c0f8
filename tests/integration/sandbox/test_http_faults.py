import time

import pytest
import requests

PAY = {"op": "pay", "amount": "1", "method": "ONLINE", "external_transaction_id": "FB-fault"}


def payments(alma):
    return [entry for entry in alma.book()["money"] if entry["event"] == "pay"]


def pay(alma, timeout_s=20):
    patron, fee = alma.an_active_fee()
    return lambda: alma.call("POST", f"/users/{patron}/fees/{fee['id']}", timeout_s=timeout_s, **PAY)


def test_a_status_before_the_effect_has_no_effect(alma):
    attempt, before = pay(alma), payments(alma)
    alma.fault("alma.fees.pay", "status", status=503)
    assert attempt().status_code == 503
    assert payments(alma) == before
    assert attempt().status_code == 200


def test_a_status_after_the_effect_hides_that_it_happened(alma):
    attempt, before = pay(alma), payments(alma)
    alma.fault("alma.fees.pay", "status_after", status=500)
    assert attempt().status_code == 500
    assert len(payments(alma)) == len(before) + 1


@pytest.mark.parametrize(("kind", "booked"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_time_out_happens_before_or_after_the_effect(alma, kind, booked):
    attempt, before = pay(alma, timeout_s=0.3), payments(alma)
    alma.fault("alma.fees.pay", kind, seconds=1)
    with pytest.raises(requests.ReadTimeout):
        attempt()
    assert len(payments(alma)) == len(before) + booked


@pytest.mark.parametrize(("kind", "booked"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_patient_caller_sees_the_line_cut_in_the_end(alma, kind, booked):
    attempt, before = pay(alma), payments(alma)
    alma.fault("alma.fees.pay", kind, seconds=0)
    with pytest.raises(requests.ConnectionError):
        attempt()
    assert len(payments(alma)) == len(before) + booked


def test_an_html_page_comes_with_status_200(alma):
    alma.fault("alma", "html_error")
    answer = alma.get("/conf/test")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")


@pytest.mark.parametrize(
    ("kind", "code"), [("per_second", "PER_SECOND_THRESHOLD"), ("daily", "DAILY_THRESHOLD")]
)
def test_the_thresholds_can_be_reached_on_demand(alma, kind, code):
    alma.fault("alma", kind)
    answer = alma.get("/conf/test")
    assert (answer.status_code, alma.error_code(answer)) == (429, code)


@pytest.mark.parametrize(
    ("body", "start"), [("alma", b'{"errorsExist"'), ("html", b"<!DOCTYPE"), ("empty", b"")]
)
def test_an_error_may_have_any_kind_of_body(alma, body, start):
    alma.fault("alma", "status", status=502, body=body)
    answer = alma.get("/conf/test")
    assert answer.status_code == 502
    assert answer.content.startswith(start)
    assert (answer.content == b"") == (body == "empty")


def test_a_truncated_answer_is_shorter_than_announced(alma):
    alma.fault("alma.users", "truncated", keep=10)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="10 bytes read"):
        alma.get("/users")


def test_a_dripping_answer_is_whole_but_slow(alma):
    whole = alma.get("/users", limit=3)
    alma.fault("alma.users", "slow_drip", chunk=200, pause_s=0.05)
    started_s = time.monotonic()
    dripped = alma.get("/users", limit=3)
    assert dripped.content == whole.content
    assert time.monotonic() - started_s >= 0.05 * (len(whole.content) // 200)


def test_a_duplicate_answer_repeats_the_last_one_and_does_nothing(alma):
    attempt = pay(alma)
    first = attempt()
    before = payments(alma)
    alma.fault("alma.fees.pay", "duplicate_answer")
    assert attempt().json() == first.json()
    assert payments(alma) == before


def test_a_fault_waits_for_its_own_place_and_its_turn(alma):
    alma.fault("alma.fees.list", "status", after=1)
    assert alma.get("/conf/test").status_code == 200
    assert alma.error_code(alma.get("/users/0/fees")) == "401651"
    assert alma.get("/users/0/fees").status_code == 500
    assert [fault["kind"] for fault in alma.book()["faults"]][-1] == "status"
