"""The guidelines page in a real browser: layout, legibility, and a point that opens its record."""

import re

import pytest
from playwright.sync_api import expect
from running import seen_at_each_size, serving_assets, settled

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT
from imle.explain.guidelines import read_guidelines
from imle.explain.score_cohort import score_cohort

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A dashboard on the demo cohort, with the agreement of two models' attention over all of it."""
    assets = tmp_path_factory.mktemp("assets")
    data, folder = PtbXl(DEMO_COHORT), assets / "results" / "guidelines"
    for model in ("imle_net", "imle_net_plus"):
        out = folder / f"{model}-attention.parquet"
        score_cohort(load_model(model), data, range(1, 11), "attention", read_guidelines(), out)
    with serving_assets(assets) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_and_all_text_can_be_read(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/guidelines")
    for height in seen_at_each_size(page):
        maps = page.locator(".js-plotly-plot").first.bounding_box()
        assert maps["y"] + maps["height"] <= height  # the verdict and the maps are seen first, and whole


def test_a_point_opens_its_record_with_its_model(page, address):
    """A point that opens another record than the one it is of makes every disagreement look like the model's fault."""
    page.goto(f"{address}/guidelines?heatmaps=imle_net_plus+%C2%B7+attention&diagnosis=IMI")
    settled(page)
    point = page.locator(".st-key-cloud_lead_mass .scatterlayer .point").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    told = page.locator(".st-key-cloud_lead_mass .hoverlayer").text_content()
    record = re.search(r"record (\d+)", told)[1]
    point.click(force=True)
    expect(page).to_have_url(re.compile(rf"/explain.*record={record}\b"), timeout=20_000)
    settled(page)
    expect(page.get_by_text("imle_net_plus on OpenVINO")).to_be_visible(timeout=20_000)


def test_the_address_restores_the_choices(page, address):
    page.goto(
        f"{address}/guidelines?heatmaps=imle_net_plus+%C2%B7+attention&diagnosis=LVH&beside=imle_net+%C2%B7+attention"
    )
    settled(page)
    expect(page.get_by_text("Left ventricular hypertrophy").first).to_be_visible()
    expect(page.get_by_text(re.compile("imle_net_plus · attention and imle_net · attention")).first).to_be_visible()
