"""One browser for all tests of pages."""

import pytest

from tests.reporting.browser import chromium
from tests.reporting.pages import EVIL, measured, named, page_of_one


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Files of two pages: of one run, and of three, one of them of a stranger."""
    from pyrovae.reporting import to_html

    folder = tmp_path_factory.mktemp("pages")
    (folder / "one.html").write_text(page_of_one())
    three = [measured(), named("runs/second", 9, 20.5), named(EVIL, 11, 100.25)]
    to_html(three, folder / "three.html")
    return folder
