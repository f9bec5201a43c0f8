"""Whom a campus bills goes by the registrar's newest list, wherever it came from."""

from __future__ import annotations

from io import BytesIO

import pytest

from tests.integration.bursar.alma_files import Fee, bursar_file
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file
from webapp.store.overdue import list_overdue

AC, DC = "012345678", "012345679"
LIST = f"emplid,status\n{AC},AC\n{DC},DC\n"
ENROLLED, GONE, NEW = (
    Fee("F1", "12.50", patron=AC),
    Fee("F2", "8.00", patron=DC),
    Fee("F3", patron="000000042"),
)


@pytest.fixture(autouse=True)
def _bills_enrolled_students(campus):
    campus.sets("bursar", statuses_only=["AC"])


def lists(campus, text: str | bytes, name: str = "students.csv"):
    content = text.encode() if isinstance(text, str) else text
    return hands_in(campus, content, Origin("student_list", "upload", name))


def hands_in(campus, content: bytes, origin: Origin, **how):
    return receive_file(
        campus.tenant_id,
        origin,
        BytesIO(content),
        settings=campus.settings,
        actor=Actor(None, "Ann"),
        **how,
    )


def test_only_students_of_a_billed_status_are_billed_and_unknown_ones_wait(campus):
    assert lists(campus, LIST).run_id is None
    run = campus.converts(ENROLLED, GONE, NEW)
    assert campus.rows(run) == {
        "F1": ("send", ""),
        "F2": ("excluded", "status_not_chosen"),
        "F3": ("quarantined", "no_status"),
    }
    assert campus.desk() == {"fee F3": "no_status"}
    assert campus.query("SELECT state, row_count, run_id FROM inbound_file WHERE kind = 'student_list'") == [
        ("done", 2, run.id)
    ]


def test_who_waited_goes_once_a_new_list_knows_them_and_the_old_list_is_passed_over(campus):
    campus.converts(NEW)
    lists(campus, LIST)
    lists(campus, f"{LIST}000000042,AC\n", "students-2.csv")
    run = campus.converts(ENROLLED, export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(run) == {"F1": ("send", ""), "F3": ("send", "")}
    assert campus.desk() == {}
    assert campus.query(
        "SELECT state, message FROM inbound_file WHERE kind = 'student_list' ORDER BY id"
    ) == [
        ("done", "Passed over: students-2.csv is newer."),
        ("done", ""),
    ]


def test_a_list_past_its_days_is_not_believed_until_the_same_list_comes_again(campus):
    lists(campus, LIST)
    campus.sets("bursar", student_list_days=7)
    with tenant_scope(campus.tenant_id) as session:
        session.connection().exec_driver_sql(
            "UPDATE inbound_file SET received_at = received_at - interval '8 days' WHERE kind = 'student_list'"
        )
        session.commit()
    run = campus.converts(ENROLLED)
    assert campus.rows(run) == {"F1": ("quarantined", "no_status")}
    assert "older than 7 days and was not believed" in campus.notes(run.id)
    assert lists(campus, LIST).state == "duplicate"
    again = campus.converts(GONE, export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(again) == {"F2": ("excluded", "status_not_chosen"), "F1": ("send", "")}


@pytest.mark.parametrize(
    "damaged", [b"<html>Sign in</html>", b"emplid,status\n012345678,\xff\n", b"emplid,status\n"]
)
def test_a_damaged_list_is_refused_and_the_one_before_it_counts(campus, damaged):
    lists(campus, LIST)
    lists(campus, damaged, "damaged.csv")
    run = campus.converts(ENROLLED, GONE)
    assert campus.rows(run) == {"F1": ("send", ""), "F2": ("excluded", "status_not_chosen")}
    assert "The registrar's list damaged.csv was not used" in campus.notes(run.id)
    assert campus.query("SELECT name, state FROM inbound_file WHERE kind = 'student_list' ORDER BY id") == [
        ("students.csv", "done"),
        ("damaged.csv", "refused"),
    ]


def test_a_dry_run_leaves_the_list_as_it_was(campus):
    lists(campus, LIST)
    hands_in(campus, bursar_file(ENROLLED), Origin("bursar_xml", "upload", "BURSAR-77-1.xml"), submit=False)
    run = campus.run(dry_run=True)
    assert campus.rows(run) == {"F1": ("send", "")}
    assert campus.query("SELECT state FROM inbound_file WHERE kind = 'student_list'") == [("waiting",)]


def test_a_list_on_the_delivery_server_is_picked_up_once(campus):
    campus.sets("arrival", student_list_files=["students_*.csv"], settle_s=1)
    (campus.drop.root / "inbox" / "students_1.csv").write_text(LIST)
    run = campus.converts(ENROLLED, GONE)
    assert campus.rows(run) == {"F1": ("send", ""), "F2": ("excluded", "status_not_chosen")}
    campus.converts(NEW, export_number="2", name="BURSAR-78-1.xml")
    assert campus.query("SELECT name, state, origin FROM inbound_file WHERE kind = 'student_list'") == [
        ("students_1.csv", "done", "sftp")
    ]


def test_a_list_that_no_run_has_read_yet_is_nothing_to_worry_about(campus):
    lists(campus, LIST)
    with tenant_scope(campus.tenant_id) as session:
        session.connection().exec_driver_sql(
            "UPDATE inbound_file SET received_at = received_at - interval '9 days'"
        )
        assert list_overdue(session) == []
