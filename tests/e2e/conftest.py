"""One server for all browser tests, a browser a file, a page a test."""

import pytest
from playwright.sync_api import expect
from running import browsing, errors_of, serving

SLOWEST_MS = 60_000  # on a machine that is busy with other things; a page is otherwise done within a second
expect.set_options(timeout=SLOWEST_MS)


@pytest.fixture(scope="session")
def address():
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Closed with its file, since Playwright's event loop stands in the way of other tests that run one."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A page at 1280x720 on which nothing may go wrong unsaid."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(SLOWEST_MS)
    errors = errors_of(page)
    yield page
    page.close()
    assert errors == []
