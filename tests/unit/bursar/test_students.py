"""The registrar's list, and whom a campus bills by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.bursar.test_policy import TODAY, fee, policy
from webapp.domain.bursar import judge
from webapp.domain.bursar.students import MOST_LINES, Student, StudentListError, read_students


def read(text: str, **how):
    return read_students(text.splitlines(), emplid_digits=9, emplid_pad=True, **how)


LIST = "EMPLID,Status,Patron Group,Career\n12345678,AC,UG,UGRD\n012345679,DC,UG,UGRD\n012345680,,GR,GRAD\n"


def verdict(row, text: str = LIST, **settings):
    return judge(row, replace(policy(**settings), students=read(text).students), TODAY)


def test_a_list_says_status_group_and_career_and_lost_zeros_come_back():
    found = read(LIST)
    assert found.students["012345678"] == Student(("AC",), "UG", "UGRD")
    assert (found.lines, found.faults) == (3, 0)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_cells_may_be_parted_otherwise(delimiter):
    assert read(LIST.replace(",", delimiter)).students == read(LIST).students


def test_of_several_lines_all_statuses_count_and_a_group_that_differs_is_none():
    found = read(LIST + "012345678,CN,UG,GRAD\n")
    assert found.students["012345678"] == Student(("AC", "CN"), "UG", "")


def test_a_line_that_names_nobody_is_counted():
    found = read(LIST + "1.2E+8,AC,,\n\n,AC,,\n")
    assert (found.lines, found.faults, len(found.students)) == (5, 2, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no heading 'emplid'"),
        ("012345678,AC\n", "no heading 'emplid'"),
        ("emplid,name\n012345678,Ada\n", "no heading 'status'"),
        ("emplid,status\n", "names no student"),
        ("<html><body>Sign in</body></html>", "no heading 'emplid'"),
        (f'emplid,status\n012345678,"{"x" * 140_000}"\n', "line 2 cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(text, says):
    with pytest.raises(StudentListError, match=says):
        read(text)


def test_a_list_without_end_is_refused():
    lines = (f"{n:09},AC" for n in range(1, MOST_LINES + 2))
    with pytest.raises(StudentListError, match="more than"):
        read_students(iter(["emplid,status", *lines]), emplid_digits=9, emplid_pad=True)


@pytest.mark.parametrize(
    ("settings", "patron_id", "kind", "rule"),
    [
        ({"statuses_only": ["ac"]}, "012345678", "send", ""),
        ({"statuses_only": ["AC"]}, "012345679", "excluded", "status_not_chosen"),
        ({"statuses_never": ["dc"]}, "012345679", "excluded", "status_never"),
        ({"statuses_never": ["DC"]}, "012345678", "send", ""),
        ({"statuses_only": ["AC"]}, "012345680", "quarantined", "no_status"),
        ({"statuses_never": ["DC"]}, "999999999", "quarantined", "no_status"),
        ({}, "999999999", "send", ""),
        ({"groups_never": ["UG"]}, "012345678", "excluded", "group_never"),
    ],
)
def test_whom_a_campus_bills_by_the_list(settings, patron_id, kind, rule):
    found = verdict(fee(patron_id=patron_id), **settings)
    assert (found.kind, found.rule) == (kind, rule)


def test_one_billed_status_of_several_is_enough():
    both = LIST + "012345679,AC,UG,GRAD\n"
    assert verdict(fee(patron_id="012345679"), both, statuses_never=["DC"]).kind == "send"
    assert verdict(fee(patron_id="012345679"), both, statuses_only=["AC"]).kind == "send"
    assert verdict(fee(patron_id="012345679"), both, statuses_only=["DC"], statuses_never=["DC"]).kind == (
        "excluded"
    )


def test_a_credit_follows_its_charge_whatever_the_student_is_by_now():
    credit = fee(patron_id="012345679", fee_type="CREDIT", amount_cents=-1250)
    assert verdict(credit, statuses_never=["DC"]).kind == "send"


def test_people_without_an_emplid_are_not_asked_for_a_status():
    found = verdict(fee(patron_id="jdoe"), statuses_only=["AC"], community="file")
    assert (found.kind, found.row["payer"]) == ("send", "community")


def test_without_a_list_nobody_is_billed_by_a_status():
    assert judge(fee(), policy(statuses_never=["DC"]), TODAY).rule == "no_status"


def test_the_list_fills_in_what_the_source_does_not_say():
    assert verdict(fee()).row["patron_group"] == "UG"
    assert verdict(fee()).row["career"] == "UGRD"
    assert verdict(fee(patron_group="FAC")).row["patron_group"] == "FAC"
