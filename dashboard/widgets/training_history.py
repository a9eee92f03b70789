"""All runs as a table: what was trained with what, how far it came and how well it did."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.widgets.csv_button import headed
from dashboard.words import duration
from imle import jobs
from imle.errors import Refusal
from imle.jobs import Job, JobRefused, Order, State

FOLLOW_S = 5
BEST_HELP = "Of the best epoch: the mean of the labels of which fold 9 has records with and without, in PTB-XL all."
FIGURE = st.column_config.NumberColumn(format="%.4f")


@st.fragment(run_every=FOLLOW_S)
def history() -> None:
    """Draw the table, the newest run first, anew every few seconds; a click on a heading sorts it."""
    table = history_table(jobs.jobs())
    headed("Runs", table, "runs")
    st.dataframe(
        table, hide_index=True, key="runs_table", placeholder="–",
        column_config={
            "Fold 9 ROC-AUC": st.column_config.NumberColumn(format="%.4f", help=BEST_HELP), "Fold 10 ROC-AUC": FIGURE, "Loss": FIGURE,
            "Learning rate": st.column_config.NumberColumn(format="%.1e"),
            "Started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
        },
    )  # fmt: skip


def history_table(listed: list[Job]) -> pd.DataFrame:
    """A row a run."""
    rows = []
    for job in listed:
        with suppress(JobRefused):  # deleted since it was listed
            rows.append(_row(job))
    return pd.DataFrame(rows)


def _row(job: Job) -> dict:
    rows, settings, tested = jobs.metrics(job.id), _settings(job.order), jobs.report(job.id, 10)
    best = max(rows, key=lambda row: row["fold9_macro_auc"], default=None)
    return {
        "Run": job.id,
        "State": str(job.state),
        "Fold 9 ROC-AUC": best and best["fold9_macro_auc"],
        "Best epoch": best and best["epoch"],
        "Epochs": f"{len(rows)} of {settings.get('epochs', '?')}",
        "Loss": rows[-1]["loss"] if rows else None,
        "Fold 10 ROC-AUC": tested and tested["metrics"]["macro_auc"]["value"],
        "Network": job.order.network,
        "Task": job.order.task,
        "Data set": Path(job.order.data_dir).name,
        "Batch": settings.get("batch_size"),
        "Learning rate": settings.get("learning_rate"),
        "Seed": settings.get("seed"),
        "Started": pd.Timestamp(job.submitted, unit="s", tz="UTC").tz_convert(_zone()),
        "Took": duration(job.ended - job.submitted) if job.ended and job.state is State.FINISHED else "",
        "By": job.owner,
        "Runner": job.order.runner,
    }


def _settings(order: Order) -> dict:
    """Its whole recipe; of an old run whose settings no recipe can have any more, those that it names itself."""
    try:
        return asdict(order.recipe())
    except Refusal:
        return order.settings


def _zone() -> str:
    return st.context.timezone or "UTC"
