"""Finding records in the browser: search, filters, named cohorts, the model's answers, and a list of PTB-XL's length."""

import re

import pytest
from made_up import write_long_ptbxl
from playwright.sync_api import expect
from running import HEADER_PX, click_row, errors_of, serving, settled

from imle.assets import DEMO_COHORT
from imle.evaluation.cohort_predictions import RESULT, read_predictions
from imle.evaluation.disagreement import disagreement
from imle.ptbxl import PtbXl

pytestmark = pytest.mark.e2e

N_PTBXL = 21_799
COUNT = ".st-key-records_count"
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def address(state_dir):
    with serving(state_dir=state_dir) as address:
        yield address


@pytest.fixture(scope="module")
def long_address(tmp_path_factory, tiny_ptbxl):
    root = tmp_path_factory.mktemp("long_ptbxl")
    write_long_ptbxl(root, tiny_ptbxl, N_PTBXL)
    with serving(root) as address:
        yield address


@pytest.fixture
def visit(browser):
    """Opens an address in a browser session of its own, without cookies or history, and waits for the page."""
    contexts, errors = [], []

    def open_page(address: str):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}))
        page = contexts[-1].new_page()
        errors.append(errors_of(page))
        page.goto(address)
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not any(errors)


def opened_by_row(page, row: int) -> int:
    click_row(page, row)
    settled(page)
    return int(page.get_by_test_id("stNumberInputField").input_value())


def choose(page, key: str, option: str) -> None:
    page.locator(f".st-key-{key}").get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def click_header(page, left: int) -> None:
    box = page.locator(".st-key-records_table canvas").first.bounding_box()
    page.mouse.click(box["x"] + left, box["y"] + HEADER_PX / 2, delay=80)


def test_words_of_the_report_filter_as_they_are_typed_and_the_link_brings_them_back(visit, address):
    page = visit(address)
    page.get_by_label("Text of the report", exact=True).press_sequentially("INFARCTION old")
    page.get_by_role("button", name="MI", exact=True).click()
    expect(page.locator(COUNT)).not_to_contain_text("60 of 60")
    page.wait_for_url("**superclass=MI**")
    settled(page)
    count = page.locator(COUNT).inner_text()
    assert "report=" in page.url
    again = visit(page.url)
    expect(again.get_by_label("Text of the report", exact=True)).to_have_value("INFARCTION old")
    assert again.locator(COUNT).inner_text() == count
    again.get_by_role("button", name="Reset filters").click()
    expect(again.locator(COUNT)).to_contain_text("60 of 60 records")
    expect(again.get_by_label("Text of the report", exact=True)).to_have_value("")


def test_filters_behind_the_button_are_named_beside_the_count(visit, address):
    """A filter that nobody sees would be taken for the data."""
    page = visit(f"{address}/?sex=F")
    expect(page.locator(COUNT)).to_contain_text("F")
    page.get_by_role("button", name="More filters").click()
    page.locator(".st-key-fold").get_by_role("button", name="9", exact=True).click()
    expect(page.locator(COUNT)).to_contain_text("F · fold 9")
    assert re.search(r"[?&]fold=9", page.url) and "sex=F" in page.url


def test_a_cohort_is_saved_opened_in_another_session_and_deleted(visit, address):
    page = visit(f"{address}/?superclass=MI&sex=F")
    count = page.locator(COUNT).inner_text()
    page.get_by_role("button", name="Save cohort").click()
    page.get_by_label("Save the filters as").fill("Women with infarction")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".st-key-cohort")).to_be_visible()

    other = visit(address)
    choose(other, "cohort", "Women with infarction")
    assert other.locator(COUNT).inner_text() == count
    assert "superclass=MI" in other.url and "sex=F" in other.url
    other.get_by_role("button", name="Save cohort").click()
    other.get_by_role("button", name="Delete").click()
    expect(other.locator(".st-key-cohort")).to_have_count(0)
    settled(other)
    expect(visit(address).locator(".st-key-cohort")).to_have_count(0)


def test_the_model_is_asked_once_and_then_sorts_by_probability_and_disagreement(visit, address, state_dir):
    page = visit(address)
    page.get_by_role("button", name="Predict all records").click()
    expect(page.get_by_role("button", name="Predict all records")).to_have_count(0)
    (result,) = _wait_for_result(page, state_dir)
    answers, data = read_predictions(result.parent), PtbXl(DEMO_COHORT)
    choose(page, "sort", "MI probability")
    assert opened_by_row(page, 0) == answers["MI"].idxmax()

    other = visit(f"{address}/?sort=Disagreement")
    expect(other.get_by_role("button", name="Predict all records")).to_have_count(0)
    apart, _ = disagreement(answers.to_numpy(), data.labels)
    assert opened_by_row(other, 0) == data.catalogue.index[apart.argmax()]
    other.keyboard.press("n")
    expect(other.locator(".st-key-record_bar")).to_contain_text("2 of 60")


def test_a_list_of_ptbxls_length_comes_a_page_at_a_time(visit, long_address, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(long_address)
    settled(page)
    expect(page.locator(COUNT)).to_contain_text("21,799 of 21,799 records")
    pages = page.locator(".st-key-records_pages")
    expect(pages).to_contain_text("1 to 500 of 21,799")
    box = pages.bounding_box()
    assert box["y"] + box["height"] <= 720
    pages.get_by_role("button", name="44").click()
    expect(pages).to_contain_text("21,501 to 21,799 of 21,799")
    assert sum(received) < 1_000_000  # all rows at once are 3 MB
    settled(page)
    click_header(page, 25)
    page.wait_for_url("**reverse=true**")
    expect(pages).to_contain_text("1 to 500 of 21,799")
    settled(page)
    with page.expect_download() as waiting:
        pages.get_by_role("button", name="Download list").click()
    lines = waiting.value.path().read_text().splitlines()
    assert len(lines) == 1 + N_PTBXL and lines[1].startswith(f"{N_PTBXL},")
    assert opened_by_row(page, 3) == N_PTBXL - 3
    page.close()


def _wait_for_result(page, state_dir):
    for _ in range(WAIT_MS // 200):
        found = list(state_dir.glob(f"predictions/*/{RESULT}"))
        if found and page.get_by_test_id("stProgress").count() == 0:
            settled(page)
            return found
        page.wait_for_timeout(200)
    raise AssertionError("the model never answered for every record")
