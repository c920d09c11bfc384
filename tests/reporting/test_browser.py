"""Pages in a real browser: phone and desktop, light and dark."""

import csv

import pytest

from tests.reporting.browser import CUT_OFF, FAINT, open_page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("name", ["one", "three"])
def test_shows_well(browser, pages, name, size, scheme):
    path = pages / f"{name}.html"
    tab, wrong, asked = open_page(browser, path, size=size, scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert wrong == []
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate(CUT_OFF) == []
    assert tab.evaluate(FAINT) == []
    assert tab.evaluate("window.harmed") is None
    images = "[...document.images].filter((i) => !i.alt || !i.naturalWidth).length"
    assert tab.evaluate(images) == 0
    svgs = """[...document.querySelectorAll("svg")].filter((s) => !s.getAttribute("aria-label")
              || s.getBoundingClientRect().width < 200).length"""
    assert tab.evaluate(svgs) == 0
    tab.context.close()


def test_tables_sort_by_mouse_and_keyboard(browser, pages):
    tab, wrong, _ = open_page(browser, pages / "three.html")
    heads = tab.locator("#runs thead th")
    names = heads.all_inner_texts()
    place = next(i for i, name in enumerate(names) if name.startswith("NLL"))

    def column():
        return [float(t) for t in tab.locator(f"#runs tbody td:nth-child({place + 1})")
                .all_inner_texts()]  # fmt: skip

    before = column()
    assert heads.nth(place).get_attribute("aria-sort") == "none"
    heads.nth(place).get_by_role("button").click()
    assert heads.nth(place).get_attribute("aria-sort") == "ascending"
    assert column() == sorted(before) != before
    heads.nth(place).get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert heads.nth(place).get_attribute("aria-sort") == "descending"
    assert column() == sorted(before, reverse=True)
    heads.nth(0).get_by_role("button").focus()
    tab.keyboard.press("Space")
    assert heads.nth(place).get_attribute("aria-sort") == "none"
    assert heads.nth(0).get_attribute("aria-sort") == "ascending"
    assert wrong == []
    tab.context.close()


def test_numbers_are_downloaded(browser, pages, tmp_path):
    tab, _, _ = open_page(browser, pages / "one.html")
    with tab.expect_download() as download:
        tab.locator("#training-curves a.download").click()
    assert download.value.suggested_filename == "training-curves.csv"
    download.value.save_as(tmp_path / "curves.csv")
    with open(tmp_path / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 13))
    tab.context.close()


def test_the_switch_of_light_and_dark(browser, pages):
    tab, wrong, _ = open_page(browser, pages / "one.html")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(colour)
    tab.get_by_role("button", name="Dark").click()
    dark = tab.evaluate(colour)
    assert dark != light and tab.evaluate(FAINT) == []
    tab.get_by_role("button", name="Light").click()
    assert tab.evaluate(colour) == light and wrong == []
    tab.context.close()


def test_whole_without_javascript(browser, pages):
    tab, wrong, _ = open_page(browser, pages / "three.html", javascript=False)
    assert tab.locator("#runs tbody tr").count() == 3
    assert tab.locator("#theme").is_hidden()
    assert tab.locator("figure svg").first.is_visible() and wrong == []
    tab.context.close()


def test_prints(browser, pages):
    tab, _, _ = open_page(browser, pages / "one.html", scheme="dark")
    printed = tab.pdf(format="A4")
    assert printed.startswith(b"%PDF") and len(printed) > 20_000
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.locator("nav").is_hidden() and tab.locator("main").is_visible()
    tab.context.close()
