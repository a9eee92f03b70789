"""Reading one ECG in the browser: the sheet first, the model's opinion on demand, everything by keyboard and by link."""

import json
import re

import pytest
from playwright.sync_api import expect
from running import SHEET, settled

pytestmark = pytest.mark.e2e

DRAWN = """sheet => {
    const plot = sheet.querySelector('.js-plotly-plot');
    const bar = plot.layout.coloraxis?.colorbar;
    return { legend: bar ? bar.title.text : '', axis: [...plot._fullLayout.xaxis.range] };
}"""


def drawn_on(page) -> dict:
    return page.locator(SHEET).evaluate(DRAWN)


def test_the_sheet_shows_first_and_reveal_is_remembered_on_the_next_record(page, address):
    page.goto(f"{address}/explain?record=2")
    settled(page)
    assert drawn_on(page)["legend"] == ""
    expect(page.locator(".st-key-opinions")).to_have_count(0)
    page.get_by_role("button", name="Reveal model").click()
    expect(page.locator(".st-key-opinions")).to_be_visible()
    settled(page)
    assert drawn_on(page)["legend"].startswith("combined attention")
    page.keyboard.press("n")
    expect(page.locator(".st-key-record_bar")).to_contain_text("3 of 60")
    settled(page)
    assert drawn_on(page)["legend"].startswith("combined attention")


def test_the_sheet_does_not_wait_for_the_model(page, address):
    """Until a heatmap of seconds is there, nothing, or the record before, would stand under this record's number."""
    page.goto(f"{address}/explain?record=2&reveal=yes&model=imle_net_plus&level=occlusion")
    page.wait_for_selector('[class*="st-key-sheet_awaiting"] .js-plotly-plot', state="attached")
    settled(page)
    expect(page.locator('[class*="st-key-sheet_awaiting"]')).to_have_count(0)
    assert drawn_on(page)["legend"].startswith("occlusion")


def test_keys_work_again_once_a_number_was_entered(page, address):
    """V and N, pressed next, would be typed into the number's field, and nothing would happen."""
    page.goto(f"{address}/explain?record=2")
    settled(page)
    field = page.get_by_test_id("stNumberInputField")
    field.fill("7")
    field.press("Enter")
    page.wait_for_url("**record=7**")
    settled(page)
    page.keyboard.press("n")
    page.wait_for_url("**record=8**")
    settled(page)


def test_every_choice_has_its_key(page, address):
    page.goto(f"{address}/explain?record=2")
    settled(page)
    page.keyboard.press("v")
    expect(page.locator(".st-key-opinions")).to_be_visible()
    settled(page)
    page.keyboard.press("a")
    expect(page.locator(SHEET)).to_contain_text("beat attention")
    page.keyboard.press("a")
    expect(page.locator(SHEET)).to_contain_text("rhythm attention")
    settled(page)
    page.keyboard.press("o")
    page.wait_for_url("**overlay=trace**")
    settled(page)
    page.keyboard.press("l")
    expect(page.locator(".st-key-sheet_3x4 .js-plotly-plot")).to_be_visible()
    settled(page)
    page.keyboard.press("v")
    expect(page.locator(".st-key-opinions")).to_have_count(0)


def test_a_link_restores_the_whole_screen(page, address, browser):
    query = "record=7&reveal=yes&layout=6x2&speed=50&gain=5&filter=40hz&overlay=trace&level=rhythm&opacity=45"
    page.goto(f"{address}/explain?{query}")
    settled(page)
    text = page.locator(SHEET).inner_text() + page.locator(SHEET).evaluate("sheet => sheet.textContent")
    assert "50 mm/s" in text and "5 mm/mV" in text and "40 Hz" in text
    assert drawn_on(page)["legend"].startswith("rhythm attention")
    for part in query.split("&"):
        assert part in page.url
    again = browser.new_page(viewport={"width": 1280, "height": 720})
    again.goto(page.url)
    settled(again)
    assert drawn_on(again) == drawn_on(page)
    again.close()


def test_measurements_are_seen_without_scrolling(page, address):
    page.goto(f"{address}/explain?record=2")
    settled(page)
    line = page.locator(".measurements").first
    expect(line).to_contain_text(re.compile(r"HR \d+ bpm"))
    box = page.locator(".measurements").last.bounding_box()
    assert box["y"] + box["height"] <= 720


def test_median_beats_show_twelve_leads_with_the_attention_behind_them(page, address):
    page.goto(f"{address}/explain?record=2&reveal=yes&layout=median")
    settled(page)
    text = page.locator(".st-key-sheet_median").evaluate("sheet => sheet.textContent")
    assert all(lead in text for lead in ("aVR", "aVL", "aVF", "V1", "V6")) and "combined attention" in text


def test_the_report_menu_gives_each_file(page, address):
    """Each is made only when it is asked for, so that nothing but the click shows whether it can be."""
    page.goto(f"{address}/explain?record=2&reveal=yes")
    settled(page)
    page.get_by_role("button", name="Report").click()
    for suffix, start in [("pdf", b"%PDF-"), ("png", b"\x89PNG"), ("svg", b"<?xml"), ("json", b"{")]:
        with page.expect_download() as waiting:
            page.locator(f".st-key-download_{suffix} button").click()
        assert waiting.value.suggested_filename == f"ecg-2.{suffix}"
        content = waiting.value.path().read_bytes()
        assert content.startswith(start)
    assert json.loads(content)["measurements"]


def test_copy_link_puts_the_address_on_the_clipboard(browser, address):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/explain?record=5&layout=12x1")
    settled(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    context.close()


@pytest.mark.parametrize(
    "layout", ["3x4+II", "12x1", "median", *(pytest.param(name, marks=pytest.mark.slow) for name in ("3x4", "6x2"))]
)
def test_every_picture_has_its_sentence(page, address, layout):
    """Who cannot see the picture still learns what it shows."""
    page.goto(f"{address}/explain?record=2&reveal=yes&layout={layout.replace('+', '%2B')}")
    settled(page)
    charts = page.get_by_test_id("stPlotlyChart").all()
    assert charts
    for chart in charts:
        words = chart.evaluate("e => (e.closest('[aria-label]') || e.querySelector('[aria-label]'))?.ariaLabel ?? ''")
        assert len(words.split()) > 4
