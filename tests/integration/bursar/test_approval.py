"""A run that looks unlike any other asks a person; above a limit, two."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee
from webapp.models import Person
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError
from webapp.services.decide_approval import approve_run
from webapp.services.submit_run import submit_run


@pytest.fixture
def people(core) -> list[Actor]:
    """Ann and Bob."""
    with person_scope(None) as session:
        found = [
            Person(email=f"{name}@example.edu".lower(), full_name=name, password_hash="x")
            for name in ("Ann", "Bob")
        ]
        session.add_all(found)
        session.commit()
        return [Actor(person.id, person.full_name) for person in found]


def reasons(campus) -> str:
    return " ".join(campus.scalar("SELECT reasons FROM approval ORDER BY id DESC LIMIT 1"))


def big(campus, requested_by: int | None):
    campus.sets("bursar", four_eyes_cents=100_00)
    received = campus.hands_in(Fee("F1", "60"), Fee("F2", "60"))
    with tenant_scope(campus.tenant_id) as session:
        session.execute(text("UPDATE run SET requested_by = :person"), {"person": requested_by})
        session.commit()
    campus.work()
    return campus.the_run(received.run_id)


def test_above_the_limit_somebody_else_than_who_asked_must_agree(campus, people):
    ann, bob = people
    run = big(campus, ann.person_id)
    assert run.state == "awaiting_approval"
    assert "$120.00" in reasons(campus)
    with pytest.raises(RunRefusedError, match="needs two people"):
        approve_run(campus.tenant_id, run.id, ann)
    approve_run(campus.tenant_id, run.id, bob)
    campus.work()
    assert campus.the_run(run.id).state == "succeeded"


def test_a_run_that_began_by_itself_needs_two_people(campus, people):
    ann, bob = people
    run = big(campus, None)
    approve_run(campus.tenant_id, run.id, ann)
    campus.work()
    assert campus.the_run(run.id).state == "awaiting_approval"
    assert "A second person must agree" in reasons(campus)
    with pytest.raises(RunRefusedError, match="you are the first"):
        approve_run(campus.tenant_id, run.id, ann)
    approve_run(campus.tenant_id, run.id, bob)
    campus.work()
    assert campus.the_run(run.id).state == "succeeded"


def test_who_handed_the_file_in_is_one_of_the_two(campus, people, superuser):
    ann, _bob = people
    campus.sets("bursar", four_eyes_cents=100_00)
    received = campus.hands_in(Fee("F1", "160"))
    superuser.execute("UPDATE inbound_file SET received_by = %s", (ann.person_id,))
    campus.work()
    with pytest.raises(RunRefusedError, match="needs two people"):
        approve_run(campus.tenant_id, received.run_id, ann)


def test_a_word_without_a_name_is_not_one_of_two(campus):
    run = big(campus, None)
    with pytest.raises(RunRefusedError, match="signed in"):
        approve_run(campus.tenant_id, run.id, Actor(None, "command line"))


def test_below_the_limit_nobody_is_asked(campus):
    campus.sets("bursar", four_eyes_cents=100_00)
    assert campus.converts(Fee("F1", "60")).state == "succeeded"


def test_a_patron_above_the_limit_asks_a_person(campus):
    campus.sets("bursar", stop_patron_cents=50_00)
    run = campus.converts(Fee("F1", "30"), Fee("F2", "30"))
    assert run.state == "awaiting_approval"
    assert "Patron 012345678 would be charged $60.00" in reasons(campus)
    assert "approval needed" in campus.mailbox.messages[-1].subject
    approve_run(campus.tenant_id, run.id, Actor(None, "Ann"))
    campus.work()
    assert campus.the_run(run.id).state == "succeeded"


def test_far_more_lines_than_usual_ask_a_person(campus):
    for day in range(3):
        campus.converts(Fee(f"A{day}"), export_number=f"{day}", name=f"BURSAR-{day}-1.xml")
    run = campus.converts(*(Fee(f"B{n}", "1") for n in range(30)), export_number="9", name="BURSAR-9-1.xml")
    assert run.state == "awaiting_approval"
    assert "30 fees are to be told, more than 5 times the 1 of a usual run" in reasons(campus)


def test_a_file_that_is_suddenly_empty_asks_a_person_before_it_counts_as_read(campus):
    campus.converts(Fee("F1"), export_number="1")
    run = campus.converts(export_number="2", name="BURSAR-78-1.xml")
    assert run.state == "awaiting_approval"
    assert "is empty" in reasons(campus)
    assert campus.inbound() == ["done", "taken"]
    approve_run(campus.tenant_id, run.id, Actor(None, "Ann"))
    campus.work()
    assert campus.the_run(run.id).state == "succeeded"
    assert campus.inbound() == ["done", "done"]
    assert len(campus.dropped()) == 1


def test_a_rehearsal_says_what_a_real_run_would_ask(campus):
    campus.sets("bursar", stop_patron_cents=50_00)
    received = campus.hands_in(Fee("F1", "60"))
    run_id = submit_run(
        campus.tenant_id,
        "bursar_conversion",
        dry_run=True,
        options={"inbound_file_id": received.inbound_file_id},
    )
    campus.work()
    assert "a real run would ask for approval: Patron" in campus.the_run(run_id).story
