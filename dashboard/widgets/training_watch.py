"""One run as it goes: its state and progress, curves with other runs beside it, its log, and what can be done with it."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard import training_actions as actions
from dashboard import training_form as form
from dashboard.widgets.figure_table import legend
from dashboard.widgets.frame import note, plain, refuse
from dashboard.words import duration, megabytes
from imle import jobs, serving
from imle.errors import Refusal
from imle.figures.compare import Series
from imle.figures.training import CONFIG, run_curves
from imle.jobs import Job, JobRefused, State
from imle.tasks import SUPERCLASS

FOLLOW_S = 2
SILENT_S = 20
SIGNS = {
    State.QUEUED: "waiting for its turn", State.RUNNING: "running", State.STOPPING: "stopping", State.FINISHED: "finished",
    State.STOPPED: "stopped", State.FAILED: "failed", State.KILLED: "killed",
}  # fmt: skip
DOING = {"reading": "reading the data set", "training": "training", "evaluating": "scoring", "waiting": "starting"}


def watched(listed: list[Job]) -> tuple[str, list[str]]:
    """Draw the choice of the run to look at and of those beside it; returns their ids."""
    ids = [job.id for job in listed]
    if st.session_state.get("run") not in ids:
        st.session_state.pop("run", None)
    beside = [one for one in st.session_state.get("beside_runs", []) if one in ids]
    st.session_state["beside_runs"] = beside
    with st.container(horizontal=True, vertical_alignment="center", key="watched_line"):
        active = next((job.id for job in listed if job.state is State.RUNNING), ids[0])
        run = st.selectbox(
            "Run", ids, index=ids.index(active), key="run", bind="query-params", label_visibility="collapsed", width=220,
        )  # fmt: skip
        beside = st.multiselect(
            "Beside it", [one for one in ids if one != run], key="beside_runs", bind="query-params",
            label_visibility="collapsed", placeholder="other runs beside it", width=340,
        )  # fmt: skip
    return run, beside


@st.fragment(run_every=FOLLOW_S)
def watch(run: str, beside: list[str], locked: bool) -> None:
    """Draw the run anew every other second; where it is deleted meanwhile, elsewhere, say so."""
    actions.draw_all_if_acted()
    try:
        _draw(run, beside, locked)
    except Refusal as error:
        refuse(error)


def _draw(run: str, beside: list[str], locked: bool) -> None:
    """Draw the run as it is now. Refusal where it is gone."""
    job = jobs.find(run)
    before = st.session_state.get("run_state")
    st.session_state["run_state"] = (run, job.state)
    if before is not None and before[0] == run and before[1] != job.state:
        st.rerun()  # what the rest of the page shows of it has changed
    _headline(job)
    _buttons(job, locked)
    _progress(job)
    _curves([run, *beside])
    _outcome(job)
    with st.expander("Log", expanded=job.state in (State.FAILED, State.KILLED), key="run_log"):
        st.code(jobs.log(run, 40) or "nothing was printed yet", language=None, height=220)


def _headline(job: Job) -> None:
    sign = SIGNS[job.state]
    if job.state is State.RUNNING and job.beat:
        sign = DOING.get(job.beat.what, sign)
    served = " · in use on every page" if serving.served() == job.folder.resolve() else ""
    st.markdown(f"**{plain(job.id)}** · {sign}{served}")
    if job.reason and job.state in (State.FAILED, State.KILLED):
        refuse(job.reason)
    elif job.reason:
        note(job.reason)


def _buttons(job: Job, locked: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="run_buttons"):
        if job.state.is_active:
            _button(
                "Stop", actions.stop, job.id, locked or job.state is State.STOPPING, "The best epoch so far is kept."
            )
        if job.state.can_resume:
            _button("Resume", actions.resume, job.id, locked, "Goes on from the last whole epoch.")
        if job.state is State.FINISHED and job.order.task == SUPERCLASS.name:
            _use_button(job, locked)
        if job.state is State.FINISHED and jobs.report(job.id, 10) is None:
            _button(
                "Read fold 10", actions.read_test_fold, job.id, locked,
                "The test fold is read once, when a run was chosen by fold 9; its figures choose nothing.",
            )  # fmt: skip
        st.button(
            "Clone",
            key="run_clone",
            on_click=partial(actions.act, form.clone_later, job.order),
            help="Puts its settings into the form on the left.",
        )
        if not job.state.is_active:
            with st.popover("Delete", disabled=locked):
                st.markdown(f"The run {plain(job.id)}, its model and its log will be gone.")
                _button("Delete it", actions.delete, job.id, locked, None)


def _use_button(job: Job, locked: bool) -> None:
    if serving.served() == job.folder.resolve():
        before = serving.before()
        name = before.name if before else "the usual model"
        _button(f"Go back to {name}", actions.go_back, job.folder, locked, "The pages use that model again.")
    else:
        _button(
            "Use on every page",
            actions.use,
            job.folder,
            locked,
            "All pages, for everybody, use this model from now on.",
        )


def _button(text: str, action, word, locked: bool, tip: str | None) -> None:
    st.button(
        text, key=f"run_{action.__name__}", disabled=locked, help=tip, on_click=partial(actions.act, action, word)
    )


def _progress(job: Job) -> None:
    beat = job.beat
    if not job.state.is_active or beat is None:
        return
    if job.state is State.QUEUED:
        note("It starts as soon as those before it have ended, or more runs may go at once.")
        return
    parts = []
    if beat.epochs:
        parts.append(f"epoch {beat.epoch} of {beat.epochs}, step {beat.step:,} of {beat.steps:,}")
    if beat.seconds_left is not None and beat.what == "training":
        parts.append(f"{duration(beat.seconds_left)} left")
    if beat.records_per_s:
        parts.append(f"{beat.records_per_s:.0f} records/s")
    if beat.memory_mb:
        parts.append(f"{megabytes(beat.memory_mb)} of memory")
    st.progress(beat.share, plain(" · ".join(parts)) or "starting")
    silent = pd.Timestamp.now().timestamp() - beat.time
    if silent > SILENT_S:
        note(f"No sign of life for {duration(silent)}")


def _curves(runs: list[str]) -> None:
    """Loss and fold 9's macro AUC over the epochs, the run and those beside it that were not deleted meanwhile."""
    losses, areas = {}, {}
    for place, run in enumerate(runs):
        try:
            series, steps, rows = Series(run, place), jobs.steps(run), jobs.metrics(run)
        except JobRefused:
            continue
        if steps:
            losses[series] = pd.DataFrame(steps)[["epoch", "loss"]]
        if rows:
            areas[series] = pd.DataFrame(rows)[["epoch", "fold9_macro_auc"]]
    if not losses:
        return
    dark = state.dark()
    if len(losses) > 1:
        legend(list(losses), dark)
    left, right = st.columns(2, gap="small")
    left.plotly_chart(
        run_curves(losses, "Training loss", 4, dark), theme=None, config=CONFIG, key="run_loss",
        alt="Training loss over the epochs, a line a run.",
    )  # fmt: skip
    if areas:
        right.plotly_chart(
            run_curves(areas, "Fold 9 macro ROC-AUC", 4, dark), theme=None, config=CONFIG, key="run_auc",
            alt="Macro ROC-AUC on fold 9 after each epoch, a line a run.",
        )  # fmt: skip
    else:
        right.markdown(":small[:gray[The ROC-AUC on fold 9 shows after the first epoch.]]")


def _outcome(job: Job) -> None:
    """The finished run's figures with their intervals, and its card."""
    reports = {fold: found for fold in (9, 10) if (found := jobs.report(job.id, fold))}
    if not reports:
        return
    for fold, report in reports.items():
        figures = report["metrics"]
        note(
            f"Fold {fold} (n = {report['records']:,}): macro ROC-AUC {_figure(figures['macro_auc'])}, "
            f"mean accuracy at 0.5 {_figure(figures['mean_accuracy'])}, macro F1 {_figure(figures['macro_f1'])}"
        )
    card = job.folder / "README.md"
    if card.is_file():
        with st.expander("Model card", key="run_card"):
            st.markdown(card.read_text())


def _figure(row: dict) -> str:
    if row["value"] is None:
        return "n/a (a label is missing in the fold)"
    interval = "" if row["low"] is None else f" ({row['low']:.4f} to {row['high']:.4f})"
    return f"{row['value']:.4f}{interval}"
