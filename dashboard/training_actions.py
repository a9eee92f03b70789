"""What can be done to training runs from a page. Each action asks for the role itself, whatever the page drew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import streamlit as st

from dashboard import roles
from imle import jobs, serving
from imle.errors import BadChoice, Refusal
from imle.jobs import pace
from imle.jobs.checks import check
from imle.jobs.job import Order
from imle.jobs.local import set_slots

RUN, REFUSED, ACTED = "run", "training_refused", "training_acted"


def act(action: Callable, *words) -> None:
    """In a callback: do it, or keep the sentence of its refusal for `refusal`."""
    st.session_state[ACTED] = True
    try:
        action(*words)
    except Refusal as error:
        st.session_state[REFUSED] = str(error)


def refusal() -> str | None:
    """What the last action refused, once."""
    return st.session_state.pop(REFUSED, None)


def draw_all_if_acted() -> None:
    """In a fragment: after an action, draw the whole page anew, all of which may tell of what was done."""
    if st.session_state.pop(ACTED, False):
        st.rerun()


def start(order: Order) -> None:
    """Start a run, or have it wait for its turn, and look at it."""
    roles.require_trainer()
    check(order)
    st.session_state[RUN] = jobs.submit(order, roles.who()).id


def stop(job_id: str) -> None:
    roles.require_trainer()
    jobs.stop(job_id)


def resume(job_id: str) -> None:
    roles.require_trainer()
    jobs.resume(job_id)


def read_test_fold(job_id: str) -> None:
    roles.require_trainer()
    jobs.read_test_fold(job_id)


def delete(job_id: str) -> None:
    """Delete a run with its model. BadChoice for the one that serves."""
    roles.require_trainer()
    if serving.served() == jobs.find(job_id).folder.resolve():
        raise BadChoice(f"{job_id} serves on every page; go back to another model before it is deleted")
    jobs.delete(job_id)
    st.session_state.pop(RUN, None)


def use(folder: Path) -> None:
    """Have the model in `folder` serve on every page."""
    roles.require_trainer()
    serving.serve(folder)


def go_back(folder: Path) -> None:
    """Have the model in `folder` serve no more."""
    roles.require_trainer()
    serving.withdraw(folder)


def measure(order: Order) -> None:
    """Measure time and memory of such a run."""
    roles.require_trainer()
    pace.start_measuring(order)


def let_run(number: int) -> None:
    """Let so many runs go at once on this machine."""
    roles.require_trainer()
    with suppress(TypeError):  # an emptied field
        set_slots(int(number))
