"""The desk for money: what waits for a person, why, and what may be done about it."""

from __future__ import annotations

import re

import pytest

from tests.integration.portal.payment_rows import (
    HALF_FEE,
    LOST_REF,
    OPEN_FEE,
    OTHERS_FEE,
    OVERPAID_REF,
    PAID_FEE,
    REFUND_REF,
    UNKNOWN_REF,
    PaymentRows,
    fill_payments,
)
from tests.integration.portal.test_campus_pages import audit_of
from tests.integration.portal.test_payment_pages import said, text_of
from webapp.models import PaymentLine, Run
from webapp.models.scope import tenant_scope

DESK = "/c/csusm/money"


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with money on the desk."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def listed(answer) -> list[str]:
    """The parts on a page, by their names in Alma."""
    return re.findall(r'fb-nowrap"><code>(\w+-\d)</code>', answer.text)


def test_money_that_waits_is_listed_the_oldest_first_with_its_reason_owner_and_age(rows, browser_of):
    answer = browser_of("viewer").get(DESK)
    assert listed(answer) == [f"{OVERPAID_REF}-2", f"{UNKNOWN_REF}-1", f"{LOST_REF}-1", f"{REFUND_REF}-1"]
    page = text_of(answer)
    assert "Without a fee $51.80 2 parts, the oldest 1 day" in page
    assert "$40.00 is more than was owed that day." in page
    assert "Csusm Editor" in page
    assert "Alma did not answer within 30 s." in page


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("state=unknown", [f"{UNKNOWN_REF}-1"]),
        ("rule=unmatched", [f"{LOST_REF}-1"]),
        ("owner=me", [f"{OVERPAID_REF}-2"]),
        ("owner=nobody&state=unapplied", [f"{LOST_REF}-1"]),
        ("q=99999", [f"{LOST_REF}-1"]),
        (f"q={REFUND_REF}", [f"{REFUND_REF}-1"]),
        ("q=nobody", []),
        ("after=x-y&state=drop&rule=1&owner=2", 4),
    ],
)
def test_money_on_the_desk_filters(rows, browser_of, address, found):
    parts = listed(browser_of("editor").get(f"{DESK}?{address}"))
    assert len(parts) == found if isinstance(found, int) else parts == found


def test_the_desk_for_money_goes_on_by_key(rows, browser_of, monkeypatch):
    monkeypatch.setattr("webapp.campus.money.PER_PAGE", 3)
    viewer = browser_of("viewer")
    next_page = re.search(r'rel="next" href="([^"]+)"', viewer.get(DESK).text).group(1)
    assert listed(viewer.get(next_page)) == [f"{REFUND_REF}-1"]


def test_an_empty_desk_says_that_every_cent_is_posted_or_on_its_way(people, browser_of):
    assert "No money waits for anybody" in text_of(browser_of("viewer").get(DESK))


def test_the_desk_for_money_is_exported_and_the_export_written_down(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"{DESK}?format=csv")
    assert len(answer.text.splitlines()) == 5
    assert f"{LOST_REF},1,Without a fee,11.80,000099999" in answer.text
    assert ("money.exported", "money") in audit_of(portal, people.csusm)


def part_of(portal, people, payment_id: int, n: int) -> PaymentLine:
    """A part of a payment as it is stored."""
    with portal.app_context(), tenant_scope(people.csusm) as session:
        return session.query(PaymentLine).filter_by(payment_id=payment_id, n=n).one()


def test_an_editor_is_shown_the_open_fees_of_the_patron_and_how_the_money_would_pay_them(rows, browser_of):
    answer = browser_of("editor").get(f"{DESK}/{rows.overpaid}/2")
    offered = re.findall(
        r'name="fee" value="(\d+)".*?name="amount"[^>]*value="([^"]*)"', answer.text, re.DOTALL
    )
    assert offered == [(HALF_FEE, ""), (OPEN_FEE, "40.00")]
    assert "$10.00 on its way" in text_of(answer)
    assert PAID_FEE not in answer.text


