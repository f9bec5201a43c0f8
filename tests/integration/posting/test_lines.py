"""What becomes of each line, by what its fee looks like when its turn comes."""

import pytest

from webapp.adapters.alma import client
from webapp.adapters.alma.answers import RecordFault
from webapp.adapters.alma.records import fee_from_json
from worker.pipelines.posting import account
from worker.pipelines.posting.account import Account


def test_twenty_two_twenty_three_and_two_seventy_seven_close_a_fee_of_twenty_five_dollars(campus):
    fee_id = campus.charges("25.00")
    campus.pays(2223, fee_id)
    campus.posts()
    assert campus.fee(fee_id)["balance"] == 2.77
    campus.pays(277, fee_id)
    run = campus.posts()
    assert run.counts["posted_cents"] == 277
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"
    assert [cents for cents, _ in campus.booked(fee_id)] == [2223, 277]


def test_five_lines_cost_one_reading_of_the_account_and_one_payment_each(campus):
    fee_ids = [campus.charges(f"{dollars}.00") for dollars in range(1, 6)]
    campus.pays_in_parts([(100 * n, fee_id) for n, fee_id in enumerate(fee_ids, 1)])
    run = campus.posts()
    assert (run.counts["posted"], run.counts["posted_cents"]) == (5, 1500)
    institution_check = 1
    assert run.counts["alma_posts"] == 5
    assert run.counts["alma_gets"] == 1 + institution_check


def test_one_line_that_alma_refuses_does_not_stop_the_other_four(campus):
    fee_ids = [campus.charges("4.00") for _ in range(5)]
    keys = campus.pays_in_parts([(400, fee_id) for fee_id in fee_ids])
    campus.alma.fault(
        "alma.fees.pay",
        "status",
        after=2,
        status=400,
        code="401666",
        message="amount parameter is not valid.",
    )
    run = campus.posts()
    assert [campus.line(key).state for key in keys] == ["posted", "posted", "unapplied", "posted", "posted"]
    refused = campus.line(keys[2])
    assert refused.rule == "rejected"
    assert "401666" in refused.reason
    assert refused.tracking_id.startswith("E01-")
    assert (
        run.story == "4 payments, $16.00 posted to Alma; 1 waits for a person because Alma refused to post."
    )
    assert campus.booked(fee_ids[2]) == []


def test_money_beyond_the_balance_waits_for_a_person_and_the_balance_is_never_exceeded(campus):
    fee_id = campus.charges("12.00")
    payment_id, _ = campus.pays(2000, fee_id)
    run = campus.posts()
    assert campus.lines_of(payment_id) == [
        (1, "replaced", "", 2000),
        (2, "posted", "", 1200),
        (3, "unapplied", "shrunk", 800),
    ]
    assert "$8.00 of $20.00 did not fit any more" in campus.line((payment_id, 3)).reason
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"
    assert (
        run.story
        == "1 payment, $12.00 posted to Alma; 1 waits for a person because less was owed than was paid."
    )
    campus.posts()
    assert [cents for cents, _ in campus.booked(fee_id)] == [1200]


def test_two_payments_for_one_fee_share_what_is_owed_in_their_order(campus):
    fee_id = campus.charges("25.00")
    first, second = campus.pays(1000, fee_id), campus.pays(2000, fee_id)
    campus.posts()
    assert campus.line(first).state == "posted"
    assert campus.lines_of(second[0])[1:] == [(2, "posted", "", 1500), (3, "unapplied", "shrunk", 500)]
    assert [cents for cents, _ in campus.booked(fee_id)] == [1000, 1500]


@pytest.mark.parametrize(
    ("op", "query", "rule"),
    [
        ("pay", {"amount": "9.00", "method": "CASH"}, "closed"),
        ("waive", {"amount": "9.00", "reason": "OTHER"}, "closed"),
        ("dispute", {}, "disputed"),
    ],
)
def test_money_for_a_fee_that_takes_none_waits_for_a_person_who_reads_why(campus, op, query, rule):
    fee_id = campus.charges("9.00")
    campus.at_the_desk(fee_id, op, **query)
    key = campus.pays(900, fee_id)
    run = campus.posts()
    line = campus.line(key)
    assert (line.state, line.rule) == ("unapplied", rule)
    assert fee_id in line.reason
    assert run.counts.get("posted", 0) == 0
    assert [entry for entry in campus.booked(fee_id) if entry[1].startswith("FB")] == []


def test_a_fee_that_alma_has_handed_to_the_bursar_is_left_alone(campus):
    exported = next(p for p in campus.alma.patrons() if any(f["status"] == "EXPORTED" for f in p["fees"]))
    fee_id = exported["fees"][0]["id"]
    key = campus.pays(100, fee_id, patron_id=exported["primary_id"])
    campus.posts()
    assert (campus.line(key).state, campus.line(key).rule) == ("unapplied", "exported")
    campus.sets("posting", pay_exported=True)
    again = campus.pays(100, fee_id, patron_id=exported["primary_id"])
    campus.posts()
    # This Alma keeps a balance of zero on it.
    assert (campus.line(again).state, campus.line(again).rule) == ("unapplied", "closed")


