"""The compare page's last part: whether one model is better than another, the figures nobody published, and subgroups."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd
import streamlit as st

from dashboard import compare_state, state
from dashboard.compared import (
    FIGURE,
    FURTHER,
    HEADLINES,
    INFARCTION_FIGURES,
    Compared,
    further_rows,
    infarction_rows,
    records_read,
    subgroup_rows,
)
from dashboard.widgets.compare_controls import title_choice
from dashboard.widgets.csv_button import headed
from dashboard.widgets.figure_table import NONE, figure, figure_table, group_row, model_columns, row
from dashboard.widgets.frame import note, plain
from imle.evaluation.comparison import MACRO
from imle.evaluation.published_figures import PublishedGroup
from imle.evaluation.results import Result
from imle.figures.compare import CONFIG, difference_rows
from imle.tasks import INFARCTION


def paired_difference(models: dict[str, Compared], published: Sequence[PublishedGroup], fold: int) -> None:
    """Two models on the same records; with one alone, that one beside the published figure."""
    if len(models) < 2:
        st.subheader("Paired difference", anchor=False)
        st.markdown(_beside_published(next(iter(models.values())), published))
        return
    heading = st.container()
    left, right = st.columns([4, 8], gap="large")
    with left:
        first = models[title_choice("First", "first", list(models))]
        second = models[title_choice("Second", "second", [title for title in models if title != first.series.title])]
        differences = compare_state.auc_differences(first, second)
        st.markdown(_verdict(first, second, differences[MACRO]))
        note("The same 1,000 draws of records for both: what is hard for both cancels.")
    frame = pd.DataFrame([{"name": name, **found._asdict()} for name, found in differences.items()])
    with heading:
        headed("Paired difference", frame.assign(first=first.name, second=second.name), f"difference_fold{fold}")
    right.plotly_chart(
        difference_rows(frame, "ROC-AUC of the first less that of the second", state.dark()),
        theme=None, config=CONFIG, key="differences", alt="Differences in ROC-AUC with 95 % intervals.",
    )  # fmt: skip


def further_figures(models: dict[str, Compared], fold: int) -> None:
    """Precision, F1 and calibration of all records."""
    rows = further_rows(models)
    headed("Further figures", rows, f"further_fold{fold}")
    model_columns("Further figures", rows, [own.series for own in models.values()], state.dark())


def subgroup_table(models: dict[str, Compared], fold: int) -> None:
    """Macro ROC-AUC by sex, age, device and validation."""
    rows = subgroup_rows(models)
    headed("Subgroups, macro ROC-AUC", rows, f"subgroups_fold{fold}")
    if rows.empty:
        note("The reports of these models have no subgroups; write them again with imle evaluate.")
    else:
        model_columns("Macro ROC-AUC by subgroup", rows, [own.series for own in models.values()], state.dark())


def infarction_table(results: Sequence[Result], published: Sequence[PublishedGroup], fold: int) -> None:
    """The models that tell anteroseptal, inferior infarction and normal records apart, by both splits; then the published."""
    rows = infarction_rows(results, fold)
    if rows.empty:
        return
    headed("Which infarction: ASMI, IMI or normal", rows, f"infarctions_fold{fold}")
    columns, lines = 1 + len(INFARCTION_FIGURES), []
    for (split, _), of_split in rows.groupby(["split", "records"], sort=False):
        lines.append(group_row(f"This workbench, {split}", records_read(of_split.iloc[0]), columns))
        for title, own in of_split.groupby("model", sort=False):
            by_metric = own.set_index("metric")[list(FIGURE)]
            cells = (figure(*by_metric.loc[name], **_percent(name)) for name in INFARCTION_FIGURES)
            lines.append(row(escape(title), *cells))
    for group in published:
        lines.append(group_row(group.title, group.note, columns))
        blanks = [NONE] * (len(INFARCTION_FIGURES) - 1)
        lines += [row(escape(known.title), figure(known.macro_auc), *blanks) for known in group.models]
    head = ["", *(f"{name}, ROC-AUC" if name in INFARCTION.labels else name for name in INFARCTION_FIGURES)]
    figure_table("Figures of the infarction models", head, lines, state.dark())


def definitions(models: dict[str, Compared]) -> None:
    """What each metric is, in the words of the reports."""
    reports = [own.report for own in models.values()]
    named = {**{("metrics", name): title for name, title in HEADLINES.items()}, **FURTHER}
    said = {(part, name): _definition(reports, part, name) for part, name in named}
    lines = [f"**{title}** {plain(said[path])}" for path, title in named.items() if said[path]]
    with st.expander("Definitions"):
        st.markdown("  \n".join([*lines, f"**Intervals** {plain(reports[0]['interval'])}"]))


def _definition(reports: Sequence[dict], part: str, name: str) -> str:
    """In the words of the first report that has the figure; empty where none has it."""
    return next((report[part][name]["definition"] for report in reports if name in report.get(part, {})), "")


def _percent(name: str) -> dict:
    return {"scale": 100, "decimals": 2} if name.endswith("%") else {}


def _verdict(first: Compared, second: Compared, found) -> str:
    ends = f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
    a, b = plain(first.series.caption), plain(second.series.caption)
    if found.low > 0:
        return f"**{a}** ranks better than **{b}**: macro ROC-AUC {ends}."
    if found.high < 0:
        return f"**{a}** ranks worse than **{b}**: macro ROC-AUC {ends}."
    return f"**{a}** and **{b}** cannot be told apart: macro ROC-AUC {ends}; the interval holds 0."


def _beside_published(own: Compared, published: Sequence[PublishedGroup]) -> str:
    """A published figure has no answers by record, so only our interval says whether it differs."""
    known = published[0].models[0]
    ours = own.figure("metrics", "macro_auc")
    place = "below" if known.macro_auc < ours["low"] else "above" if known.macro_auc > ours["high"] else "within"
    return (
        f"It takes two models that answered the same records, and one is chosen. Beside the published table only our own "
        f"interval speaks: {plain(own.series.caption)} {ours['value']:.4f} ({ours['low']:.4f} to {ours['high']:.4f}); the "
        f"published {known.title} {known.macro_auc:.4f} lies {place} it."
    )
