"""The HTML page that `imle explain` writes and the report menu offers, opened from a folder as its receiver does."""

import numpy as np
import pytest
from playwright.sync_api import expect

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT
from imle.attention import LEVELS
from imle.explain import explain
from imle.figures.heat import Heat
from imle.figures.page import explanation_page
from imle.figures.report import Reading
from imle.leads import LEADS

pytestmark = pytest.mark.e2e

BARS = "place => Array.from(place.data[0].text)"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Of record 2: every level of attention, and an occlusion that names V2 alone; attention failed its check."""
    ecg = PtbXl(DEMO_COHORT).record(2)
    explanation = explain(load_model("imle_net"), ecg)
    heatmap = np.zeros((12, 1000), np.float32)
    heatmap[LEADS.index("V2"), 400:420] = 1 / 20
    path = tmp_path_factory.mktemp("page") / "explanation.html"
    cautions = {"attention": ["Attention does not show what MI rests on."]}
    heat = Heat("occlusion", "MI", heatmap)
    path.write_text(explanation_page(Reading(ecg, explanation, heats=(heat,), cautions=cautions)))
    return path


def test_sentence_leads_and_cautions_follow_the_heatmap(page, written):
    """Its receiver has no server to ask: what stands beside a heatmap there is all that is ever said of it."""
    page.goto(written.as_uri())
    expect(page.locator("#sheet .plot-container")).to_be_visible()
    expect(page.locator("#summary")).to_contain_text("occlusion for MI is highest on V2")
    expect(page.locator("#leads-caption")).to_have_text("share of occlusion for MI")
    expect(page.locator("#cautions p")).to_have_count(0)
    assert page.locator("#leads").evaluate(BARS)[LEADS.index("V2")] == "1.00"
    for level in LEVELS:
        page.get_by_role("button", name=level, exact=True).click()
        expect(page.locator("#summary")).to_contain_text("attention is highest on")
        expect(page.locator("#leads-title")).to_have_text("Lead importance")
        expect(page.locator("#cautions")).to_have_text("Attention does not show what MI rests on.")
    assert page.locator("#leads").evaluate(BARS)[LEADS.index("V2")] != "1.00"
    page.get_by_role("button", name="occlusion for MI", exact=True).click()
    expect(page.locator("#cautions p")).to_have_count(0)
