"""The pages about payments: files that came, the list, one payment, and what they cost."""

from __future__ import annotations

import html
import io
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from tests.integration.portal import test_campus_pages
from tests.integration.portal.payment_rows import (
    EMPLID,
    LOST_REF,
    NOW,
    OPEN_FEE,
    OVERPAID_REF,
    PAID_FEE,
    PAID_REF,
    PaymentRows,
    fill_payments,
)
from tests.integration.portal.test_campus_pages import audit_of
from webapp.models import InboundFile, Payment, Run, TenantSetting, db
from webapp.models.scope import tenant_scope

LIST = "/c/csusm/payments"


def said(answer) -> str:
    """What a page says, as a reader sees it."""
    return html.unescape(test_campus_pages.said(answer))


def text_of(answer) -> str:
    """What a page that exists says."""
    return html.unescape(test_campus_pages.text_of(answer))


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with a file of payments behind it."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def listed(answer) -> list[str]:
    """The references of the payments on a page, in their order."""
    return re.findall(r'/payments/\d+"><code>(\w+)</code>', answer.text)


def test_the_files_that_came_say_their_new_money_or_why_they_were_refused(rows, browser_of):
    page = text_of(browser_of("viewer").get(LIST))
    assert "payments_20261120.csv" in page
    assert "412 $151.80" in page
    assert "ends in the middle of line 212" in page


def test_payments_are_listed_newest_first_with_where_their_money_is(rows, browser_of):
    answer = browser_of("viewer").get(LIST)
    assert listed(answer)[-3:] == [
        "FBZ2X3C4V5B6N7M2Q3W4",
        OVERPAID_REF,
        PAID_REF,
    ]
    assert "Posted in Alma $20.00 Without a fee $40.00" in text_of(answer)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (f"q={LOST_REF[:4]}", []),
        ("q=12345", 5),
        ("q=000099999", [LOST_REF]),
        (f"q={PAID_FEE}", [PAID_REF]),
        ("state=unapplied", [LOST_REF, OVERPAID_REF]),
        ("kind=write_off", ["FBW2R3I4T5E6O7F2F3A4"]),
        ("day=2020-01-01", []),
        ("file=1&state=posted", [OVERPAID_REF, PAID_REF]),
    ],
)
def test_payments_filter(rows, browser_of, address, found):
    address = address.replace("file=1", f"file={rows.inbound}")
    refs = listed(browser_of("viewer").get(f"{LIST}?{address}"))
    assert len(refs) == found if isinstance(found, int) else refs == found


def test_a_day_shows_what_was_received_that_day_on_the_campus_clock(rows, browser_of):
    viewer = browser_of("viewer")
    booked_on = (NOW - timedelta(hours=5)).astimezone(ZoneInfo("America/Los_Angeles")).date()
    assert PAID_REF in listed(viewer.get(f"{LIST}?day={booked_on}"))
    assert listed(viewer.get(f"{LIST}?day={booked_on - timedelta(days=1)}")) == []


def test_the_whole_reference_of_a_payment_or_of_a_part_opens_it(rows, browser_of):
    viewer = browser_of("viewer")
    for name in (PAID_REF, f"{PAID_REF}-1"):
        assert viewer.get(f"{LIST}?q={name}").location == f"{LIST}/{rows.paid}"


def test_the_list_goes_on_by_key(rows, browser_of, monkeypatch):
    monkeypatch.setattr("webapp.campus.payments.PER_PAGE", 4)
    viewer = browser_of("viewer")
    first = viewer.get(LIST)
    next_page = html.unescape(re.search(r'rel="next" href="([^"]+)"', first.text).group(1))
    second = viewer.get(next_page)
    assert len(listed(first)) == 4
    assert listed(second) == [OVERPAID_REF, PAID_REF]
    assert 'rel="next"' not in second.text


def test_a_payment_shows_where_it_came_from_and_where_every_cent_went(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"{LIST}/{rows.overpaid}"))
    assert "Without a fee. $20.00 is posted in Alma, $40.00 has no fee yet." in page
    assert "payments_20261120.csv , line 3" in page
    assert "The oldest open fee of this patron." in page
    assert f"{OVERPAID_REF}-1" in page
    assert "E01-2011140922-KVXCF-AWAE" in page
    assert "More than was owed" in page


def test_a_write_off_is_no_payment(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"{LIST}/{rows.write_off}"))
    assert "Noted." in page
    assert "It moves no money of ours" in page


