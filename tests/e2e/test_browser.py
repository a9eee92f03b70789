"""The dashboard as a user meets it: a real server, a headless Chromium, the demo cohort and the shipped model."""

import re

import pytest
from playwright.sync_api import expect
from running import browsing, click_row, errors_of, serving, settled

from imle.attention import LEVELS

pytestmark = pytest.mark.e2e

# Streamlit keeps a figure, hidden, until its successor is drawn.
SHEET = '[class*="st-key-sheet_"][data-stale="false"]'
SIZES = [(1280, 720), (1920, 1080)]

# The values of the heatmap that is drawn, and its legend's title.
DRAWN = """sheet => {
    const plot = sheet.querySelector('.js-plotly-plot');
    const heatmap = plot.data.find(trace => trace.type === 'heatmap');
    const rows = heatmap.z._inputArray ?? heatmap.z;
    return {
        values: Array.from(rows).flatMap(row => Array.from(row)),
        title: plot.layout.coloraxis?.colorbar.title.text ?? '',
    };
}"""


@pytest.fixture(scope="module")
def address():
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors = errors_of(page)
    yield page
    page.close()
    assert errors == []


def count(page) -> int:
    return int(page.locator(".st-key-records_count strong").inner_text().replace(",", ""))


def drawn_on(page) -> dict:
    return page.locator(SHEET).evaluate(DRAWN)


def test_filter_select_and_see_the_heatmap_change_with_its_level(page, address):
    page.goto(address)
    expect(page.locator(".st-key-records_count")).to_contain_text("60 of 60 records")
    page.get_by_role("button", name="MI", exact=True).click()
    expect(page.locator(".st-key-records_count")).not_to_contain_text("60 of 60")
    assert 0 < count(page) < 60 and "superclass=MI" in page.url
    settled(page)
    click_row(page, 0)
    settled(page)
    expect(page.locator(".st-key-record_bar")).to_contain_text(re.compile(r"1 of \d+ · MI"))
    drawn = {}
    for level in LEVELS:
        page.get_by_role("radio", name=level).click()
        expect(page.locator(SHEET)).to_contain_text(f"{level} attention")
        settled(page)
        drawn[level] = drawn_on(page)
    assert all(0 < max(drawing["values"]) <= 1 for drawing in drawn.values())
    assert len({tuple(drawing["values"]) for drawing in drawn.values()}) == len(LEVELS)
    assert [drawing["title"].split()[0] for drawing in drawn.values()] == list(LEVELS)


def test_a_deep_link_shows_its_record_and_level(page, address):
    page.goto(f"{address}/explain?record=7&level=rhythm&layout=12x1")
    settled(page)
    assert page.get_by_test_id("stNumberInputField").input_value() == "7"
    assert drawn_on(page)["title"].startswith("rhythm attention")
    expect(page.get_by_role("radio", name="12x1")).to_be_checked()
    assert "record=7" in page.url and "level=rhythm" in page.url


def test_a_link_to_a_record_that_is_not_there_says_so_and_goes_on(page, address):
    page.goto(f"{address}/explain?record=4827")
    expect(page.get_by_test_id("stAlert")).to_contain_text("has no record 4827; type another number above.")
    expect(page.locator(".stException")).to_have_count(0)
    page.get_by_test_id("stNumberInputField").fill("5")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-record_bar")).to_contain_text("5 of 60")


def test_next_previous_and_the_browsers_back_walk_the_records(page, address):
    page.goto(f"{address}/explain?record=3")
    settled(page)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".st-key-record_bar")).to_contain_text("4 of 60")
    settled(page)
    page.keyboard.press("n")
    expect(page.locator(".st-key-record_bar")).to_contain_text("5 of 60")
    settled(page)
    page.keyboard.press("p")
    expect(page.locator(".st-key-record_bar")).to_contain_text("4 of 60")
    settled(page)
    page.go_back()
    expect(page.locator(".st-key-record_bar")).to_contain_text("5 of 60")


def test_level_and_filters_outlive_a_change_of_page(page, address):
    page.goto(f"{address}/?superclass=NORM")
    settled(page)
    listed = count(page)
    click_row(page, 1)
    settled(page)
    page.get_by_role("radio", name="beat").click()
    page.wait_for_url("**level=beat**")
    settled(page)
    page.get_by_role("link", name="Records").click()
    expect(page.locator(".st-key-records_count")).to_contain_text(f"{listed} of 60")
    assert "superclass=NORM" in page.url
    settled(page)
    click_row(page, 0)
    settled(page)
    assert drawn_on(page)["title"].startswith("beat attention")


def test_a_row_opens_its_own_record_after_the_table_was_sorted(page, address):
    page.goto(address)
    settled(page)
    box = page.locator(".st-key-records_table canvas").first.bounding_box()
    for _ in range(2):  # ascending, then descending
        page.mouse.click(box["x"] + 30, box["y"] + 16, delay=80)
        page.wait_for_timeout(500)
    click_row(page, 0)
    settled(page)
    assert page.get_by_test_id("stNumberInputField").input_value() == "60"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("path", ["/", "/explain?record=2", "/explain?record=2&layout=12x1"])
def test_nothing_scrolls_sideways_and_the_sheet_is_seen_whole(browser, address, path, width, height, scheme):
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    errors = errors_of(page)
    page.goto(address + path)
    settled(page)
    wide = """() => [document.documentElement, document.querySelector('.stMain')].some(e => e.scrollWidth > e.clientWidth)"""
    assert not page.evaluate(wide)
    if "explain" in path:
        sheet = page.locator(f"{SHEET} .js-plotly-plot").bounding_box()
        assert sheet["y"] + sheet["height"] <= height
        assert (
            "rgb(18, 21, 26)" in page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        ) == (scheme == "dark")
    assert errors == []
    page.close()
