"""A real server and a real browser, for the tests and the screenshots."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from imle.assets import ASSETS, DEMO_COHORT

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
APP = "dashboard/app.py"
START_S = 120
ROW_PX = 31
SIZES = [(1280, 720), (1920, 1080)]

# Streamlit keeps a figure, hidden, until its successor is drawn.
SHEET = '[class*="st-key-sheet_"][data-stale="false"]'
HEADER_PX = 33

# Where the drawn paper's 1 mm lines stand on the screen, and the boxes of the lines drawn on it by their names; px.
PAPER = """sheet => {
    const box = element => (({ left, top, width, height }) => ({ left, top, width, height }))(element.getBoundingClientRect());
    const lines = (axis, start, size) => [...sheet.querySelectorAll(`path.${axis}grid`)]
        .map(line => box(line)[start] + box(line)[size] / 2).sort((a, b) => a - b);
    const drawn = [...sheet.querySelectorAll('.scatterlayer .trace')].filter(trace => trace.querySelector('.js-line'));
    return {
        across: lines('x', 'left', 'width'),
        down: lines('y', 'top', 'height'),
        drawn: Object.fromEntries(drawn.map(trace => [trace.__data__[0].trace.name, box(trace.querySelector('.js-line'))])),
    };
}"""

# Every piece of visible text whose contrast with what lies behind it is under 4.5:1, with its colours.
LOW_CONTRAST = """() => {
    const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
        const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const c = numbers(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0.9) return c.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const low = [];
    const walker = document.createTreeWalker(document.querySelector('.stApp'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const box = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        const off = element.closest('svg, style, script, .st-key-shortcuts, :disabled, [disabled], [aria-disabled="true"]');
        if (off || !walker.currentNode.textContent.trim() || box.width < 2 || style.visibility !== 'visible') continue;
        const [text, back] = [numbers(style.color).slice(0, 3), behind(element)];
        const [a, b] = [light(text), light(back)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5)
            low.push(`${walker.currentNode.textContent.trim().slice(0, 40)}: ${text} on ${back}`);
    }
    return low;
}"""

# Whether the page, or its main part, can be scrolled sideways.
SCROLLS_SIDEWAYS = """() => [document.documentElement, document.querySelector('.stMain')]
    .some(element => element.scrollWidth > element.clientWidth)"""

# Streamlit looks for its server below the page's own path first, and goes on when it is not there.
LOOKS_FOR_SERVER = ("/_stcore/health", "/_stcore/host-config")


@contextmanager
def serving(
    data_dir: Path = DEMO_COHORT,
    state_dir: Path | None = None,
    app: str = APP,
    options: tuple[str, ...] = (),
    kill: bool = False,
):
    """The address of a dashboard that serves `data_dir` with the shipped model on a free port of 127.0.0.1.

    What users make is kept in `state_dir`, else in a folder that goes with the server. `app` is the script that is
    run, `options` are Streamlit's own. With `kill` the server ends by SIGKILL.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "streamlit", "run", app, "--server.port", str(port), "--server.headless", "true", *options]
    environment = {key: value for key, value in os.environ.items() if key != "IMLE_MODEL"}
    own_state = tempfile.TemporaryDirectory()
    environment |= {"IMLE_DATA_DIR": str(data_dir), "IMLE_STATE_DIR": str(state_dir or own_state.name)}
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/_stcore/health", server)
        yield address
    finally:
        server.kill() if kill else server.terminate()
        server.wait(timeout=30)
        own_state.cleanup()


@contextmanager
def browsing():
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


# Whether the script has run, every figure is drawn, and none has moved or grown at the last four looks.
AT_REST = """() => {
    const done = document.querySelector('.stApp').dataset.testScriptState === 'notRunning'
        && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]');
    const papers = [...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.querySelector('.main-svg'));
    const seen = JSON.stringify(papers.map(paper => paper?.getBoundingClientRect()));
    window.restful = done && papers.every(Boolean) && seen === window.lastSeen ? (window.restful ?? 0) + 1 : 0;
    window.lastSeen = seen;
    return window.restful >= 4;
}"""


@contextmanager
def serving_assets(assets: Path):
    """The address of a dashboard on the demo cohort with the results in `assets`, into which all other assets are linked."""
    assets.mkdir(parents=True, exist_ok=True)
    for path in ASSETS.iterdir():
        if not (assets / path.name).exists():
            (assets / path.name).symlink_to(path)
    before = dict(os.environ)
    os.environ["IMLE_ASSETS"] = str(assets)
    try:
        with serving(assets / "demo") as address:
            yield address
    finally:
        os.environ.clear()
        os.environ.update(before)


def seen_at_each_size(page: Page) -> Iterator[int]:
    """Sets the window to each of SIZES and, where nothing scrolls sideways and all text can be read, yields its height."""
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        assert not page.evaluate(SCROLLS_SIDEWAYS), f"{width}x{height} scrolls sideways"
        pale = page.evaluate(LOW_CONTRAST)
        assert not pale, f"{width}x{height}: {pale}"
        yield height


def settled(page: Page) -> None:
    """Wait until the page's script has run and every figure is drawn and rests."""
    page.wait_for_selector("[data-testid='stMainBlockContainer'] [data-testid='stElementContainer']")
    page.evaluate("() => { window.restful = 0; }")
    page.wait_for_function(AT_REST, polling=100)


def paper_on(page: Page) -> dict:
    """The sheet's paper as drawn: `across` and `down`, the px of every 1 mm line; `drawn`, the box of each line by name."""
    return page.locator(SHEET).evaluate(PAPER)


def click_row(page: Page, row: int) -> None:
    """Click the table's row (from 0) until its record opens; the grid is a canvas that follows the pointer."""
    box = page.locator(".st-key-records_table canvas").first.bounding_box()
    for _ in range(10):
        page.mouse.move(box["x"] + 300, box["y"] + HEADER_PX + ROW_PX * (row + 0.5))
        page.wait_for_timeout(200)
        page.mouse.down()
        page.wait_for_timeout(80)
        page.mouse.up()
        for _ in range(20):
            if "/explain" in page.url:
                return
            page.wait_for_timeout(100)
    raise AssertionError("clicking the row opened no record")


def errors_of(page: Page) -> list[str]:
    """A list that fills with what the page reports as errors from now on."""
    found = []

    def note(message) -> None:
        if message.type == "error" and not message.location.get("url", "").endswith(LOOKS_FOR_SERVER):
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def _wait_for(address: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not answer at {address} within {START_S} s")