def test_money_is_applied_to_a_fee_with_one_click_and_a_run_posts_it(portal, people, rows, browser_of):
    form = {"fee": [HALF_FEE, OPEN_FEE, ""], "amount": ["", "30.00", ""]}
    done = browser_of("editor").post(f"{DESK}/{rows.overpaid}/2/apply", form, follow_redirects=True)
    assert re.search(r"\$30.00 goes to 1 fee; run \d+ posts it in Alma.", text_of(done))
    assert part_of(portal, people, rows.overpaid, 2).state == "replaced"
    new, left = (part_of(portal, people, rows.overpaid, n) for n in (3, 4))
    assert (new.state, new.fee_id, new.amount_cents) == ("waiting", OPEN_FEE, 3_000)
    assert (left.state, left.rule, left.amount_cents) == ("unapplied", "overpaid", 1_000)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert session.query(Run).filter_by(pipeline="payment_posting", state="queued").count() == 1


@pytest.mark.parametrize(
    ("fees", "amounts", "says"),
    [
        ([OPEN_FEE], ["40.001"], "has fractions of a cent"),
        ([OPEN_FEE], ["-3"], "give an amount above zero"),
        ([OPEN_FEE], ["41.00"], "The parts are $1.00 more than the $40.00 there is."),
        ([OTHERS_FEE], ["5"], "is another patron's"),
        (["4711"], ["5"], "No fee 4711 is known here."),
        ([""], ["5"], "Say which fee 5 is for."),
        ([OPEN_FEE], [""], "Give at least one fee an amount."),
    ],
)
def test_what_cannot_be_applied_is_refused_in_words_and_stays_typed(
    portal, people, rows, browser_of, fees, amounts, says
):
    form = {"fee": [*fees, ""], "amount": [*amounts, ""]}
    answer = browser_of("editor").post(f"{DESK}/{rows.overpaid}/2/apply", form)
    assert answer.status_code == 422
    assert says in said(answer)
    assert part_of(portal, people, rows.overpaid, 2).state == "unapplied"
    if fees == [OPEN_FEE] and amounts[0]:
        assert f'value="{amounts[0]}"' in answer.text


def test_a_refund_is_asked_for_and_then_paid_with_its_number(portal, people, rows, browser_of):
    editor = browser_of("editor")
    editor.post(f"{DESK}/{rows.lost}/1/refund", {"refund-reason": "nobody of ours"})
    asked = part_of(portal, people, rows.lost, 1)
    assert (asked.state, asked.owner_id) == ("refund_due", people.by_role["editor"])
    paid = {"refunded-on": "2026-11-20", "refund-reference": "AP 4711"}
    editor.post(f"{DESK}/{rows.lost}/1/refunded", paid)
    done = part_of(portal, people, rows.lost, 1)
    assert (done.state, done.reason) == ("refunded", "Refunded on 11/20/2026, AP 4711.")
    assert ("money.refunded", f"payment/{rows.lost}/1") in audit_of(portal, people.csusm)


@pytest.mark.parametrize(
    "form", [{"refunded-on": "", "refund-reference": "1"}, {"refunded-on": "2099-01-01", "refund-reference": "1"},
             {"refunded-on": "2026-11-20", "refund-reference": " "}]
)  # fmt: skip
def test_a_refund_without_its_day_or_number_is_not_noted(portal, people, rows, browser_of, form):
    answer = browser_of("editor").post(f"{DESK}/{rows.refund}/1/refunded", form)
    assert answer.status_code == 422
    assert "Nothing was changed." in said(answer)
    assert part_of(portal, people, rows.refund, 1).state == "refund_due"


def test_money_is_set_aside_only_for_a_reason(portal, people, rows, browser_of):
    editor = browser_of("editor")
    refused = editor.post(f"{DESK}/{rows.lost}/1/ignore", {"ignore-reason": " "})
    assert refused.status_code == 422
    assert "Say why. Nothing was changed." in said(refused)
    editor.post(f"{DESK}/{rows.lost}/1/ignore", {"ignore-reason": "of the parking office"})
    assert part_of(portal, people, rows.lost, 1).state == "ignored"


