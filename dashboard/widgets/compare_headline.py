"""The compare page's first part: our figures beside the published ones, and each model label by label."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.compared import (
    HEADLINES,
    MEASURES,
    WITHOUT_THRESHOLD,
    Compared,
    by_label,
    chance,
    headline_rows,
    together,
)
from dashboard.widgets.compare_controls import measure_choice
from dashboard.widgets.csv_button import csv_button, headed
from dashboard.widgets.figure_table import figure, figure_table, group_row, model_title, row
from dashboard.widgets.frame import note
from imle.evaluation.published_figures import PublishedGroup
from imle.figures.compare import CONFIG, class_bars

SCALES = {"mean_accuracy": {"scale": 100, "decimals": 2}}
FLATTERED = "which chose the models and their thresholds, so these figures flatter; the published ones are of fold 10"


def headline_table(models: dict[str, Compared], published: Sequence[PublishedGroup], fold: int) -> None:
    """Ours with intervals, best first; under them the published ones, with how they were obtained."""
    headed("Ours beside the published", headline_rows(models, published), f"compare_fold{fold}")
    records = next(iter(models.values())).report["records"]
    read = f"fold {fold}, n = {records:,}"
    columns = 1 + len(HEADLINES)
    rows = [
        group_row("This workbench", f"{read}, {FLATTERED}" if fold != 10 else f"{read}, used for no choice", columns)
    ]
    rows += [
        row(
            model_title(own.series, state.dark()),
            *(figure(**own.figure("metrics", name), **SCALES.get(name, {})) for name in HEADLINES),
        )
        for own in sorted(models.values(), key=_macro_auc, reverse=True)
    ]
    for group in published:
        rows.append(group_row(group.title, group.note, columns))
        rows += [
            row(known.title, *(figure(getattr(known, name), **SCALES.get(name, {})) for name in HEADLINES))
            for known in group.models
        ]
    figure_table("Figures of all models", ["", *HEADLINES.values()], rows, state.dark())


def label_bars(models: dict[str, Compared], published: Sequence[PublishedGroup], fold: int) -> None:
    """A measure of each model by label, as bars with intervals."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.subheader("By label", anchor=False, width="content")
            measure = measure_choice()
        place = st.container(width="content")
    frames = {own.series: by_label(own, measure) for own in models.values()}
    known = next((row for group in published for row in group.models if row.auc_by_label), None)
    marks = known.auc_by_label if known and measure == "ROC-AUC" else {}
    offered = {series.caption: frame for series, frame in frames.items()}
    if marks:
        offered[f"{known.title}, published"] = pd.DataFrame(marks.items(), columns=["label", "value"])
    with place:
        csv_button(together(offered), f"by_label_fold{fold}")
    some = next(iter(models.values()))
    st.plotly_chart(
        class_bars(frames, measure, chance(some, measure), MEASURES[measure][1], marks, state.dark()),
        theme=None, config=CONFIG, key="label_bars", alt=f"{measure} of each label with 95 % intervals.",
    )  # fmt: skip
    note(_legend(measure))


def _macro_auc(own: Compared) -> float:
    return own.report["metrics"]["macro_auc"]["value"] or 0.0


def _legend(measure: str) -> str:
    marks = {"ROC-AUC": " Line: IMLE-Net as published.", "Average precision": " Dotted: chance."}
    at = "" if measure in WITHOUT_THRESHOLD else " At each model's own thresholds, chosen on fold 9."
    return f"95 % bootstrap intervals.{marks.get(measure, '')}{at} Hatched: unfinished training."
