"""What the benchmarks of single pages share: a page opened in Streamlit's AppTest, the time of its script, a line of figures."""

import sys
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # a benchmark is run as a file, which puts its own folder there alone
    sys.path.insert(0, str(ROOT))

TIMEOUT_S = 120


def opened(page: str) -> AppTest:
    """The dashboard, about to show pages/PAGE.py for the first time."""
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=TIMEOUT_S).run()
    app.switch_page(f"../pages/{page}.py")
    return app


def run_ms(app: AppTest) -> float:
    """Milliseconds of one run of the page's script."""
    start_s = time.perf_counter()
    app.run()
    return (time.perf_counter() - start_s) * 1000


def report(what: str, times_ms: list[float], target_ms: float) -> None:
    """One line: p50 and p95."""
    p50, p95 = np.percentile(times_ms, [50, 95])
    print(f"  {what:<30} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   (target {target_ms:g} ms)")
