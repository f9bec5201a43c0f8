"""Whoever has paid everything is let go at once, and last night's report does not put them back on hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from sqlalchemy import text

from tests.integration.holds.test_alma_sources import (  # noqa: F401
    TIMEOUT_S,
    alma_campus,
    environ,
    pay,
    sandbox,
)
from webapp.models import Payment, PaymentLine, Run, SeenFee
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.release_paid import release_paid
from webapp.store import holds, look_again


def fees_of(sandbox, emplid: str, status: str) -> list[dict]:  # noqa: F811
    key = {"Authorization": f"apikey {sandbox.institutions[0]['api_key']}", "Accept": "application/json"}
    address = f"{sandbox.http}/almaws/v1/users/{emplid}/fees"
    answer = requests.get(address, headers=key, params={"status": status}, timeout=TIMEOUT_S)
    return answer.json().get("fee", [])


@pytest.fixture
def held(alma_campus):  # noqa: F811
    """Everybody who owes is on hold; last night's report stays as it was from now on."""
    alma_campus.sets("posting", release="at_once")
    assert alma_campus.run().state == "succeeded"
    return alma_campus


def posts(campus, sandbox, *emplids: str) -> int:  # noqa: F811
    """A posting run that has paid something for each of them and saw their fees as Alma has them now."""
    with tenant_scope(campus.tenant_id) as session:
        now = datetime.now(UTC)
        run = Run(
            pipeline="payment_posting", trigger="file_arrival", queue="batch", state="succeeded", scheduled_at=now,
            started_at=now, finished_at=now,
        )  # fmt: skip
        session.add(run)
        session.flush()
        for emplid in emplids:
            fees = [fee for status in ("ACTIVE", "CLOSED") for fee in fees_of(sandbox, emplid, status)]
            for fee in fees:
                cents = round(float(fee["balance"]) * 100)
                status = fee["status"]["value"]
                session.merge(
                    SeenFee(
                        tenant_id=campus.tenant_id, fee_id=fee["id"], patron_id=emplid, emplid=emplid,
                        status=status, balance_cents=cents,
                    )
                )  # fmt: skip
            payment = Payment(
                ref=f"FB{emplid}", source="peoplesoft", kind="payment", event_key=emplid, amount_cents=100, emplid=emplid
            )  # fmt: skip
            session.add(payment)
            session.flush()
            session.add(
                PaymentLine(
                    payment_id=payment.id, n=1, amount_cents=100, state="posted", run_id=run.id, fee_id=fees[0]["id"],
                    external_id=f"FB{emplid}-1",
                )
            )  # fmt: skip
        session.commit()
        return run.id


def owing_active(campus, sandbox, count: int) -> list[str]:  # noqa: F811
    """People on hold whose fees are all active, so that paying all of them leaves nothing."""
    found = []
    for emplid in campus.register():
        others = [*fees_of(sandbox, emplid, "INDISPUTE"), *fees_of(sandbox, emplid, "EXPORTED")]
        if not others and len(fees_of(sandbox, emplid, "ACTIVE")) > 1:
            found.append(emplid)
        if len(found) == count:
            return found
    raise AssertionError("the sandbox has too few such patrons")


def test_a_paid_debt_leaves_in_a_file_of_its_own_and_nobody_else_is_touched(held, sandbox):  # noqa: F811
    paid, owing = owing_active(held, sandbox, 2)
    before = held.register()
    pay(sandbox, paid)
    posting = posts(held, sandbox, paid, owing)
    run_id = release_paid(held.tenant_id, posting, actor=SYSTEM)
    held.work()
    run = held.the_run(run_id)
    assert run.state == "succeeded", run.error
    ((name, lines),) = held.files(run).items()
    assert name == "released"
    assert lines.startswith(f"{paid}\t0.00\t")
    assert lines.count("\n") == 1
    assert held.register() == {emplid: cents for emplid, cents in before.items() if emplid != paid}


def test_it_is_asked_for_once(held, sandbox):  # noqa: F811
    (paid,) = owing_active(held, sandbox, 1)
    pay(sandbox, paid)
    posting = posts(held, sandbox, paid)
    assert release_paid(held.tenant_id, posting, actor=SYSTEM) == release_paid(
        held.tenant_id, posting, actor=SYSTEM
    )


def test_last_nights_report_does_not_put_them_on_hold_again(held, sandbox):  # noqa: F811
    (paid,) = owing_active(held, sandbox, 1)
    pay(sandbox, paid)
    release_paid(held.tenant_id, posts(held, sandbox, paid), actor=SYSTEM)
    held.work()
    assert paid not in held.register()
    night = held.run()
    assert night.state == "nothing_to_send", (night.error, night.story)
    assert night.counts["rows_paid_since"] > 1
    assert paid not in held.register()


def test_who_still_owes_something_waits_for_the_run_that_looks_at_everybody(held, sandbox):  # noqa: F811
    (owing,) = owing_active(held, sandbox, 1)
    posting = posts(held, sandbox, owing)
    with tenant_scope(held.tenant_id) as session:
        # As if the copy we keep were behind: Alma itself knows better, and is asked.
        session.execute(text("UPDATE alma_fee SET status = 'CLOSED', balance_cents = 0"))
        session.commit()
    run_id = release_paid(held.tenant_id, posting, actor=SYSTEM)
    held.work()
    assert held.the_run(run_id).state == "nothing_to_send"
    assert owing in held.register()


def test_nothing_leaves_out_of_hours_unless_the_campus_asked_for_it(held, sandbox):  # noqa: F811
    (paid,) = owing_active(held, sandbox, 1)
    pay(sandbox, paid)
    posting = posts(held, sandbox, paid)
    held.sets("posting", release="next")
    assert release_paid(held.tenant_id, posting, actor=SYSTEM) is None
    held.sets("posting", release="at_once")
    held.sets("delivery", sftp_enabled=False)
    assert release_paid(held.tenant_id, posting, actor=SYSTEM) is None


def test_a_run_for_a_few_is_neither_the_norm_nor_the_start_of_the_next_window(held, sandbox):  # noqa: F811
    (paid,) = owing_active(held, sandbox, 1)
    pay(sandbox, paid)
    run_id = release_paid(held.tenant_id, posts(held, sandbox, paid), actor=SYSTEM)
    held.work()
    with tenant_scope(held.tenant_id) as session:
        assert look_again.last_settled_run(session, held.tenant_id, run_id + 1).id < run_id
        assert 1 not in holds.recent_change_counts(session, held.tenant_id, run_id + 1, 8)
