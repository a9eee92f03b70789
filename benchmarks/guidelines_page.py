"""Times the guidelines page on the server: its first run in a fresh process, then warm, another diagnosis or cohort, two
heatmaps.

Run as `python benchmarks/guidelines_page.py`. Uses the shipped agreements; the browser's own time is not in it.
"""

from page_runs import AppTest, opened, report, run_ms

from dashboard import agreements

TARGET_MS = 2000
AGAIN = 10


def main() -> None:
    app = opened("guidelines")
    names = list(agreements.offered())
    print(f"guidelines page, {len(names)} sets of heatmaps, server side")
    report("first run of the page", [timed(app)], TARGET_MS)
    report("again", [timed(app) for _ in range(AGAIN)], TARGET_MS)
    report(
        "another diagnosis", [timed(app, diagnosis=code) for code in app.selectbox(key="diagnosis").options], TARGET_MS
    )
    report("another cohort", [timed(app, among=name) for name in app.selectbox(key="among").options[1:]], TARGET_MS)
    report("others beside them", [timed(app, beside=name) for name in names[1:]], TARGET_MS)
    report("other heatmaps", [timed(app, beside=None, heatmaps=name) for name in names[1:]], TARGET_MS)


def timed(app: AppTest, **choices) -> float:
    """Milliseconds of one run of the page's script with these values of its widgets."""
    for key, value in choices.items():
        app.selectbox(key=key).set_value(value)
    took_ms = run_ms(app)
    assert not app.exception and not app.warning, "the page was not drawn"
    return took_ms


if __name__ == "__main__":
    main()
