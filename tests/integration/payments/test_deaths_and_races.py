"""An import that dies at any step, and two that want the same at once: every payment is booked once, and none is lost."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from importlib import import_module
from io import BytesIO

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, OTHER, item
from webapp.services import apply_money
from webapp.services.apply_money import MoneyRefusedError
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file
from webapp.services.submit_run import submit_run

ANN = Actor(None, "Ann")
STEPS = "worker.pipelines.payments"


def at_once(*calls) -> list[Future]:
    """Carry these out beside each other, each in this application's context, until all are done."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [threads.submit(copy_context().run, *call) for call in calls]


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"), Fee("1002", "90.00"), Fee("2001", "5.00", patron=OTHER))
    return books


@pytest.mark.parametrize(
    ("step", "function", "is_done"),
    [
        ("receive", "_result", False),
        ("read", "_give_faults_back", False),
        ("ask", "ask_alma", True),
        ("check", "median", False),
        ("book", "tell", False),
        ("look_again", "apply_what_is_known_now", True),
        ("report", "_send_rejects", True),
    ],
)
def test_an_import_that_dies_at_any_step_books_once_when_it_is_taken_over(
    billed, monkeypatch, step, function, is_done
):
    billed.hands_in(item("1009", "3.00", "3.00", nbr="9"), name="early.csv")
    billed.charges(Fee("1009", "3.00"))
    module = import_module(f"{STEPS}.{step}")
    working = getattr(module, function)

    def die(*args, **kwargs):
        if is_done:
            working(*args, **kwargs)
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(module, function, die)
        with pytest.raises(SystemExit):
            billed.hands_in(item(), item("1002", "9.x", nbr="2"))
    run_id = billed.campus.scalar("SELECT max(id) FROM run WHERE pipeline = 'payment_import'")
    run = billed.campus.take_over(run_id)
    assert run.state == "succeeded", run.error
    assert billed.payments() == [("1009", "payment", 3_00), ("1001", "payment", 12_50)]
    assert billed.lines() == [("1009", 3_00, "waiting", ""), ("1001", 12_50, "waiting", "")]
    told = billed.campus.query(
        "SELECT fee_ref, amount_cents FROM ledger_entry WHERE event = 'payment' ORDER BY fee_ref"
    )
    assert told == [("1001", -12_50), ("1009", -3_00)]


def test_two_workers_with_two_overlapping_files_book_each_payment_once(billed):
    mine, theirs = item(), item("2001", "5.00", "5.00", OTHER, "2")
    run_ids = []
    for name, lines in (("a.csv", (mine, theirs)), ("b.csv", (theirs, mine, item("1002", "1.00", nbr="3")))):
        received = receive_file(
            billed.tenant_id, Origin("payments", "upload", name),
            BytesIO("\r\n".join([HEADING, *lines, ""]).encode()), settings=billed.settings, actor=ANN, submit=False,
        )  # fmt: skip
        run_ids.append(
            submit_run(
                billed.tenant_id, "payment_import", options={"inbound_file_id": received.inbound_file_id}
            )
        )
    for done in at_once((billed.campus.work,), (billed.campus.work,)):
        done.result()
    billed.campus.work()
    assert [billed.campus.the_run(run_id).state for run_id in run_ids] == ["succeeded", "succeeded"]
    assert sorted(billed.payments()) == [
        ("1001", "payment", 12_50), ("1002", "payment", 1_00), ("2001", "payment", 5_00),
    ]  # fmt: skip
    assert billed.adds_up()


def test_two_people_and_an_import_that_want_the_same_money_place_it_once(billed):
    billed.hands_in(item("1009", "3.00", "3.00", nbr="9"), name="early.csv")
    payment = billed.campus.scalar("SELECT max(id) FROM payment")
    billed.charges(Fee("1009", "3.00"))

    def applies(fee_ref: str) -> str:
        try:
            apply_money.apply_to_fees(
                billed.tenant_id, payment, 1, [(fee_ref, 3_00)], actor=ANN, reason="asked"
            )
        except (MoneyRefusedError, LookupError) as err:
            return str(err)
        return "applied"

    imported, *said = at_once((billed.hands_in, item()), (applies, "1002"), (applies, "1002"))
    assert imported.result().state == "succeeded"
    assert [one.result() for one in said].count("applied") <= 1
    placed = [cents for _, cents, state, _ in billed.lines() if state == "waiting"]
    assert sorted(placed) == [3_00, 12_50]
    assert billed.adds_up()
