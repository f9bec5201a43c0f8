from dataclasses import replace
from datetime import date

from webapp.sandbox.clock import SandboxClock
from webapp.sandbox.institution import Institution, InstitutionSpec


def all_fees(institution):
    view = institution.live_view()
    return [fee for patron in view.patrons_with_fees() for fee in view.fees(patron)]


def test_a_small_sandbox_shows_every_kind_of_debt(institution):
    fees = all_fees(institution)
    assert {"ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"} == {fee.status for fee in fees}
    assert any(fee.type_code == "CREDIT" and fee.balance_cents < 0 for fee in fees)
    assert any(0 < fee.balance_cents < fee.original_cents for fee in fees)
    assert any(fee.owner == "01CALS_USM" for fee in fees)
    titles = "".join(fee.title or "" for fee in fees)
    assert all(mark in titles for mark in ("\t", "\n", '"', "é", "'", "<"))
    groups = {patron.group.code for patron in institution.live_view().patrons_with_fees()}
    assert {"COMMUNITY", "FACULTY", "UGRAD"} <= groups


def test_every_fee_is_found_again_by_its_id(institution):
    fees = all_fees(institution)
    assert len({fee.fee_id for fee in fees}) == len(fees)
    assert all(institution.fee(fee.fee_id) == fee for fee in fees)
    assert institution.fee("1389888910006381") is None
    assert institution.fee(fees[0].fee_id + "0") is None


def test_fee_ids_are_too_long_for_a_json_number(institution):
    assert all(len(fee.fee_id) == 16 for fee in all_fees(institution))


def test_balances_are_what_was_billed_less_what_was_paid_and_waived(institution):
    for fee in all_fees(institution):
        settled = sum(entry.amount_cents for entry in fee.transactions)
        if fee.status != "EXPORTED":
            assert fee.balance_cents == fee.original_cents - settled


def test_an_extract_does_not_see_what_is_paid_after_it(institution, debtor):
    fee = institution.fees(debtor)[0]
    institution.store(replace(fee, balance_cents=0, status="CLOSED"))
    assert institution.extract().fees(debtor)[0].status == "ACTIVE"
    institution.take_extract()
    assert institution.extract().fees(debtor)[0].status == "CLOSED"


def test_a_fixed_day_gives_the_same_dates_every_time():
    def dates():
        clock = SandboxClock(date(2026, 11, 20))
        held = Institution(InstitutionSpec("01CALS_HUL", "k"), clock, seed=7, patrons=200, owing_percent=8)
        return [fee.created_at for fee in all_fees(held)]

    assert dates() == dates()
    assert max(dates()).date() < date(2026, 11, 20)


def test_a_changed_fee_moves_the_patrons_modification_date(institution, debtor):
    before = institution.modified_on(debtor)
    institution.store(institution.fees(debtor)[0])
    assert before < institution.modified_on(debtor) == institution.clock.today()
