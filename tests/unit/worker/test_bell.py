"""Messages are read as narrowly as can be: whoever can write to Redis can make a worker do nothing of theirs."""

from __future__ import annotations

import json
import logging
import pickle
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer

from worker.bell import MESSAGE_LIMIT, Bell, SignsOfLife

NAME = "worker.main.perform_run"


class Connection:
    """Remembers what was thrown away."""

    def __init__(self) -> None:
        self.deleted: list[Any] = []

    def delete(self, key: Any) -> None:
        self.deleted.append(key)


def bell(data: bytes, heard: list[int], **more: bytes) -> Bell:
    """A message read from these fields."""
    Bell.allowed = {NAME: heard.append}
    found = Bell("1", connection=Connection(), serializer=JSONSerializer)
    found.restore({b"data": data, **{name.encode(): value for name, value in more.items()}})
    return found


def message(*parts: Any) -> bytes:
    return zlib.compress(json.dumps(parts).encode())


def test_a_message_of_ours_is_answered_with_its_run_id():
    heard: list[int] = []
    bell(message(NAME, None, [41], {}), heard).answer()
    assert heard == [41]


@pytest.mark.parametrize(
    "data",
    [
        message("os.system", None, ["touch /tmp/x"], {}),
        message(NAME, None, ["touch /tmp/x"], {}),
        message(NAME, None, [1, 2], {}),
        message(NAME, None, [], {}),
        message([NAME], None, [1], {}),
        message("worker.main.main", None, [1], {}),
        pickle.dumps(("os.system", None, ("x",), {})),
        zlib.compress(b"[" * 100_000),
        zlib.compress(json.dumps([NAME, None, [1], {"x": "y" * MESSAGE_LIMIT}]).encode()),
        b"",
        b"\xff",
    ],
)
def test_any_other_message_is_thrown_away_and_logged(data, caplog):
    heard: list[int] = []
    with pytest.raises(NoSuchJobError):
        bell(data, heard)
    assert heard == []
    assert "message_refused" in caplog.text


def test_callbacks_named_in_a_message_are_not_read():
    found = bell(message(NAME, None, [1], {}), [], success_callback_name=b"os.system", webhooks=b"http://x")
    assert found.success_callback is None
    assert not found.failure_callback


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_crash(data):
    logging.disable(logging.CRITICAL)
    try:
        bell(data, [])
    except NoSuchJobError:
        pass
    finally:
        logging.disable(logging.NOTSET)


def test_signs_of_life_grow_old():
    signs = SignsOfLife()
    assert 0 <= signs.silent_for_s() < 1
