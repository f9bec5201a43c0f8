"""The answers' shapes, checked against our own hand-written shapes of Alma's records."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from lxml import etree

SHAPES = json.loads((Path(__file__).parents[3] / "tools" / "alma_shapes.json").read_text(encoding="utf-8"))
OWNING = "/users/{}/fees"


def check_shape(name, record):
    Draft202012Validator(
        {"$ref": f"#/{name}"} | {key: value for key, value in SHAPES.items() if key[0] != "$"}
    ).validate(record)


def test_the_shapes_themselves_refuse_a_fee_without_id(alma):
    _, fee = alma.an_active_fee()
    check_shape("rest_fee", fee)
    with pytest.raises(Exception, match="'id' is a required property"):
        check_shape("rest_fee", {key: value for key, value in fee.items() if key != "id"})


@pytest.mark.parametrize("status", ["ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"])
def test_lists_of_fees_have_their_shape_and_only_fees_of_the_status_asked_for(alma, status):
    seen = 0
    for user in alma.everybody():
        fees = alma.get(OWNING.format(user["primary_id"]), status=status).json()
        check_shape("rest_fees", fees)
        assert {fee["status"]["value"] for fee in fees.get("fee", ())} <= {status}
        seen += fees["total_record_count"]
    assert seen > 0


def test_a_list_without_fees_has_no_fee_key(alma):
    assert alma.get("/users/0/fees").status_code == 400
    answers = [
        alma.get(OWNING.format(user["primary_id"])).json()
        for user in alma.get("/users", limit=30).json()["user"]
    ]
    assert {"total_record_count": 0, "total_sum": 0, "currency": "USD"} in answers


def test_the_total_is_net_of_credits(alma):
    for user in alma.everybody():
        fees = alma.get(OWNING.format(user["primary_id"])).json()
        if any(fee["balance"] < 0 for fee in fees.get("fee", ())) and len(fees["fee"]) > 1:
            assert fees["total_sum"] == sum(fee["balance"] for fee in fees["fee"])
            return
    pytest.fail("nobody has a credit next to a fee")


def test_paying_makes_a_transaction_with_our_number_and_a_full_payment_leaves_the_default_list(alma):
    patron, fee = alma.an_active_fee()
    path = f"/users/{patron}/fees/{fee['id']}"
    paid = alma.post(
        path, op="pay", amount=str(fee["balance"]), method="ONLINE", external_transaction_id="FB-42"
    ).json()
    check_shape("rest_fee", paid)
    assert paid["status"]["value"] == "CLOSED"
    assert paid["transaction"][-1]["external_transaction_id"] == "FB-42"
    assert fee["id"] not in {left["id"] for left in alma.get(f"/users/{patron}/fees").json().get("fee", ())}
    assert alma.get(path).json()["status"]["value"] == "CLOSED"
    report = alma.get("/conf/utilities/fee-transactions", limit=100, transaction_type="PAYMENT").json()
    check_shape("rest_fees", report)
    assert fee["id"] in {reported["id"] for reported in report["fee"]}
    assert [
        entry["external_transaction_id"] for entry in alma.book()["money"] if entry["event"] == "pay"
    ] == ["FB-42"]


def test_paying_more_than_the_balance_is_refused_and_nothing_is_booked(alma):
    patron, fee = alma.an_active_fee()
    before = alma.book()["money"]
    answer = alma.post(
        f"/users/{patron}/fees/{fee['id']}", op="pay", amount=str(fee["balance"] + 0.01), method="ONLINE"
    )
    assert (answer.status_code, alma.error_code(answer)) == (400, "401666")
    check_shape("error", answer.json())
    assert alma.book()["money"] == before


def test_a_fee_is_created_from_json(alma):
    patron, _ = alma.an_active_fee()
    body = {
        "type": {"value": "LOCKERKEY"},
        "original_amount": 7.25,
        "owner": {"value": "MUSIC"},
        "comment": "locker 9",
    }
    made = alma.call("POST", f"/users/{patron}/fees", body=body).json()
    check_shape("rest_fee", made)
    assert (made["balance"], made["owner"]["desc"], made["comment"]) == (7.25, "Music Library", "locker 9")


def test_a_user_shows_the_balance_of_fees_only_when_asked(alma):
    patron, _ = alma.an_active_fee()
    plain, expanded = (
        alma.get(f"/users/{patron}").json(),
        alma.get(f"/users/{patron}", expand="loans,fees").json(),
    )
    check_shape("rest_user", expanded)
    assert plain["fees"] is None
    assert expanded["fees"]["value"] == alma.get(f"/users/{patron}/fees").json()["total_sum"]


def test_a_user_is_found_by_emplid_barcode_and_mail_address(alma):
    users = [alma.get(f"/users/{user['primary_id']}").json() for user in alma.everybody()]
    student = next(user for user in users if user["user_group"]["value"] == "UGRAD")
    values = {entry["id_type"]["value"]: entry["value"] for entry in student["user_identifier"]}
    for code, value in values.items():
        assert alma.get(f"/users/{value}", user_id_type=code).json()["primary_id"] == student["primary_id"]
    by_mail = next(user["primary_id"] for user in users if "@" in user["primary_id"])
    assert alma.get(f"/users/{by_mail.replace('@', '%40').upper()}").json()["primary_id"] == by_mail


def test_somebody_unknown_is_status_400_with_a_code_of_its_own(alma):
    for path, code in (("/users/999999999", "401861"), ("/users/999999999/fees", "401651")):
        answer = alma.get(path)
        assert (answer.status_code, alma.error_code(answer)) == (400, code)
    assert alma.error_code(alma.get("/users/999999999", user_id_type="BARCODE")) == "401890"


def test_the_users_list_pages_through_everybody_once(alma):
    pages = [alma.get("/users", limit=80, offset=offset).json() for offset in (0, 80, 160)]
    check_shape("rest_users", pages[0])
    ids = [user["primary_id"] for page in pages for user in page["user"]]
    assert len(ids) == len(set(ids)) == pages[0]["total_record_count"] == 200


def test_the_users_list_can_be_searched_and_asked_for_what_changed(alma):
    found = alma.get("/users", q="user_group~FACULTY", limit=100).json()
    assert found["user"]
    assert found["total_record_count"] == len(found["user"]) < 200
    patron, fee = alma.an_active_fee()
    alma.post(f"/users/{patron}/fees/{fee['id']}", op="waive", amount="0.01", reason="OTHER")
    changed = alma.get("/users", modify_date_from="2026-11-20", limit=100).json()
    assert patron in {user["primary_id"] for user in changed["user"]}
    assert alma.get("/users", q="x~y").status_code == 400
    assert alma.get("/users", q="last_name~x", modify_date_from="2026-11-20").status_code == 400


def test_a_code_table_lists_fee_types_with_the_descriptions_fees_show(alma):
    table = alma.get("/conf/code-tables/HFrUserFinesFees.fineFeeType").json()
    check_shape("rest_code_table", table)
    _, fee = alma.an_active_fee()
    assert {"value": fee["type"]["value"], "desc": fee["type"]["desc"]} in [
        {"value": row["code"], "desc": row["description"]} for row in table["row"]
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"transaction_from_date": "2026-11-01", "transaction_to_date": "2026-11-20"}, "40166411"),
        ({"transaction_from_date": "tomorrow"}, "40166411"),
        ({"transaction_type": "LOAN"}, "40166419"),
        ({"received_by_circ_desk": "Circulation"}, "40166410"),
    ],
)
def test_the_transactions_report_refuses_bad_filters_with_their_own_codes(alma, query, code):
    assert alma.error_code(alma.get("/conf/utilities/fee-transactions", **query)) == code


def test_xml_is_the_default_and_says_the_same_as_json(alma):
    patron, fee = alma.an_active_fee()
    any_form = alma.as_xml()
    any_form.accept = "*/*"
    answer = any_form.get(f"/users/{patron}/fees/{fee['id']}")
    assert answer.headers["Content-Type"].startswith("application/xml")
    root = etree.fromstring(answer.content)
    assert root.findtext("id") == fee["id"]
    assert root.find("type").get("desc") == fee["type"]["desc"]
    assert float(root.findtext("balance")) == fee["balance"]
    assert alma.as_xml().get(f"/users/{patron}/fees/{fee['id']}", format="json").json()["id"] == fee["id"]
