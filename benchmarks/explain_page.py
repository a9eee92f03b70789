"""Times the explain page on the server: its whole script, for records never opened before and for another level.

Run as `python benchmarks/explain_page.py [--records 50]`. The model is warm; the browser's own time is not in it.
Uses the data set and the model that the dashboard would use, records with 500 Hz first, since they hold five times more.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dashboard import state  # noqa: E402
from dashboard.cohort import open_cohort  # noqa: E402
from imle.attention import LEVELS  # noqa: E402

TARGET_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50)
    count = parser.parse_args().records
    table = open_cohort(state.data_root()).table
    numbers = table.sort_values(["500 Hz", "Record"], ascending=[False, True]).index[: count + 1].tolist()
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=120).run()
    app.switch_page("../pages/explain.py")
    timed(app, numbers[0])  # loads the model and the figures' library
    print(f"explain page, {len(numbers) - 1} records of {state.data_root()}, {state.model_name()}, server side")
    report("record never opened before", [timed(app, number) for number in numbers[1:]])
    levels = [LEVELS[i % len(LEVELS)] for i in range(count)]
    report("same record, another level", [timed(app, numbers[-1], level) for level in levels])


def timed(app: AppTest, number: int, level: str | None = None) -> float:
    """Milliseconds of one run of the page's script."""
    app.query_params = {"record": str(number), "reveal": "yes"}
    if level:
        app.selectbox(key="level").set_value(level)
    start_s = time.perf_counter()
    app.run()
    took_ms = (time.perf_counter() - start_s) * 1000
    assert not app.exception and len(app.get("plotly_chart")) == 3, f"record {number} was not explained"
    return took_ms


def report(what: str, times_ms: list[float]) -> None:
    p50, p95 = np.percentile(times_ms, [50, 95])
    print(f"  {what:<28} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   (target {TARGET_MS} ms)")


if __name__ == "__main__":
    main()
