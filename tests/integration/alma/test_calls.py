import socket
import time

import pytest

from tests.integration.alma.conftest import KEY
from tests.integration.alma.stub import Reply, error
from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError

NO_FEES = Reply({"total_record_count": 0, "total_sum": 0, "currency": None})
FEE = {
    "id": "1389888970006381",
    "balance": 0,
    "status": {"value": "CLOSED"},
    "type": {"value": "OVERDUEFINE"},
}
PAID = Reply(FEE)


def pay(client):
    return client.pay_fee(
        "012345678", "1389888970006381", amount_cents=1205, method="ONLINE", external_transaction_id="fb-7-1"
    )


def test_the_key_travels_in_the_header_only(alma, client):
    alma.plan(NO_FEES)
    assert client.fees("012345678") == []
    asked = alma.asked[0]
    assert asked.headers["Authorization"] == f"apikey {KEY}"
    assert asked.headers["Accept"] == "application/json"
    assert KEY not in asked.raw


@pytest.mark.parametrize(
    "failure",
    [
        error("PER_SECOND_THRESHOLD", status=429),
        Reply(b"", 503),
        Reply(b"<html>Maintenance</html>"),
        Reply(b'{"fee": [', announce_bytes=500),
        Reply(hang_up=True),
        Reply(b'{"fee": ['),
    ],
    ids=["threshold", "503", "html behind 200", "cut off", "hung up", "half an answer"],
)
def test_a_question_is_asked_again_after_a_passing_failure(alma, client, failure):
    alma.plan(failure, failure, NO_FEES)
    assert client.fees("012345678") == []
    assert len(alma.asked) == 3


def test_a_question_is_not_asked_for_ever(alma, client):
    alma.route = lambda _asked: error("GENERAL_ERROR", "down", 500)
    with pytest.raises(RetryableError, match="after 4 tries") as caught:
        client.fees("012345678")
    assert len(alma.asked) == 4
    assert caught.value.evidence["tracking_id"] == "E01-TRACK"


def test_not_found_is_a_bad_request_and_final(alma, client):
    alma.plan(error("401861", "User with identifier 7 was not found."))
    with pytest.raises(NotFoundError) as caught:
        client.user("7")
    assert len(alma.asked) == 1
    assert caught.value.evidence == {
        "reason": "User with identifier 7 was not found. (code 401861), tracking id E01-TRACK",
        "http_status": "400",
        "alma_code": "401861",
        "tracking_id": "E01-TRACK",
    }


def test_the_daily_threshold_stops_everything_and_says_until_when(alma, client):
    alma.plan(error("DAILY_THRESHOLD", "Too Many Requests", 429))
    with pytest.raises(PermanentError, match=r"counts anew at \d{4}-\d\d-\d\d 00:00 GMT"):
        client.fees("012345678")
    assert len(alma.asked) == 1


def test_a_redirect_is_not_followed(alma, client):
    alma.plan(Reply(b"", 302, {"Location": f"{alma.url}/elsewhere"}))
    with pytest.raises(PermanentError, match="redirect"):
        client.fees("012345678")
    assert len(alma.asked) == 1


def test_a_refused_key_is_named_by_its_institution_and_never_shown(alma, client):
    alma.plan(error("UNAUTHORIZED", f"Invalid API Key {KEY}", 403))
    with pytest.raises(PermanentError, match="01CALS_USM") as caught:
        client.fees("012345678")
    assert KEY not in caught.value.message + repr(caught.value.evidence) + repr(caught.value)


