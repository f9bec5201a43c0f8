from datetime import date

import pytest

from tests.integration.alma.stub import Reply, error
from webapp.adapters.alma.sources import (
    UserSourceConfig,
    estimate_calls,
    named_users_fees,
    sis_export_fees,
    user_blocks_fees,
    users_scan_fees,
)
from webapp.adapters.errors import PermanentError
from webapp.domain.fees import OutstandingFee, RefusedRow


def fee(fee_id, balance=12.5, **changes):
    return {
        "id": fee_id,
        "type": {"value": "OVERDUEFINE"},
        "status": {"value": "ACTIVE"},
        "balance": balance,
        "original_amount": 20,
        "creation_time": "2026-10-06T03:00:00.000Z",
        "owner": {"value": "MAIN"},
        "title": "Quiet rivers",
        "barcode": {"value": "937"},
    } | changes


class Campus:
    """A few users and their fees behind the stub."""

    def __init__(self):
        self.users = {}
        self.fees = {}
        self.announced = None

    def add(self, primary_id, active=(), disputed=(), univ_id=""):
        identifiers = (
            [{"id_type": {"value": "UNIV_ID"}, "value": univ_id, "status": "ACTIVE"}] if univ_id else []
        )
        self.users[primary_id] = {
            "primary_id": primary_id,
            "first_name": "Ann",
            "last_name": "Ito",
            "user_group": {"value": "UG"},
            "user_identifier": identifiers,
            "fees": {"value": len(active) * 12.5},
        }
        self.fees[primary_id] = {"ACTIVE": list(active), "INDISPUTE": list(disputed)}

    def answer(self, asked):
        steps = asked.path.split("/")[4:]
        if not steps:
            listed = [{"primary_id": each} for each in self.users][int(asked.query["offset"]) :]
            return Reply(
                {
                    "user": listed[: int(asked.query["limit"])],
                    "total_record_count": self.announced or len(self.users),
                }
            )
        if steps[0] not in self.users:
            return error("401861", "User was not found.")
        if len(steps) == 1:
            return Reply(self.users[steps[0]])
        fees = self.fees[steps[0]][asked.query["status"]]
        return Reply({"fee": fees, "total_record_count": len(fees)} if fees else {"total_record_count": 0})


@pytest.fixture
def campus(alma):
    campus = Campus()
    alma.route = campus.answer
    return campus


def config(**changes):
    return UserSourceConfig("sis_export", **changes)


def changed(client, settings=None):
    return list(sis_export_fees(client, settings or config(), changed_since=date(2026, 11, 20)))


def test_changed_users_are_read_with_active_and_disputed_fees(alma, client, campus):
    campus.add("012345678", [fee("7")], [fee("8", status={"value": "INDISPUTE"})])
    campus.add("012345679")
    found = changed(client)
    assert found[0] == OutstandingFee(
        source="sis_export",
        fee_id="7",
        patron_key="012345678",
        emplid="012345678",
        balance_cents=1250,
        fee_type="OVERDUEFINE",
        status="ACTIVE",
        original_cents=2000,
        billed_on=date(2026, 10, 5),
        user_type="UG",
        library="MAIN",
        title="Quiet rivers",
        barcode="937",
        patron_name="Ito, Ann",
        comment="",
    )
    assert [each.status for each in found] == ["ACTIVE", "INDISPUTE"]
    assert len(alma.asked) == 1 + 3 + 2


def test_the_emplid_may_be_an_identifier_of_the_user(client, campus):
    campus.add("ann@example.edu", [fee("7")], univ_id="012345678")
    campus.add("bob@example.edu", [fee("8")])
    found = changed(client, config(emplid_id_type="UNIV_ID"))
    assert (found[0].emplid, found[0].patron_key) == ("012345678", "012345678")
    assert isinstance(found[1], RefusedRow)
    assert found[1].reason == "The user has no active identifier of type UNIV_ID."
    assert found[1].amount_cents == 1250


def test_a_fee_that_cannot_be_used_is_refused_and_the_others_go_on(client, campus):
    campus.add("012345678", [fee("7", balance="?"), fee(13898889700063817), fee("9")])
    found = changed(client)
    assert [type(each).__name__ for each in found] == ["RefusedRow", "RefusedRow", "OutstandingFee"]
    assert [each.amount_cents for each in found[:2]] == [None, 1250]
    assert "lost digits" in found[1].reason
    assert found[0].row_ref == "user 012345678 fee 7"


