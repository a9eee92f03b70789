"""The compare page in a real browser: what only a browser shows of links, downloads, cells and layout."""

import csv

import pytest
from playwright.sync_api import expect
from running import seen_at_each_size, serving, serving_assets, settled

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A dashboard on the demo cohort, with the shipped model and two made-up ones, one of them unfinished."""
    from made_up_results import MODELS, write_results

    from imle.evaluation.results import RESULTS, read_truth

    assets = tmp_path_factory.mktemp("assets")
    write_results(assets / "results", read_truth(), {name: MODELS[name] for name in ("dull", "young")}, samples=5)
    for path in RESULTS.glob("imle_net[-.]*"):
        (assets / "results" / path.name).symlink_to(path)
    with serving_assets(assets) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_and_all_text_can_be_read(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/compare")
    # The slider's number stands above its thumb, not on it.
    page.add_style_tag(content="[data-testid='stSliderThumbValue'] { display: none }")
    for height in seen_at_each_size(page):
        bars = page.locator(".js-plotly-plot").first.bounding_box()
        assert bars["y"] + bars["height"] <= height  # the table and the bars are seen first, and whole


def test_the_address_restores_what_was_chosen(page, browser, address):
    """A link that loses a choice shows the reader other figures than the sender saw."""
    page.goto(f"{address}/compare")
    settled(page)
    page.get_by_role("radio", name="HYP").click()
    settled(page)
    page.get_by_role("radio", name="9", exact=True).click()
    settled(page)
    page.get_by_test_id("stSlider").get_by_role("slider").press("ArrowRight")
    page.wait_for_url("**cut=**")
    settled(page)
    shown = page.locator(".st-key-threshold").inner_text()
    other = browser.new_page(viewport={"width": 1280, "height": 720})
    other.goto(page.url)
    settled(other)
    assert other.locator(".st-key-threshold").inner_text() == shown and "with HYP" in shown
    other.close()


def test_a_chart_gives_its_data(page, address):
    page.goto(f"{address}/compare?finding=CD")
    settled(page)
    with page.expect_download() as download:
        page.locator(".st-key-csv_roc_CD_fold10 button:visible").click()
    rows = list(csv.DictReader(download.value.path().open()))
    assert list(rows[0]) == ["model", "false_positive_rate", "sensitivity", "threshold"]
    assert {row["model"] for row in rows} == {"IMLE-Net", "Dull", "Young (unfinished, 6 of 40 epochs)"}


def test_on_the_demo_cohort_the_cells_say_why_they_open_nothing(page, address):
    page.goto(f"{address}/compare")
    expect(page.locator(".st-key-threshold")).to_contain_text("These are records of PTB-XL; the data set in use is")
    expect(page.locator(".st-key-cell_fn button")).to_be_disabled()


@pytest.mark.ptbxl
def test_a_cell_opens_as_many_records_as_it_counts_and_the_filter_can_be_reset(page, ptbxl_root):
    with serving(ptbxl_root) as address:
        page.goto(f"{address}/compare?finding=MI&cut=0.5")
        settled(page)
        count = page.locator(".st-key-cell_fn strong").inner_text()
        page.locator(".st-key-cell_fn button").click()
        expect(page.locator(".st-key-records_count")).to_contain_text(f"{count} of 21,799 records")
        expect(page.locator(".st-key-records_count")).to_contain_text("MI missed at 0.5, fold 10")
        assert "cell=" in page.url
        settled(page)
        page.get_by_role("button", name="Reset filters").click()
        expect(page.locator(".st-key-records_count")).to_contain_text("21,799 of 21,799 records")
        settled(page)
        page.get_by_role("link", name="Explain").click()
        settled(page)
        page.get_by_role("link", name="Records").click()
        expect(page.locator(".st-key-records_count")).to_contain_text("21,799 of 21,799 records")
