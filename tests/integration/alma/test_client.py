from datetime import date

import pytest

from tests.integration.alma.stub import Reply, error
from webapp.adapters.errors import PermanentError, RetryableError

CONF = Reply(b"<test>GET - OK - institutionCode: 01CALS_USM</test>")
OK = Reply(b"<test>OK</test>")


def keyed(asked, **refused):
    area = asked.path.split("/")[3]
    if refused.get(asked.method) or refused.get(area):
        return error("UNAUTHORIZED", "Insufficient permissions", 403)
    return CONF if area in {"conf", "analytics"} else OK


def test_a_good_key_belongs_to_the_campus_and_may_read_and_write(alma, client):
    alma.route = keyed
    tested = client.test_key()
    assert (tested.institution_code, tested.belongs) == ("01CALS_USM", True)
    assert (tested.can_read, tested.can_write, tested.can_read_analytics, tested.problems) == (
        True,
        True,
        True,
        (),
    )
    assert {asked.path for asked in alma.asked if asked.method == "POST"} == {
        "/almaws/v1/users/operation/test"
    }


def test_a_key_of_another_institution_is_told(alma, make_client):
    alma.route = keyed
    tested = make_client(institution_code="01CALS_HUL").test_key()
    assert not tested.belongs
    assert tested.problems == ("The key belongs to 01CALS_USM, not to 01CALS_HUL.",)


def test_a_read_only_key_is_told(alma, client):
    alma.route = lambda asked: keyed(asked, POST=True)
    tested = client.test_key()
    assert (tested.can_read, tested.can_write) == (True, False)
    assert "may only read" in tested.problems[0]


def test_without_the_configuration_area_analytics_names_the_institution(alma, client):
    alma.route = lambda asked: keyed(asked, conf=True)
    assert client.test_key().belongs


def test_a_key_that_opens_nothing_is_refused(alma, client):
    alma.route = lambda asked: keyed(asked, GET=True)
    with pytest.raises(PermanentError, match="refused the key of 01CALS_USM"):
        client.test_key()


def test_before_a_run_one_call_tells_whose_key_it_is(alma, client):
    alma.route = keyed
    client.check_institution()
    assert [asked.path for asked in alma.asked] == ["/almaws/v1/analytics/test"]


def test_a_run_is_refused_the_key_of_another_institution_by_both_names(alma, make_client):
    alma.route = keyed
    with pytest.raises(PermanentError, match="belongs to 01CALS_USM, not to 01CALS_HUL"):
        make_client(institution_code="01CALS_HUL").check_institution()


def test_without_the_analytics_area_configuration_tells_whose_key_it_is(alma, make_client):
    alma.route = lambda asked: keyed(asked, analytics=True)
    with pytest.raises(PermanentError, match="belongs to 01CALS_USM"):
        make_client(institution_code="01CALS_HUL").check_institution()


def test_a_key_that_opens_neither_area_is_refused_before_anything_is_read(alma, client):
    alma.route = lambda asked: keyed(asked, analytics=True, conf=True)
    with pytest.raises(PermanentError, match="refused the key of 01CALS_USM"):
        client.check_institution()


def test_a_test_for_writing_that_gets_no_answer_is_retryable(alma, client):
    alma.route = lambda asked: keyed(asked) if asked.method == "GET" else Reply(b"", 500)
    with pytest.raises(RetryableError):
        client.test_key()


def users(*ids, total):
    return Reply(
        {
            "user": [{"primary_id": each, "last_name": "Ito", "fees": None} for each in ids],
            "total_record_count": total,
        }
    )


def test_users_are_listed_page_by_page_and_each_once(alma, client):
    first = [f"{number:09}" for number in range(100)]
    alma.plan(users(*first, total=102), users("000000099", "000000100", "000000101", total=102))
    assert [user.primary_id for user in client.users(q="user_group~UG")] == [*first, "000000100", "000000101"]
    assert [asked.query["offset"] for asked in alma.asked] == ["0", "100"]
    assert alma.asked[0].query == {
        "limit": "100",
        "offset": "0",
        "order_by": "primary_id",
        "q": "user_group~UG",
    }


def test_users_changed_since_a_day_are_asked_for_without_a_query(alma, client):
    alma.plan(users("000000001", total=1))
    assert len(list(client.users(modify_date_from=date(2026, 11, 20)))) == 1
    assert alma.asked[0].query["modify_date_from"] == "2026-11-20"
    assert "q" not in alma.asked[0].query


def test_a_list_that_came_short_is_told(alma, client):
    told = []
    alma.plan(users("000000001", total=3))
    list(client.users(on_shortfall=lambda came, announced: told.append((came, announced))))
    assert told == [(1, 3)]


def test_a_bad_fee_in_a_list_names_itself(alma, client):
    alma.plan(Reply({"fee": [{"id": "7", "balance": "x"}]}))
    with pytest.raises(PermanentError, match="Fee 7 of user 012345678 cannot be used"):
        client.fees("012345678")


def test_a_list_that_holds_fewer_fees_than_it_announces_is_not_believed(alma, client):
    alma.route = lambda _asked: Reply({"fee": [{"id": "7", "balance": 1}], "total_record_count": 2})
    with pytest.raises(RetryableError, match="announces 2 fees and holds 1"):
        client.fees("012345678")


def test_a_code_table_leaves_out_what_is_switched_off(alma, client):
    rows = [
        {"code": "OTHER", "description": "Other", "enabled": True},
        {"code": "OLD", "description": "Old", "enabled": False},
    ]
    alma.plan(Reply({"name": "FineFeeTransactionReason", "row": rows}))
    assert client.code_table("FineFeeTransactionReason") == {"OTHER": "Other"}