def test_those_who_were_read_and_owe_nothing_are_told_apart_from_those_who_were_not_read(client, campus):
    campus.add("012345678", [fee("7")])
    campus.add("012345679")
    campus.add("guest")
    read = []
    changed(client, config(on_patron_read=read.append))
    assert read == ["012345678", "012345679"]


def test_a_user_deleted_meanwhile_is_passed_over(alma, client, campus):
    campus.add("012345678", [fee("7")])
    alma.plan(
        Reply({"user": [{"primary_id": "999999999"}, {"primary_id": "012345678"}], "total_record_count": 2})
    )
    assert [each.fee_id for each in changed(client)] == ["7"]


def test_a_list_that_came_short_is_shown_to_a_person(client, campus):
    campus.add("012345678", [fee("7")])
    campus.announced = 3
    found = changed(client)
    assert isinstance(found[-1], RefusedRow)
    assert "announced 3 users but listed 1" in found[-1].reason


def test_users_with_blocks_are_found_by_the_campus_s_own_query(alma, client, campus):
    campus.add("012345678", [fee("7")])
    found = list(user_blocks_fees(client, UserSourceConfig("user_blocks"), query="block_type~GENERAL"))
    assert [each.fee_id for each in found] == ["7"]
    assert alma.asked[0].query["q"] == "block_type~GENERAL"


def test_an_empty_query_would_read_everybody_and_is_refused(alma, client):
    with pytest.raises(PermanentError, match="query"):
        list(user_blocks_fees(client, UserSourceConfig("user_blocks"), query=" "))
    assert alma.asked == []


def test_a_scan_reads_the_fees_of_those_who_have_a_balance_only(alma, client, campus):
    campus.add("012345678", [fee("7")])
    campus.add("012345679")
    found = list(users_scan_fees(client, UserSourceConfig("users_scan")))
    assert [each.fee_id for each in found] == ["7"]
    assert alma.asked[1].query == {"expand": "fees"}
    assert len(alma.asked) == 1 + 3 + 1


def test_the_cost_of_a_scan_is_known_before_it_begins(alma, client, campus):
    campus.announced = 25_050
    campus.add("012345678")
    estimate = estimate_calls(client)
    assert (estimate.users, estimate.calls, estimate.calls_at_most) == (25_050, 251 + 25_050, 251 + 75_150)
    assert len(alma.asked) == 1


def test_a_fee_that_changes_its_state_between_two_calls_counts_once(client, campus):
    campus.add("012345678", [fee("7")], [fee("7", status={"value": "INDISPUTE"})])
    found = changed(client)
    assert [(each.fee_id, each.status) for each in found] == [("7", "INDISPUTE")]


def named(client, *user_ids, on_hold=True, **changes):
    return list(named_users_fees(client, config(**changes), user_ids, on_hold=on_hold))


def test_a_patron_is_found_by_the_id_without_the_zeros_that_were_put_back(client, campus):
    campus.add("12345678", [fee("7")])
    read = []
    (found,) = named(client, "012345678", on_patron_read=read.append)
    assert (found.emplid, found.patron_key) == ("012345678", "12345678")
    assert read == ["012345678"]


def test_a_patron_is_found_by_the_full_id_too_and_the_next_one_by_it_at_once(alma, client, campus):
    campus.add("012345678")
    campus.add("012345679")
    read = []
    assert named(client, "012345678", "012345679", on_patron_read=read.append) == []
    assert read == ["012345678", "012345679"]
    asked = [each.path.rpartition("/")[2] for each in alma.asked]
    assert asked == ["12345678", "012345678", "012345679"]


def test_somebody_on_hold_whom_alma_does_not_know_is_shown_to_a_person(client, campus):
    (refused,) = named(client, "012345678")
    assert isinstance(refused, RefusedRow)
    assert refused.emplid == "012345678"
    assert refused.reason.startswith("On hold, but not found in Alma")
    assert named(client, "012345678", on_hold=False) == []


def test_an_id_that_leads_to_another_person_is_not_the_patron(client, campus):
    campus.add("987654321", [fee("7")])
    campus.users["012345678"] = campus.users["987654321"]
    read = []
    (refused,) = named(client, "012345678", on_patron_read=read.append)
    assert isinstance(refused, RefusedRow)
    assert read == []


def test_a_refused_fee_says_whose_it_is(client, campus):
    campus.add("012345678", [fee("7", balance="?")])
    (refused,) = changed(client)
    assert refused.emplid == "012345678"
    assert refused.raw["user_primary_id"] == "012345678"
