import errno
import hashlib
import os
from uuid import uuid4

import pytest

from webapp.adapters import files
from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.files import FileStore

KEY = "csusm/runs/81/holds_added.txt"
CONTENT = b"001234567\t12.50\r\n" * 5000


@pytest.fixture(params=["folder", "file-url", "memory"])
def store(request, tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    url = {
        "folder": str(tmp_path / "store"),
        "file-url": (tmp_path / "store").as_uri(),
        "memory": f"memory://store-{uuid4().hex}",
    }
    return FileStore(url[request.param])


def _write_and_fail(store, content):
    with store.writer(KEY) as writer:
        writer.write(content)
        raise RuntimeError("halfway")


def _leftovers(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_what_was_written_is_read_back_with_size_and_hash(store):
    with store.writer(KEY) as writer:
        for start in range(0, len(CONTENT), 1000):
            assert writer.write(CONTENT[start : start + 1000]) == len(CONTENT[start : start + 1000])
    assert writer.size == len(CONTENT) == store.size(KEY)
    assert writer.sha256 == hashlib.sha256(CONTENT).hexdigest()
    with store.open(KEY) as stream:
        assert stream.read() == CONTENT


def test_a_file_appears_only_when_it_is_whole(store, tmp_path):
    with store.writer(KEY) as writer:
        writer.write(CONTENT)
        assert not store.exists(KEY)
    assert store.exists(KEY)
    assert _leftovers(tmp_path) == []


def test_a_file_whose_making_failed_never_appears(store, tmp_path):
    with pytest.raises(RuntimeError, match="halfway"):
        _write_and_fail(store, CONTENT)
    assert not store.exists(KEY)
    assert _leftovers(tmp_path) == []


def test_making_a_file_again_replaces_it_whole_and_a_failure_leaves_the_old_one(store):
    with store.writer(KEY) as writer:
        writer.write(b"first")
    with pytest.raises(RuntimeError, match="halfway"):
        _write_and_fail(store, b"half of the sec")
    with store.open(KEY) as stream:
        assert stream.read() == b"first"
    with store.writer(KEY) as writer:
        writer.write(b"second")
    with store.open(KEY) as stream:
        assert stream.read() == b"second"


def test_an_empty_file_is_a_file(store):
    with store.writer(KEY) as writer:
        pass
    assert (store.size(KEY), writer.sha256) == (0, hashlib.sha256(b"").hexdigest())


def test_a_file_that_is_gone_says_so_and_deleting_twice_is_fine(store):
    with store.writer(KEY) as writer:
        writer.write(b"x")
    store.delete(KEY)
    store.delete(KEY)
    assert not store.exists(KEY)
    with pytest.raises(
        PermanentError, match=r"holds_added\.txt could not be read: it is not in the file store"
    ):
        store.open(KEY)
    with pytest.raises(PermanentError):
        store.size(KEY)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../secrets",
        "a/../../b",
        "a//b",
        "a/./b",
        "a/",
        ".hidden",
        "a\\b",
        "a\nb",
        "a\0b",
        "a b",
        "ä",
        "C:x",
        "s3://other/x",
        "a/" * 300 + "b",
        "a" * 201,
    ],
)
def test_a_key_that_is_not_ours_is_refused(store, key):
    for act in (store.open, store.exists, store.size, store.delete, store.writer):
        with pytest.raises(PermanentError, match="cannot be the key"):
            act(key)


def test_a_full_disk_is_said_so_and_nothing_is_left(tmp_path, monkeypatch):
    store = FileStore(str(tmp_path / "store"))

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RetryableError, match="disk of the file store is full"), store.writer(KEY) as writer:
        writer.write(CONTENT)
    assert not store.exists(KEY)
    assert _leftovers(tmp_path) == []


def test_a_failing_object_storage_is_retried_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    store = FileStore(f"memory://store-{uuid4().hex}")

    class ThrottledError(Exception):
        pass

    def throttled(*_args):
        raise ThrottledError("SlowDown")

    monkeypatch.setattr(type(store._fs), "put_file", throttled)
    with pytest.raises(RetryableError, match="answered ThrottledError"), store.writer(KEY) as writer:
        writer.write(b"x")
    assert not store.exists(KEY)
    assert _leftovers(tmp_path) == []


def test_writing_outside_the_block_is_a_mistake_that_shows():
    writer = FileStore("memory://unused").writer(KEY)
    with pytest.raises(ValueError, match="not open"):
        writer.write(b"x")


def test_parts_left_by_a_killed_writer_are_forgotten_and_whole_files_stay(store, tmp_path):
    with store.writer(KEY) as writer:
        writer.write(CONTENT)
    folder_key = KEY.rpartition("/")[0]
    left = store.part_path(f"{folder_key}/other")
    left.write_bytes(b"half")
    elsewhere = store.part_path("csusm/runs/82/other")
    elsewhere.write_bytes(b"half")
    is_folder = left.is_relative_to(tmp_path / "store")
    assert store.forget_parts(folder_key) == int(is_folder)
    assert left.exists() is not is_folder
    assert elsewhere.exists()
    assert store.exists(KEY)
    assert store.forget_parts("csusm/runs/never") == 0


def test_a_writer_that_was_frozen_while_its_folder_was_cleared_publishes_nothing(tmp_path):
    store = FileStore(str(tmp_path))
    frozen = store.writer(KEY)
    frozen.__enter__()
    frozen.write(b"old news")
    store.forget_parts(KEY.rpartition("/")[0])
    with store.writer(KEY) as successor:
        successor.write(CONTENT)
    with pytest.raises(PermanentError):
        frozen.__exit__(None, None, None)
    with store.open(KEY) as stream:
        assert stream.read() == CONTENT
