"""How fast a network trains on this machine and what room it takes: measured by a few steps in a process of its own.

What was measured is kept by network, batch size, precision, task and options in the user's state folder, so that the
same choice is measured once.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from imle.background import launch
from imle.ecg import MODEL_SAMPLES
from imle.errors import Refusal, named
from imle.jobs.folder import writing
from imle.jobs.job import Order
from imle.jobs.local import environment
from imle.leads import LEADS
from imle.locks import LOOKED_AT_S, is_locked, take
from imle.model_folder import write_atomically
from imle.state_folder import state_folder

LEAST_STEPS, LEAST_S, MOST_S = 3, 3.0, 10.0
ANSWER_BATCH = 64
# A record at 100 Hz in float32, kept once as read and once standardised.
RECORD_MB = 2 * len(LEADS) * MODEL_SAMPLES * 4 / 1e6
# float32 numbers a weight on disk: in the checkpoint with both moments, old and new beside each other, and in the two models.
NUMBERS_A_WEIGHT = 2 * 3 + 3
SCORING_S = 20.0


@dataclass(frozen=True)
class Pace:
    """records_per_s: trained, a teacher's answers included; answers_per_s: predicted. start_s: until the first step is done.

    memory_mb: of the process without the data set. parameters: of the network.
    """

    records_per_s: float
    answers_per_s: float
    start_s: float
    memory_mb: float
    parameters: int


@dataclass(frozen=True)
class Measuring:
    """Whether a measurement is on, and why the last one came to nothing (empty where it did not)."""

    running: bool
    trouble: str = ""


@dataclass(frozen=True)
class Estimate:
    """What a run will take: seconds in all, megabytes of memory and of disk."""

    seconds: float
    memory_mb: float
    disk_mb: float


def estimate(order: Order, pace: Pace, train_records: int, select_records: int) -> Estimate:
    """Time and room of the run of `order` on so many records of folds 1-8 and fold 9."""
    recipe = order.recipe()
    epoch_s = train_records / pace.records_per_s + select_records / pace.answers_per_s
    return Estimate(
        seconds=pace.start_s + recipe.epochs * epoch_s + SCORING_S,
        memory_mb=pace.memory_mb + (train_records + select_records) * RECORD_MB,
        disk_mb=disk_mb(pace.parameters),
    )


def disk_mb(parameters: int) -> float:
    """What a run of a network of so many weights leaves, and needs for a moment, on disk."""
    return parameters * 4 * NUMBERS_A_WEIGHT / 1e6 + 1


def known_pace(order: Order) -> Pace | None:
    """What was measured for such an order on this machine; None where nothing was."""
    try:
        return Pace(**json.loads((_folder(order) / "pace.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def measuring(order: Order) -> Measuring:
    """Whether such an order is being measured, or why that came to nothing."""
    folder = _folder(order)
    if is_locked(folder / "lock"):
        return Measuring(True)
    try:
        return Measuring(False, (folder / "trouble").read_text())
    except OSError:
        return Measuring(False)


def start_measuring(order: Order) -> None:
    """Measure such an order in a process of its own, unless that is on already. BadChoice, or JobRefused."""
    order.recipe()
    folder = _folder(order)
    with writing():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a+") as lock:
            if not take(lock, LOOKED_AT_S):
                return
            write_atomically(folder / "trouble", "")
            write_atomically(folder / "order.json", json.dumps(order.as_json()))
            with (folder / "log").open("w") as log:
                command = [sys.executable, "-m", "imle.jobs.pace", str(folder)]
                launch(command, lock, log, cwd=folder, env=environment())


def measure(order: Order) -> Pace:
    """Build the network of `order` and take a few steps on noise. Raises what building or the first steps raise."""
    from imle.scale import Scale
    from imle.tasks import task
    from imle.training.distillation import teacher_of
    from imle.training.guiding import with_leads
    from imle.training.loop import compiled_trainer
    from imle.training.losses import loss_for
    from imle.training.recipe import dtype_policy

    started = time.monotonic()
    recipe, chosen = order.recipe(), task(order.task)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((recipe.batch_size, len(LEADS), MODEL_SAMPLES), np.float32)
    y = np.eye(len(chosen.labels), dtype=np.float32)[rng.integers(0, len(chosen.labels), recipe.batch_size)]
    options, loss = {"classes": len(chosen.labels), **order.options}, loss_for(chosen, y, recipe.class_weighting)
    if recipe.guideline_share:
        y = with_leads(y, np.ones((*y.shape, len(LEADS)), np.float32))
    model, trainer = compiled_trainer(order.network, options, recipe, dtype_policy(recipe.precision), loss)
    teacher = (
        teacher_of(recipe.teacher, recipe.teacher_share, Scale(0.0, 1.0), chosen.labels) if recipe.teacher else None
    )

    def step() -> None:
        for signals, targets in teacher.teach([(x, y)]) if teacher else [(x, y)]:
            trainer.train_on_batch(signals, targets)

    step()
    start_s = time.monotonic() - started
    train_s = _seconds_each(step)
    some = x[:ANSWER_BATCH]
    trainer.predict_on_batch(some)
    answer_s = _seconds_each(lambda: trainer.predict_on_batch(some))
    return Pace(
        records_per_s=recipe.batch_size / train_s,
        answers_per_s=len(some) / answer_s,
        start_s=start_s,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        parameters=model.count_params(),
    )


def _seconds_each(call) -> float:
    """The mean of at least three calls and three seconds, of fewer where they take long."""
    started, calls = time.monotonic(), 0
    while True:
        call()
        calls += 1
        seconds = time.monotonic() - started
        if (calls >= LEAST_STEPS and seconds >= LEAST_S) or seconds >= MOST_S:
            return seconds / calls


def _folder(order: Order) -> Path:
    recipe = order.recipe()
    # All that changes what a step costs; a learning rate or a seed does not.
    same = replace(recipe, epochs=1, learning_rate=1.0, seed=0)
    about = [
        order.network,
        order.task,
        sorted(order.options.items()),
        sorted(asdict(same).items()),
        os.uname().nodename,
    ]
    return state_folder() / "pace" / hashlib.sha256(repr(about).encode()).hexdigest()[:24]


def main(path: str) -> int:
    """The measuring process: pace.json into the folder, or one sentence into `trouble`."""
    folder = Path(path)
    try:
        pace = measure(Order.from_json(json.loads((folder / "order.json").read_text())))
        write_atomically(folder / "pace.json", json.dumps(asdict(pace)))
    except Refusal as error:
        write_atomically(folder / "trouble", str(error))
        return 1
    except Exception as error:
        write_atomically(folder / "trouble", f"measuring failed: {named(error)}")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
