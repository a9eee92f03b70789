"""Milliseconds that the records page takes for a filter, a search, an order or another page: p50 and p95.

    python benchmarks/records_page.py [--data-dir data/ptbxl] [--rounds 12]

"list" is the search and the order alone; "rerun" is the whole page in the server, run by Streamlit's AppTest, which
takes somewhat longer than a server does. Every round asks another question, so that no cache answers it. The model's
probabilities are random numbers: their values cost no time.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.answers import answers_for
from dashboard.cohort import Filters, matching, open_cohort
from dashboard.listing import ORDERS, Order, ordered
from imle.evaluation.cohort_predictions import RESULT
from imle.labels import LABELS

APP = str(Path(__file__).resolve().parents[1] / "dashboard" / "app.py")
WORDS = ("infarkt", "sinus", "block", "links", "vorhof", "abnorm", "normal", "ischaemie", "st", "rhythm", "typ", "lage")
TIMEOUT_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data/ptbxl"))
    parser.add_argument("--rounds", type=int, default=len(WORDS), choices=range(2, len(WORDS) + 1), metavar="2..12")
    args = parser.parse_args()
    rounds = range(args.rounds)
    with tempfile.TemporaryDirectory() as own_state:
        os.environ |= {"IMLE_DATA_DIR": str(args.data_dir), "IMLE_STATE_DIR": own_state}
        cohort = open_cohort(args.data_dir)
        probabilities = np.random.default_rng(0).random((len(cohort.table), len(LABELS)), np.float32)
        predictions = pd.DataFrame(probabilities, cohort.table.index, list(LABELS))
        answers = answers_for(cohort.table.index, cohort.labels, predictions)
        folder = state.predictions_folder()
        folder.mkdir(parents=True)
        predictions.to_parquet(folder / RESULT)

        filters = {
            "search the reports": [Filters(report=WORDS[k]) for k in rounds],
            "superclass": [Filters(superclass=(LABELS[k % len(LABELS)],)) for k in rounds],
            "age": [Filters(age=(20 + k, 60)) for k in rounds],
            "probability": [Filters(model_label="MI", probability=(0.5 + k / 100, 1.0)) for k in rounds],
        }
        orders = {
            f"sort by {by}": [Order(by, k % 2 > 0) for k in rounds]
            for by in ("MI probability", "Disagreement", "Report")
        }
        everyone = cohort.table.index.to_numpy()
        print(f"{len(everyone):,} records; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        print(f"{'':28}{'p50':>8}{'p95':>8}   ms")
        for name, asked in filters.items():
            report(f"list: {name}", [lambda f=f: matching(cohort, f, answers) for f in asked])
        for name, asked in orders.items():
            report(f"list: {name}", [lambda o=o: ordered(cohort, everyone, o, answers) for o in asked])

        reruns = {
            "search the reports": [("text_input", "report", f.report) for f in filters["search the reports"]],
            "age": [("slider", "age", f.age) for f in filters["age"]],
            "another page": [("pagination", "page", 2 + k) for k in rounds],
            "another order": [("selectbox", "sort", by) for by in ORDERS[: 1 + args.rounds][1:]],
        }
        for name, steps in reruns.items():
            app = AppTest.from_file(APP, default_timeout=TIMEOUT_S).run()
            report(f"rerun: {name}", [lambda step=step, app=app: rerun(app, *step) for step in steps])


def rerun(app: AppTest, kind: str, key: str, value) -> None:
    getattr(app, kind)(key=key).set_value(value).run()
    assert not app.exception


def report(name: str, tasks: list) -> None:
    """One line: p50 and p95 of the tasks' times."""
    times_ms = []
    for task in tasks:
        started = time.perf_counter()
        task()
        times_ms.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(times_ms, n=20, method="inclusive")
    print(f"{name:28}{cuts[9]:8.1f}{cuts[18]:8.1f}")


if __name__ == "__main__":
    main()
