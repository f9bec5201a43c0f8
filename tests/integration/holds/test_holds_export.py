"""The whole job, from a violations file to files in a real SFTP drop and a report in a real mailbox."""

from __future__ import annotations

from sqlalchemy import text

from webapp.models import LayoutVersion, TemporaryRelease
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.resolve_row import resolve_row

TWO_PATRONS = (
    "000000001,25.00,No permit,2026-09-01,T1,Student",
    "000000001,10.50,Meter,2026-10-01,T2,Student",
    "000000002,2.77,Meter,2026-10-02,T3,Staff",
)


def test_debts_become_one_line_per_patron_with_the_total_and_the_oldest_violation(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    (name,) = campus.dropped()
    assert name.startswith("csusm_holds_added_")
    assert campus.dropped()[name] == (
        "000000001\t35.50\tStudent\tNo permit\t2026-09-01\n000000002\t2.77\tStaff\tMeter\t2026-10-02\n"
    )
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert run.story.startswith("2 patrons added ($38.27); file delivered to 127.0.0.1 at ")


def test_the_report_tells_count_total_and_link_and_attaches_nothing_by_default(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    (mail,) = campus.mailbox.messages
    assert mail.recipients == ("bursar@example.edu", "library@example.edu")
    assert mail.subject.startswith("PeopleSoft Holds Report – San Marcos – ")
    assert "Holds added or changed: 2, $38.27 in all" in mail.text
    assert "/c/csusm/files/link/" in mail.text
    assert "000000001" not in mail.raw.decode()
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'mail'") == "delivered"
    assert run.counts["added"] == 2


def test_a_second_run_right_after_has_nothing_to_send_and_says_so_by_mail(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    before = campus.dropped()
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert campus.dropped() == before
    assert "nothing to send" in campus.mailbox.messages[-1].subject
    campus.sets("notification", mail_when_nothing=False)
    campus.run()
    assert len(campus.mailbox.messages) == 2


def test_paying_one_fee_yields_exactly_one_released_line_with_the_reason_the_hold_was_placed_with(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.sets("mapping", hold_reason="NEWER")
    campus.sets("files", layout="holds-delimited-rich")
    campus.owes(*TWO_PATRONS[:2])
    run = campus.run()
    released = campus.files(run)
    assert list(released) == ["released"]
    heading, line = released["released"].splitlines()
    fields = dict(zip(heading.split(","), line.split(","), strict=True))
    assert "000000002" in fields.values()
    assert "LFINE" in fields.values()
    assert "NEWER" not in fields.values()
    assert "0.00" in fields.values()
    assert campus.register() == {"000000001": 3550}
    assert "1 patron released" in run.story


def test_a_changed_debt_is_told_as_the_final_total_in_the_added_file(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(TWO_PATRONS[1], TWO_PATRONS[2])
    run = campus.run()
    assert campus.files(run) == {"added": "000000001\t10.50\tStudent\tMeter\t2026-10-01\n"}
    assert run.counts["updated"] == 1
    assert campus.register()["000000001"] == 1050


def test_the_balance_is_sent_and_never_the_original_amount(campus):
    campus.hands_in(b"EMPLID,Fine Amount,Balance\n000000001,25.00,2.77\n")
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.register() == {"000000001": 277}


def test_names_of_types_and_groups_are_the_campuss_own_words(campus):
    campus.sets(
        "mapping", user_type_names={"student": "ST"}, violation_type_names={"NO PERMIT": "Parked without"}
    )
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert campus.files(run)["added"].startswith("000000001\t35.50\tST\tParked without\t")


def test_tabs_quotes_and_foreign_letters_never_break_a_line(campus):
    campus.hands_in('EMPLID,Balance,Violation Type\n000000001,5.00,"caf\u00e9\t""x""\nnext"\n'.encode())
    run = campus.run()
    (line,) = campus.files(run)["added"].splitlines()
    assert len(line.split("\t")) == 5


def test_a_bad_row_is_quarantined_with_its_reason_and_every_cent_is_accounted_for(campus):
    campus.owes(*TWO_PATRONS, "000000003,lots,Meter,2026-10-02,T4,Staff", ",7.00,Meter,2026-10-02,T5,Staff")
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert run.counts["quarantined"] == 2
    assert run.counts["quarantined_cents"] == 700
    assert run.counts["collected_rows"] == 5
    assert run.counts["collected_cents"] == 3550 + 277 + 700
    assert "2 rows held back because" in run.story
    reasons = campus.scalar("SELECT string_agg(reason, '|' ORDER BY row_ref) FROM quarantined_row")
    assert "lots" in reasons
    assert "missing" in reasons


def test_the_same_bad_row_every_night_keeps_its_age_and_goes_when_it_is_gone(campus):
    bad = "000000003,lots,Meter,2026-10-02,T4,Staff"
    campus.owes(*TWO_PATRONS, bad)
    campus.run()
    campus.owes(TWO_PATRONS[0], bad, TWO_PATRONS[2])
    campus.run()
    assert campus.scalar("SELECT count(*) FROM quarantined_row") == 1
    assert campus.scalar("SELECT last_seen_at > first_seen_at FROM quarantined_row")
    campus.owes(*TWO_PATRONS)
    campus.run()
    assert campus.scalar("SELECT resolution FROM quarantined_row") == "no longer in the source"


def test_a_quarantined_row_never_lifts_or_lowers_a_hold(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(
        TWO_PATRONS[0], "000000001,???,Meter,2026-10-01,T2,Student", "000000002,???,Meter,2026-10-02,T3,Staff"
    )
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert run.counts["held_back"] == 2
    assert "2 holds were left as they are" in run.story


def test_a_row_that_a_person_chose_to_ignore_holds_nothing_back_and_does_not_come_back(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS[:2], "000000002,???,Meter,2026-10-02,T3,Staff")
    campus.run()
    row_id = campus.scalar("SELECT id FROM quarantined_row")
    resolve_row(campus.tenant_id, row_id, "ignored", "a typing error", Actor(None, "Ann"))
    run = campus.run()
    assert campus.register() == {"000000001": 3550}
    assert run.counts["rows_ignored_row"] == 1
    assert campus.scalar("SELECT count(*) FROM quarantined_row WHERE resolved_at IS NULL") == 0


def test_it_is_the_decision_that_counts_and_not_the_words_it_is_told_in(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS[:2], "000000002,???,Meter,2026-10-02,T3,Staff")
    campus.run()
    with tenant_scope(campus.tenant_id) as session:
        session.execute(
            text(
                "UPDATE quarantined_row SET decision = 'mended', resolution = 'ignored, then mended', resolved_at = now()"
            )
        )
        session.commit()
    run = campus.run()
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert "rows_ignored_row" not in run.counts
    assert campus.scalar("SELECT count(*) FROM quarantined_row WHERE resolved_at IS NULL") == 1


def test_an_unknown_type_is_quarantined_and_flows_once_it_is_known(campus):
    campus.sets("policy", known_types=["Meter"])
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert campus.register() == {"000000001": 1050, "000000002": 277}
    assert run.counts["rows_unknown_type"] == 1
    campus.sets("policy", known_types=["Meter", "no permit"])
    campus.run()
    assert campus.register()["000000001"] == 3550


def test_without_a_date_a_fee_in_a_campus_with_grace_is_not_sent(campus):
    campus.sets("policy", grace_days=7)
    campus.hands_in(b"EMPLID,Balance\n000000001,5.00\n")
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert run.counts["rows_no_date"] == 1


def test_a_temporary_release_lifts_the_hold_and_it_comes_back_by_itself(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    with tenant_scope(campus.tenant_id) as session:
        today = campus.the_run(1).started_at.date()
        session.add(
            TemporaryRelease(
                emplid="000000001", until_on=today.replace(year=today.year + 1), reason="paid a third"
            )
        )
        session.commit()
    released = campus.run()
    assert campus.files(released)["released"].startswith("000000001\t0.00\t")
    assert campus.run().state == "nothing_to_send"
    with tenant_scope(campus.tenant_id) as session:
        session.query(TemporaryRelease).one().until_on = today.replace(year=today.year - 1)
        session.commit()
    back = campus.run()
    assert campus.files(back)["added"].startswith("000000001\t35.50\t")
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_nothing_owed_by_anyone_is_a_success_without_a_file(campus):
    campus.owes()
    run = campus.run()
    assert run.state == "nothing_to_send"
    assert campus.dropped() == {}


def test_an_empty_file_is_sent_only_when_the_campus_asked_for_one(campus):
    campus.sets("files", empty_file=True)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert campus.files(run)["released"] == ""
    assert len(campus.dropped()) == 2


def test_a_half_written_violations_file_is_refused_whole_and_the_failure_is_mailed(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.hands_in(b'EMPLID,Balance,Violation Type\n000000001,25.00,Meter\n000000002,2.77,"half of a li')
    run = campus.run()
    assert run.state == "failed"
    assert "violations.csv" in run.error["message"]
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert "the export failed" in campus.mailbox.messages[-1].subject


def test_a_dry_run_builds_files_to_look_at_and_tells_nobody(campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run(dry_run=True)
    assert run.state == "succeeded"
    assert campus.files(run)["added"].count("\n") == 2
    assert campus.dropped() == {}
    assert campus.mailbox.messages == []
    assert campus.register() == {}
    assert "rehearsal" in run.story
    assert campus.run().counts["added"] == 2


def test_the_full_list_tells_everyone_every_time_and_an_empty_one_when_the_last_hold_goes(campus):
    campus.sets("policy", style="snapshot", stop_if_empty=False, stop_release_percent=0)
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS[:2])
    second = campus.run()
    assert campus.files(second) == {"snapshot": "000000001\t35.50\tStudent\tNo permit\t2026-09-01\n"}
    third = campus.run()
    assert campus.files(third) == campus.files(second)
    campus.owes()
    assert campus.files(campus.run()) == {"snapshot": ""}
    assert campus.register() == {}
    assert campus.run().state == "nothing_to_send"


def test_id_lists_have_one_file_per_hold_code_and_ignore_amounts(campus):
    campus.sets("policy", style="ids")
    campus.sets("mapping", codes_by_type={"Meter": "PRK/METER"})
    campus.sets("files", file_name="{campus}_{hold_code}_{kind}_{sequence:4}.csv")
    campus.owes(*TWO_PATRONS)
    first = campus.run()
    assert campus.files(first) == {"addedLIB": "000000001\n", "addedPRK": "000000001\n000000002\n"}
    assert set(campus.dropped()) == {"csusm_LIB_added_0001.csv", "csusm_PRK_added_0001.csv"}
    campus.owes(TWO_PATRONS[0].replace("25.00", "1.00"), *TWO_PATRONS[1:])
    assert campus.run().state == "nothing_to_send"
    campus.owes(*TWO_PATRONS[1:])
    assert campus.files(campus.run()) == {"releasedLIB": "000000001\n"}


def test_a_line_that_does_not_fit_the_layout_goes_to_quarantine_and_the_rest_goes_out(campus):
    body = {
        "format": "feebridge/layout/1",
        "name": "narrow",
        "file_name": "holds.txt",
        "mode": "positional",
        "records": {
            "detail": [
                {"name": "id", "value": {"field": "emplid"}, "width": 9},
                {"name": "type", "value": {"field": "violation_type"}, "width": 6, "overflow": "error"},
            ],
            "trailer": [
                {"name": "count", "value": {"aggregate": "count"}, "width": 6, "justify": "right", "pad": "0"}
            ],
        },
    }
    with tenant_scope(campus.tenant_id) as session:
        session.add(LayoutVersion(name="narrow", version=1, body=body))
        session.commit()
    campus.sets("files", layout="narrow")
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.files(run)["added"] == "000000002Meter \n000001\n"
    assert campus.register() == {"000000002": 277}
    assert run.counts["rows_unprintable"] == 2
    assert run.counts["cents_unprintable"] == 3550
    assert "does not fit the file layout" in campus.scalar("SELECT reason FROM quarantined_row")
    campus.run()
    assert campus.scalar("SELECT count(*) FROM quarantined_row") == 1
    campus.sets("files", layout="opscom-holds")
    campus.run()
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    assert campus.scalar("SELECT count(*) FROM quarantined_row WHERE resolved_at IS NULL") == 0


def test_two_files_of_one_name_are_refused_or_numbered_as_the_campus_chose(campus):
    campus.sets("files", file_name="holds.txt", empty_file=True)
    campus.owes(*TWO_PATRONS)
    refused = campus.run()
    assert refused.state == "failed"
    assert "holds.txt" in refused.error["message"]
    assert campus.register() == {}
    campus.sets("files", collision="suffix")
    campus.run()
    assert set(campus.dropped()) == {"holds.txt", "holds_2.txt"}


def test_more_than_a_thousand_patrons_come_out_once_each_with_the_right_total(campus):
    lines = [f"{n:09d},1.01,Meter,2026-10-01,T{n},Student" for n in range(1, 1_502)]
    campus.owes(*lines)
    run = campus.run()
    file_lines = campus.files(run)["added"].splitlines()
    assert len(set(file_lines)) == 1_501
    assert run.counts["added_cents"] == 1_501 * 101
    assert file_lines == sorted(file_lines)