def test_the_export_has_a_line_for_each_part_and_runs_nothing_in_a_spreadsheet(
    portal, people, rows, browser_of, superuser
):
    superuser.execute("UPDATE payment SET reference = '=1+1' WHERE id = %s", (rows.paid,))
    answer = browser_of("viewer").get(f"{LIST}?q={EMPLID}&format=csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith("\ufeffpayment,what,from,EMPLID,amount")
    assert len(lines) == 7
    assert "'=1+1" in answer.text
    assert f"{OVERPAID_REF},Payment,PeopleSoft,000012345,60.00" in answer.text
    assert ("payments.exported", "payments") in audit_of(portal, people.csusm)


@pytest.mark.parametrize(
    "address",
    ["after=x&day=0001-01-01&file=no", "day=9999-12-31", "q=%00%27&state=drop", "after=99999999999999"],
)
def test_an_address_that_makes_no_sense_shows_a_page_all_the_same(rows, browser_of, address):
    assert browser_of("viewer").get(f"{LIST}?{address}").status_code == 200


def test_a_file_that_is_not_there_is_not_found(rows, browser_of):
    assert browser_of("viewer").get(f"{LIST}?file=987654321").status_code == 404
    assert browser_of("viewer").get(f"{LIST}/987654321").status_code == 404


# Handing a file in

HEADING = "Unit,ID,Item Nbr,Item Type,Acct Term,Reference Nbr,Item Amount,Applied Amount,Item Balance,Due Date,DateTime Updated"
ROW = f"SMCMP,{EMPLID},1,300000006919,2267,{OPEN_FEE},42.75,42.75,.00,,11/20/2026  2:10:05PM"
STRANGER = "SMCMP,000088888,2,300000006919,2267,none,5.00,5.00,.00,,11/20/2026  2:10:05PM"
UNREADABLE = "SMCMP,000088888,3,300000006919,2267,none,5.00,5x,.00,,11/20/2026  2:10:05PM"


def handed_in(*lines: str) -> dict[str, tuple[io.BytesIO, str]]:
    """A form with a file of these lines."""
    return {"file": (io.BytesIO("\r\n".join([HEADING, *lines, ""]).encode()), "paid.csv")}


def stored(portal, people, model) -> int:
    """How many rows of a table San Marcos has."""
    with portal.app_context(), tenant_scope(people.csusm) as session:
        return session.query(model).count()


@pytest.mark.parametrize("is_part", [True, False])
def test_a_check_says_what_would_be_posted_where_and_books_nothing(portal, people, rows, browser_of, is_part):
    before = [stored(portal, people, model) for model in (Payment, InboundFile, Run)]
    headers = {"HX-Request": "true"} if is_part else {}
    answer = browser_of("editor").post(f"{LIST}/check", handed_in(ROW, STRANGER, UNREADABLE), headers=headers)
    page = text_of(answer)
    assert "Nothing was booked. This is what importing paid.csv would do now." in page
    assert "New money $47.75 2 rows" in page
    assert "Would be posted $42.75 to 1 fee" in page
    assert "Would wait for a person $5.00 1 part" in page
    assert "All paid on 20 Nov 2026." in page
    assert "1 row cannot be read." in page
    assert OPEN_FEE in page
    assert ("<html" in answer.text) is not is_part
    assert [stored(portal, people, model) for model in (Payment, InboundFile, Run)] == before


def test_a_file_of_something_else_is_refused_by_the_check_with_why(rows, browser_of):
    form = {"file": (io.BytesIO(b"a,b\r\n1,2\r\n"), "other.csv")}
    assert "It cannot be imported as it is." in said(browser_of("editor").post(f"{LIST}/check", form))


def test_a_file_handed_in_twice_is_taken_in_once(portal, people, browser_of):
    editor = browser_of("editor")
    first = text_of(editor.post(f"{LIST}/import", handed_in(ROW), follow_redirects=True))
    assert re.search(r"paid.csv is here, \d+ bytes. What is new in it is being booked.", first)
    again = text_of(editor.post(f"{LIST}/import", handed_in(ROW), follow_redirects=True))
    assert "Each payment counts once, so nothing was booked." in again
    assert stored(portal, people, Run) == 1


@pytest.mark.parametrize("act", ["check", "import"])
def test_a_form_without_a_file_says_so(portal, people, browser_of, act):
    answer = browser_of("editor").post(f"{LIST}/{act}", {})
    assert answer.status_code == 422
    assert "Choose a file of payments first." in said(answer)


def test_only_editors_and_admins_hand_files_in(portal, people, rows, browser_of):
    for role, may in (("viewer", False), ("approver", False), ("editor", True), ("admin", True)):
        person = browser_of(role)
        assert ("Hand in a file" in person.get(LIST).text) is may
        assert (person.post(f"{LIST}/check", handed_in(ROW)).status_code == 200) is may
        assert person.post(f"{LIST}/fetch").status_code == (303 if may else 403)


def test_files_are_fetched_now_from_where_the_settings_say(portal, people, browser_of):
    assert "Fetch now" not in browser_of("editor").get(LIST).text
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(TenantSetting(section="payments", value={"place": "folder", "files": ["paid_*.csv"]}))
        session.commit()
    assert "Looks at the watched folder of this campus" in text_of(browser_of("editor").get(LIST))


@pytest.mark.parametrize("address", ["/payments", "/payments?q=000012345", "/payments/{overpaid}"])
def test_no_page_about_payments_needs_more_than_ten_queries(portal, rows, browser_of, address):
    person = browser_of("admin")
    path = "/c/csusm" + address.format(**vars(rows))
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