@pytest.mark.parametrize(
    "reply", [Reply(b"x" * 400, drip_s=0.02), Reply(header_drip_s=0.02)], ids=["body", "head"]
)
def test_an_answer_that_drips_is_cut_off_by_the_wall_clock(alma, make_client, reply):
    alma.route = lambda _asked: reply
    client = make_client(timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(RetryableError):
        client.fees("012345678")
    assert time.monotonic() - began < 9


def test_a_silent_server_is_given_up(alma, make_client):
    alma.route = lambda _asked: Reply(delay_s=1.0)
    with pytest.raises(RetryableError, match="no answer in time"):
        make_client(timeout_s=0.2).fees("012345678")


def test_an_answer_beyond_all_measure_is_refused(alma, client, monkeypatch):
    monkeypatch.setattr("webapp.adapters.alma.calls.MAX_ANSWER_BYTES", 1000)
    alma.plan(Reply(b" " * 5000))
    with pytest.raises(PermanentError, match="more than 1,000 bytes"):
        client.fees("012345678")


def test_nobody_listening_is_retryable_and_says_so(make_client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = make_client(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(RetryableError, match="refused the connection"):
            client.fees("012345678")
        with pytest.raises(RetryableError, match="refused the connection"):
            pay(client)


def test_the_checked_address_is_used_instead_of_the_name(alma, make_client):
    alma.plan(NO_FEES)
    port = alma.url.rsplit(":", 1)[1]
    make_client(base_url=f"http://localhost:{port}", connect_ip="127.0.0.1").fees("012345678")
    assert alma.asked[0].headers["Host"] == f"localhost:{port}"


@pytest.mark.parametrize("user_id", ["", "..", ".", "a\nb"])
def test_an_id_that_could_lead_elsewhere_is_not_sent(alma, client, user_id):
    with pytest.raises(PermanentError, match="cannot be an id"):
        client.fees(user_id)
    assert alma.asked == []


def test_an_id_may_be_a_mail_address_or_have_a_slash(alma, client):
    alma.plan(NO_FEES)
    client.fees("ann/b?c@example.edu")
    assert alma.asked[0].raw.startswith("/almaws/v1/users/ann%2Fb%3Fc%40example.edu/fees?")


def test_a_payment_carries_amount_method_and_our_reference(alma, client):
    alma.plan(PAID)
    assert pay(client).balance_cents == 0
    asked = alma.asked[0]
    assert asked.method == "POST"
    assert asked.query == {
        "op": "pay",
        "amount": "12.05",
        "method": "ONLINE",
        "external_transaction_id": "fb-7-1",
    }


def test_a_payment_is_sent_again_after_the_per_second_threshold_only(alma, client):
    alma.plan(error("PER_SECOND_THRESHOLD", status=429), PAID)
    assert pay(client).status == "CLOSED"
    assert len(alma.asked) == 2


@pytest.mark.parametrize(
    "failure",
    [
        Reply(b"", 500),
        Reply(b"<html>Bad gateway</html>", 502),
        Reply(b"<html>Welcome</html>"),
        Reply(hang_up=True),
        Reply(b'{"id": "13', announce_bytes=400),
        Reply(delay_s=1.0),
        error("402119", "General error."),
        Reply({"id": "7", "balance": 0}),
        Reply({"fee": []}),
    ],
    ids=["500", "502", "html", "hung up", "cut off", "time-out", "general error", "another fee", "no fee"],
)
def test_a_payment_whose_fate_is_unknown_is_never_sent_again(alma, make_client, failure):
    alma.plan(failure)
    alma.route = lambda _asked: PAID
    with pytest.raises(UnknownOutcomeError, match="not sent again"):
        pay(make_client(timeout_s=0.4))
    assert len(alma.asked) == 1


def test_a_payment_that_alma_refuses_is_final(alma, client):
    alma.plan(error("401666", "amount parameter is not valid"))
    with pytest.raises(
        PermanentError, match=r"payment of \$12.05 on fee 1389888970006381.*Nothing was changed"
    ):
        pay(client)


def test_a_waiver_gives_its_reason(alma, client):
    alma.plan(PAID)
    client.waive_fee("012345678", "1389888970006381", amount_cents=100, reason="OTHER", comment="by rule")
    assert alma.asked[0].query == {"op": "waive", "amount": "1.00", "reason": "OTHER", "comment": "by rule"}


@pytest.mark.parametrize("amount_cents", [0, -5])
def test_nothing_or_less_cannot_be_paid(alma, client, amount_cents):
    with pytest.raises(PermanentError):
        client.waive_fee("012345678", "7", amount_cents=amount_cents, reason="OTHER")
    assert alma.asked == []


def test_batch_work_stops_when_alma_says_that_the_day_is_nearly_used_up(alma, make_client):
    alma.plan(Reply(NO_FEES.body, headers={"X-Exl-Api-Remaining": "5000"}))
    budget = CallBudget("01CALS_USM", 5000)
    client = make_client(budget=budget)
    client.fees("012345678")
    with pytest.raises(PermanentError, match="5,000 calls left today"):
        client.fees("012345678")
    alma.plan(PAID)
    assert pay(client).balance_cents == 0
    assert len(alma.asked) == 2


def test_every_exchange_is_recorded_with_its_tracking_id_and_without_the_key(alma, make_client):
    records = []
    alma.plan(error("GENERAL_ERROR", status=500), NO_FEES)
    make_client(on_call=records.append).fees("012345678")
    assert [(made.attempt, made.outcome, made.status, made.tracking_id) for made in records] == [
        (1, "server", 500, "E01-TRACK"),
        (2, "ok", 200, ""),
    ]
    assert records[1].remaining_calls == 390000
    assert KEY not in repr(records)


def test_every_failure_is_one_of_the_three_kinds(alma, client):
    for reply in (
        Reply(b"\xff\xfe\x00", 200),
        Reply(b"", 418),
        Reply(b"", 204),
        Reply(b"[]"),
        Reply(b"{", 400),
    ):
        alma.route = lambda _asked, reply=reply: reply
        with pytest.raises(OutsideError):
            client.fees("012345678")
