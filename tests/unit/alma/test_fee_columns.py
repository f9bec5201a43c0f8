from datetime import date

import pytest

from webapp.adapters.alma.fee_batch import SNAPSHOT_COLUMNS, FeeBatch
from webapp.adapters.alma.fee_columns import FeeColumns
from webapp.adapters.alma.fee_spool import FeeSpool

ROLES = (
    "fee_id",
    "patron_key",
    "balance",
    "fee_type",
    "status",
    "billed_on",
    "last_name",
    "first_name",
    "title",
)
GOOD = [
    "13898889700063",
    "012345678",
    "12.5",
    "Overdue fine",
    "Active",
    "2026-10-05T10:11:12",
    "Ito",
    "Ann",
    "Rivers",
]


def reader(roles=ROLES, digits=9, types=None):
    return FeeColumns("analytics", roles, digits, True, {"Aktiv": "ACTIVE"}, types or {})


def read(*rows, **options):
    return reader(**options).batch([list(column) for column in zip(*rows, strict=True)], 1)


def changed(**cells):
    return [cells.get(role, told) for role, told in zip(ROLES, GOOD, strict=True)]


def test_a_row_becomes_a_fee():
    batch, refused = read(GOOD, types={"overdue fine": "OVERDUEFINE"})
    fee = next(batch.fees())
    assert refused == []
    assert (fee.fee_id, fee.emplid, fee.balance_cents, fee.fee_type) == (
        "13898889700063",
        "012345678",
        1250,
        "OVERDUEFINE",
    )
    assert (fee.status, fee.billed_on, fee.patron_name, fee.title) == (
        "ACTIVE",
        date(2026, 10, 5),
        "Ito, Ann",
        "Rivers",
    )
    assert fee.original_cents is None


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12", 1200),
        ("12.50", 1250),
        ("0.30000000000000004", 30),
        ("-3.25", -325),
        ("1.2E2", 12000),
        (" 7 ", 700),
        ("0", 0),
    ],
)
def test_amounts_are_doubles_written_out_and_meant_in_cents(text, cents):
    batch, _refused = read(changed(balance=text))
    assert next(batch.fees()).balance_cents == cents


@pytest.mark.parametrize(
    ("cells", "reason", "cents"),
    [
        ({"balance": ""}, "remaining amount '' is not an amount", None),
        ({"balance": "12.345"}, "remaining amount '12.345'", None),
        ({"balance": "NaN"}, "not an amount", None),
        ({"balance": "1_000"}, "not an amount", None),
        ({"balance": "9e99"}, "not an amount", None),
        ({"fee_id": "1.389888910006E15"}, "fee id '1.389888910006E15'", 1250),
        ({"fee_id": ""}, "fee id ''", 1250),
        ({"patron_key": ""}, "id is missing", 1250),
        ({"patron_key": "000000000"}, "only zeros", 1250),
        ({"patron_key": "0123456789"}, "10 digits", 1250),
        ({"fee_type": ""}, "fee type is missing", 1250),
        ({"status": "Frozen"}, "state 'Frozen' is not known", 1250),
        ({"billed_on": "soon"}, "date 'soon' cannot be read", 1250),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_reason_place_and_amount(cells, reason, cents):
    batch, refused = read(GOOD, changed(**cells))
    assert len(batch) == 1
    assert [row.amount_cents for row in refused] == [cents]
    assert reason in refused[0].reason
    assert refused[0].row_ref.startswith("report row 2, fee ")
    assert refused[0].raw["title"] == "Rivers"


def test_lost_leading_zeros_come_back_and_a_campus_may_have_letters_in_its_ids():
    batch, _refused = read(changed(patron_key="12345678"))
    assert (next(batch.fees()).emplid, next(batch.fees()).patron_key) == ("012345678", "12345678")
    batch, _refused = read(changed(patron_key="A77"), digits=None)
    assert next(batch.fees()).emplid == "A77"


def test_a_page_without_one_usable_row_gives_no_batch():
    batch, refused = read(changed(balance="x"))
    assert batch is None
    assert len(refused) == 1


def test_states_of_another_language_are_a_setting():
    batch, _refused = read(changed(status="aktiv"))
    assert next(batch.fees()).status == "ACTIVE"


def test_copy_lines_escape_what_would_end_a_cell_or_a_line_and_write_nulls():
    batch, _refused = read(changed(title="a\tb\nc\\d", billed_on=""))
    line = batch.copy_text()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    cells = dict(zip(SNAPSHOT_COLUMNS, line.decode()[:-1].split("\t"), strict=True))
    assert cells["title"] == "a\\tb\\nc\\\\d"
    assert (cells["billed_on"], cells["original_cents"], cells["comment"]) == ("\\N", "\\N", "")
    assert (cells["source"], cells["balance_cents"]) == ("analytics", "1250")


def test_a_batch_survives_being_packed():
    batch, _refused = read(GOOD, changed(title="", fee_id="7"))
    assert FeeBatch.unpack("analytics", batch.pack()) == batch


def settled(*rows):
    fees, refused = [], []
    with FeeSpool("analytics") as spool:
        for row in rows:
            batch, unusable = read(row)
            if batch:
                spool.add(batch)
            for doubtful in unusable:
                spool.doubt(doubtful.raw["fee_id"])
        for found in spool.batches():
            if isinstance(found, FeeBatch):
                fees += found.fees()
            else:
                refused += found
    return fees, refused


def test_a_fee_with_several_transactions_owes_its_remaining_amount_once():
    fees, refused = settled(GOOD, changed(fee_id="7"), GOOD, GOOD)
    assert [fee.balance_cents for fee in fees] == [1250, 1250]
    assert refused == []


@pytest.mark.parametrize("change", [{"balance": "5"}, {"patron_key": "987654321"}])
def test_rows_of_one_fee_that_contradict_each_other_are_refused_all(change):
    fees, refused = settled(GOOD, changed(fee_id="7"), changed(**change))
    assert [fee.fee_id for fee in fees] == ["7"]
    assert len(refused) == 1
    assert "contradict" in refused[0].reason
    assert refused[0].row_ref == "fee 13898889700063"


def test_a_fee_of_which_another_row_cannot_be_read_is_not_believed():
    fees, refused = settled(GOOD, changed(balance="x"))
    assert fees == []
    assert [(row.amount_cents, row.reason) for row in refused] == [
        (1250, "Another row of the same fee could not be read.")
    ]