def test_whoever_looks_after_money_is_named(portal, people, rows, browser_of):
    done = browser_of("editor").post(f"{DESK}/{rows.lost}/1/own", follow_redirects=True)
    assert "looked after by Csusm Editor" in text_of(done)
    assert part_of(portal, people, rows.lost, 1).owner_id == people.by_role["editor"]


def test_a_posting_that_was_wrong_becomes_a_refund_with_an_owner(portal, people, rows, browser_of):
    browser_of("editor").post(f"{DESK}/{rows.paid}/1/take-back", {"take-back-reason": "the wrong student"})
    line = part_of(portal, people, rows.paid, 1)
    assert (line.decision, line.owner_id) == ("refund_of_posting", people.by_role["editor"])


def test_what_was_set_aside_or_applied_can_be_decided_anew_until_it_is_posted(
    portal, people, rows, browser_of
):
    editor = browser_of("editor")
    editor.post(f"{DESK}/{rows.lost}/1/ignore", {"ignore-reason": "of the parking office"})
    page = editor.get(f"{DESK}/{rows.lost}/1")
    assert "Take $" in text_of(page)
    refused = editor.post(f"{DESK}/{rows.lost}/1/pull-back", {"pull-reason": " "})
    assert (refused.status_code, part_of(portal, people, rows.lost, 1).state) == (422, "ignored")
    editor.post(f"{DESK}/{rows.lost}/1/pull-back", {"pull-reason": "it is ours after all"})
    assert part_of(portal, people, rows.lost, 1).state == "unapplied"
    late = editor.post(f"{DESK}/{rows.paid}/1/pull-back", {"pull-reason": "too late"})
    assert (late.status_code, part_of(portal, people, rows.paid, 1).state) == (422, "posted")


def test_what_nobody_paid_is_offered_to_no_fee(rows, browser_of, superuser):
    superuser.execute("UPDATE payment SET kind = 'refund' WHERE id = %s", [rows.lost])
    page = text_of(browser_of("editor").get(f"{DESK}/{rows.lost}/1"))
    assert "Nobody paid this: PeopleSoft says that it is a refund." in page
    assert "Apply and post" not in page


@pytest.mark.parametrize("act", ["look", "settle"])
def test_where_nothing_is_open_a_person_is_told_so(portal, people, rows, browser_of, act):
    form = {"outcome": "posted", "settle-reason": "seen"}
    answer = browser_of("editor").post(f"{DESK}/{rows.lost}/1/{act}", form)
    assert answer.status_code == 422
    assert "There is no open question about" in said(answer)


@pytest.mark.parametrize(
    "act",
    [
        "own",
        "apply",
        "refund",
        "refunded",
        "ignore",
        "look",
        "settle",
        "waive",
        "restore",
        "take-back",
        "pull-back",
    ],
)
def test_only_editors_and_admins_decide_about_money(portal, people, rows, browser_of, act):
    for role in ("viewer", "approver"):
        assert browser_of(role).post(f"{DESK}/{rows.lost}/1/{act}").status_code == 403
    assert browser_of("editor").post(f"{DESK}/987654321/1/{act}").status_code == 404
    assert part_of(portal, people, rows.lost, 1).state == "unapplied"


def test_a_part_lists_the_open_fees_of_its_patron_alone_and_what_is_on_its_way_to_them(rows, browser_of):
    answer = browser_of("viewer").get(f"{DESK}/{rows.overpaid}/2")
    assert "More than was owed. $20.00 of $60.00 found a fee" in text_of(answer)
    assert "An editor or admin of San Marcos decides." in text_of(answer)
    assert OTHERS_FEE not in answer.text


def test_a_part_that_is_settled_is_shown_and_asks_for_nothing(rows, browser_of):
    page = text_of(browser_of("editor").get(f"{DESK}/{rows.paid}/1"))
    assert "Nothing waits here" in page
    assert "What shall happen?" not in page


def test_a_part_that_is_not_there_is_not_found(rows, browser_of):
    for address in (f"{rows.paid}/9", "987654321/1"):
        assert browser_of("editor").get(f"{DESK}/{address}").status_code == 404
