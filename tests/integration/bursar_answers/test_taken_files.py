"""The receiver's own sign that it took a file: a name with a suffix, or a file that is gone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.bursar_answers.conftest import line
from webapp.domain.acknowledgements import sign_of_taking
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.services.audit import Actor
from webapp.services.watch_acknowledgements import say_taken
from webapp.store.overdue import list_overdue

AT = datetime(2026, 8, 15, 18, tzinfo=UTC)
SUFFIXES = (".staged", ".processed")


@pytest.mark.parametrize(
    ("folder", "sign"),
    [
        ({"a.dat": AT}, ""),
        ({}, "was taken from the folder"),
        ({"b.dat": AT}, "was taken from the folder"),
        ({"a.dat.staged": AT}, "lies there as a.dat.staged"),
        ({"a.dat.processed": None}, "lies there as a.dat.processed"),
        ({"a.dat": AT, "a.dat.staged": AT + timedelta(minutes=1)}, "lies there as a.dat.staged"),
        ({"a.dat": AT, "a.dat.staged": AT - timedelta(days=1)}, ""),
        ({"a.dat": AT, "a.dat.staged": None}, ""),
    ],
)
def test_the_sign_is_read_off_the_folder(folder, sign):
    assert sign_of_taking(folder, "a.dat", AT, SUFFIXES) == sign


def overdue(campus):
    with tenant_scope(campus.tenant_id) as session:
        return [(item.kind, item.run_id) for item in list_overdue(session)]


def test_a_file_is_taken_when_it_is_renamed_or_gone_and_not_while_it_lies_there(campus):
    names = ["one.dat", "two.dat", "three.dat"]
    one, two, three = (campus.sent(line(name), name=name) for name in names)
    campus.lies_there("one.dat")
    campus.lies_there("two.dat.processed")
    run = campus.look()
    assert campus.delivery(one).acknowledged_at is None
    assert campus.delivery(two).acknowledgement == "lies there as two.dat.processed"
    assert campus.delivery(three).acknowledgement == "was taken from the folder"
    assert run.story == "PeopleSoft took two.dat, three.dat. Not taken yet: one.dat."
    assert (run.counts["files_taken"], run.counts["files_not_taken"]) == (2, 1)


def test_a_file_not_taken_in_time_is_overdue_until_it_is(campus, superuser):
    campus.sent(line("901"), name="one.dat")
    path = campus.lies_there("one.dat")
    campus.look()
    assert overdue(campus) == []
    campus.age_deliveries(49)
    run = campus.look()
    ((kind, run_id),) = overdue(campus)
    assert kind == "not_taken"
    assert run_id != run.id
    with every_tenant_scope() as session:
        assert "not_taken" in [item.kind for item in list_overdue(session)]
    os.rename(path, path.with_name("one.dat.staged"))  # noqa: PTH104
    campus.look()
    assert overdue(campus) == []


def test_no_alarm_where_the_campus_wants_none(campus):
    campus.sent(line("901"), name="one.dat")
    campus.lies_there("one.dat")
    campus.age_deliveries(500)
    campus.sets("arrival", acknowledged_within_h=0)
    campus.look()
    assert overdue(campus) == []
    campus.sets("arrival", acknowledged_within_h=48)
    campus.look()
    assert [kind for kind, _ in overdue(campus)] == ["not_taken"]
    campus.sets("arrival", acknowledged_by=[])
    campus.look()
    assert overdue(campus) == []


def test_a_person_can_say_that_peoplesoft_has_it(campus):
    file_id = campus.sent(line("901"), name="one.dat")
    campus.lies_there("one.dat")
    campus.age_deliveries(50)
    campus.look()
    delivery_id = campus.delivery(file_id).id
    assert say_taken(campus.tenant_id, delivery_id, Actor(None, "Ann"))
    assert not say_taken(campus.tenant_id, delivery_id, Actor(None, "Ann"))
    assert overdue(campus) == []
    assert campus.delivery(file_id).acknowledgement == "Ann says so"


def test_a_server_that_cannot_be_asked_is_told_and_takes_nothing_as_taken(campus):
    file_id = campus.sent(line("901"), name="one.dat")
    campus.drop.stop()
    run = campus.look()
    assert run.state == "succeeded"
    assert "could not be reached" in run.story
    assert campus.delivery(file_id).acknowledged_at is None


def test_after_moving_to_another_server_the_old_files_are_not_taken_for_gone(campus):
    file_id = campus.sent(line("901"), name="one.dat")
    campus.sets("delivery", sftp_username="somebody")
    run = campus.look()
    assert "no longer name" in run.story
    assert campus.delivery(file_id).acknowledged_at is None


def test_files_of_holds_are_not_asked_for(campus):
    campus.sent(line("901"), name="holds.txt", pipeline="holds_export")
    campus.lies_there("holds.txt")
    campus.age_deliveries(500)
    run = campus.look()
    assert run.state == "nothing_to_send"
    assert overdue(campus) == []
