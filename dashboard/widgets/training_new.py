"""The form for a new run: what to train, on what, how; what that will take; and the button that starts it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import training_actions as actions
from dashboard import training_form as form
from dashboard.widgets.frame import note, refuse
from dashboard.words import duration, megabytes
from imle import jobs
from imle.errors import Refusal
from imle.jobs import Order, checks, pace
from imle.jobs.job import LOCAL
from imle.training.recipe import BOUNDS, recipe_for
from imle.training.trackers import EXTRAS

FOLLOW_S = 1
HELP = {
    "network": "The network to train; its recipe in imle/training/recipes.toml fills the fields below.",
    "task": "The labels: the five superclasses, or which infarction a record shows.",
    "data": "A folder in PTB-XL's layout. Folds 1-8 train, fold 9 selects the epoch.",
    "epochs": "How often all training records are seen. The best epoch on fold 9 is kept.",
    "batch_size": "Records a step. More need more memory and fewer, larger steps.",
    "learning_rate": "The peak of the one-cycle schedule.",
    "seed": "Another seed: other initial weights, another order of the records.",
    "precision": "auto takes bfloat16 where the processor multiplies it in hardware, else float32.",
    "trackers": "Beside JSON lines and TensorBoard's events, which are always written.",
    "runner": "Where it runs. A Ray cluster is offered where IMLE_RAY_ADDRESS names one.",
    "start": "A model folder of the same network to fine-tune, or nothing.",
    "more": "A line each, NAME = VALUE: any other setting of the recipe, or option.NAME of the network.",
}


def new_run(locked: bool) -> None:
    """Draw the form; `locked` where the person may not train.

    For them nothing is looked for that the form names: else whoever may open the page could ask which files there are.
    """
    form.fill_in()
    st.subheader("New run", anchor=False)
    _fields(locked)
    if locked:
        _start_button(None)
        return
    try:
        order = form.order()
        checks.check(order)
        found = checks.records_of(order.data_dir, order.task)
    except Refusal as error:
        refuse(error)
        _start_button(None)
        return
    _records(found)
    _cost(order, found)
    _start_button(order)


def _start_button(order: Order | None) -> None:
    """Starts `order`; with None it cannot be pressed."""
    st.button(
        "Start", disabled=order is None, key="train_start_button",
        on_click=partial(actions.act, actions.start, order) if order else None,
    )  # fmt: skip


def _fields(locked: bool) -> None:
    """All fields. Their numbers have the bounds of a recipe and no others: a field silently changes what lies beyond its own."""
    tasks, where = form.titles(), jobs.runners()
    left, right = st.columns(2, gap="small")
    left.selectbox(
        "Network", checks.networks(), key="train_network", help=HELP["network"], on_change=form.take_recipe,
        filter_mode=None,
    )  # fmt: skip
    right.selectbox(
        "Task", list(tasks), key="train_task", help=HELP["task"], format_func=tasks.get, on_change=form.take_recipe,
        filter_mode=None,
    )  # fmt: skip
    st.selectbox(
        "Data set", form.data_sets(), key="train_data", help=HELP["data"], accept_new_options=True, disabled=locked,
        format_func=form.data_title,
    )  # fmt: skip
    left, right = st.columns(2, gap="small")
    left.number_input("Epochs", *BOUNDS["epochs"], step=1, key="train_epochs", help=HELP["epochs"])
    right.number_input("Batch size", *BOUNDS["batch_size"], step=1, key="train_batch_size", help=HELP["batch_size"])
    left.number_input(
        "Learning rate", 0.0, step=1e-4, format="%.1e", key="train_learning_rate", help=HELP["learning_rate"]
    )
    right.number_input("Seed", *BOUNDS["seed"], step=1, key="train_seed", help=HELP["seed"])
    left.selectbox(
        "Precision", ["auto", "float32", "bfloat16"], key="train_precision", help=HELP["precision"], filter_mode=None
    )
    right.selectbox(
        "Runner", list(where), key="train_runner", help=HELP["runner"], filter_mode=None,
        format_func=lambda name: where[name].title,
    )  # fmt: skip
    with st.expander("Further settings"):
        st.selectbox(
            "Start from", form.starts(), key="train_start", help=HELP["start"], accept_new_options=True, disabled=locked,
            format_func=lambda model: model or "nothing, initial weights",
        )  # fmt: skip
        st.multiselect("Trackers", list(EXTRAS), key="train_trackers", help=HELP["trackers"], placeholder="files alone")
        if form.choice("runner") != LOCAL:
            st.number_input("Workers", 1, step=1, key="train_workers", help="Processes that share each batch.")
        st.text_area(
            "Settings", key="train_more", help=HELP["more"], placeholder=_example(), height=100, disabled=locked
        )


def _example() -> str:
    recipe = recipe_for(form.choice("network"))
    return f"weight_decay = {recipe.weight_decay}\nema_decay = 0.999"


def _records(found: checks.Records) -> None:
    note(f"{found.title}: {found.train:,} records train, {found.select:,} select")


def _cost(order: Order, found: checks.Records) -> None:
    """What the run will take where that was measured; else the button that measures it, or how that goes."""
    expected = checks.expected(order, found)
    if expected is not None:
        speed = pace.known_pace(order).records_per_s
        note(
            f"About {duration(expected.seconds)} on this machine ({speed:.0f} records/s with nothing else running), "
            f"{megabytes(expected.memory_mb)} of memory, {megabytes(expected.disk_mb)} of disk"
        )
        return
    now = pace.measuring(order)
    if now.running:
        _measuring(order)
        return
    if now.trouble:
        refuse(now.trouble)
    st.button(
        "Measure time and memory", type="tertiary", key="train_measure",
        help="Takes a few steps on noise in a process of its own, under half a minute for most networks.",
        on_click=partial(actions.act, actions.measure, order),
    )  # fmt: skip


@st.fragment(run_every=FOLLOW_S)
def _measuring(order: Order) -> None:
    if not pace.measuring(order).running:
        st.rerun()
    note("Measuring time and memory …")
