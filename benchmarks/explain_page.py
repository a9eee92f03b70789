"""Times the explain page on the server: its whole script, for records never opened before and for another level.

Run as `python benchmarks/explain_page.py [--records 50]`. The model is warm; the browser's own time is not in it.
Uses the data set and the model that the dashboard would use, records with 500 Hz first, since they hold five times more.
"""

import argparse

from page_runs import AppTest, opened, report, run_ms

from dashboard import state
from dashboard.cohort import open_cohort
from imle.attention import LEVELS

TARGET_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50)
    count = parser.parse_args().records
    table = open_cohort(state.data_root()).table
    numbers = table.sort_values(["500 Hz", "Record"], ascending=[False, True]).index[: count + 1].tolist()
    app = opened("explain")
    timed(app, numbers[0])  # loads the model and the figures' library
    print(f"explain page, {len(numbers) - 1} records of {state.data_root()}, {state.model_name()}, server side")
    report("record never opened before", [timed(app, number) for number in numbers[1:]], TARGET_MS)
    levels = [LEVELS[i % len(LEVELS)] for i in range(count)]
    report("same record, another level", [timed(app, numbers[-1], level) for level in levels], TARGET_MS)


def timed(app: AppTest, number: int, level: str | None = None) -> float:
    """Milliseconds of one run of the page's script."""
    app.query_params = {"record": str(number), "reveal": "yes"}
    if level:
        app.selectbox(key="level").set_value(level)
    took_ms = run_ms(app)
    assert not app.exception and len(app.get("plotly_chart")) == 3, f"record {number} was not explained"
    return took_ms


if __name__ == "__main__":
    main()
