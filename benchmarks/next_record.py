"""Milliseconds from a click on Next to the drawn sheet: p50 and p95 over 50 clicks in a headless Chromium.

    python benchmarks/next_record.py [--data-dir data/ptbxl] [--clicks 50] [--query "reveal=yes"]

The clock starts at the click, in the browser, and stops at the first frame after Plotly has the new record's figure.
"""

import argparse
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from running import browsing, serving, settled  # noqa: E402

from imle.assets import DEMO_COHORT  # noqa: E402

CLICK_AND_WAIT = """async () => {
    const drawn = () => {
        const plot = document.querySelector('[class*="st-key-sheet_"]:not([data-stale="true"]) .js-plotly-plot');
        return plot?.layout ? String(plot.layout.uirevision).split(' ')[0] : '';
    };
    const frame = () => new Promise(requestAnimationFrame);
    const before = drawn();
    const button = [...document.querySelectorAll('.st-key-record_bar button')].find(b => b.innerText.startsWith('Next'));
    const started = performance.now();
    button.click();
    while (drawn() === before || drawn() === '') await frame();
    await frame();
    return performance.now() - started;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=DEMO_COHORT)
    parser.add_argument("--clicks", type=int, default=50)
    parser.add_argument("--query", default="")
    args = parser.parse_args()
    with serving(args.data_dir) as address, browsing() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/explain?record=1&{args.query}")
        settled(page)
        waits_ms = []
        for _ in range(args.clicks):
            waits_ms.append(page.evaluate(CLICK_AND_WAIT))
            settled(page)
    cuts = statistics.quantiles(waits_ms, n=20)
    print(f"{len(waits_ms)} clicks: p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, longest {max(waits_ms):.0f} ms")


if __name__ == "__main__":
    main()
