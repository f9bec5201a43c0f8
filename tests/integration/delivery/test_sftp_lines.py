"""Lines that are cut, fall silent or drip, and answers that are lost."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from tests.integration.delivery.conftest import CONTENT, NAME, TOKEN
from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError

PART = f".{NAME}.{TOKEN}.part"
LARGE = b"0123456789abcdef" * 512 * 1024  # 8 MiB: more than the buffers on the way can hold


@contextmanager
def given_up_within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("how", ["reset", "eof"])
@pytest.mark.parametrize("percent", [0, 1, 10, 33, 50, 75, 99, 100])
def test_a_line_cut_in_mid_file_is_retried_and_the_part_is_cleared_away(campus, board, percent, how):
    board.add("sftp", "cut_at_byte", byte=min(len(CONTENT) * percent // 100, len(CONTENT) - 1), how=how)
    with pytest.raises(RetryableError, match=r"cut the line .* Nothing stands under the final name"):
        campus.put()
    assert NAME not in campus.lying()
    assert campus.fences == 0
    receipt = campus.put()
    assert receipt.notes == ("A part left by an earlier attempt was cleared away.",)
    assert campus.lying() == {NAME: CONTENT}
    assert campus.acts("rename") == ["rename"]


@pytest.mark.parametrize("trouble", [{}, {"byte": 0}, {"byte": 4_000_000}])
def test_a_black_hole_is_given_up_within_its_limit(campus, board, trouble):
    board.add("sftp", "black_hole", **trouble)
    with given_up_within(4.5), pytest.raises(RetryableError, match=r"gave no answer.* 2 s"):
        campus.put(LARGE)
    assert NAME not in campus.lying()
    campus.put(LARGE)
    assert campus.lying() == {NAME: LARGE}


def test_a_line_that_drips_for_ever_is_ended_by_the_limit_for_the_whole(campus, board):
    board.add("sftp", "slow_write", seconds=0.3)
    with (
        given_up_within(4),
        pytest.raises(RetryableError, match=r"the 2\.5 s allowed for the whole were over"),
    ):
        campus.put(LARGE, transfer_limit_s=2.5)
    assert NAME not in campus.lying()


def _answering(answer, *, every_s=0.1):
    """A listener that drips ``answer`` for ever instead of speaking SSH."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve():
        line, _peer = listener.accept()
        with line:
            while not stopped.wait(every_s):
                try:
                    line.sendall(answer)
                except OSError:
                    return

    threading.Thread(target=serve, daemon=True).start()
    return listener, stopped


@pytest.mark.parametrize("answer", [b"x", b"", b"220 this is no SSH server\r\n", b"\x00\xff"])
def test_a_peer_that_does_not_speak_ssh_is_given_up_in_time(campus, answer):
    listener, stopped = _answering(answer)
    with listener, given_up_within(4), pytest.raises(RetryableError, match="before its host key was known"):
        campus.put(port=listener.getsockname()[1], timeout_s=1.5)
    stopped.set()


def test_a_peer_that_hangs_up_at_once_is_tried_again(campus):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(RetryableError, match="before its host key was known"):
            campus.put(port=listener.getsockname()[1])


@pytest.mark.parametrize("taken", [False, True])
def test_a_rename_whose_answer_is_lost_is_settled_by_looking(campus, board, taken):
    board.add("sftp", "rename_answer_lost", taken=taken)
    with pytest.raises(UnknownOutcomeError, match="not known whether the file was delivered"):
        campus.put()
    assert campus.settle() == "delivered"
    assert (NAME in campus.lying()) is not taken
    assert campus.acts("rename") == ["rename"]


def test_a_rename_that_never_happened_is_settled_as_not_delivered_and_can_be_repeated(campus, board):
    board.add("sftp", "rename_answer_lost", done=False)
    with pytest.raises(UnknownOutcomeError):
        campus.put()
    assert campus.settle() == "not_delivered"
    assert campus.lying() == {PART: CONTENT}
    campus.put()
    assert campus.lying() == {NAME: CONTENT}


def test_a_rename_answered_too_late_is_settled_by_looking(campus, board):
    board.add("sftp", "slow_rename", seconds=2.5)
    with given_up_within(4), pytest.raises(UnknownOutcomeError, match="gave no answer"):
        campus.put(timeout_s=1)
    assert campus.settle() == "delivered"
    assert campus.lying() == {NAME: CONTENT}


