"""The compare page's first part: our figures beside the published ones, and each model label by label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.compared import (
    HEADLINES,
    WITHOUT_THRESHOLD,
    Compared,
    best_first,
    by_label,
    chance,
    headline_rows,
    records_read,
    together,
)
from dashboard.widgets.compare_controls import measure_choice
from dashboard.widgets.compare_symbols import symbol
from dashboard.widgets.csv_button import csv_button, headed
from dashboard.widgets.figure_table import bare_title, figure, figure_table, group_row, row
from dashboard.widgets.frame import note
from imle.evaluation.published_figures import PublishedGroup
from imle.figures.compare import CONFIG, Series, class_dots

SCALES = {"mean_accuracy": {"scale": 100, "decimals": 2}}
FLATTERED = "which chose the models and their thresholds, so these figures flatter; the published ones are of fold 10"


def headline_table(models: dict[str, Compared], published: Sequence[PublishedGroup], fold: int) -> None:
    """Ours with intervals, best first; under them the published ones, with how they were obtained."""
    headed("Ours beside the published", headline_rows(models, published), f"compare_fold{fold}")
    read = records_read(next(iter(models.values())).report)
    columns = 1 + len(HEADLINES)
    rows = [
        group_row("This workbench", f"{read}, {FLATTERED}" if fold != 10 else f"{read}, used for no choice", columns)
    ]
    rows += [
        row(
            symbol(own.series, state.dark()) + bare_title(own.series),
            *(figure(**own.figure("metrics", name), **SCALES.get(name, {})) for name in HEADLINES),
        )
        for own in best_first(models.values())
    ]
    for group in published:
        rows.append(group_row(group.title, group.note, columns))
        rows += [
            row(escape(known.title), *(figure(getattr(known, name), **SCALES.get(name, {})) for name in HEADLINES))
            for known in group.models
        ]
    figure_table("Figures of all models", ["", *HEADLINES.values()], rows, state.dark())


def label_figures(models: dict[str, Compared], published: Sequence[PublishedGroup], fold: int) -> None:
    """A measure of each model by label, as dots with intervals, in the order and with the symbols of the table."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.subheader("By label", anchor=False, width="content")
            measure = measure_choice()
        place = st.container(width="content")
    frames = {own.series: by_label(own, measure) for own in best_first(models.values())}
    known = next((row for group in published for row in group.models if row.auc_by_label), None)
    marks = known.auc_by_label if known and measure == "ROC-AUC" else {}
    offered = {series.caption: frame for series, frame in frames.items()}
    if marks:
        offered[f"{known.title}, published"] = pd.DataFrame(marks.items(), columns=["label", "value"])
    with place:
        csv_button(together(offered), f"by_label_fold{fold}")
    some = next(iter(models.values()))
    st.plotly_chart(
        class_dots(frames, measure, chance(some, measure), marks, state.dark()),
        theme=None, config=CONFIG, key="label_figures",
        alt=f"{measure} of each label with 95 % intervals, the models in the order of the table.",
    )  # fmt: skip
    note(_legend(measure, frames))


def _legend(measure: str, models: Iterable[Series]) -> str:
    marks = {"ROC-AUC": " Line: IMLE-Net as published. Chance: 0.5.", "Average precision": " Dotted: chance."}
    at = "" if measure in WITHOUT_THRESHOLD else " At each model's own thresholds, chosen on fold 9."
    hollow = " Hollow: unfinished training." if any(series.unfinished for series in models) else ""
    return f"In the table's order, with 95 % bootstrap intervals.{marks.get(measure, '')}{at}{hollow}"
