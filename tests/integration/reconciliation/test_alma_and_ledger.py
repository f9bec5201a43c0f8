"""Alma's book beside our ledger, on the real sandbox: each planted difference is found and typed, and nothing else."""

STRANGER = "FB7777777777777777AA-1"


def test_books_that_agree_give_no_difference(world):
    fee_id = world.bills()
    world.pays(10_00, fee_id)
    world.bills("3.00")
    run = world.reconciles()
    assert run.state == "succeeded", run.error
    assert world.all_differences() == []
    assert "The books agree." in run.story


def test_a_posted_payment_that_alma_does_not_show_is_missing_there(world):
    fee_id = world.bills()
    external_id = world.pays(10_00, fee_id, in_alma=0)
    run = world.reconciles()
    assert run.state == "succeeded", run.error
    assert world.open() == [("missing_there", "line", fee_id)]
    (_, _, reason, next_action, ours, theirs) = world.all_differences()[0]
    assert (ours, theirs) == (10_00, None)
    assert reason == (
        f"Our books say that $10.00 was posted to fee {fee_id} as {external_id}; Alma shows no such payment."
    )
    assert next_action.startswith("Open the fee in Alma.")
    assert "1 missing there ($10.00)" in run.story


def test_a_payment_that_the_report_does_not_reach_is_found_by_reading_its_fee(world):
    world.campus.sets("reconciliation", window_days=1)
    at = world.ago(days=5)
    world.pays(10_00, world.bills(), at=at)
    run = world.reconciles(on=at.date().isoformat())
    assert run.counts["fees_read"] == 1
    assert world.open() == []


def test_a_desk_payment_that_peoplesoft_was_never_told_is_missing_here(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 10_00)
    world.reconciles()
    assert world.open() == [("missing_here", "fee", fee_id)]
    (_, _, reason, next_action, ours, theirs) = world.all_differences()[0]
    assert (ours, theirs) == (10_00, 10_00)
    assert "paid or waived in Alma ($10.00" in reason
    assert "Have PeopleSoft told" in next_action


def test_what_was_paid_at_the_desk_and_in_peoplesoft_as_well_is_owed_by_nobody(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 10_00)
    world.pays(15_00, fee_id)
    world.pays(10_00, "", state="unapplied", reference=fee_id)
    run = world.reconciles()
    assert run.state == "succeeded", run.error
    assert world.open() == []


def test_a_desk_payment_is_settled_once_the_reversal_is_told(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 25_00)
    world.reconciles()
    assert [kind for kind, _, _ in world.open()] == ["missing_here"]
    world.tells(fee_id, -25_00)
    run = world.reconciles()
    assert [(kind, how) for kind, how, *_ in world.all_differences()] == [
        ("missing_here", "cleared by itself")
    ]
    assert "1 cleared by themselves" in run.story


def test_where_alma_exports_by_itself_only_money_taken_at_the_desk_afterwards_is_a_difference(world):
    world.bills("25.00", pipeline="bursar_conversion")
    paid = world.bills("8.00", pipeline="bursar_conversion")
    world.alma_takes(paid, 8_00)
    world.reconciles()
    assert world.open() == [("missing_here", "fee", paid)]


def test_alma_having_a_payment_of_ours_that_is_not_posted_is_missing_here(world):
    fee_id = world.bills()
    world.pays(10_00, fee_id, state="unknown", in_alma=10_00)
    world.reconciles()
    assert world.open() == [("missing_here", "line", fee_id)]
    assert "our books have it as unknown" in world.all_differences()[0][2]


def test_alma_having_a_number_of_ours_that_our_books_do_not_know_is_missing_here(world):
    fee_id = world.bills()
    world.alma_takes(fee_id, 4_00, STRANGER)
    world.reconciles()
    assert world.open() == [("missing_here", "alma", fee_id)]
    assert STRANGER in world.all_differences()[0][2]


def test_an_amount_that_differs_in_alma_is_an_amount(world):
    fee_id = world.bills()
    world.pays(10_00, fee_id, in_alma=9_00)
    world.reconciles()
    assert world.open() == [("amount", "line", fee_id)]
    assert world.all_differences()[0][4:] == (10_00, 9_00)


def test_a_payment_that_alma_has_twice_is_an_amount(world):
    fee_id = world.bills()
    external_id = world.pays(10_00, fee_id)
    world.alma_takes(fee_id, 10_00, external_id)
    world.reconciles()
    assert world.open() == [("amount", "line", fee_id)]
    assert "Alma shows $20.00 in 2 transactions" in world.all_differences()[0][2]


def test_a_balance_that_differs_is_an_amount(world):
    fee_id = world.bills("25.00")
    world.tells(fee_id, 5_00)
    world.pays(10_00, fee_id)
    world.reconciles()
    assert world.open() == [("amount", "fee", fee_id)]
    assert world.all_differences()[0][4:] == (20_00, 15_00)


def test_a_fee_closed_in_alma_while_peoplesoft_still_asks_for_it_is_a_status(world):
    fee_id = world.bills("25.00")
    world.pays(25_00, fee_id)
    world.tells(fee_id, 6_00)
    world.reconciles()
    assert world.open() == [("status", "fee", fee_id)]
    assert "Alma has closed fee" in world.all_differences()[0][2]


