from concurrent.futures import ThreadPoolExecutor

import pytest

from webapp.sandbox.faults import Fault, FaultBoard, FaultError, fault_from_json, fault_to_json


def test_an_empty_board_lets_everything_pass():
    assert FaultBoard().take("alma.fees.list") is None


def test_a_fault_strikes_as_often_as_it_was_told_to():
    board = FaultBoard()
    board.add(Fault("alma.fees", "status", times=2))
    struck = [board.take("alma.fees.pay") is not None for _ in range(4)]
    assert struck == [True, True, False, False]


def test_a_fault_lets_the_first_calls_pass():
    board = FaultBoard()
    board.add(Fault("smtp", "421", after=2))
    assert [board.take("smtp.connect") is not None for _ in range(4)] == [False, False, True, False]


def test_a_fault_without_a_count_strikes_until_it_is_cleared():
    board = FaultBoard()
    board.add(Fault("alma", "daily", times=None))
    assert all(board.take("alma.users.get") for _ in range(5))
    assert board.clear("alma") == 1
    assert board.take("alma.users.get") is None


def test_a_fault_covers_its_place_and_what_lies_below_but_not_its_neighbours():
    board = FaultBoard()
    board.add(Fault("alma.fees", "status"))
    assert board.take("alma.users.get") is None
    assert board.take("alma.feestival") is None
    assert board.take("alma.fees.list") is not None


def test_asking_for_kinds_leaves_the_other_faults_waiting():
    board = FaultBoard()
    board.add(Fault("sftp", "rename_answer_lost"))
    assert board.take("sftp.auth", "refuse_auth") is None
    assert board.take("sftp.rename", "rename_answer_lost") is not None


def test_a_call_that_can_go_wrong_in_several_ways_takes_each_fault_once():
    board = FaultBoard()
    board.add(Fault("alma.analytics", "bad_row", times=2))
    board.add(Fault("alma.analytics", "stale_report"))
    assert [fault.kind for fault in board.take_each("alma.analytics.reports")] == ["bad_row", "stale_report"]
    assert [fault.kind for fault in board.list()] == ["bad_row"]


def test_clearing_one_place_keeps_the_faults_elsewhere():
    board = FaultBoard()
    board.add(Fault("alma.fees", "status"))
    board.add(Fault("sftp", "disk_full"))
    assert board.clear("alma") == 1
    assert [fault.where for fault in board.list()] == ["sftp"]


def test_what_struck_is_remembered_for_the_judge():
    board = FaultBoard()
    board.add(Fault("alma", "status", times=2))
    board.take("alma.users")
    board.take("alma.fees")
    assert [fault.kind for fault in board.fired()] == ["status", "status"]


def test_threads_together_take_a_fault_exactly_as_often_as_allowed():
    board = FaultBoard()
    board.add(Fault("alma", "status", times=50))
    with ThreadPoolExecutor(8) as pool:
        struck = list(pool.map(lambda _: board.take("alma.fees"), range(200)))
    assert sum(fault is not None for fault in struck) == 50


def test_a_fault_travels_through_json_with_its_options():
    fault = fault_from_json({"where": "alma.fees", "kind": "status", "status": 503, "times": None})
    assert fault == Fault("alma.fees", "status", None, 0, {"status": 503})
    assert fault_from_json(fault_to_json(fault)) == fault


def test_a_kind_written_with_its_place_needs_no_place():
    assert fault_from_json({"kind": "sftp.cut_at_byte", "byte": 10}) == Fault(
        "sftp", "cut_at_byte", 1, 0, {"byte": 10}
    )


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"kind": "status"}, "where"),
        ({"where": "alma"}, "kind"),
        ({"where": "alma", "kind": "status", "times": "often"}, "times is 'often'"),
    ],
)
def test_a_fault_that_cannot_be_understood_says_why(described, words):
    with pytest.raises(FaultError, match=words):
        fault_from_json(described)


@pytest.mark.parametrize("fault", [Fault("alma", "status", times=0), Fault("alma", "status", after=-1)])
def test_impossible_counts_are_refused(fault):
    with pytest.raises(FaultError):
        FaultBoard().add(fault)
