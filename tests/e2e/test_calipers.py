"""Calipers on the explain page: two points give ms, bpm and mV at every scale, and the interval is marched along the row."""

import re
from itertools import pairwise, product

import pytest
from playwright.sync_api import expect
from running import SHEET, SIZES, errors_of, paper_on, settled

pytestmark = pytest.mark.e2e

RECORD = "/explain?record=2"
START = (100, 60)  # a crossing of the paper's 1 mm lines, from the left and from the top
ACROSS_MM, UP_MM = 30, 10
HINT = "Drag, click two points, or press Enter"
LAYOUTS = ("3x4%2BII", "3x4", "6x2", "12x1")
# Both ends, and all pairs of speeds and gains by hand.
SCALES = [
    pytest.param(speed, gain, LAYOUTS[i % len(LAYOUTS)], marks=[pytest.mark.slow] if i % 8 else [])
    for i, (speed, gain) in enumerate(product(("12.5", "25", "50"), ("5", "10", "20")))
]


@pytest.fixture(scope="module")
def opened(browser, address):
    """A page that shows the record; for the tests that change nothing but its calipers."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors = errors_of(page)
    open_sheet(page, address)
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def sheet(opened):
    """The same page with no caliper on it and no field that takes the keys."""
    opened.evaluate("document.activeElement.blur()")
    opened.keyboard.press("Escape")
    return opened


# The px between two of the paper's 1 mm lines.
PITCH = f"""(() => {{
    const lines = [...document.querySelectorAll('{SHEET} path.xgrid')].map(line => line.getBoundingClientRect().x);
    return lines.sort((a, b) => a - b)[1] - lines[0];
}})()"""


# How far apart, in mm, the first two panels begin.
APART_MM = f"""(() => {{
    const [first, second] = document.querySelector('{SHEET} .js-plotly-plot').layout.meta.panels;
    return second.left_mm - first.left_mm;
}})()"""


def crossing(page, across: int, down: int) -> tuple[float, float]:
    paper = paper_on(page)
    return paper["across"][across], paper["down"][down]


def open_sheet(page, address, **view) -> None:
    page.goto(address + RECORD + "".join(f"&{key}={value}" for key, value in view.items()))
    settled(page)
    expect(page.locator(f"{SHEET} .calipers").first).to_be_attached()


def drag(page, start: tuple[float, float], stop: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*stop, steps=3)
    page.mouse.up()


def measure(page, across_mm: int = ACROSS_MM, up_mm: int = UP_MM) -> None:
    """A caliper from START, by its key and the mouse."""
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Caliper")).to_have_attribute("aria-pressed", "true")
    left, top = START
    drag(page, crossing(page, left, top), crossing(page, left + across_mm, top - up_mm))


def in_words(across_mm: float, up_mm: float, speed: float = 25, gain: float = 10) -> str:
    """What the page must say of two points so far apart on the paper."""
    ms = across_mm / speed * 1000
    return f"{ms:.0f} ms · {60000 / ms:.0f} bpm · {up_mm / gain:.2f} mV".replace("-", "−")


def read_out(page):
    return page.locator(".st-key-measured output")


def handles(page):
    return page.locator(f"{SHEET} .calipers .handle .dot")


def centre(handle) -> tuple[float, float]:
    box = handle.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def marks_on(page) -> list[float]:
    """Where the repeated intervals stand, px of the window."""
    repeats = page.locator(f"{SHEET} .calipers .repeats.over")
    left = repeats.evaluate("path => path.getScreenCTM().e")
    return sorted(left + float(x) for x in re.findall(r"M(-?[\d.]+) ", repeats.get_attribute("d") or ""))


def lead_name_left(page) -> float:
    """Where the strip's name stands, px; it moves with the paper."""
    return page.locator(f"{SHEET} .textpoint").filter(has_text="III").first.bounding_box()["x"]


