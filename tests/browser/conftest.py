"""Real pages in headless Chromium, against a portal on 127.0.0.1."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from tests.integration.portal.conftest import (
    PASSWORD,
    people,
    portal,
    quick_hashing,
)

__all__ = ["PASSWORD", "people", "portal", "quick_hashing"]

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "screenshots"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
QUIET = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ALL_RULES = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# In the dark only the colours of a page are others.
RULES_OF_COLOUR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ensure_browser", ROOT / "tools" / "ensure_browser.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ensure_browser = _tool()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test here drives a browser; without one they are left out, said aloud, or in CI refused."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker("browser")
    if not here or ensure_browser.find_browser():
        return
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        raise pytest.UsageError(ensure_browser.HOW)
    config.hook.pytest_deselected(items=here)
    items[:] = [item for item in items if item not in here]
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(ensure_browser.HOW, yellow=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole session."""
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_browser.find_browser(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def live_server(portal: Flask) -> Iterator[str]:
    """The portal's address on 127.0.0.1, while the test lasts."""
    server = make_server("127.0.0.1", 0, portal, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def open_page(chromium: Browser, live_server: str) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own; fails the test when a page loads from elsewhere or breaks its policy."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_one(path: str = "/", **options: Any) -> Page:
        context = chromium.new_context(
            base_url=live_server, viewport=options.pop("viewport", WIDE), **options
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if "Content Security Policy" in m.text else None)
        page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 500 else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda r: None if r.url.startswith((live_server, "data:")) else faults.append(r.url)
        )
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def signed_in_page(open_page: Callable[..., Page], people: Any) -> Callable[..., Page]:
    """A page of someone who signed in by the form: ``signed_in_page("editor@csusm.example", "/c/csusm/")``."""

    def open_signed_in(email: str, path: str = "/", **options: Any) -> Page:
        page = open_page("/sign-in", **options)
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(path)
        return page

    return open_signed_in


def look(page: Page, name: str) -> None:
    """Judge a page as it stands: no axe violation at both widths, in light and dark, and no sideways scrolling.

    With ``FEEBRIDGE_SCREENSHOTS=1`` its pictures are kept as ``docs/screenshots/<name>-<width>.png``, and with
    ``FEEBRIDGE_SCREENSHOTS`` naming a folder they go there, the dark ones too.
    """
    asked = os.environ.get("FEEBRIDGE_SCREENSHOTS", "")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(_DRAWN)
            if asked and (scheme == "light" or asked != "1"):
                folder = PICTURES if asked == "1" else Path(asked)
                folder.mkdir(parents=True, exist_ok=True)
                dark = "" if scheme == "light" else "-dark"
                page.wait_for_timeout(150)
                page.screenshot(path=folder / f"{name}-{size['width']}{dark}.png", full_page=True)
            result = axe(page, ALL_RULES if scheme == "light" else RULES_OF_COLOUR)
            assert result.violations_count == 0, (
                f"{name} at {size['width']}, {scheme}:\n{result.generate_report()}"
            )
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{name} scrolls sideways by {overflow} px at {size['width']}"
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")


def axe(page: Page, rules: dict[str, Any]) -> AxeResults:
    """What breaks the rules on the page as it stands. Of what keeps them nothing is fetched: it is most of the answer."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return AxeResults(
        page.evaluate(
            "options => axe.run(document, options).then(({violations}) => ({violations}))",
            {"runOnly": rules, "resultTypes": ["violations"]},
        )
    )
