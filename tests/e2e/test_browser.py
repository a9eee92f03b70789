"""The dashboard as a user meets it: a real server, a headless Chromium, the demo cohort and the shipped model."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect
from running import SHEET, SIZES, click_row, paper_on, seen_at_each_size, settled

from imle.attention import LEVELS

pytestmark = pytest.mark.e2e

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


def count(page) -> int:
    return int(page.locator(".st-key-records_count strong").inner_text().replace(",", ""))


def choose(page, menu: str, option: str) -> None:
    """Pick an option of one of the menus above the sheet, by their names on the page."""
    page.get_by_role("combobox", name=menu, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


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
    page.get_by_role("button", name="Reveal model").click()
    expect(page.locator(".st-key-opinions")).to_be_visible()
    settled(page)
    drawn = {}
    for level in LEVELS:
        choose(page, "Heatmap", level.capitalize())
        expect(page.locator(SHEET)).to_contain_text(f"{level} attention")
        settled(page)
        drawn[level] = drawn_on(page)
    assert all(0 < max(drawing["values"]) <= 1 for drawing in drawn.values())
    assert len({tuple(drawing["values"]) for drawing in drawn.values()}) == len(LEVELS)
    assert [drawing["title"].split()[0] for drawing in drawn.values()] == list(LEVELS)


def test_a_deep_link_shows_its_record_and_level(page, address):
    page.goto(f"{address}/explain?record=7&reveal=yes&level=rhythm&layout=12x1")
    settled(page)
    assert page.get_by_test_id("stNumberInputField").input_value() == "7"
    assert drawn_on(page)["title"].startswith("rhythm attention")
    expect(page.get_by_role("combobox", name="Layout")).to_have_value("12×1")
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
    page.get_by_role("button", name="Next Shortcut N").click()
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
    page.get_by_role("button", name="Reveal model").click()
    expect(page.locator(".st-key-opinions")).to_be_visible()
    choose(page, "Heatmap", "Beat")
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
    page.mouse.click(box["x"] + 12, box["y"] + 16, delay=80)  # the name of the first column
    page.wait_for_url("**reverse=true**")
    settled(page)
    click_row(page, 0)
    settled(page)
    assert page.get_by_test_id("stNumberInputField").input_value() == "60"


def test_one_millivolt_is_ten_squares_and_one_second_25_at_every_window_size(page, address):
    """Measured on the picture itself: a trace that is stretched against its grid gives wrong intervals and voltages."""
    page.goto(f"{address}/explain?record=2")
    pitches_px = set()
    for width, height in [*SIZES, (1000, 800)]:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        paper = paper_on(page)
        across_px, down_px = ((lines[-1] - lines[0]) / (len(lines) - 1) for lines in (paper["across"], paper["down"]))
        assert across_px == pytest.approx(down_px, rel=1e-3)
        for lines in (paper["across"], paper["down"]):
            assert [after - before for before, after in pairwise(lines)] == pytest.approx(
                [across_px] * (len(lines) - 1), abs=0.02
            )
        assert paper["drawn"]["1 mV"]["height"] / across_px == pytest.approx(10, abs=0.01)
        strip_s = 10 - 1 / 500  # its first sample to its last
        assert paper["drawn"]["II"]["width"] / across_px == pytest.approx(25 * strip_s, abs=0.05)
        pitches_px.add(round(across_px, 2))
    assert len(pitches_px) == 3  # it was drawn anew for each window


def test_the_pointer_tells_lead_time_voltage_and_value(page, address):
    """In the strip's middle, 5 s after its start; the value is that of the heatmap under the pointer."""
    page.goto(f"{address}/explain?record=2&reveal=yes")
    settled(page)
    strip = paper_on(page)["drawn"]["II"]
    page.mouse.move(strip["left"] + strip["width"] / 2 + 1, strip["top"] + strip["height"] / 2)
    words = page.locator(f"{SHEET} .hoverlayer .hovertext").text_content
    expect(page.locator(f"{SHEET} .hoverlayer .hovertext")).to_be_visible()
    lead, seconds, mv, value = re.match(
        r"(\w+)\s+(\d+\.\d+) s(−?-?\d\.\d+) mVcombined attention (\d\.\d+) of maximum", words()
    ).groups()
    assert lead == "II" and float(seconds) == pytest.approx(5, abs=0.02)
    assert abs(float(mv.replace("−", "-"))) < 1 and 0 <= float(value) <= 1


def test_the_legend_stands_under_the_sheet_with_its_numbers(page, address):
    """A colour without a number says nothing, as a band or along the trace."""

    def assert_legend() -> None:
        legend = page.locator(f"{SHEET} .colorbar")
        assert legend.locator(".cbaxis text").all_text_contents() == ["0", "0.25", "0.5", "0.75", "1"]
        expect(legend).to_contain_text("combined attention, share of the record's maximum")

    page.goto(f"{address}/explain?record=2&reveal=yes")
    settled(page)
    assert_legend()
    page.keyboard.press("o")
    page.wait_for_url("**overlay=trace**")
    settled(page)
    assert_legend()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/explain?record=2&reveal=yes", "/explain?record=2&layout=12x1", "/upload"])
def test_nothing_scrolls_sideways_all_text_can_be_read_and_the_sheet_is_seen_whole(page, address, path, scheme):
    """In both windows and both themes; a sheet that must be scrolled cannot be read at a glance."""
    page.emulate_media(color_scheme=scheme)
    page.goto(address + path)
    for height in seen_at_each_size(page):
        if "explain" in path:
            sheet = page.locator(f"{SHEET} .js-plotly-plot").bounding_box()
            assert sheet["y"] + sheet["height"] <= height
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 26)"}[scheme]
