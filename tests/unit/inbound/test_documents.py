from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.unit.inbound.making import delimited, positional
from webapp.domain.layouts import LayoutError
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, check_inbound, is_inbound, load_inbound

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[3] / "docs/layout_inbound.schema.json").read_text(encoding="utf-8")
)
GOOD = [delimited(), positional(), *READY_MADE_INBOUND.values()]


@pytest.mark.parametrize("document", GOOD, ids=lambda document: document["name"])
def test_good_documents_have_no_fault_and_fit_the_published_schema(document):
    assert check_inbound(document) == []
    assert list(Draft202012Validator(SCHEMA).iter_errors(document)) == []


def column(**changes):
    return [{"name": "ID", "field": "emplid", **changes}, {"name": "Status", "field": "status"}]


def paid(*columns, payments=None):
    item = [
        {"name": "Item", "field": "item_nbr"},
        {"name": "Paid", "field": "applied_cents"},
    ]
    document = delimited(columns=list(columns) or item, payments=payments or {"says": "state"})
    del document["status"]
    return document if payments != {} else document | {"payments": {}}


WRONG = [
    (delimited(mode="sideways"), "$.mode"),
    (delimited(direction="out"), "$.direction"),
    (delimited(delimiter="ab"), "$.delimiter"),
    (delimited(skip_first=-1), "$.skip_first"),
    (delimited(colums=[]), "$.colums"),
    (delimited(columns=column(field="emplit")), "$.columns[0].field"),
    (delimited(columns=column(width=9)), "$.columns[0]"),
    (delimited(columns=column(amount={"decimals": "implied"})), "$.columns[0].amount"),
    (delimited(columns=column(date_format="MM/DD")), "$.columns[0].date_format"),
    (delimited(columns=column(optional=True, required=True)), "$.columns[0].optional"),
    (delimited(columns=[*column(), {"name": "ID"}]), "$.columns"),
    (delimited(columns=[*column(), {"name": "Other", "field": "emplid"}]), "$.columns"),
    (delimited(status={"accepted": ["OK"], "rejected": ["ok"]}), "$.status.rejected"),
    (delimited(columns=column()[:1]), "$.status"),
    (delimited(heading=False), "$.columns[0]"),
    (delimited(skip_when=[{"field": "nothing", "is": "x"}]), "$.skip_when[0]"),
    (delimited(skip_when=[{"field": "emplid", "at_least": 5}]), "$.skip_when[0]"),
    (positional(heading=True), "$.heading"),
    (positional(delimiter=","), "$.delimiter"),
    (
        positional(
            columns=[{"name": "A", "field": "emplid", "width": 9}, {"name": "B", "start": 5, "width": 2}]
        ),
        "$.columns[1].start",
    ),
    (positional(columns=[{"name": "A", "field": "emplid"}]), "$.columns[0].width"),
    (paid(payments={"says": "rumour"}), "$.payments.says"),
    (paid(payments={}), "$.payments.says"),
    (paid(payments={"says": "state", "positive_is": "charge"}), "$.payments.positive_is"),
    (paid(payments={"says": "event", "actions": {"PAY": "payment"}}), "$.payments"),
    (paid(payments={"says": "event", "actions": {"PAY": "gift"}}), "$.payments.actions.PAY"),
    (paid(payments={"says": "event", "actions": {"PAY": "payment", "pay": "refund"}}), "$.payments.actions"),
    (paid(payments={"says": "event", "actions": []}), "$.payments.actions"),
    (paid({"name": "Who", "field": "emplid"}), "$.payments"),
    (paid({"name": "Paid", "field": "applied_cents"}), "$.payments"),
    (paid({"name": "Who", "field": "emplid"}, {"name": "Paid", "field": "applied_cents"}), "$.payments"),
    (paid({"name": "Item", "field": "item_nbr"}, {"name": "Amount", "field": "amount_cents"}), "$.payments"),
    (paid({"name": "At", "field": "paid_at", "date_format": "DDD YYYY"}), "$.columns[0].date_format"),
    (paid({"name": "At", "field": "paid_at", "date_format": "MM/DD HH:mm"}), "$.columns[0].date_format"),
    (paid({"name": "At", "field": "paid_at", "date_format": "MM/MM/YYYY"}), "$.columns[0].date_format"),
]


@pytest.mark.parametrize(
    ("document", "path"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_fault_is_found_at_its_place(document, path):
    assert path in [fault.path for fault in check_inbound(document)]
    with pytest.raises(LayoutError):
        load_inbound(document)


@pytest.mark.parametrize("document", [None, [], "x", 3, {"columns": 5}, {"columns": [None]}])
def test_anything_at_all_gets_faults_instead_of_an_exception(document):
    assert check_inbound(document)


def test_only_documents_that_say_so_are_for_incoming_files():
    assert is_inbound(delimited())
    assert not is_inbound({"format": "feebridge/layout/1"})
    assert not is_inbound(["in"])


def test_the_published_schema_knows_the_same_fields():
    from webapp.domain.layouts.inbound import INBOUND_FIELDS

    assert SCHEMA["$defs"]["column"]["properties"]["field"]["enum"] == list(INBOUND_FIELDS)
