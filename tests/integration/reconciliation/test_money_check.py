"""Every quarter of an hour, and after each comparison: is all money that came in somewhere?"""

from webapp.services.check_money import check_money


def checks(world):
    return world.campus.rows(
        "SELECT received_cents, posted_cents, waiting_cents, unapplied_cents, is_equal FROM money_check ORDER BY at"
    )


def test_what_was_received_is_posted_waits_or_is_at_the_desk(world, two_tenants):
    world.pays(5_00, "1001", state="waiting")
    world.pays(7_00, "1002", state="unapplied")
    found = {one.tenant_id: one for one in check_money()}
    assert set(found) == set(two_tenants)
    mine = found[world.tenant_id]
    assert (mine.received_cents, mine.is_equal, mine.oldest_open_at is None) == (12_00, True, False)
    assert checks(world) == [(12_00, 0, 5_00, 7_00, True)]


def test_two_schedulers_take_one_check_in_a_quarter_of_an_hour(world):
    assert check_money()
    assert check_money() == []
    assert len(checks(world)) == 1


def test_money_that_is_nowhere_is_found_and_said_in_the_log(world, caplog):
    world.pays(5_00, "1001", state="waiting", kept_cents=4_00)
    world.pays(4_00, "1002", state="waiting", kept_cents=5_00)
    found = {one.tenant_id: one for one in check_money()}
    assert found[world.tenant_id].is_equal is False
    assert f"money_unequal tenant={world.tenant_id}" in caplog.text


def test_a_comparison_of_the_books_looks_at_the_money_itself_and_delays_no_other_campus(world, two_tenants):
    world.pays(5_00, world.bills())
    assert world.reconciles().state == "succeeded"
    assert checks(world) == [(5_00, 5_00, 0, 0, True)]
    assert [one.tenant_id for one in check_money()] == [two_tenants[1]]


def test_a_rehearsal_writes_no_check(world):
    world.reconciles(dry_run=True)
    assert checks(world) == []
