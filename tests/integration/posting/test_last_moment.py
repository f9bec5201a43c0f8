"""The last moment before a payment goes out: what is written down then, and who may still send."""

import time

import pytest

from webapp.adapters.alma import transport
from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.client import AlmaClient
from webapp.adapters.alma.config import AlmaConfig, RetryPolicy
from webapp.adapters.alma.limits import LocalRateLimiter
from webapp.adapters.errors import RetryableError


@pytest.fixture
def client_at():
    """An Alma client for this address that tries twice."""
    opened = []

    def make(base_url, key="any"):
        config = AlmaConfig(base_url, key, "01CALS_USM")
        retry = RetryPolicy(tries=2, server_pause_s=0.01)
        client = AlmaClient(config, LocalRateLimiter(100), CallBudget("01CALS_USM", 0), retry=retry)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def pay(client, campus, fee_id, before_send):
    return client.pay_fee(
        campus.patron_id,
        fee_id,
        amount_cents=100,
        method="ONLINE",
        external_transaction_id="FBLAST-1",
        before_send=before_send,
    )


def test_without_a_connection_nothing_is_said_to_have_been_sent(campus, client_at):
    said = []
    with pytest.raises(RetryableError):
        pay(client_at("http://127.0.0.1:9"), campus, "1", lambda: said.append(1))
    assert said == []


def test_it_is_said_once_for_each_try_that_goes_out(campus, client_at, sandbox):
    fee_id, said = campus.charges("5.00"), []
    campus.alma.fault("alma.fees.pay", "per_second")
    pay(client_at(sandbox.http, campus.alma.key), campus, fee_id, lambda: said.append(1))
    assert (len(said), len(campus.booked(fee_id))) == (2, 1)


def test_whoever_may_not_go_on_sends_nothing(campus, client_at, sandbox):
    fee_id = campus.charges("5.00")

    class TakenOverError(BaseException):
        pass

    def taken_over():
        raise TakenOverError

    with pytest.raises(TakenOverError):
        pay(client_at(sandbox.http, campus.alma.key), campus, fee_id, taken_over)
    assert campus.booked(fee_id) == []


def test_a_process_that_stood_still_right_before_it_sends_does_not_send(
    campus, client_at, sandbox, monkeypatch
):
    """It may have been given up meanwhile, and another one have looked and sent in its place."""
    monkeypatch.setattr(transport, "_FROZEN_AFTER_S", 0.05)
    fee_id, said = campus.charges("5.00"), []

    def frozen_the_first_time():
        said.append(1)
        if len(said) == 1:
            time.sleep(0.2)

    pay(client_at(sandbox.http, campus.alma.key), campus, fee_id, frozen_the_first_time)
    assert (len(said), len(campus.booked(fee_id))) == (2, 1)
