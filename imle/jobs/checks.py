"""What is looked at before a run starts: that there are data, disk and memory for it, and all that it names."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from imle.errors import BadChoice
from imle.jobs.folder import jobs_folder, writing
from imle.jobs.job import LOCAL, JobRefused, Order
from imle.jobs.pace import Estimate, disk_mb, estimate, known_pace
from imle.model_folder import read_card
from imle.ptbxl import MissingData, PtbXl
from imle.ptbxl.catalogue import DATABASE
from imle.ptbxl.dataset import SELECT_FOLD, TRAIN_FOLDS
from imle.tasks import task
from imle.training.recipe import recipes

# What a run needs where nothing was measured: TensorFlow with a small network, and its files.
LEAST_MEMORY_MB, LEAST_DISK_MB = 1500, 200


@dataclass(frozen=True)
class Records:
    """How many labelled records a data set has for a task: to train on (folds 1-8), to select by (9), to test on (10)."""

    train: int
    select: int
    test: int
    title: str
    simulated: bool


def networks() -> list[str]:
    """The networks that have a recipe, in the order of recipes.toml."""
    return list(recipes())


def records_of(data_dir, task_name: str) -> Records:
    """The labelled records of the data set in `data_dir`.

    MissingData where there is none, or none that can be read; BadChoice for no task.
    """
    database = Path(data_dir) / DATABASE
    try:
        changed = database.stat().st_mtime if database.is_file() else 0.0
        return _records_of(str(data_dir), task_name, changed)
    except MissingData:  # an OSError too
        raise
    except OSError as error:
        raise MissingData(
            f"{data_dir} cannot be read ({error.strerror}); give the folder that `imle download` filled, one that you may read"
        ) from None


def check(order: Order) -> None:
    """Nothing where the run can start. Else a Refusal whose one sentence says what is wrong and what would be right."""
    if order.network not in networks():
        raise BadChoice(f"there is no network {order.network!r} with a recipe; choose one of {', '.join(networks())}")
    order.recipe()
    if order.workers > 1 and order.runner == LOCAL:
        raise BadChoice(f"{order.workers} workers share a batch on a cluster alone; take 1 worker on this machine")
    found = records_of(order.data_dir, order.task)
    if not found.train or not found.select:
        raise JobRefused(
            f"{order.data_dir} has no records labelled for {order.task} in folds 1-8 or none in fold 9; both are needed to train"
        )
    if order.start is not None and (other := read_card(order.start).network) != order.network:
        raise BadChoice(
            f"{order.start} holds {other}; to start {order.network} from a model, give one of {order.network}"
        )
    for name in order.trackers:
        if find_spec(name) is None:
            raise BadChoice(f"{name} is not installed; `pip install -e '.[{name}]'` in this project's folder adds it")
    check_room(expected(order, found), memory_too=order.runner == LOCAL)


def expected(order: Order, found: Records) -> Estimate | None:
    """What the run will take, where such a one was measured on this machine."""
    pace = known_pace(order)
    return estimate(order, pace, found.train, found.select) if pace else None


def check_room(needed: Estimate | None, memory_too: bool) -> None:
    """JobRefused where disk or memory do not suffice, or nothing can be written; for the least that any run needs if None.

    memory_too: the run would be on this machine, so that its memory counts.
    """
    with writing():
        jobs_folder().mkdir(parents=True, exist_ok=True)
    if not os.access(jobs_folder(), os.W_OK):
        raise JobRefused(f"{jobs_folder()} cannot be written; set IMLE_STATE_DIR to a folder that can")
    _check_disk(needed.disk_mb if needed else LEAST_DISK_MB, "free some, or set IMLE_STATE_DIR to another disk")
    memory, available = needed.memory_mb if needed else LEAST_MEMORY_MB, available_mb()
    if memory_too and available is not None and available < memory:
        raise JobRefused(
            f"the run needs {memory:,.0f} MB of memory, and {available:,.0f} MB are free; take a smaller batch, "
            "or end other work first"
        )


def check_disk_for(parameters: int) -> None:
    """JobRefused where a network of so many weights has no room on the disk of the jobs."""
    _check_disk(disk_mb(parameters), "free some and resume")


def _check_disk(needed_mb: float, remedy: str) -> None:
    free_mb = shutil.disk_usage(jobs_folder()).free / 1e6
    if free_mb < needed_mb:
        raise JobRefused(
            f"the run needs {needed_mb:,.0f} MB on the disk of {jobs_folder()}, where {free_mb:,.0f} MB are free; {remedy}"
        )


def available_mb() -> float | None:
    """Memory that new work can have, in MB; None where that cannot be told."""
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) / 1e3 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


@lru_cache(maxsize=16)
def _records_of(data_dir: str, task_name: str, changed: float) -> Records:
    data = PtbXl(data_dir, task(task_name))
    parts = (TRAIN_FOLDS, SELECT_FOLD, 10)
    return Records(*(len(data.ids(part)) for part in parts), data.title, data.simulated)
