"""That what judges every page can say no."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import look

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PAGE = """
    <!doctype html><html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width"><style>
    body {{ background: white; color: black }} @media (prefers-color-scheme: dark) {{ body {{ {dark} }} }}
    </style></head><body><main><h1>A page</h1>{inside}</main></body></html>
"""


@pytest.mark.parametrize(
    ("inside", "dark", "said"),
    [
        ("<p>Good</p>", "background: black; color: white", ""),
        ("<img src='data:,'>", "background: black; color: white", "at 1280, light:(.|\n)*image-alt"),
        ("<p>Grey on black</p>", "background: black; color: #333", "at 1280, dark:(.|\n)*color-contrast"),
        ("<div style='width: 500px'>Wide</div>", "background: black; color: white", "sideways .* at 390"),
    ],
)
def test_a_page_is_refused_for_what_is_wrong_with_it(
    chromium: Browser, inside: str, dark: str, said: str
) -> None:
    page = chromium.new_page()
    page.set_content(_PAGE.format(inside=inside, dark=dark))
    if said:
        with pytest.raises(AssertionError, match=said):
            look(page, "a-page")
    else:
        look(page, "a-page")
    page.close()
