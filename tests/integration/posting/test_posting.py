"""Payments reach their fees in Alma: once, to the cent, and the books say so."""


def test_a_payment_is_posted_to_its_fee_by_a_run_and_the_ledger_says_so(campus):
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    run = campus.posts()
    assert (run.state, run.story) == ("succeeded", "1 payment, $10.00 posted to Alma.")
    line = campus.line(key)
    assert (line.state, line.fee_id, line.attempts) == ("posted", fee_id, 1)
    assert campus.booked(fee_id) == [(1000, line.external_id)]
    transaction = campus.fee(fee_id)["transaction"][0]
    assert line.tracking_id == transaction["transaction_id"]
    assert (transaction["payment_method"]["value"], transaction["comment"]) == (
        "ONLINE",
        "Paid in PeopleSoft",
    )
    assert campus.ledger(fee_id) == [("alma", "payment", -1000)]
    assert campus.rows("SELECT status, balance_cents FROM alma_fee WHERE fee_id = :f", f=fee_id) == [
        ("ACTIVE", 1500)
    ]
