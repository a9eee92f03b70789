"""Times the compare page on the server: its first run in a fresh process, then warm, by what is changed.

Run as `python benchmarks/compare_page.py [--runs 20]`. Uses the shipped results; the browser's own time is not in it.
"""

import argparse

from page_runs import AppTest, opened, report, run_ms

from imle.evaluation.results import shipped
from imle.labels import LABELS

TARGET_MS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    app = opened("compare")
    print(f"compare page, {len(shipped())} models, server side")
    report("first run of the page", [timed(app)], TARGET_MS)
    report("again", [timed(app) for _ in range(runs)], TARGET_MS)
    report("another label", [timed(app, finding=LABELS[i % len(LABELS)]) for i in range(runs)], TARGET_MS)
    thresholds = [(i + 1) / 100 for i in range(runs)]
    report("a threshold not yet asked for", [timed(app, finding="MI", cut=cut) for cut in thresholds], TARGET_MS)


def timed(app: AppTest, **choices) -> float:
    """Milliseconds of one run of the page's script with these values of its widgets."""
    for key, value in choices.items():
        next(widget for widget in [*app.get("button_group"), *app.select_slider] if widget.key == key).set_value(value)
    took_ms = run_ms(app)
    assert not app.exception and not app.warning, "the page was not drawn"
    return took_ms


if __name__ == "__main__":
    main()
