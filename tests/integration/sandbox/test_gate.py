import pytest
import requests
from lxml import etree

from tests.integration.sandbox.alma import Caller
from webapp.sandbox.process import start_sandbox


@pytest.fixture(scope="module")
def narrow():
    """A sandbox with room for 10 calls a second and 15 a day."""
    with start_sandbox(only_alma=True, calls_per_second=10, calls_per_day=15) as running:
        yield running


@pytest.mark.parametrize("area", ["/users/operation", "/conf", "/analytics"])
def test_the_test_calls_name_the_institution_the_key_belongs_to(sandbox, area):
    for institution in sandbox.institutions:
        caller = Caller(sandbox.http, institution["api_key"]).as_xml()
        root = etree.fromstring(caller.get(f"{area}/test").content)
        assert (root.tag, root.text) == ("test", f"GET - OK - institutionCode: {institution['code']}")
        assert etree.fromstring(caller.post(f"{area}/test").content).text == "POST - OK"


@pytest.mark.parametrize("key", ["", "wrong", "sandbox-key-san-marcos-"])
def test_a_wrong_key_is_refused_without_tracking_id(sandbox, key):
    caller = Caller(sandbox.http, key)
    answer = caller.get("/conf/test")
    assert (answer.status_code, caller.error_code(answer)) == (400, "UNAUTHORIZED")
    assert "trackingId" not in answer.text
    assert "X-Exl-Api-Remaining" not in answer.headers


def test_the_key_may_come_in_the_address_too(sandbox):
    key = sandbox.institutions[1]["api_key"]
    answer = requests.get(f"{sandbox.http}/almaws/v1/conf/test", {"apikey": key}, timeout=10)
    assert sandbox.institutions[1]["code"] in answer.text


def test_a_read_only_key_reads_but_is_refused_on_every_post(sandbox, alma):
    reader = Caller(sandbox.http, sandbox.institutions[0]["read_only_key"])
    patron, fee = alma.an_active_fee()
    assert reader.get(f"/users/{patron}/fees").status_code == 200
    for answer in (
        reader.post("/users/operation/test"),
        reader.post(f"/users/{patron}/fees/{fee['id']}", op="pay", amount="1", method="ONLINE"),
    ):
        assert reader.error_code(answer) == "UNAUTHORIZED"
    assert alma.get(f"/users/{patron}/fees/{fee['id']}").json() == fee


def test_one_institution_does_not_see_the_other_ones_patrons(sandbox, alma):
    patron, _ = alma.an_active_fee()
    other = Caller(sandbox.http, sandbox.institutions[1]["api_key"])
    assert other.error_code(other.get(f"/users/{patron}/fees")) == "401651"


def test_the_thresholds_are_counted_per_institution_and_the_rest_is_in_the_header(narrow):
    caller = Caller(narrow.http, narrow.institutions[0]["api_key"])
    first = [caller.get("/conf/test") for _ in range(12)]
    assert [answer.status_code for answer in first] == [200] * 10 + [429] * 2
    assert [answer.headers["X-Exl-Api-Remaining"] for answer in first[:10]] == [
        str(left) for left in range(14, 4, -1)
    ]
    assert caller.error_code(first[-1]) == "PER_SECOND_THRESHOLD"
    other = Caller(narrow.http, narrow.institutions[1]["api_key"])
    assert other.get("/conf/test").headers["X-Exl-Api-Remaining"] == "14"
