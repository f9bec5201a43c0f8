"""The frame around every page: usable by eye, by keyboard, on a phone and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, PASSWORD, look

VIEWER = "viewer@csusm.example"


def test_the_sign_in_page_can_be_used_by_everyone(open_page):
    page = open_page("/sign-in")
    look(page, "sign-in")
    page.get_by_label("Email address").fill("nobody@csusm.example")
    page.get_by_label("Password").fill("not the right password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    assert page.get_by_label("Email address").input_value() == "nobody@csusm.example"
    look(page, "sign-in-refused")


def test_one_s_account_can_be_used_by_everyone(signed_in_page):
    page = signed_in_page(VIEWER, "/account")
    look(page, "account")
    page.goto("/account/password")
    page.get_by_label("Current password").fill("x")
    page.get_by_role("button", name="Change password").click()
    look(page, "change-password")


def test_error_pages_can_be_used_by_everyone(signed_in_page):
    look(signed_in_page(VIEWER, "/no-such-page"), "not-found")


def test_the_first_stop_of_the_keyboard_skips_to_the_content(signed_in_page):
    page = signed_in_page(VIEWER, "/account")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_every_stop_of_the_keyboard_can_be_seen(signed_in_page):
    page = signed_in_page(VIEWER, "/account")
    unseen = []
    for _ in range(15):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
            return [e.tagName, e.textContent.trim().slice(0, 30), parseFloat(s.outlineWidth) > 0 && s.outlineStyle !== 'none',
                    r.width > 0 && r.height > 0]; }"""
        )
        if found[0] == "BODY":
            break
        if not (found[2] and found[3]):
            unseen.append(found)
    assert unseen == []


@pytest.mark.parametrize("javascript", [True, False])
def test_on_a_phone_the_menu_opens_by_keyboard_with_and_without_javascript(signed_in_page, javascript):
    page = signed_in_page(VIEWER, "/account", viewport=NARROW, java_script_enabled=javascript)
    expect(page.get_by_role("link", name="Home", exact=True)).to_be_hidden()
    page.locator(".fb-menu > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Home", exact=True).click()
    page.wait_for_url("**/c/csusm/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_escape_closes_the_menu_and_gives_the_focus_back(signed_in_page):
    page = signed_in_page(VIEWER, "/account", viewport=NARROW)
    menu = page.locator(".fb-menu > summary")
    menu.click()
    page.get_by_role("link", name="Home", exact=True).focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Home", exact=True)).to_be_hidden()
    expect(menu).to_be_focused()


def test_an_act_says_what_it_does_before_its_button_also_on_a_phone(signed_in_page):
    page = signed_in_page(VIEWER, "/account", viewport=NARROW)
    page.locator(".fb-act > summary").click()
    expect(page.get_by_text("Ends all your sessions at once")).to_be_visible()
    look(page, "act")
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/sign-in")


def test_acts_in_the_head_of_a_page_stay_on_a_phone_s_screen(people, signed_in_page):
    page = signed_in_page(
        "boss@consortium.example", f"/consortium/people/{people.humboldt_admin}", viewport=NARROW
    )
    for summary in page.locator(".fb-actions .fb-act > summary").all():
        summary.click()
        box = page.locator(".fb-act[open] .fb-act-panel").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
        page.keyboard.press("Escape")


def test_the_colours_follow_the_device_until_the_reader_chooses(signed_in_page):
    page = signed_in_page(VIEWER, "/account")
    background = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert light != dark
    page.locator(".fb-rail-rest").get_by_role("button", name="Change colours to light").click()
    page.wait_for_load_state()
    assert page.url.endswith("/account")
    assert page.evaluate(background) == light


def test_signing_in_works_without_javascript(open_page, people):
    page = open_page("/sign-in", java_script_enabled=False)
    page.get_by_label("Email address").fill(VIEWER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/c/csusm/")


def test_an_id_is_copied_by_its_button(people, signed_in_page):
    page = signed_in_page(
        "boss@consortium.example",
        "/consortium/campuses/csusm",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.get_by_role("button", name="Copy 01CALS_USM").click()
    assert page.evaluate("navigator.clipboard.readText()") == "01CALS_USM"


def test_on_paper_only_the_content_is_left(signed_in_page):
    page = signed_in_page(VIEWER, "/account")
    page.emulate_media(media="print")
    expect(page.locator(".fb-rail")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
