"""What waits at the desk flows by itself once its cause is gone, and only once."""

from __future__ import annotations

import pytest

import worker.pipelines.bursar.read as reading
from tests.integration.bursar.alma_files import Fee
from webapp.sandbox.faults import Fault
from webapp.services.audit import Actor
from webapp.services.mend_row import mend_row, own_row, release_row, send_desk_now
from webapp.services.resolve_row import RowRefusedError, resolve_row

ANN = Actor(None, "Ann")
F1 = Fee("F1", "12.50")
STRANGER = Fee("F2", "8.00", patron="hopper@example.edu")


def row_id(campus) -> int:
    return campus.scalar("SELECT id FROM quarantined_row WHERE resolved_at IS NULL")


def test_a_row_mended_at_the_desk_goes_with_the_next_run(campus):
    campus.converts(F1, STRANGER)
    assert campus.desk() == {"fee F2": "no_emplid"}
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": "000000042"}, ANN)
    run = campus.converts(Fee("F3"), export_number="2", name="BURSAR-78-1.xml")
    assert campus.files(run) == {
        "debits": ["012345678,300000006919,10.00,F3", "000000042,300000006919,8.00,F2"]
    }
    assert campus.desk() == {}
    assert campus.scalar("SELECT resolution FROM quarantined_row") == f"sent by run {run.id}"
    assert run.counts["rows_in"] == 2


def test_an_unmended_row_is_judged_again_and_keeps_its_age(campus):
    campus.converts(STRANGER)
    first = campus.query("SELECT id, first_seen_at FROM quarantined_row")
    run = campus.converts(F1, export_number="2", name="BURSAR-78-1.xml")
    assert run.counts["rows_quarantined"] == 1
    assert campus.query("SELECT id, first_seen_at FROM quarantined_row") == first
    assert campus.scalar("SELECT run_id FROM quarantined_row") == run.id


def test_a_run_without_a_file_takes_only_rows_that_somebody_decided_about(campus):
    campus.converts(STRANGER)
    assert campus.run().state == "nothing_to_send"
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": "000000042"}, ANN)
    assert campus.run().state == "succeeded"


def test_a_policy_put_right_lets_its_rows_flow_at_once(campus):
    campus.sets("bursar", known_types=["LOSTITEMREPLACEMENTFEE"])
    campus.converts(F1)
    assert campus.desk() == {"fee F1": "unknown_type"}
    campus.sets("bursar", known_types=[], cutoff_minutes=60)
    run_id = send_desk_now(campus.tenant_id, ANN)
    campus.work()
    assert campus.the_run(run_id).state == "succeeded"
    assert list(campus.dropped().values()) == [["012345678,300000006919,12.50,F1"]]


def test_a_released_row_goes_as_it_is(campus):
    campus.converts(Fee("F1", "12.50"), Fee("F1", "9.00"))
    (first, second) = (number for (number,) in campus.query("SELECT id FROM quarantined_row ORDER BY id"))
    release_row(campus.tenant_id, first, ANN, "The real one")
    resolve_row(campus.tenant_id, second, "ignored", "Typed twice", ANN)
    run = campus.run()
    assert campus.files(run) == {"debits": ["012345678,300000006919,12.50,F1"]}
    assert campus.desk() == {}


def test_of_two_released_rows_with_one_id_only_one_goes_out(campus):
    campus.converts(F1, F1)
    for (number,) in campus.query("SELECT id FROM quarantined_row"):
        release_row(campus.tenant_id, number, ANN)
    run = campus.run()
    assert campus.files(run) == {"debits": ["012345678,300000006919,12.50,F1"]}
    assert campus.desk() == {"fee F1": "repeated_id"}
    run = campus.run()
    assert campus.rows(run) == {"F1": ("excluded", "already_sent")}
    assert campus.desk() == {}


def test_a_released_row_is_still_never_told_twice(campus):
    campus.converts(F1, export_number="1")
    campus.sets("bursar", known_types=["LOSTITEMREPLACEMENTFEE"])
    campus.converts(F1, export_number="2", name="BURSAR-78-1.xml")
    release_row(campus.tenant_id, row_id(campus), ANN)
    run = campus.run()
    assert campus.rows(run) == {"F1": ("excluded", "already_sent")}
    assert len(campus.ledger()) == 1


def test_a_row_whose_delivery_failed_is_still_at_the_desk_and_goes_once(campus, faults):
    campus.converts(STRANGER)
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": "000000042"}, ANN)
    faults.add(Fault("sftp", "refuse_auth", times=None))
    assert campus.run().state == "failed"
    faults.clear()
    assert campus.desk() == {"fee F2": "no_emplid"}
    assert campus.run().state == "succeeded"
    assert list(campus.dropped().values()) == [["000000042,300000006919,8.00,F2"]]
    assert campus.run().state == "nothing_to_send"


