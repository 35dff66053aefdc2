"""A real browser, for the tests of the page."""

import shutil
from pathlib import Path

import pytest
from pages import settle
from support import SANITIZED

from rheap.commands.main import main

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window. One for all tests of a process: it takes a second to start."""
    if SANITIZED:
        pytest.skip("a browser under AddressSanitizer tests the browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def make_page(tmp_path):
    """`make_page(*arguments)` writes the page of `rheap view`, and returns its path."""

    def make(*arguments, name="run.html"):
        path = tmp_path / name
        assert main(["view", *map(str, arguments), "-o", str(path)]) == 0
        return path

    return make


@pytest.fixture
def open_page(browser, make_page):
    """Opens a page and waits until it is read. It must not complain, nor ask for anything but
    itself, as long as the test lasts."""
    contexts, complaints = [], []

    def open_(*arguments, **options):
        path = arguments[0] if isinstance(arguments[0], Path) and not arguments[1:] else None
        path = path if path and path.suffix == ".html" else make_page(*arguments)
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(path.as_uri())
        assert complaints == [path.as_uri()]
        complaints.clear()
        page.wait_for_selector("body[data-state=ready]")
        settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
