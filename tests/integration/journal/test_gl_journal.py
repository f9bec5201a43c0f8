"""The GL journal on a real database and a real drop: every payment in exactly one journal, whatever happens."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.integration.bursar.conftest import Campus, campus, drop, environ, faults, mailbox  # noqa: F401
from tests.integration.bursar.test_interruptions import DyingWorker
from tests.integration.bursar.test_told_once import answer_lost  # noqa: F401
from webapp.domain.layouts.either_way import READY_MADE
from webapp.models import Payment, PaymentLine, SeenFee
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.services.apply_money import ignore_money
from webapp.services.audit import Actor
from webapp.services.settle_effect import settle_effect
from webapp.services.submit_run import submit_run
from webapp.store import journals
from worker.pipelines import PIPELINES
from worker.pipelines.gl_journal import GL_JOURNAL
from worker.steps import Pipeline

MONDAY, TUESDAY = datetime(2026, 3, 2, 20, tzinfo=UTC), datetime(2026, 3, 3, 20, tzinfo=UTC)


@pytest.fixture
def books(campus: Campus) -> Campus:  # noqa: F811
    campus.sets(
        "gl",
        business_unit="SMCMP",
        chartfields={
            "OVERDUEFINE": "580090 / SM001 / 1200",
            "LOSTITEMREPLACEMENTFEE": "580094 / SM001 / 1200",
        },
        clearing="101100 / SM001",
    )
    return campus


def pays(
    campus: Campus,  # noqa: F811
    cents: int,
    fee_type="OVERDUEFINE",
    at=MONDAY,
    source="cashier",
    kind="payment",
    item_key="",
    **line,
) -> int:
    """One payment that reached its fee; returns its id."""
    with tenant_scope(campus.tenant_id) as session:
        number = session.scalar(text("SELECT count(*) FROM payment")) + 1
        fee_id = f"fee{number}"
        session.add(
            SeenFee(fee_id=fee_id, patron_id="jdoe", fee_type=fee_type, status="CLOSED", balance_cents=0)
        )
        payment = Payment(
            ref=f"FBTEST{number:04}",
            source=source,
            kind=kind,
            event_key=f"e{number}",
            item_key=item_key,
            amount_cents=cents,
        )
        session.add(payment)
        session.flush()
        values = {"state": "posted", "posted_at": at, "fee_id": fee_id} | line
        session.add(
            PaymentLine(
                payment_id=payment.id, n=1, amount_cents=cents, external_id=f"{payment.ref}-1", **values
            )
        )
        session.commit()
        return payment.id


def runs_journal(campus: Campus, *, dry_run=False):  # noqa: F811
    run_id = submit_run(campus.tenant_id, "gl_journal", dry_run=dry_run)
    campus.work()
    return campus.the_run(run_id)


def journalled(campus: Campus) -> list[tuple[int, str, int]]:  # noqa: F811
    return campus.query("SELECT payment_id, event, amount_cents FROM journal_line ORDER BY id")


def test_a_days_payments_become_a_balanced_journal_on_the_server(books):
    pays(books, 12_50)
    pays(books, 2_77)
    pays(books, 90_00, "LOSTITEMREPLACEMENTFEE")
    run = runs_journal(books)
    assert run.state == "succeeded", run.error
    ((name, lines),) = books.dropped().items()
    assert name.endswith("_001.csv")
    assert lines[1:] == [
        "SMCMP,ACTUALS,580090,USD,-15.27,Library payments 03022026,SM001,1200,,,,,03/02/2026",
        "SMCMP,ACTUALS,580094,USD,-90.00,Library payments 03022026,SM001,1200,,,,,03/02/2026",
        "SMCMP,ACTUALS,101100,USD,105.27,Library clearing 03022026,SM001,,,,,,03/02/2026",
    ]
    assert "3 payments of 03/02/2026 in the journal, $105.27" in run.story


def test_a_payment_is_in_one_journal_only(books):
    first = pays(books, 5_00)
    runs_journal(books)
    second = pays(books, 7_00, at=TUESDAY)
    runs_journal(books)
    assert runs_journal(books).state == "nothing_to_send"
    assert journalled(books) == [(first, "posted", 5_00), (second, "posted", 7_00)]


def test_a_refund_of_a_posted_payment_reverses_it_in_a_later_journal(books):
    payment = pays(books, 5_00)
    runs_journal(books)
    with tenant_scope(books.tenant_id) as session:
        session.execute(text("UPDATE payment_line SET state = 'refunded', decided_at = :at"), {"at": TUESDAY})
        session.commit()
    run = runs_journal(books)
    assert run.state == "succeeded"
    assert journalled(books) == [(payment, "posted", 5_00), (payment, "refunded", -5_00)]
    last = max(books.dropped().items())[1]
    assert last[1].startswith("SMCMP,ACTUALS,580090,USD,5.00,")
    assert last[2].startswith("SMCMP,ACTUALS,101100,USD,-5.00,")


def test_what_student_financials_took_itself_is_left_to_its_own_journals(books):
    pays(books, 5_00, source="peoplesoft")
    assert runs_journal(books).state == "nothing_to_send"
    books.sets("gl", sources=["peoplesoft"])
    assert runs_journal(books).state == "succeeded"


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_fee_type_without_chartfields_refuses_the_journal_whole_and_says_what_to_add(books, dry_run):
    pays(books, 5_00)
    pays(books, 3_00, "RENEWFEE")
    pays(books, 4_00, "RENEWFEE")
    run = runs_journal(books, dry_run=dry_run)
    assert run.state == "failed"
    said = run.error["message"]
    assert "No chartfields are set for RENEWFEE (2 payments, $7.00)." in said
    assert "“RENEWFEE = account / fund / dept”, or one for *" in said
    assert journalled(books) == []
    assert books.dropped() == {}
    books.sets("gl", chartfields={"OVERDUEFINE": "580090 / SM001", "*": "580099 / SM001"})
    assert runs_journal(books).state == "succeeded"
    assert [cents for _, _, cents in journalled(books)] == [5_00, 3_00, 4_00]


def test_a_fee_nobody_knows_the_type_of_needs_chartfields_for_any_other(books):
    pays(books, 5_00, "")
    assert "“* = account / fund / dept”" in runs_journal(books).error["message"]


def test_what_is_no_cash_on_a_fee_is_in_no_journal(books):
    for kind, line in [
        ("write_off", {"op": "waive"}),
        ("payment", {"op": "waive"}),
        ("charge_reversal", {"state": "ignored", "posted_at": None}),
        ("payment", {"state": "unapplied", "posted_at": None}),
        ("payment", {"state": "refunded", "posted_at": None, "decided_at": TUESDAY}),
    ]:
        pays(books, 5_00, kind=kind, **line)
    assert runs_journal(books).state == "nothing_to_send"


def test_a_void_of_a_posted_payment_turns_it_round_once_a_person_has_set_it_aside(books):
    payment = pays(books, 5_00, "LOSTITEMREPLACEMENTFEE", item_key="|012345678|LIB||F1")
    pays(books, 9_00, item_key="|012345678|LIB||F1")
    runs_journal(books)
    void = pays(
        books, -5_00, kind="reversal", item_key="|012345678|LIB||F1",
        state="unapplied", rule="reversal", posted_at=None, fee_id="",
    )  # fmt: skip
    assert runs_journal(books).state == "nothing_to_send"
    ignore_money(books.tenant_id, void, 1, actor=Actor(None, "Ann"), reason="corrected in Alma")
    run = runs_journal(books)
    assert run.state == "succeeded", run.error
    assert journalled(books)[2:] == [(void, "reversed", -5_00)]
    last = max(books.dropped().items())[1]
    assert last[1].startswith("SMCMP,ACTUALS,580094,USD,5.00,")
    assert last[2].startswith("SMCMP,ACTUALS,101100,USD,-5.00,")
    assert runs_journal(books).state == "nothing_to_send"
    assert journalled(books)[0] == (payment, "posted", 5_00)


def test_a_void_of_what_no_fee_had_turns_nothing_round(books):
    cases = [
        ({"state": "unapplied", "posted_at": None}, {}),
        ({"state": "refunded", "posted_at": None, "decided_at": MONDAY}, {}),
        ({"item_key": "|012345678|LIB||another"}, {}),
        ({"source": "gateway"}, {}),
        ({}, {"rule": "repeat"}),
        ({}, {"source": "peoplesoft"}),
        ({}, {"kind": "refund"}),
        ({}, {"kind": "charge_reversal"}),
        ({}, {"item_key": ""}),
    ]
    for n, (original, void) in enumerate(cases):
        item = {"item_key": f"|012345678|LIB||F{n}"}
        pays(books, 5_00, **item | original)
        usual = {"kind": "reversal", "state": "ignored", "rule": "reversal"} | item
        pays(books, -5_00, **usual | {"posted_at": None, "decided_at": TUESDAY, "fee_id": ""} | void)
    assert runs_journal(books).state == "succeeded"
    events = [event for _, event, _ in journalled(books)]
    assert events == ["posted"] * sum("posted_at" not in original for original, _ in cases)


def test_a_payment_belongs_to_the_campuss_own_day_in_winter_and_summer(books):
    for at in [
        datetime(2025, 3, 3, 7, 59, tzinfo=UTC),
        datetime(2025, 3, 3, 8, 0, tzinfo=UTC),
        datetime(2025, 7, 3, 6, 59, tzinfo=UTC),
        datetime(2025, 7, 3, 7, 0, tzinfo=UTC),
    ]:
        pays(books, 5_00, at=at)
    runs_journal(books)
    ((_, lines),) = books.dropped().items()
    days = [line.rsplit(",", 1)[1] for line in lines[1:]]
    assert days == [day for day in ("03/02/2025", "03/03/2025", "07/02/2025", "07/03/2025") for _ in range(2)]


def test_a_payment_and_its_refund_of_one_day_are_taken_without_a_file(books):
    payment = pays(books, 5_00, state="refunded", decided_at=MONDAY)
    run = runs_journal(books)
    assert run.state == "succeeded", run.error
    assert books.dropped() == {}
    assert journalled(books) == [(payment, "posted", 5_00), (payment, "refunded", -5_00)]
    assert runs_journal(books).state == "nothing_to_send"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["revenue", None], "do not add up to zero but to -$5.00"),
        (["revenue"], "no file of the layout takes this row"),
    ],
)
def test_a_layout_that_parts_the_sides_or_leaves_lines_out_is_refused(books, files, says):
    body = {key: value for key, value in READY_MADE["cfs-journal-csv"].items() if key != "file_name"}
    body["files"] = [
        {"kind": f"f{n}", "file_name": f"{n}.csv"} | ({"when": {"field": "side", "is": side}} if side else {})
        for n, side in enumerate(files)
    ]
    books.saves_layout(body, version=2)
    books.sets("gl", layout="own")
    pays(books, 5_00)
    run = runs_journal(books)
    assert run.state == "failed"
    assert says in run.error["message"]
    assert books.dropped() == {}


@pytest.mark.parametrize(
    ("step", "before"), [("gather", False), ("build", False), ("deliver", True), ("deliver", False)]
)
def test_a_worker_killed_anywhere_books_each_payment_once(books, step, before):
    pays(books, 5_00)
    pays(books, 7_00)
    worker = DyingWorker(step, before=before)
    steps = tuple(worker.wrap(one) for one in GL_JOURNAL.steps)
    PIPELINES.add(Pipeline(GL_JOURNAL.name, GL_JOURNAL.title, steps, GL_JOURNAL.on_failure))
    try:
        run_id = submit_run(books.tenant_id, "gl_journal")
        books.work()
        run = books.take_over(run_id)
    finally:
        PIPELINES.add(GL_JOURNAL)
    assert worker.has_died
    assert run.state == "succeeded", run.error
    assert [cents for _, _, cents in journalled(books)] == [5_00, 7_00]
    ((_, lines),) = books.dropped().items()
    assert lines[-1].startswith("SMCMP,ACTUALS,101100,USD,12.00,")
    assert runs_journal(books).state == "nothing_to_send"


@pytest.mark.parametrize("arrived", [True, False])
def test_a_person_settles_a_doubtful_journal_and_each_payment_is_in_one_that_arrived(
    books,
    answer_lost,  # noqa: F811
    monkeypatch,
    arrived,
):
    pays(books, 5_00)
    answer_lost(arrives=arrived)
    run = runs_journal(books)
    assert run.state == "failed"
    assert runs_journal(books).state == "nothing_to_send"
    monkeypatch.undo()
    settle_effect(
        books.tenant_id,
        run.id,
        books.scalar("SELECT id FROM file"),
        arrived=arrived,
        actor=Actor(None, "Ann"),
    )
    assert runs_journal(books).state == ("nothing_to_send" if arrived else "succeeded")
    assert [cents for _, _, cents in journalled(books)] == [5_00]
    assert len(books.dropped()) == 1


def test_two_transactions_that_take_the_same_payment_leave_it_in_one_journal(books):
    pays(books, 5_00)
    first, second = (submit_run(books.tenant_id, "gl_journal") for _ in range(2))
    until = {"sources": ["cashier"], "until_at": TUESDAY}
    parts = {"OVERDUEFINE": {"account": "580090", "fund": "SM001"}}
    with tenant_scope(books.tenant_id) as one, tenant_scope(books.tenant_id) as other:
        for session in (one, other):
            journals.find_events(session, books.tenant_id, **until)
            journals.name_chartfields(session, parts)
        journals.take(one, books.tenant_id, first, "UTC")
        one.commit()
        journals.take(other, books.tenant_id, second, "UTC")
        assert journals.sums_of_run(other, books.tenant_id, second) == []
        other.commit()
    assert [cents for _, _, cents in journalled(books)] == [5_00]


def test_a_dry_run_shows_the_file_and_takes_nothing(books):
    pays(books, 5_00)
    run = runs_journal(books, dry_run=True)
    assert run.state == "succeeded"
    assert len(books.files(run)["journal"]) == 3
    assert journalled(books) == []
    assert books.dropped() == {}


def test_a_journal_that_could_not_be_built_gives_its_payments_back(books):
    pays(books, 5_00)
    books.sets("gl", layout="mit-csv")
    failed = runs_journal(books)
    assert failed.state == "failed"
    assert "is about charges, not about journals" in failed.error["message"]
    books.sets("gl", layout="ps-journal-flat")
    run = runs_journal(books)
    assert run.state == "succeeded"
    ((_, lines),) = books.dropped().items()
    assert [line[0] for line in lines] == ["H", "L", "L"]
    assert len(journalled(books)) == 1


def test_accounts_that_no_journal_takes_stop_the_run_before_anything_is_taken(books):
    pays(books, 5_00)
    books.sets("gl", clearing="101100")
    run = runs_journal(books)
    assert run.state == "failed"
    assert "needs an account and a fund" in run.error["message"]
    assert journalled(books) == []


def test_a_journal_whose_arrival_is_unknown_keeps_its_payments_until_that_is_known(books, faults):  # noqa: F811
    pays(books, 5_00)
    faults.add(Fault("sftp", "rename_answer_lost"))
    first = runs_journal(books)
    if first.state != "succeeded":
        first = books.work_again(first.id)
    assert first.state == "succeeded"
    assert len(books.dropped()) == 1
    assert runs_journal(books).state == "nothing_to_send"


def test_another_campus_journals_only_its_own_payments(books, two_tenants):
    pays(books, 5_00)
    with tenant_scope(two_tenants[0]) as session:
        assert session.scalar(text("SELECT count(*) FROM payment")) == 0
