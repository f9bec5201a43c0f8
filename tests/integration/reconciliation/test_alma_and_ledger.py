"""Alma's book beside our ledger, on the real sandbox: each planted difference is found and typed, and nothing else."""


def test_books_that_agree_give_no_difference(world):
    fee_id = world.bills()
    world.pays(10_00, fee_id)
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
