"""The same job with Alma as the source: the sandbox's Alma over HTTP, in a process of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from sqlalchemy import text

from webapp.adapters.alma import sources
from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import start_sandbox
from webapp.services.audit import SYSTEM, Actor
from webapp.services.campus_settings import put_secret
from webapp.services.resolve_row import resolve_row

TIMEOUT_S = 20


@pytest.fixture
def sandbox():
    with start_sandbox(
        only_alma=True, today=datetime.now(UTC).date(), calls_per_second=1000, patrons=100
    ) as running:
        yield running


@pytest.fixture
def environ(environ, sandbox):
    """Alma is the sandbox."""
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


@pytest.fixture
def alma_campus(campus, sandbox):
    """San Marcos with its fees in Alma."""
    institution = sandbox.institutions[0]
    campus.sets(
        "alma",
        base_url=sandbox.http,
        institution_code=institution["code"],
        calls_per_second=25,
        reserve_calls=0,
    )
    campus.sets("source", kind="analytics", report_path=sandbox.report_path, stale_after_h=1000)
    campus.sets("policy", stop_patron_cents=0)
    vault = Vault(campus.settings.vault_keys, campus.settings.vault_active_key)
    with tenant_scope(campus.tenant_id) as session:
        put_secret(session, vault, "alma_api_key", institution["api_key"], actor=SYSTEM)
        session.commit()
    return campus


def pay(sandbox, emplid: str) -> None:
    """Pay everything one patron owes, at the desk."""
    key = {"Authorization": f"apikey {sandbox.institutions[0]['api_key']}", "Accept": "application/json"}
    answer = requests.post(
        f"{sandbox.http}/almaws/v1/users/{emplid}/fees/all",
        headers=key, params={"op": "pay", "amount": "ALL", "method": "CASH"}, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def test_the_analytics_report_and_the_scan_of_every_user_agree_on_who_owes_what(alma_campus, sandbox):
    first = alma_campus.run()
    assert first.state == "succeeded", first.error
    assert first.counts["added"] > 0
    by_report = alma_campus.register()
    alma_campus.sets("source", kind="users_scan")
    second = alma_campus.run()
    assert second.state == "nothing_to_send", (second.error, second.story)
    assert alma_campus.register() == by_report


@pytest.mark.parametrize("kind", ["user_blocks", "users_scan"])
def test_whoever_has_paid_is_released_whatever_way_users_are_read(alma_campus, sandbox, kind):
    alma_campus.sets("source", kind=kind, blocks_query="block_type~GENERAL")
    first = alma_campus.run()
    assert first.state == "succeeded", first.error
    someone = next(iter(alma_campus.register()))
    pay(sandbox, someone)
    second = alma_campus.run()
    assert second.state == "succeeded", (second.error, second.story)
    ((name, lines),) = alma_campus.files(second).items()
    assert name == "released"
    assert lines.startswith(f"{someone}\t0.00\t")
    assert lines.count("\n") == 1


def test_users_changed_lately_never_release_those_who_were_not_looked_at(alma_campus):
    first = alma_campus.run()
    held = alma_campus.register()
    alma_campus.sets("source", kind="sis_export", hours_back=1)
    second = alma_campus.run()
    assert second.state in {"nothing_to_send", "succeeded"}, second.error
    assert second.counts["released"] == 0
    assert set(held) <= set(alma_campus.register())
    assert first.counts["collected_rows"] >= second.counts["collected_rows"]


def test_a_wrong_key_fails_the_run_in_words_and_releases_nobody(alma_campus):
    alma_campus.run()
    held = alma_campus.register()
    vault = Vault(alma_campus.settings.vault_keys, alma_campus.settings.vault_active_key)
    with tenant_scope(alma_campus.tenant_id) as session:
        put_secret(session, vault, "alma_api_key", "no-such-key", actor=SYSTEM)
        session.commit()
    run = alma_campus.run()
    assert run.state == "failed"
    assert "key" in run.error["message"]
    assert alma_campus.register() == held


def test_a_report_that_is_too_old_is_refused(alma_campus, sandbox):
    fault = {"where": "alma.analytics", "kind": "stale_report", "times": 5}
    requests.post(f"{sandbox.http}/faults", json=fault, timeout=TIMEOUT_S)
    alma_campus.sets("source", stale_after_h=36)
    run = alma_campus.run()
    assert run.state == "failed"
    assert "old" in run.error["message"]


@pytest.fixture
def nobody_changed(alma_campus, monkeypatch):
    """The source is "users changed lately", and Alma says that no user changed."""

    def use() -> None:
        alma_campus.sets("source", kind="sis_export", hours_back=1)
        monkeypatch.setattr(sources, "sis_export_fees", lambda *_, **__: iter(()))

    return use


def test_a_payment_that_did_not_change_the_user_still_releases_the_hold(alma_campus, sandbox, nobody_changed):
    alma_campus.run()
    someone = next(iter(alma_campus.register()))
    nobody_changed()
    pay(sandbox, someone)
    run = alma_campus.run()
    assert run.state == "succeeded", (run.error, run.story)
    ((name, lines),) = alma_campus.files(run).items()
    assert (name, lines.count("\n")) == ("released", 1)
    assert lines.startswith(f"{someone}\t0.00\t")


def test_a_debt_whose_days_of_grace_end_is_told_although_nothing_changed(alma_campus, nobody_changed):
    alma_campus.sets("policy", grace_days=365)
    first = alma_campus.run()
    assert first.counts["rows_grace"] > 0
    alma_campus.sets("policy", grace_days=0)
    nobody_changed()
    second = alma_campus.run()
    assert second.state == "succeeded", (second.error, second.story)
    assert second.counts["added"] > 0


def test_a_hold_whose_patron_alma_does_not_know_any_more_stays_until_a_person_decides(
    alma_campus, nobody_changed
):
    alma_campus.run()
    with tenant_scope(alma_campus.tenant_id) as session:
        session.execute(
            text(
                "UPDATE hold_register SET emplid = '999999999' WHERE emplid = (SELECT min(emplid) FROM hold_register)"
            )
        )
        session.commit()
    nobody_changed()
    run = alma_campus.run()
    assert run.counts["held_back"] == 1, run.story
    assert "999999999" in alma_campus.register()
    row_id = alma_campus.scalar(
        "SELECT id FROM quarantined_row WHERE reason LIKE 'On hold, but not found in Alma%'"
    )
    resolve_row(alma_campus.tenant_id, row_id, "ignored", "She left.", Actor(None, "Ann"))
    assert alma_campus.run().counts["released"] == 1
    assert "999999999" not in alma_campus.register()
