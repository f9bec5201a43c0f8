"""The frame around every page."""

from __future__ import annotations

from tests.browser.conftest import look


def test_the_sign_in_page_can_be_used_by_everyone(open_page):
    look(open_page("/sign-in"), "sign-in")


def test_the_shell_can_be_used_by_everyone(signed_in_page):
    page = signed_in_page("viewer@csusm.example", "/account")
    look(page, "account")
