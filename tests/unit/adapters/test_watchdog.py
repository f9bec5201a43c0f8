import threading
import time

from webapp.adapters.watchdog import Watchdog


def test_a_line_on_which_nothing_moves_is_closed():
    closed = threading.Event()
    with Watchdog(limit_s=30, stall_s=0.1) as watchdog:
        watchdog.guard(closed.set)
        assert closed.wait(2)
        assert watchdog.expired == "nothing moved for 0.1 s"


def test_a_line_that_moves_is_left_alone_until_the_limit_for_the_whole():
    closed = threading.Event()
    with Watchdog(limit_s=0.5, stall_s=0.2) as watchdog:
        watchdog.guard(closed.set)
        while not closed.wait(0.05):
            watchdog.touch()
        assert 0.45 < watchdog.elapsed_s < 2
        assert watchdog.expired == "the 0.5 s allowed for the whole were over"


def test_what_is_guarded_too_late_is_closed_at_once():
    with Watchdog(limit_s=0.05, stall_s=1) as watchdog:
        deadline = time.monotonic() + 2
        while not watchdog.expired and time.monotonic() < deadline:
            time.sleep(0.01)
        closed = []
        watchdog.guard(lambda: closed.append(True))
        assert closed == [True]


def test_nothing_is_closed_after_a_good_end():
    closed = threading.Event()
    with Watchdog(limit_s=0.1, stall_s=0.1) as watchdog:
        watchdog.guard(closed.set)
    assert not closed.wait(0.3)
    assert watchdog.expired == ""
