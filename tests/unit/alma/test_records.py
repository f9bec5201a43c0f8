import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from webapp.adapters.alma.answers import RecordFault, read_institution, read_json
from webapp.adapters.alma.calls import UnreadableAnswerError
from webapp.adapters.alma.records import fee_from_json, user_from_json
from webapp.adapters.alma.transport import Answer

FEE = """{"id": "1389888970006381", "type": {"value": "OVERDUEFINE", "desc": "Overdue fine"},
 "status": {"value": "ACTIVE", "desc": "Active"}, "user_primary_id": {"value": "012345678", "link": "x"},
 "balance": 5, "original_amount": 10.07, "creation_time": "2026-06-28T17:44:16.916Z", "comment": null,
 "owner": {"value": "MAIN", "desc": "Main Library"}, "title": "Quiet rivers", "barcode": {"value": "937", "link": "y"},
 "transaction": [{"type": {"value": "PAYMENT"}, "amount": 5.07, "external_transaction_id": "fb-7-1",
  "transaction_time": "2026-06-29T13:35:50.555Z", "payment_method": {"value": "ONLINE"}}]}"""


def parsed(text):
    return read_json(Answer(200, {}, text.encode()))


def fee(**changes):
    return fee_from_json(json.loads(FEE, parse_float=Decimal, parse_int=Decimal) | changes)


@pytest.mark.parametrize(
    ("written", "cents"),
    [("300", 30000), ("0.5", 50), ("10.0", 1000), ("0", 0), ("-3.5", -350), ('"12.50"', 1250), ("1e1", 1000)],
)
def test_an_amount_is_read_in_every_form_that_alma_writes(written, cents):
    read = fee_from_json(parsed(FEE.replace('"balance": 5,', f'"balance": {written},')))
    assert read.balance_cents == cents


@pytest.mark.parametrize(
    "written", ["0.005", "NaN", "Infinity", '"1,250.00"', '"12.50 USD"', "true", "null", "[]"]
)
def test_an_amount_that_is_none_is_a_fault_of_its_fee(written):
    with pytest.raises(RecordFault, match="balance"):
        fee_from_json(parsed(FEE.replace('"balance": 5,', f'"balance": {written},')))


def test_a_fee_is_read_with_amounts_in_cents_and_its_id_as_text():
    read = fee_from_json(parsed(FEE))
    assert (read.fee_id, read.balance_cents, read.original_cents) == ("1389888970006381", 500, 1007)
    assert (read.type_code, read.status, read.library, read.barcode) == (
        "OVERDUEFINE",
        "ACTIVE",
        "MAIN",
        "937",
    )
    assert read.created_at == datetime(2026, 6, 28, 17, 44, 16, 916000, tzinfo=UTC)
    assert [(paid.amount_cents, paid.external_transaction_id) for paid in read.transactions] == [
        (507, "fb-7-1")
    ]


@pytest.mark.parametrize(
    ("written", "cents"), [("10", 1000), ("10.0", 1000), ("0.07", 7), ("-50", -5000), ("1e1", 1000)]
)
def test_an_amount_means_the_same_however_it_is_written(written, cents):
    assert fee_from_json(parsed(FEE.replace('"balance": 5', f'"balance": {written}'))).balance_cents == cents


def test_the_oldest_form_of_a_date_milliseconds_is_read_too():
    assert fee(creation_time=Decimal(1413879432450)).created_at == datetime(
        2014, 10, 21, 8, 17, 12, 450000, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "number", [Decimal("1.38988897000638E+15"), Decimal(13898889700063817), Decimal("7.5")]
)
def test_an_id_sent_as_a_number_that_lost_digits_is_refused_and_the_balance_kept(number):
    with pytest.raises(RecordFault, match="lost digits") as caught:
        fee(id=number)
    assert caught.value.amount_cents == 500


def test_an_id_sent_as_a_small_whole_number_lost_nothing():
    assert fee(id=Decimal(950645520000121)).fee_id == "950645520000121"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"balance": None}, "balance is missing"),
        ({"balance": "twelve"}, "not a number"),
        ({"balance": Decimal("12.345")}, "balance is impossible"),
        ({"balance": Decimal("1E+300")}, "balance is impossible"),
        ({"original_amount": Decimal("NaN")}, "original_amount is impossible"),
        ({"creation_time": "yesterday"}, "not a date"),
    ],
)
def test_a_fee_that_cannot_be_used_says_why(changes, reason):
    with pytest.raises(RecordFault, match=reason):
        fee(**changes)


def test_a_user_has_identifiers_blocks_group_and_the_sum_owed():
    user = user_from_json(
        parsed(
            """{"primary_id": "ann@example.edu", "first_name": "Ann", "last_name": "Ito", "user_group": {"value": "UG"},
            "status": {"value": "ACTIVE"}, "fees": {"value": 0.07, "link": "x"},
            "user_identifier": [{"id_type": {"value": "UNIV_ID"}, "value": "000000001", "status": "INACTIVE"},
                                {"id_type": {"value": "UNIV_ID"}, "value": "012345678", "status": "ACTIVE"}],
            "user_block": [{"block_type": {"value": "GENERAL"}, "block_description": {"value": "OWES"}, "block_status": "ACTIVE"}]}"""
        )
    )
    assert (user.name, user.user_group, user.fees_cents) == ("Ito, Ann", "UG", 7)
    assert user.identifier("UNIV_ID") == "012345678"
    assert user.identifier("BARCODE") == ""
    assert [(block.type_code, block.active) for block in user.blocks] == [("GENERAL", True)]


@pytest.mark.parametrize("body", ["", "<html>x</html>", '{"fee": [', "[1]", '"text"', "[" * 100_000])
def test_an_answer_that_is_no_json_object_is_unreadable(body):
    with pytest.raises(UnreadableAnswerError):
        parsed(body)


def test_the_test_answer_names_the_institution_of_the_key():
    told = Answer(200, {}, b"<test>GET - OK - institutionCode: 01ABC_INST</test>")
    assert read_institution(told) == "01ABC_INST"
    assert read_institution(Answer(200, {}, b"OK")) == ""
