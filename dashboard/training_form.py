"""The choices of the training page's form as an order, and an order as the form's choices; their defaults are the recipe's."""

from __future__ import annotations

import os
from dataclasses import asdict

import streamlit as st

from dashboard import state
from imle.assets import DEMO_COHORT, WEIGHTS
from imle.errors import BadChoice
from imle.inference import shipped_models
from imle.jobs import Order, runners
from imle.jobs.job import LOCAL
from imle.tasks import SUPERCLASS, TASKS, task
from imle.training.recipe import read_settings, starting_recipe

# Of the form's fields, those that are settings of the recipe.
SETTINGS = ("epochs", "batch_size", "learning_rate", "seed", "precision")
KEYS = tuple(
    f"train_{name}" for name in ("network", "task", "data", "start", "trackers", "runner", "workers", "more", *SETTINGS)
)
FROM_SCRATCH = ""
TO_CLONE = "train_to_clone"


def choice(name: str):
    return st.session_state[f"train_{name}"]


def fill_in() -> None:
    """Give every field its default that has no value yet, or what a run to be cloned had; before the form is drawn."""
    if (order := st.session_state.pop(TO_CLONE, None)) is not None:
        _take_order(order)
    st.session_state.setdefault("train_network", state.DEFAULT_MODEL)
    st.session_state.setdefault("train_task", SUPERCLASS.name)
    st.session_state.setdefault("train_data", str(state.data_root()))
    st.session_state.setdefault("train_start", FROM_SCRATCH)
    st.session_state.setdefault("train_trackers", [])
    st.session_state.setdefault("train_runner", LOCAL)
    st.session_state.setdefault("train_workers", 1)
    st.session_state.setdefault("train_more", "")
    if any(f"train_{name}" not in st.session_state for name in SETTINGS):
        take_recipe()
    if choice("runner") not in runners():
        st.session_state["train_runner"] = LOCAL


def take_recipe() -> None:
    """Put the recipe of the chosen network and task into the fields; for a change of either."""
    recipe = starting_recipe(choice("network"), task(choice("task")))
    for name in SETTINGS:
        st.session_state[f"train_{name}"] = getattr(recipe, name)


def clone_later(order: Order) -> None:
    """In a callback, of a fragment too: have the form drawn next with a run's order in it.

    BadChoice for an order whose settings no recipe can have.
    """
    order.recipe()
    st.session_state[TO_CLONE] = order


def _take_order(order: Order) -> None:
    recipe, usual = order.recipe(), asdict(starting_recipe(order.network, task(order.task)))
    rest = {name: value for name, value in order.settings.items() if name not in SETTINGS and value != usual[name]}
    options = {f"option.{name}": value for name, value in order.options.items()}
    st.session_state.update(
        {
            "train_network": order.network, "train_task": order.task, "train_data": order.data_dir,
            "train_start": order.start or FROM_SCRATCH, "train_trackers": list(order.trackers),
            "train_runner": order.runner if order.runner in runners() else LOCAL, "train_workers": order.workers,
            "train_more": "\n".join(f"{name} = {_as_text(value)}" for name, value in {**rest, **options}.items()),
            **{f"train_{name}": getattr(recipe, name) for name in SETTINGS},
        }
    )  # fmt: skip


def order() -> Order:
    """What the form says. BadChoice where a line of further settings, or a value, cannot be."""
    lines = [line.strip() for line in choice("more").splitlines() if line.strip()]
    is_option = [line.replace(" ", "").startswith("option.") for line in lines]
    more = read_settings([line for line, other in zip(lines, is_option, strict=True) if not other])
    options = read_settings([line.partition("option.")[2] for line, own in zip(lines, is_option, strict=True) if own])
    if twice := [name for name in more if name in SETTINGS]:
        raise BadChoice(f"{twice[0]} has a field of its own; take its line out of the further settings")
    usual = starting_recipe(choice("network"), task(choice("task")))
    changed = {name: choice(name) for name in SETTINGS if choice(name) != getattr(usual, name)}
    if empty := [name for name, value in changed.items() if value is None]:
        raise BadChoice(f"{empty[0].replace('_', ' ')} is empty; give it a value")
    return Order(
        network=choice("network"),
        data_dir=os.path.abspath(choice("data")),
        task=choice("task"),
        settings={**changed, **more},
        options=options,
        start=_start(),
        trackers=tuple(choice("trackers")),
        runner=choice("runner"),
        workers=1 if choice("runner") == LOCAL else choice("workers"),
    )


def starts() -> list[str]:
    """The models offered to start from: none, those shipped, and what is typed."""
    return list(dict.fromkeys([FROM_SCRATCH, *shipped_models(), choice("start")]))


def data_sets() -> list[str]:
    """The folders offered: the one in use, the demo cohort, and what is typed."""
    return list(dict.fromkeys([str(state.data_root()), str(DEMO_COHORT), choice("data")]))


def data_title(folder: str) -> str:
    """As the form shows a data set's folder."""
    return "the demo cohort" if folder == str(DEMO_COHORT) else folder


def titles() -> dict[str, str]:
    """The tasks by name, as the page shows them."""
    shown = {"superclass": "five superclasses", "mi": "ASMI, IMI or normal", "mi-authors": "the same, authors' split"}
    return {name: shown.get(name, name) for name in TASKS}


def _start() -> str | None:
    """The folder of the model to start from."""
    chosen = choice("start")
    if chosen == FROM_SCRATCH:
        return None
    return str(WEIGHTS / chosen) if chosen in shipped_models() else os.path.abspath(chosen)


def _as_text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
