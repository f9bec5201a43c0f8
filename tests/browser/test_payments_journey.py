"""The whole way of a payment, as the library's staff walk it: from PeopleSoft's file to books that agree."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.paid_campus import PaidCampus, alma, environ, paid, paid_item, query_file, sandbox
from tests.integration.reconciliation.conftest import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["alma", "environ", "paid", "sandbox"]
EDITOR = "editor@csusm.example"
FILE = "paid_20260918.csv"


@pytest.fixture
def fees(paid: PaidCampus) -> tuple[str, str]:
    """Two fees of one patron, $12.50 and $25.00, that PeopleSoft was told to charge."""
    world = World(paid)
    return world.bills("12.50"), world.bills("25.00")


def test_a_file_is_checked_posted_its_rest_applied_and_the_fee_proved(paid, fees, signed_in_page):
    first, second = fees
    page = signed_in_page(EDITOR, "/c/csusm/")
    content = query_file(paid_item(paid, first, "20.00", 1, amount="12.50"), paid_item(paid, first, "one", 2))
    reads_what_it_would_do(page, content)
    has_it_imported(page, paid)
    assert paid.booked(first) == [(1250, paid.external_id(1, 1))]
    is_led_from_home_to_the_money(page)
    applies_it_with_the_keyboard(page, second)
    paid.works()
    assert [cents for cents, _ in paid.booked(second)] == [750]
    sees_the_life_of_the_fee(page, second)
    takes_the_evidence(page, second)
    paid.runs("reconciliation")
    sees_that_the_books_agree(page)


def reads_what_it_would_do(page: Page, content: bytes) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="People & payments").click()
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_text("Hand in a file").click()
    page.get_by_label("File of payments").set_input_files(
        {"name": FILE, "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Check first").click()
    page.get_by_text("Nothing was booked.").wait_for()
    page.get_by_text("1 row cannot be read.").wait_for()
    assert "$12.50" in page.locator(".fb-stat", has_text="Would be posted").inner_text()
    assert "$7.50" in page.locator(".fb-stat", has_text="Would wait for a person").inner_text()


def has_it_imported(page: Page, paid: PaidCampus) -> None:
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text(f"{FILE} is here").wait_for()
    paid.works()
    page.reload()
    main = page.get_by_role("main")
    main.get_by_role("link", name=re.compile(r"^Run \d+$")).click()
    page.get_by_text("What it brought").wait_for()
    page.get_by_role("link", name=f"{FILE.removesuffix('.csv')}-rejected.csv").wait_for()
    main.get_by_role("link", name=re.compile(r"^run \d+$")).first.click()
    page.get_by_text("1 payment, $12.50 posted to Alma.").wait_for()


def is_led_from_home_to_the_money(page: Page) -> None:
    page.get_by_role("link", name="Home").click()
    page.get_by_text("$7.50 on the desk for money").first.wait_for()
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("row", name="More than was owed").get_by_role("link").click()
    page.get_by_role("heading", name="$7.50 of").wait_for()


def applies_it_with_the_keyboard(page: Page, fee_id: str) -> None:
    page.get_by_label(f"Dollars for fee {fee_id}").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("7.50")
    page.keyboard.press("Enter")
    page.get_by_text("$7.50 goes to 1 fee").wait_for()


def sees_the_life_of_the_fee(page: Page, fee_id: str) -> None:
    page.get_by_role("link", name="Where the money went").click()
    page.get_by_role("main").get_by_role("link", name=fee_id).first.click()
    page.get_by_role("heading", name="Its life so far").wait_for()
    life = page.locator(".fb-life").inner_text()
    moments = ("Charge", "Applied by Csusm Editor at the desk.", f"{FILE}, line 2", "Posted in Alma")
    assert [life.find(moment) for moment in moments] == sorted(life.index(moment) for moment in moments)


def takes_the_evidence(page: Page, fee_id: str) -> None:
    with page.expect_download() as taken:
        page.get_by_role("link", name="Evidence (ZIP)").click()
    with zipfile.ZipFile(io.BytesIO(Path(taken.value.path()).read_bytes())) as found:
        told = "\n".join(found.read(name).decode() for name in found.namelist())
    assert fee_id in told
    assert FILE in told
    assert "Csusm Editor" in told


def sees_that_the_books_agree(page: Page) -> None:
    page.get_by_role("navigation", name="Places").get_by_role("link", name="People & payments").click()
    page.get_by_role("link", name="Reconciliation", exact=True).click()
    page.get_by_text("The books agree.").first.wait_for()