def test_money_for_another_patrons_fee_is_not_posted(campus):
    stranger = campus.others[0]
    fee_id = campus.charges("6.00", stranger)
    # An earlier run has seen whose it is.
    campus.pays(100, fee_id, patron_id=stranger)
    campus.posts()
    campus.charges("1.00")
    key = campus.pays(500, fee_id)
    campus.posts()
    assert (campus.line(key).state, campus.line(key).rule) == ("unapplied", "other_patron")
    assert [cents for cents, _ in campus.booked(fee_id)] == [100]


def test_money_without_a_fee_in_alma_waits_for_a_person(campus):
    nowhere, without = campus.pays(500, "1234567890120000"), campus.pays(500, "")
    campus.posts()
    for key in (nowhere, without):
        assert (campus.line(key).state, campus.line(key).rule) == ("unapplied", "unmatched")


def test_money_of_a_patron_whom_alma_does_not_know_waits_and_stops_nobody_else(campus):
    stranger = campus.pays(500, "1234567890120000", patron_id="nobody-here", emplid="")
    fee_id = campus.charges("5.00")
    campus.pays(500, fee_id)
    run = campus.posts()
    assert (campus.line(stranger).state, campus.line(stranger).rule) == ("unapplied", "rejected")
    assert run.counts["posted"] == 1


def test_a_fee_is_found_by_the_number_that_the_bursar_knows_it_by(campus):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, "BURSAR-1")
    campus.remembers(fee_id, bursar_ref="BURSAR-1")
    campus.posts()
    assert (campus.line(key).state, campus.line(key).fee_id) == ("posted", fee_id)
    assert campus.ledger("BURSAR-1") == [("alma", "payment", -500)]


def test_a_write_off_is_waived_in_alma_and_not_paid(campus):
    fee_id = campus.charges("7.00")
    key = campus.pays(700, fee_id, op="waive", kind="write_off")
    campus.posts()
    line = campus.line(key)
    assert line.state == "posted"
    assert campus.booked(fee_id) == []
    assert [cents for cents, _ in campus.booked(fee_id, "waive")] == [700]
    assert campus.fee(fee_id)["transaction"][0]["comment"] == f"Paid in PeopleSoft {line.external_id}"
    assert campus.ledger(fee_id) == [("alma", "waiver", -700)]


def test_a_rehearsal_posts_nothing_and_takes_nothing(campus):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    run = campus.posts(dry_run=True)
    assert run.state == "succeeded"
    assert (campus.line(key).state, campus.line(key).run_id) == ("waiting", None)
    assert campus.booked(fee_id) == []


def test_a_campus_that_keeps_only_books_posts_nothing(campus):
    campus.sets("posting", way="none")
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    run = campus.posts()
    assert run.state == "nothing_to_send"
    assert campus.line(key).state == "waiting"


def test_nothing_to_post_is_said(campus):
    assert campus.posts().state == "nothing_to_send"


def test_posting_twice_posts_nothing_the_second_time(campus):
    fee_id = campus.charges("5.00")
    campus.pays(300, fee_id)
    campus.posts()
    assert campus.posts().state == "nothing_to_send"
    assert [cents for cents, _ in campus.booked(fee_id)] == [300]


def test_a_key_of_another_campus_posts_nothing(campus, sandbox):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    campus.has_key(sandbox.institutions[1]["api_key"])
    run = campus.posts()
    assert run.state == "failed"
    assert campus.line(key).state == "waiting"
    assert campus.booked(fee_id) == []


def test_what_peoplesoft_took_back_in_the_very_moment_is_not_posted(campus, monkeypatch):
    """The import nets a line while the run that has read it is about to send it, or to part it."""
    whole_id, part_id = campus.charges("5.00"), campus.charges("3.00")
    whole, part = campus.pays(500, whole_id), campus.pays(500, part_id)
    real = Account.fee_of

    def taken_back(self, line):
        campus.changes("UPDATE payment_line SET state = 'netted'")
        return real(self, line)

    monkeypatch.setattr(Account, "fee_of", taken_back)
    run = campus.posts()
    assert run.state == "succeeded"
    assert (campus.line(whole).state, campus.line(part).state) == ("netted", "netted")
    assert campus.booked(whole_id) + campus.booked(part_id) == []
    assert len(campus.lines_of(part[0])) == 1


def test_money_of_nobody_waits_and_stops_nobody_else(campus):
    nobody = campus.pays(500, "1234567890120000", patron_id="  ")
    strange = campus.pays(500, "1234567890120000", patron_id="a\tb")
    fee_id = campus.charges("5.00")
    campus.pays(500, fee_id)
    run = campus.posts()
    assert (run.state, run.counts["posted"]) == ("succeeded", 1)
    for key in (nobody, strange):
        assert (campus.line(key).state, campus.line(key).rule) == ("unapplied", "rejected")


def test_a_fee_that_cannot_be_read_is_no_other_fees_matter(campus, monkeypatch):
    bad_id, good_id = campus.charges("5.00"), campus.charges("3.00")
    bad, good = campus.pays_in_parts([(500, bad_id), (300, good_id)])

    def damaged(fee):
        if fee["id"] == bad_id:
            raise RecordFault("the balance is missing")
        return fee_from_json(fee)

    monkeypatch.setattr(account, "fee_from_json", damaged)
    monkeypatch.setattr(client, "fee_from_json", damaged)
    campus.posts()
    assert (campus.line(good).state, campus.line(bad).state) == ("posted", "unapplied")
    assert (campus.line(bad).rule, "balance is missing" in campus.line(bad).reason) == ("rejected", True)
