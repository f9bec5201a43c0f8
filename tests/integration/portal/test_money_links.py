"""From a payment to its fee, its file's line, its runs and what the books disagree on: one step each, and back."""

from __future__ import annotations

import pytest

from tests.integration.portal.payment_rows import HALF_FEE, PaymentRows, fill_payments
from tests.integration.portal.test_payment_pages import text_of
from webapp.models import JournalLine, PaymentLine, Run
from webapp.models.scope import tenant_scope

HOME = "/c/csusm"


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with a file of payments behind it."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


@pytest.fixture
def journal(portal, people, rows) -> int:
    """A run whose journal holds the payment that was posted."""
    with portal.app_context(), tenant_scope(people.csusm) as session:
        line = session.query(PaymentLine).filter_by(payment_id=rows.paid, n=1).one()
        when = session.query(Run).filter_by(id=rows.posting).one().scheduled_at
        run = Run(pipeline="gl_journal", trigger="person", state="succeeded", scheduled_at=when)
        session.add(run)
        session.flush()
        session.add(
            JournalLine(
                payment_id=line.payment_id,
                line_n=line.n,
                event="posted",
                run_id=run.id,
                on_date=when.date(),
                amount_cents=line.amount_cents,
                chartfields={"account": "580090", "fund": "SM001", "dept": "", "class_field": "77"},
            )
        )
        session.commit()
        return run.id


def test_a_payment_leads_to_the_desk_for_each_part_that_waits_and_to_the_difference(rows, browser_of):
    answer = browser_of("editor").get(f"{HOME}/payments/{rows.overpaid}")
    assert f'{HOME}/money/{rows.overpaid}/2"' in answer.text
    assert f'{HOME}/reconciliation/{rows.amount_difference}"' in answer.text
    assert "The books do not agree. Our books leave $10.00 of this fee" in text_of(answer)


def test_a_payment_that_is_settled_leads_to_no_difference(rows, browser_of):
    assert "The books do not agree" not in text_of(browser_of("editor").get(f"{HOME}/payments/{rows.paid}"))


def test_a_fee_leads_to_what_the_books_disagree_on_about_it(rows, browser_of):
    answer = browser_of("viewer").get(f"{HOME}/fees/{HALF_FEE}")
    assert f'{HOME}/reconciliation/{rows.amount_difference}"' in answer.text


def test_money_on_the_desk_leads_to_the_line_of_its_file(rows, browser_of):
    answer = browser_of("editor").get(f"{HOME}/money/{rows.overpaid}/2")
    assert f'{HOME}/inbound/{rows.inbound}"' in answer.text
    assert "payments_20261120.csv , line 3" in text_of(answer)


def test_after_a_decision_the_desk_leads_to_where_the_money_went(rows, browser_of):
    editor = browser_of("editor")
    form = {"ignore-reason": "a test of the cashier's"}
    answer = editor.post(f"{HOME}/money/{rows.lost}/1/ignore", form, follow_redirects=True)
    assert f'{HOME}/payments/{rows.lost}">Where the money went' in answer.text


def test_the_run_of_an_import_leads_to_its_file_and_its_payments(rows, browser_of):
    answer = browser_of("viewer").get(f"{HOME}/runs/{rows.importing}")
    assert "What it brought" in answer.text
    assert f'{HOME}/inbound/{rows.inbound}"' in answer.text


def test_a_posting_run_shows_each_payment_those_that_need_a_person_first(rows, browser_of):
    answer = browser_of("viewer").get(f"{HOME}/runs/{rows.posting}")
    places = [answer.text.index(f'{HOME}/payments/{found}"') for found in (rows.unknown, rows.paid)]
    assert places == sorted(places)
    assert f'{HOME}/money/{rows.unknown}/1"' in answer.text


def test_the_run_of_a_journal_shows_its_accounts_and_its_payments(rows, journal, browser_of):
    answer = browser_of("viewer").get(f"{HOME}/runs/{journal}")
    assert "580090 / SM001 / – / – / 77" in text_of(answer)
    assert "Against the clearing account 1 $25.00" in text_of(answer)
    assert f'{HOME}/payments/{rows.paid}"' in answer.text


def test_the_run_of_a_reconciliation_leads_to_what_is_open(rows, browser_of):
    answer = browser_of("viewer").get(f"{HOME}/runs/{rows.reconciling}")
    assert f'href="{HOME}/reconciliation"' in answer.text