def test_settling_only_looks(campus, board):
    board.add("sftp", "rename_answer_lost", done=False)
    with pytest.raises(UnknownOutcomeError):
        campus.put()
    before = len(campus.drop.operations())
    campus.settle()
    assert {op.act for op in campus.drop.operations()[before:]} <= {
        "connect",
        "sign_in_begun",
        "sign_in_by_password",
    }


def test_a_lost_control_file_is_sent_alone_on_the_next_attempt(campus, board):
    board.add("sftp", "rename_answer_lost", after=1, done=False)
    with pytest.raises(UnknownOutcomeError, match=r"control file .*\.done may be missing"):
        campus.put(trigger_suffix=".done")
    assert NAME in campus.lying()
    assert campus.settle(trigger_suffix=".done") == "not_delivered"
    campus.put(trigger_suffix=".done")
    assert campus.lying().keys() == {NAME, f"{NAME}.done"}
    assert campus.settle(trigger_suffix=".done") == "delivered"
    assert [op.path.rpartition("/")[2] for op in campus.drop.operations("rename")] == [NAME]


def test_both_files_fetched_means_delivered(campus, board):
    board.add("sftp", "rename_answer_lost", after=1)
    with pytest.raises(UnknownOutcomeError):
        campus.put(trigger_suffix=".done")
    for path in campus.folder.iterdir():
        path.unlink()
    assert campus.settle(trigger_suffix=".done") == "delivered"


def test_under_the_final_name_a_cut_part_is_known_and_replaced(campus, board):
    board.add("sftp", "cut_at_byte", byte=70_000)
    with pytest.raises(RetryableError, match="A part of it may stand there"):
        campus.put(LARGE, use_temporary_name=False)
    assert campus.lying() == {NAME: LARGE[:70_000]}
    receipt = campus.put(LARGE, use_temporary_name=False)
    assert receipt.notes == (f"The part of {NAME} left by an earlier attempt was replaced.",)
    assert campus.lying() == {NAME: LARGE}


def test_under_the_final_name_a_cut_after_the_last_byte_was_handed_over_is_settled_by_the_size(campus, board):
    small = CONTENT[:20_000]
    board.add("sftp", "cut_at_byte", byte=10)
    with pytest.raises(UnknownOutcomeError):
        campus.put(small, use_temporary_name=False)
    assert campus.settle(content=small, use_temporary_name=False) == "not_delivered"
    campus.put(small, use_temporary_name=False)
    assert campus.lying() == {NAME: small}


def test_under_the_final_name_somebody_elses_shorter_file_is_not_taken_for_our_part(campus):
    (campus.folder / NAME).write_bytes(b"000000001\tnot ours")
    with pytest.raises(PermanentError, match="not fetched yet"):
        campus.put(use_temporary_name=False)
    assert campus.lying() == {NAME: b"000000001\tnot ours"}


def test_under_the_final_name_a_lost_close_is_settled_by_the_size(campus, board):
    board.add("sftp", "close_answer_lost")
    with pytest.raises(UnknownOutcomeError, match="asked to take"):
        campus.put(use_temporary_name=False)
    assert campus.settle(use_temporary_name=False) == "delivered"


def test_under_the_final_name_a_file_that_is_gone_is_a_question_for_a_person(campus, board):
    board.add("sftp", "close_answer_lost")
    board.add("sftp", "taken_at_once")
    with pytest.raises(UnknownOutcomeError):
        campus.put(use_temporary_name=False)
    with pytest.raises(UnknownOutcomeError, match="Ask the receiver"):
        campus.settle(use_temporary_name=False)


def test_settling_over_a_dead_line_is_tried_again(campus, board):
    board.add("sftp", "black_hole")
    with given_up_within(4), pytest.raises(RetryableError, match="gave no answer"):
        campus.settle(timeout_s=1)


def test_no_thread_is_left_behind_by_deliveries_good_and_bad(campus, board):
    before = set(threading.enumerate())
    campus.put()
    board.add("sftp", "black_hole", byte=100)
    with pytest.raises(RetryableError):
        campus.put(timeout_s=1, token="d2", name="b.txt")
    campus.drop.stop()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(threading.enumerate()) - before == set()
