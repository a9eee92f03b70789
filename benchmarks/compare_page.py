"""Times the compare page on the server: its first run in a fresh process, then warm, by what is changed.

Run as `python benchmarks/compare_page.py [--runs 20]`. Uses the shipped results; the browser's own time is not in it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from imle.evaluation.results import shipped  # noqa: E402
from imle.labels import LABELS  # noqa: E402

TARGET_MS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=120).run()
    app.switch_page("../pages/compare.py")
    print(f"compare page, {len(shipped())} models, server side (target {TARGET_MS} ms)")
    report("first run of the page", [timed(app)])
    report("again", [timed(app) for _ in range(runs)])
    report("another label", [timed(app, finding=LABELS[i % len(LABELS)]) for i in range(runs)])
    report("a threshold not yet asked for", [timed(app, finding="MI", cut=(i + 1) / 100) for i in range(runs)])


def timed(app: AppTest, **choices) -> float:
    """Milliseconds of one run of the page's script with these values of its widgets."""
    for key, value in choices.items():
        next(widget for widget in [*app.get("button_group"), *app.select_slider] if widget.key == key).set_value(value)
    start_s = time.perf_counter()
    app.run()
    took_ms = (time.perf_counter() - start_s) * 1000
    assert not app.exception and not app.warning, "the page was not drawn"
    return took_ms


def report(what: str, times_ms: list[float]) -> None:
    p50, p95 = np.percentile(times_ms, [50, 95])
    print(f"  {what:<30} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms")


if __name__ == "__main__":
    main()
