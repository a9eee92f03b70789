"""The training page in a real browser: a short real run is started, watched, stopped, resumed, put to use and taken back."""

import random
import re
import time

import pytest
from playwright.sync_api import expect
from ray_head import ray_head
from running import seen_at_each_size, serving, settled

from imle import jobs, load_model
from imle.assets import DEMO_COHORT

pytestmark = pytest.mark.e2e
RUN_MS = 240_000


@pytest.fixture(scope="module")
def address():
    """A dashboard on the demo cohort of its own, since a model that is put to use serves everybody."""
    with serving() as address:
        yield address


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def choose(page, field: str, option: str) -> None:
    page.locator(f".st-key-train_{field}").get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def fill(page, values: dict[str, str]) -> None:
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Tab")
        settled(page)


def test_a_run_from_start_to_use(page, browser, address):
    """An engineer's whole day on this page; each step is one that a broken page would lose a run at."""
    page.goto(f"{address}/training")
    settled(page)
    expect(page.get_by_text("48 records train, 6 select")).to_be_visible()
    choose(page, "network", "imle_net_plus")
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("18")  # the recipe's
    fill(page, {"Epochs": "12", "Batch size": "16"})
    press(page, "Start")
    headline = page.get_by_text("imle_net_plus-1 ·")
    expect(headline).to_contain_text("training", timeout=RUN_MS)
    expect(page.get_by_text(re.compile(r"epoch [2-9] of 12"))).to_be_visible(timeout=RUN_MS)
    press(page, "Stop")
    expect(headline).to_contain_text("stopped", timeout=RUN_MS)
    expect(page.get_by_text("stopped; keeps epoch").first).to_be_visible()
    press(page, "Resume")
    expect(headline).to_contain_text("finished", timeout=RUN_MS)
    expect(page.get_by_text("Fold 9 (n = 6):").first).to_be_visible()
    press(page, "Use on every page")
    expect(page.get_by_text("in use on every page")).to_be_visible()
    page.get_by_role("link", name="Explain").click()
    expect(page).to_have_url(re.compile("/explain"))
    settled(page)
    page.keyboard.press("v")
    expect(page.get_by_text("imle_net_plus-1 on OpenVINO")).to_be_visible()
    other = browser.new_page()  # somebody else, who chose nothing
    other.goto(f"{address}/explain?record=2&reveal=yes")
    expect(other.get_by_text("imle_net_plus-1 on OpenVINO")).to_be_visible()
    other.close()
    page.goto(f"{address}/training?run=imle_net_plus-1")
    settled(page)
    press(page, "Go back to the usual model")
    expect(page.get_by_text("in use: imle_net", exact=False)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_and_all_text_can_be_read(page, address, scheme):
    """Runs after the test above, so that the page has a run to show."""
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/training")
    page.wait_for_timeout(3000)  # it never rests for long while it follows a run
    for height in seen_at_each_size(page):
        button = page.get_by_role("button", name="Start", exact=True).bounding_box()
        assert button["y"] + button["height"] <= height  # the form is seen whole


@pytest.mark.slow
def test_twenty_kills_of_the_dashboard_lose_nothing(browser, tmp_path, monkeypatch):
    """A run must not notice that the dashboard died, nor a dashboard that came back miss the run."""
    monkeypatch.setenv("IMLE_STATE_DIR", str(tmp_path))
    settings = {"epochs": 400, "batch_size": 8, "precision": "float32"}
    job = jobs.submit(jobs.Order("mousavi", str(DEMO_COHORT), settings=settings))
    rng = random.Random(5)
    for _ in range(20):
        with serving(state_dir=tmp_path, kill=True) as address:
            page = browser.new_page()
            page.goto(f"{address}/training")
            expect(page.get_by_text(f"{job.id} ·")).to_contain_text(re.compile("reading|training"))
            page.wait_for_timeout(rng.uniform(0, 3000))
            page.close()
        assert jobs.find(job.id).state is jobs.State.RUNNING
    epochs = len(jobs.metrics(job.id))
    assert epochs > 1
    jobs.stop(job.id)
    while jobs.find(job.id).state.is_active:
        time.sleep(0.2)
    assert len(load_model(tmp_path / "jobs" / job.id).labels) == 5


@pytest.mark.slow
def test_the_same_page_with_a_cluster_behind_it(browser, tmp_path, monkeypatch):
    """A run on Ray must be started, watched, stopped and resumed as one on this machine."""
    with ray_head(cpus=2) as cluster:
        monkeypatch.setenv("IMLE_RAY_ADDRESS", cluster)
        with serving(state_dir=tmp_path) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{address}/training")
            settled(page)
            choose(page, "network", "mousavi")
            choose(page, "runner", f"Ray cluster at {cluster}")
            fill(page, {"Epochs": "60", "Batch size": "16"})
            press(page, "Start")
            headline = page.get_by_text("mousavi-1 ·")
            expect(page.get_by_text(re.compile(r"epoch ([2-9]|\d\d) of 60"))).to_be_visible(timeout=RUN_MS)
            press(page, "Stop")
            expect(headline).to_contain_text("stopped", timeout=RUN_MS)
            press(page, "Resume")
            expect(headline).to_contain_text("finished", timeout=RUN_MS)
            page.close()
