"""A source that reads some patrons only, and sources that say things twice: the comparison in the database itself."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest

from webapp.domain.balances import difference
from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow
from webapp.models.scope import tenant_scope
from webapp.store import balances as store
from webapp.store.collected import FrozenFile, freeze, load_collected


def fee(fee_id, cents, emplid="012345678", **values):
    return OutstandingFee("user_blocks", fee_id, emplid, emplid, cents, "OVERDUEFINE", **values)


def seen(emplid):
    return PatronSeen("user_blocks", emplid, emplid)


@pytest.fixture
def compared(balances):
    """Compare these source rows with what the bursar was told: fee -> (verdict, cents, rule)."""

    def compare(*rows, covers_everyone=False):
        fees, others = BytesIO(), BytesIO()
        freeze(rows, fees.write, others.write)
        frozen = [
            FrozenFile(lambda part=part: BytesIO(part), hashlib.sha256(part).hexdigest())
            for part in (fees.getvalue(), others.getvalue())
        ]
        with tenant_scope(balances.tenant_id) as session:
            load_collected(session, *frozen)
            store.compare(session, balances.tenant_id, covers_everyone=covers_everyone)
            found = {item.fee_ref: difference(item.state) for item in store.differing(session)}
            unusable = [row.rule for row in store.unusable(session)]
        return {ref: (one.verdict, one.amount_cents, one.rule) for ref, one in found.items()}, unusable

    return compare


@pytest.fixture
def told(balances):
    """The bursar holds 25.00 of one patron and 4.00 of another."""
    run = balances.export("901=25.00", "902=4.00@022222222")
    assert run.state == "succeeded", run.error
    return balances


def test_who_was_not_looked_at_keeps_what_the_bursar_was_told(told, compared):
    assert compared(seen("012345678"))[0] == {
        "901": ("send", -2500, ""),
        "902": ("excluded", 0, "not_seen"),
    }
    assert compared() == ({"901": ("excluded", 0, "not_seen"), "902": ("excluded", 0, "not_seen")}, [])


def test_a_source_of_some_patrons_is_told_whom_to_read_by_name(told):
    with tenant_scope(told.tenant_id) as session:
        assert store.told_emplids(session, told.tenant_id) == ["012345678", "022222222"]


def test_the_same_fee_reported_twice_alike_is_one_fee(told, compared):
    assert compared(fee("903", 100), fee("903", 100))[0]["903"] == ("send", 100, "")


def test_one_id_with_two_balances_is_for_a_person(told, compared):
    assert compared(fee("903", 100), fee("903", 200))[0]["903"][::2] == ("quarantined", "repeated_id")
    assert compared(fee("903", 100), fee("903", 100, "022222222"))[0]["903"][::2] == (
        "quarantined",
        "repeated_id",
    )


def test_a_row_without_an_id_protects_its_patrons_fees(told, compared):
    found, unusable = compared(fee("", 100), covers_everyone=True)
    assert unusable == ["no_fee_id"]
    assert found["901"] == ("excluded", -2500, "source_incomplete")
    assert found["902"] == ("send", -400, "")


def test_a_row_of_nobody_protects_every_fee_that_is_not_listed(told, compared):
    nobody = RefusedRow("user_blocks", "line 3", "It has no id.")
    found, unusable = compared(fee("901", 2000), nobody, covers_everyone=True)
    assert unusable == ["unreadable"]
    assert found == {"901": ("send", -500, ""), "902": ("excluded", -400, "source_incomplete")}


def test_ids_are_text_and_keep_their_seventeen_digits(told, compared):
    long_id = "23467788990003421"
    assert compared(fee(long_id, 100))[0][long_id] == ("send", 100, "")
