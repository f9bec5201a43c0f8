"""Reconciliation: whether the books agree, what they do not agree on, and what a person does about it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from tests.integration.portal.payment_rows import HALF_FEE, PaymentRows, add_money_check, fill_payments
from tests.integration.portal.test_campus_pages import audit_of
from tests.integration.portal.test_payment_pages import said, text_of
from webapp.models import Difference, db
from webapp.models.scope import tenant_scope

LIST = "/c/csusm/reconciliation"


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with books that do not agree on everything."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def listed(answer) -> list[int]:
    """The ids of the differences on a page, in their order."""
    return [int(found) for found in re.findall(r'/reconciliation/(\d+)"', answer.text)]


def test_it_says_first_whether_a_person_is_needed(rows, browser_of):
    page = text_of(browser_of("viewer").get(LIST))
    assert "1 difference needs a person. Each says what to do next. 1 difference should clear itself" in page
    assert page.index("needs a person") < page.index("Does the money add up?") < page.index("Amounts differ")


def test_differences_are_listed_oldest_first_with_amounts_owner_and_next_action(rows, browser_of):
    answer = browser_of("viewer").get(LIST)
    assert listed(answer) == [rows.amount_difference, rows.timing_difference]
    page = text_of(answer)
    assert "Our books leave $10.00 of this fee, Alma says $15.00." in page
    assert "Next: Open the fee in Alma" in page
    assert re.search(r"\$10.00 \$15.00 3 days Csusm Editor", page)


def test_the_money_is_added_up_part_by_part(people, rows, browser_of, superuser):
    add_money_check(superuser, people.csusm)
    page = text_of(browser_of("viewer").get(LIST))
    assert re.search(r"Received \$151.80 Posted in Alma \$45.00 .* Together \$151.80 It adds up", page)


def test_money_that_does_not_add_up_is_said_before_anything_else(people, rows, browser_of, superuser):
    add_money_check(superuser, people.csusm, is_equal=False)
    page = text_of(browser_of("viewer").get(LIST))
    assert "The money does not add up. $1.00 of what was received is nowhere." in page


def test_a_campus_that_never_compared_is_told_so(people, browser_of):
    page = text_of(browser_of("viewer").get(LIST))
    assert "The books were not compared yet." in page
    assert "There was no check yet." in page


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("?kind=amount", ["amount"]),
        ("?books=ledger_bursar", ["timing"]),
        ("?owner=me", ["amount"]),
        ("?owner=nobody", ["timing"]),
        (f"?q={HALF_FEE}", ["amount"]),
        ("?q=12345", ["amount", "timing"]),
        ("?sort=theirs&dir=desc", ["timing", "amount"]),
        ("?kind=drop&sort=x&page=0", ["amount", "timing"]),
        ("/closed", ["closed"]),
    ],
)
def test_differences_filter_and_sort(rows, browser_of, address, found):
    ids = [getattr(rows, f"{name}_difference") for name in found]
    assert listed(browser_of("editor").get(f"{LIST}{address}")) == ids


def test_the_chart_has_its_table_behind_it(rows, browser_of):
    page = browser_of("viewer").get(f"{LIST}?days=90").text
    table = page[page.index('id="open-per-day"') : page.index("</table>", page.index('id="open-per-day"'))]
    assert table.count("<tr>") == 91
    # A day without a comparison shows what the day before left.
    assert re.findall(r'data-value="(\d+)"', table)[-2:] == ["1", "1"]


def test_differences_are_exported_and_the_export_written_down(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"{LIST}?format=csv")
    assert f"Amounts differ,Alma and our ledger,{HALF_FEE}" in answer.text
    assert len(answer.text.splitlines()) == 3
    assert ("differences.exported", "differences") in audit_of(portal, people.csusm)


def test_one_difference_says_who_says_what_and_what_to_do(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"{LIST}/{rows.amount_difference}"))
    assert "Our books leave $10.00 of this fee, Alma says $15.00. Next: Open the fee in Alma" in page
    assert "Apart by $5.00" in page
    assert "An editor or admin of San Marcos decides." in page


def test_a_closed_difference_says_how_it_was_closed(rows, browser_of):
    page = text_of(browser_of("editor").get(f"{LIST}/{rows.closed_difference}"))
    assert "Closed. Lifted by hand in PeopleSoft." in page
    assert "What shall happen?" not in page


def test_a_difference_that_is_not_there_is_not_found(rows, browser_of):
    assert browser_of("editor").get(f"{LIST}/987654321").status_code == 404


def stored(portal, people, difference_id: int) -> Difference:
    """A difference as it is stored."""
    with portal.app_context(), tenant_scope(people.csusm) as session:
        return session.query(Difference).filter_by(id=difference_id).one()


def test_a_difference_is_taken_with_one_click_and_handed_on_with_a_note(portal, people, rows, browser_of):
    editor, one = browser_of("editor"), f"{LIST}/{rows.timing_difference}"
    assert "You look after this difference now." in text_of(editor.post(f"{one}/own", follow_redirects=True))
    assert stored(portal, people, rows.timing_difference).owner_id == people.by_role["editor"]
    editor.post(f"{one}/note", {"owner": people.by_role["admin"], "note": "asked the cashier"})
    found = stored(portal, people, rows.timing_difference)
    assert (found.owner_id, found.note) == (people.by_role["admin"], "asked the cashier")
    editor.post(f"{one}/note", {"owner": "", "note": "asked the cashier"})
    assert stored(portal, people, rows.timing_difference).owner_id is None


def test_a_difference_is_not_given_to_somebody_of_another_campus(portal, people, rows, browser_of):
    form = {"owner": people.humboldt_admin, "note": "mine"}
    answer = browser_of("editor").post(f"{LIST}/{rows.timing_difference}/note", form)
    assert answer.status_code == 422
    assert "That person has no role in this campus." in said(answer)
    assert stored(portal, people, rows.timing_difference).owner_id is None


def test_a_difference_is_closed_only_for_a_reason_and_only_once(portal, people, rows, browser_of):
    editor, one = browser_of("editor"), f"{LIST}/{rows.amount_difference}"
    refused = editor.post(f"{one}/close", {"reason": " "})
    assert refused.status_code == 422
    assert "Say why it is closed" in said(refused)
    assert "Closed." in text_of(
        editor.post(f"{one}/close", {"reason": "mended in Alma"}, follow_redirects=True)
    )
    found = stored(portal, people, rows.amount_difference)
    assert (found.closed_how, found.closed_by) == ("mended in Alma", people.by_role["editor"])
    assert "is closed already" in said(editor.post(f"{one}/close", {"reason": "again"}))
    assert ("difference.closed", f"difference/{rows.amount_difference}") in audit_of(portal, people.csusm)


@pytest.mark.parametrize("act", ["own", "note", "close"])
def test_only_editors_and_admins_decide_about_differences(portal, people, rows, browser_of, act):
    for role in ("viewer", "approver"):
        assert browser_of(role).post(f"{LIST}/{rows.amount_difference}/{act}").status_code == 403
    assert browser_of("editor").post(f"{LIST}/987654321/{act}").status_code == 404
    assert stored(portal, people, rows.amount_difference).closed_at is None


def test_home_leads_to_money_that_waits_and_to_books_that_do_not_agree(people, rows, browser_of, superuser):
    add_money_check(superuser, people.csusm, is_equal=False)
    answer = browser_of("viewer").get("/c/csusm/")
    page = text_of(answer)
    assert "$106.80 on the desk for money 4 parts of payments" in page
    assert "1 difference between the books" in page
    assert "The money received does not add up" in page
    assert '/c/csusm/money"' in answer.text
    assert f'{LIST}"' in answer.text


@pytest.mark.parametrize("address", ["", "/closed", "/{amount_difference}"])
def test_no_page_about_reconciliation_needs_more_than_ten_queries(portal, rows, browser_of, address):
    person = browser_of("admin")
    path = LIST + address.format(**vars(rows))
    person.get(path)
    statements: list[str] = []

    def count(_connection, _cursor, statement, *_rest):
        if "set_config" not in statement:
            statements.append(statement)

    with portal.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        assert person.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(statements) <= 10, "\n".join(s[:200] for s in statements)