def assert_no_caliper(page) -> None:
    expect(handles(page).first).not_to_be_visible()
    for drawn in ("lines", "repeats", "plate"):
        expect(page.locator(f"{SHEET} .calipers .{drawn}").last).not_to_be_visible()


@pytest.mark.parametrize(("speed", "gain", "layout"), SCALES)
def test_two_points_give_their_time_rate_and_voltage(page, address, speed, gain, layout):
    """The same two points of the paper are another time and another voltage at each speed and gain, on any layout."""
    open_sheet(page, address, speed=speed, gain=gain, layout=layout)
    measure(page)
    words = in_words(ACROSS_MM, UP_MM, float(speed), float(gain))
    expect(read_out(page)).to_have_text(words)
    expect(page.locator(f"{SHEET} .calipers .plate text")).to_have_text(words)


def test_the_voltage_is_by_the_gain_of_the_lead(page, address):
    """At 10/5 the same height is twice the voltage in a chest lead; by one gain for all, LVH would be halved."""
    open_sheet(page, address, gain="10/5", layout="3x4")
    for left, gain in ((START[0], 10), (START[0] + 60, 5)):  # aVL, then V2
        page.keyboard.press("Escape")
        page.keyboard.press("m")
        drag(page, crossing(page, left, START[1]), crossing(page, left + ACROSS_MM, START[1] - UP_MM))
        expect(read_out(page)).to_have_text(f"{in_words(ACROSS_MM, UP_MM, gain=gain)} · at {gain} mm/mV")


def test_the_median_beats_are_measured_on_their_own_paper(page, address):
    """At 50 mm/s, by the sheet's 25, every interval would be twice as long; one beat has no rate, and none to march."""
    open_sheet(page, address, layout="median", gain="5")
    page.keyboard.press("m")
    drag(page, crossing(page, 90, 40), crossing(page, 105, 35))  # in aVR
    expect(read_out(page)).to_have_text("300 ms · 0.50 mV")
    apart_mm = round(page.evaluate(APART_MM))
    drag(page, centre(handles(page).nth(1)), crossing(page, 105 + apart_mm, 35))  # the same time of the beat in V1
    expect(read_out(page)).to_have_text("300 ms · 0.50 mV")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(read_out(page)).to_have_text(re.compile(r"\d+ ms · 0\.00 mV"))
    expect(page.get_by_role("button", name="March-out")).to_be_hidden()


def test_a_measurement_downwards_and_one_too_short_for_a_beat(sheet):
    """A fall has its sign, and 120 ms is nobody's heart rate."""
    measure(sheet, 3, -5)
    expect(read_out(sheet)).to_have_text("120 ms · −0.50 mV")


def test_two_clicks_do_what_a_drag_does(sheet):
    """Some hands click, others drag; neither may be left with half a caliper."""
    sheet.get_by_role("button", name="Caliper").click()
    sheet.mouse.click(*crossing(sheet, *START))
    sheet.mouse.click(*crossing(sheet, START[0] + 20, START[1] + 5))
    expect(read_out(sheet)).to_have_text(in_words(20, -5))


def test_an_end_point_is_adjusted_with_the_mouse_and_with_the_keys(sheet):
    """What was set a little beside the wave must not have to be set anew."""
    measure(sheet)
    drag(sheet, centre(handles(sheet).nth(1)), crossing(sheet, START[0] + 20, START[1]))
    expect(read_out(sheet)).to_have_text(in_words(20, 0))
    drag(sheet, centre(handles(sheet).nth(0)), crossing(sheet, START[0] - 5, START[1] + 5))
    expect(read_out(sheet)).to_have_text(in_words(25, 5))
    sheet.keyboard.press("ArrowLeft")  # the first point, 1 ms; with Shift ten steps, here of 0.01 mV
    sheet.keyboard.press("Shift+ArrowDown")
    expect(read_out(sheet)).to_have_text("1001 ms · 60 bpm · 0.60 mV")