def test_a_row_that_could_not_be_read_is_never_left_out_as_nothing_owed(campus):
    run = campus.converts(F1, Fee("F2", "a lot"))
    assert campus.rows(run)["F2"] == ("quarantined", "unreadable")
    for export_number in "23":
        run = campus.converts(
            Fee(f"G{export_number}"), export_number=export_number, name=f"BURSAR-{export_number}-1.xml"
        )
        assert campus.desk() == {"fee F2": "unreadable"}
    mend_row(campus.tenant_id, row_id(campus), {"amount_cents": "700"}, ANN)
    run = campus.run()
    assert campus.files(run) == {"debits": ["012345678,300000006919,7.00,F2"]}


def test_an_ignored_row_stays_out_when_its_file_is_read_once_more(campus, faults):
    campus.converts(STRANGER, export_number="1")
    resolve_row(campus.tenant_id, row_id(campus), "ignored", "Sent by letter", ANN)
    run = campus.converts(STRANGER, F1, export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(run)["F2"] == ("excluded", "ignored")
    assert campus.desk() == {}


def test_a_charge_is_not_marked_as_mended_elsewhere_because_it_would_never_go_out(campus):
    campus.converts(STRANGER)
    with pytest.raises(RowRefusedError, match="correct it or release it"):
        resolve_row(campus.tenant_id, row_id(campus), "mended", "", ANN)


def test_corrections_are_checked_all_at_once_and_a_wrong_one_changes_nothing(campus):
    campus.converts(STRANGER)
    with pytest.raises(RowRefusedError) as refused:
        mend_row(
            campus.tenant_id,
            row_id(campus),
            {
                "fee_ref": "F9",
                "amount_cents": "7.00",
                "transaction_on": "yesterday",
                "patron_id": "000000042",
            },
            ANN,
        )
    for name in ("fee_ref", "amount_cents", "transaction_on"):
        assert name in str(refused.value)
    assert campus.scalar("SELECT patch FROM quarantined_row") == {}


def test_a_correction_can_be_taken_back_and_a_row_has_an_owner(campus, superuser):
    person = superuser.execute(
        "INSERT INTO person (email, full_name, password_hash) VALUES ('ann@example.edu', 'Ann', 'x') RETURNING id"
    ).fetchone()[0]
    campus.converts(STRANGER)
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": "000000042"}, Actor(person, "Ann"))
    assert campus.scalar("SELECT owner_id FROM quarantined_row") == person
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": ""}, Actor(person, "Ann"))
    own_row(campus.tenant_id, row_id(campus), None, ANN)
    assert campus.query("SELECT patch, owner_id FROM quarantined_row") == [({}, None)]


@pytest.mark.parametrize("act", [release_row, lambda *args: mend_row(args[0], args[1], {}, args[2])])
def test_one_campus_cannot_touch_anothers_rows(campus, two_tenants, act):
    campus.converts(STRANGER)
    with pytest.raises(LookupError):
        act(two_tenants[0], row_id(campus), ANN)


def test_a_row_that_a_run_is_about_to_send_cannot_be_changed(campus):
    campus.converts(STRANGER)
    mend_row(campus.tenant_id, row_id(campus), {"patron_id": "000000042"}, ANN)
    campus.sets("bursar", stop_patron_cents=100)
    run = campus.run()
    assert run.state == "awaiting_approval"
    with pytest.raises(RowRefusedError, match="taken this row up"):
        mend_row(campus.tenant_id, row_id(campus), {"patron_id": ""}, ANN)
    with pytest.raises(RowRefusedError, match="about to send"):
        resolve_row(campus.tenant_id, row_id(campus), "ignored", "Not this one", ANN)


@pytest.fixture
def while_reading(campus, monkeypatch):
    """One row waits at the desk, corrected; the returned function has somebody act on it while a file is read."""
    campus.converts(STRANGER)
    number = row_id(campus)
    mend_row(campus.tenant_id, number, {"patron_id": "000000042"}, ANN)
    real = reading.read_bursar

    def acts(act, *args):
        def read_slowly(*file, **how):
            monkeypatch.setattr(reading, "read_bursar", real)
            act(campus.tenant_id, number, *args)
            return real(*file, **how)

        monkeypatch.setattr(reading, "read_bursar", read_slowly)
        return campus.converts(F1, export_number="2", name="BURSAR-78-1.xml")

    return acts


def test_a_row_ignored_while_a_run_reads_its_file_does_not_go_with_that_run(campus, while_reading):
    run = while_reading(resolve_row, "ignored", "Sent by letter", ANN)
    assert campus.files(run) == {"debits": ["012345678,300000006919,12.50,F1"]}
    assert campus.rows(run)["F2"] == ("excluded", "decided_meanwhile")
    assert campus.desk() == {}


def test_a_row_corrected_while_a_run_reads_its_file_goes_with_the_next_run_as_corrected(
    campus, while_reading
):
    run = while_reading(mend_row, {"patron_id": "000000043"}, ANN)
    assert campus.files(run) == {"debits": ["012345678,300000006919,12.50,F1"]}
    assert campus.desk() == {"fee F2": "decided_meanwhile"}
    assert campus.files(campus.run()) == {"debits": ["000000043,300000006919,8.00,F2"]}
    assert campus.desk() == {}
