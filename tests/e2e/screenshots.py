"""Takes the pictures in assets/screenshots: each page of the demo cohort in light and dark. Run by `make screenshots`.

Words after the script's name are the pictures to take; without any it takes all.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from running import ROOT, browsing, serving, settled

from imle import jobs
from imle.assets import DEMO_COHORT

SHOTS = {
    "records": "/?superclass=MI",
    "explain": "/explain?record=2",
    "explain-revealed": "/explain?record=2&reveal=yes",
    "explain-12x1-trace": "/explain?record=2&reveal=yes&layout=12x1&overlay=trace",
    "explain-6x2": "/explain?record=2&layout=6x2",
    "explain-median": "/explain?record=2&reveal=yes&layout=median",
    "explain-3x4-50mm": "/explain?record=2&layout=3x4&speed=50",
    "upload": "/upload",
    "explain-occlusion": "/explain?record=2&reveal=yes&model=imle_net_plus&level=occlusion",
    "compare": "/compare",
    "guidelines": "/guidelines?heatmaps=imle_net_plus+%C2%B7+attention",
    "training": "/training?run=imle_net_plus-1&beside_runs=mousavi-2",
}
RUNS = {"imle_net_plus": {"epochs": 12, "batch_size": 8}, "mousavi": {"epochs": 12, "batch_size": 8}}
SUFFIXES = {"light": "", "dark": "-dark"}
OUT = ROOT / "assets" / "screenshots"


def main(wanted: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        if "training" in wanted:
            train(state)
        with serving(state_dir=Path(state)) as address, browsing() as browser:
            for scheme, suffix in SUFFIXES.items():
                for name in wanted:
                    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
                    page.goto(address + SHOTS[name])
                    settled(page)
                    page.wait_for_timeout(1000)  # fonts
                    page.screenshot(path=OUT / f"{name}{suffix}.png")
                    page.close()


def train(state: str) -> None:
    """Real runs on the demo cohort, for the training page to show."""
    os.environ["IMLE_STATE_DIR"] = state
    made = [jobs.submit(jobs.Order(name, str(DEMO_COHORT), settings=settings)) for name, settings in RUNS.items()]
    while any(jobs.find(job.id).state.is_active for job in made):
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SHOTS))