def test_a_finger_sets_and_adjusts_a_caliper(browser, address):
    """A page that scrolls or pans under the finger instead could not be measured on a tablet."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, has_touch=True)
    page = context.new_page()
    open_sheet(page, address)
    page.get_by_role("button", name="Caliper").tap()
    page.touchscreen.tap(*crossing(page, *START))
    page.touchscreen.tap(*crossing(page, START[0] + 20, START[1] - 5))
    expect(read_out(page)).to_have_text(re.compile(r"\d+ ms · \d+ bpm · 0\.\d+ mV"))
    start, stop = centre(handles(page).nth(1)), crossing(page, START[0] + 40, START[1] - 15)
    finger = context.new_cdp_session(page)
    for kind, at in (("touchStart", [start]), ("touchMove", [stop]), ("touchEnd", [])):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in at]})
    expect(read_out(page)).to_have_text(re.compile(r"^(159|16)\d+ ms"))
    assert centre(handles(page).nth(1)) == pytest.approx(stop, abs=1)
    context.close()


@pytest.mark.parametrize(("speed", "across_mm"), [("25", 20), ("50", 35)])
def test_march_out_repeats_the_interval_along_the_whole_row(page, address, speed, across_mm):
    """A mark that stood elsewhere would show a regular rhythm as irregular."""
    open_sheet(page, address, speed=speed)
    measure(page, across_mm)
    assert marks_on(page) == []
    page.keyboard.press("w")
    paper = paper_on(page)
    every = sorted([*marks_on(page), *(centre(handles(page).nth(i))[0] for i in range(2))])
    pitch_px = (paper["across"][-1] - paper["across"][0]) / (len(paper["across"]) - 1)
    steps_mm = [(after - before) / pitch_px for before, after in pairwise(every)]
    assert len(steps_mm) > 10 and steps_mm == pytest.approx([across_mm] * len(steps_mm), abs=0.05)
    start, stop = paper["drawn"]["II"]["left"], paper["drawn"]["II"]["left"] + paper["drawn"]["II"]["width"]
    assert start - 1 < every[0] < start + across_mm * pitch_px
    assert stop - across_mm * pitch_px < every[-1] < stop + 1


def test_a_caliper_keeps_its_place_and_its_measurement_when_the_window_changes(page, address):
    """Kept in px, it would slide off the wave it was set on."""
    open_sheet(page, address)
    measure(page)
    for width, height in [(1920, 1080), (1000, 800), (1280, 720)]:
        before = paper_on(page)["across"]
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"before => {PITCH} !== before", arg=before[1] - before[0])
        for handle, place in zip(handles(page).all(), [START, (START[0] + ACROSS_MM, START[1] - UP_MM)], strict=True):
            assert centre(handle) == pytest.approx(crossing(page, *place), abs=1.5)
        expect(read_out(page)).to_have_text(in_words(ACROSS_MM, UP_MM))


def test_a_caliper_moves_with_a_sheet_that_is_dragged_and_both_outlive_the_reveal(page, address):
    """A sheet at 50 mm/s is twice as long as the view; to reveal the model must not throw the reader back to its start."""
    open_sheet(page, address, speed="50")
    measure(page)
    page.keyboard.press("m")
    before_px, names_px = centre(handles(page).nth(0))[0], lead_name_left(page)
    drag(page, crossing(page, 200, 20), crossing(page, 150, 20))
    moved_px = lead_name_left(page) - names_px
    assert moved_px < -50
    assert centre(handles(page).nth(0))[0] - before_px == pytest.approx(moved_px, abs=1.5)
    page.keyboard.press("v")
    expect(page.locator(".st-key-opinions")).to_be_visible()
    settled(page)
    assert lead_name_left(page) < 0.9 * names_px
    expect(page.locator(f"{SHEET} .calipers .plate")).to_be_visible()
    expect(read_out(page)).to_have_text(in_words(ACROSS_MM, UP_MM, 50))


def test_keys_switch_the_tools_and_escape_takes_everything_away(sheet):
    """A clinician with one hand on the mouse has the other on the keys."""
    caliper, march, clear = (sheet.get_by_role("button", name=name) for name in ("Caliper", "March-out", "Clear"))
    expect(clear).to_be_disabled()
    sheet.keyboard.press("m")
    expect(caliper).to_have_attribute("aria-pressed", "true")
    expect(read_out(sheet)).to_have_text(HINT)
    sheet.keyboard.press("m")
    expect(caliper).to_have_attribute("aria-pressed", "false")
    sheet.keyboard.press("w")
    expect(march).to_have_attribute("aria-pressed", "true")
    expect(caliper).to_have_attribute("aria-pressed", "true")
    drag(sheet, crossing(sheet, *START), crossing(sheet, START[0] + 20, START[1]))
    assert marks_on(sheet)
    sheet.keyboard.press("Escape")
    assert_no_caliper(sheet)
    expect(read_out(sheet)).to_be_empty()
    for tool in (caliper, march):
        expect(tool).to_have_attribute("aria-pressed", "false")
    expect(clear).to_be_disabled()


def test_a_caliper_that_is_half_set_goes_with_its_tool(sheet):
    """One point alone measures nothing, and could not be moved."""
    sheet.keyboard.press("m")
    sheet.mouse.click(*crossing(sheet, *START))
    expect(handles(sheet).first).to_be_visible()
    sheet.keyboard.press("m")
    assert_no_caliper(sheet)


def test_a_caliper_can_be_set_by_keyboard_alone(sheet):
    """Not every hand holds a mouse."""
    sheet.keyboard.press("m")
    sheet.keyboard.press("Enter")
    expect(read_out(sheet)).to_have_text(re.compile(r"\d+ ms · \d+ bpm · 0\.00 mV"))
    ms = int(read_out(sheet).inner_text().split()[0])
    sheet.keyboard.press("Shift+ArrowRight")
    expect(read_out(sheet)).to_contain_text(f"{ms + 10} ms")


def test_letters_typed_into_a_field_are_no_shortcuts(sheet):
    """A number typed with a slip of the finger must not arm a tool."""
    sheet.get_by_test_id("stNumberInputField").press("m")
    expect(sheet.get_by_role("button", name="Caliper")).to_have_attribute("aria-pressed", "false")


def test_measuring_moves_nothing_on_the_page(sheet):
    """What the tool says once it is used has its room from the start, in either window."""
    for width, height in SIZES:
        sheet.keyboard.press("Escape")
        sheet.set_viewport_size({"width": width, "height": height})
        settled(sheet)
        parts = [sheet.locator(name).first for name in (".measurements", ".tools", f"{SHEET} .js-plotly-plot")]
        before = [part.bounding_box() for part in parts]
        measure(sheet)
        expect(read_out(sheet)).to_contain_text("bpm")
        assert [part.bounding_box() for part in parts] == before
        output = read_out(sheet).bounding_box()
        assert abs(before[1]["y"] - before[0]["y"]) < 10
        assert output["x"] + output["width"] <= width and output["y"] + output["height"] <= height
    sheet.set_viewport_size({"width": 1280, "height": 720})
    settled(sheet)


def test_nothing_of_a_caliper_remains_on_the_next_record(page, address):
    """An interval of one heart drawn over another's would be read as the other's."""
    open_sheet(page, address)
    measure(page)
    page.keyboard.press("w")
    assert marks_on(page)
    page.keyboard.press("n")
    expect(page.locator(".st-key-record_bar")).to_contain_text("3 of 60")
    settled(page)
    expect(page.locator(f"{SHEET} .calipers")).to_have_count(1)
    assert_no_caliper(page)
    expect(read_out(page)).to_have_text(HINT)
