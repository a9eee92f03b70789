"""A real server and a real browser, for the tests and the screenshots."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from imle.assets import DEMO_COHORT

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
START_S = 120
ROW_PX = 31
HEADER_PX = 33

# Streamlit looks for its server below the page's own path first, and goes on when it is not there.
LOOKS_FOR_SERVER = ("/_stcore/health", "/_stcore/host-config")


@contextmanager
def serving(data_dir: Path = DEMO_COHORT):
    """The address of a dashboard that serves `data_dir` with the shipped model on a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port), "--server.headless", "true"]
    environment = {key: value for key, value in os.environ.items() if key != "IMLE_MODEL"}
    environment["IMLE_DATA_DIR"] = str(data_dir)
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/_stcore/health", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def browsing():
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def settled(page: Page) -> None:
    """Wait until the page's script has run and every figure is drawn."""
    page.wait_for_selector("[data-testid='stMainBlockContainer'] [data-testid='stElementContainer']")
    page.wait_for_function(
        """() => document.querySelector('.stApp').dataset.testScriptState === 'notRunning'
            && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')
            && [...document.querySelectorAll('.js-plotly-plot')].every(plot => plot.querySelector('.main-svg'))"""
    )
    page.wait_for_timeout(400)


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
