"""Bells may be lost, doubled and reordered; Redis may be away."""

from __future__ import annotations

import redis

from tests.integration.runs.conftest import finish, pipeline, run_of
from webapp.adapters.queue import RunQueue
from webapp.services.ring_due_runs import BELLS_AT_ONCE, ring_due_runs
from webapp.services.submit_run import submit_run


def test_a_bell_carries_an_id_and_no_word_more(two_tenants, settings, services):
    submit_run(two_tenants[0], "holds_export", options={"note": "canary"})
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as client:
        (key,) = client.keys("rq:job:*")
        message = client.hgetall(key)
    assert b"canary" not in b"".join(message.values())
    assert message[b"result_ttl"] == b"0"
    assert b"holds_export" not in b"".join(message.values())


def test_submitting_succeeds_while_redis_is_away(two_tenants, settings, core, caplog):
    bell = RunQueue("redis://127.0.0.1:1/0")
    assert bell.ring("batch", [1, 2]) == 0
    assert bell.depth("batch") is None
    assert "bell_not_rung" in caplog.text


def test_ringing_again_and_again_does_not_flood_the_queue(two_tenants, settings):
    for n in range(BELLS_AT_ONCE + 10):
        submit_run(two_tenants[0], f"probe{n}", queue="batch")
    bell = RunQueue(settings.redis_url)
    with redis.Redis.from_url(settings.redis_url) as client:
        client.flushall()
    assert ring_due_runs(bell, tenant_cap=2) == BELLS_AT_ONCE
    assert ring_due_runs(bell, tenant_cap=2) == 0
    assert bell.depth("batch") == BELLS_AT_ONCE
    bell.close()


def test_nothing_is_rung_for_a_run_that_waits_for_another(two_tenants, settings, work):
    def wait(_ctx):
        assert ring_due_runs(bell, tenant_cap=2) == 0
        return finish(_ctx)

    bell = RunQueue(settings.redis_url)
    first = submit_run(two_tenants[0], pipeline(wait))
    second = submit_run(two_tenants[0], "probe")
    with redis.Redis.from_url(settings.redis_url) as client:
        client.flushall()
    assert work() == 2
    assert run_of(two_tenants[0], first).state == run_of(two_tenants[0], second).state == "succeeded"
    bell.close()