def test_a_fee_that_alma_exported_while_we_told_of_it_is_a_status(world):
    fee_id = world.bills("25.00")
    world.change(
        "INSERT INTO alma_fee (tenant_id, fee_id, patron_id, status, balance_cents) "
        "VALUES (:tenant_id, :fee_id, :patron_id, 'EXPORTED', 2500)",
        fee_id=fee_id,
        patron_id=world.campus.patron_id,
    )
    world.campus.sets("reconciliation", max_fee_reads=0)
    world.reconciles()
    assert world.open() == [("status", "fee", fee_id)]
    assert "may be charged twice" in world.all_differences()[0][3]


def test_what_is_young_is_timing_and_clears_itself_when_the_other_side_catches_up(world):
    world.campus.sets("reconciliation", timing_hours=48)
    fee_id = world.bills()
    external_id = world.pays(10_00, fee_id, in_alma=0)
    world.reconciles()
    assert world.open() == [("timing", "line", fee_id)]
    world.alma_takes(fee_id, 10_00, external_id)
    world.reconciles()
    assert world.open() == []
    assert [(kind, how) for kind, how, *_ in world.all_differences()] == [("timing", "cleared by itself")]


def test_timing_that_lasts_becomes_what_it_is_under_the_same_difference(world):
    world.campus.sets("reconciliation", timing_hours=48)
    fee_id = world.bills()
    world.pays(10_00, fee_id, in_alma=0, at=world.ago(hours=47))
    world.reconciles()
    assert world.open() == [("timing", "line", fee_id)]
    world.change("UPDATE payment_line SET posted_at = posted_at - interval '2 hours'")
    world.reconciles()
    assert [(kind, how) for kind, how, *_ in world.all_differences()] == [("missing_there", "")]


def test_a_difference_older_than_the_window_stays_until_it_is_solved(world):
    fee_id = world.bills()
    external_id = world.pays(10_00, fee_id, in_alma=0)
    world.reconciles()
    world.change("UPDATE payment_line SET posted_at = posted_at - interval '30 days'")
    world.reconciles()
    assert world.open() == [("missing_there", "line", fee_id)]
    world.alma_takes(fee_id, 10_00, external_id)
    world.reconciles()
    assert world.open() == []


def test_alma_dating_a_payment_a_day_later_than_we_do_makes_no_difference(world):
    world.campus.sets("reconciliation", window_days=1, max_fee_reads=0)
    at = world.ago(days=1)
    world.pays(10_00, world.bills(), at=at)
    world.reconciles(on=at.date().isoformat())
    assert world.open() == []


def test_a_moment_that_lies_ahead_of_our_clock_is_young(world):
    world.campus.sets("reconciliation", timing_hours=1)
    fee_id = world.bills()
    world.pays(10_00, fee_id, state="unknown", in_alma=10_00)
    world.reconciles()
    assert world.open() == [("timing", "line", fee_id)]
    world.change(
        "UPDATE alma_transaction SET transaction_at = transaction_at + interval '30 minutes', seen_at = 'infinity'"
    )
    world.reconciles()
    assert world.open() == [("timing", "line", fee_id)]


def test_alma_answering_with_a_web_page_closes_nothing(world, monkeypatch):
    fee_id = world.bills()
    external_id = world.pays(10_00, fee_id, in_alma=0)
    world.reconciles()
    world.alma_takes(fee_id, 10_00, external_id)
    world.lists(fee_id, 40_00)
    world.campus.gives_up_soon(monkeypatch)
    world.alma.fault("alma.conf.fee_transactions", "html_error", times=50)
    run = world.reconciles()
    assert run.state == "failed"
    assert "no difference was closed" in run.error["message"]
    assert sorted(kind for kind, _, _ in world.open()) == ["amount", "missing_there"]
    world.alma.clear_faults()
    run = world.reconciles()
    assert run.state == "succeeded"
    assert [kind for kind, _, _ in world.open()] == ["amount"]


def test_a_campus_without_a_key_compares_its_other_books(world):
    world.change("DELETE FROM tenant_secret WHERE name = 'alma_api_key'")
    fee_id = world.bills()
    world.lists(fee_id, 40_00)
    run = world.reconciles()
    assert run.state == "succeeded"
    assert "Alma was not compared" in run.story
    assert world.open() == [("amount", "bursar", fee_id)]


def test_fees_beyond_the_limit_are_not_asked_for_and_the_story_says_so(world):
    world.campus.sets("reconciliation", max_fee_reads=1)
    for _ in range(3):
        world.pays(1_00, world.bills(), in_alma=0)
    run = world.reconciles()
    assert run.counts["fees_read"] == 1
    assert "Of 2 more fees Alma was not asked" in run.story


def test_a_rehearsal_counts_and_changes_nothing(world):
    world.pays(10_00, world.bills(), in_alma=0)
    run = world.reconciles(dry_run=True)
    assert run.state == "succeeded"
    assert "1 missing there" in run.story
    assert world.all_differences() == []


def test_a_day_that_has_not_come_is_refused(world):
    run = world.reconciles(on="2999-01-01")
    assert run.state == "failed"
    assert "has not come yet" in run.error["message"]
