"""The process of a job, `python -m imle.jobs.work FOLDER`: waits for its turn, trains, scores fold 9, writes the card.

Of a finished run it reads fold 10, once, where that is wished for.

It says in the folder what it does and how it ended. It ends early, keeping the best epoch, on the first interrupt, on
SIGTERM, or when its ticket is taken away; started again, it goes on from the last whole epoch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from imle.errors import FULL_DISK, Refusal, named
from imle.jobs.checks import check_disk_for
from imle.jobs.folder import PREDICTIONS, STEPS, TEST_FOLD, JobFolder, told
from imle.jobs.job import LOCAL, Beat, State
from imle.jobs.local import turn
from imle.jobs.pace import known_pace
from imle.jobs.ray_runner import held_alone
from imle.model_folder import CARD_FILE, write_atomically
from imle.ptbxl.dataset import SELECT_FOLD
from imle.training.sentences import epoch_line, what_is_kept

BEAT_S = 1.0
STEP_ROW_S = 2.0


def main(path: str) -> int:
    folder = JobFolder(Path(path))
    # On this machine the starter has taken the folder's lock already.
    with nullcontext(True) if folder.order.runner == LOCAL else held_alone(folder) as mine:
        return work(folder) if mine else 0


def work(folder: JobFolder) -> int:
    """Do the job and write down how it ended; the exit status."""
    _listen()
    with Pulse(folder) as pulse:
        try:
            run(folder, pulse)
            state, reason = State.FINISHED, ""
        except (Exception, KeyboardInterrupt) as error:
            state, reason = how_it_ended(folder, error)
    print(f"{state}: {reason}" if reason else state, flush=True)
    folder.end(state, reason)
    return 0 if state in (State.FINISHED, State.STOPPED) else 1


def how_it_ended(folder: JobFolder, error: BaseException) -> tuple[State, str]:
    """State and reason of a job that `error` ended. A trained run stays finished: its model is whole, and can be used."""
    stopped = isinstance(error, KeyboardInterrupt)
    if folder.is_trained():
        reason = folder.without("it was stopped" if stopped else why_failed(error))
        folder.drop_test()
        return State.FINISHED, reason
    if stopped:
        kept = what_is_kept(folder.path)
        none = "stopped before the first epoch ended; resume begins it again"
        return State.STOPPED, f"stopped; {kept}" if kept else none
    return State.FAILED, why_failed(error)


def why_failed(error: BaseException) -> str:
    """One sentence on the error; what nobody foresaw is printed whole, for the log."""
    if isinstance(error, Refusal):
        return str(error)
    if isinstance(error, MemoryError):
        return "there was not memory enough; take a smaller batch, or end other work, and resume"
    traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return told(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be read or written ({error.strerror.lower()}); see the log"
    return f"{named(error)}; see the log"


def run(folder: JobFolder, pulse: Pulse) -> None:
    """Do the whole job. KeyboardInterrupt where it is stopped."""
    order = folder.order
    with turn(folder) if order.runner == LOCAL else nullcontext(True) as mine:
        if not mine:
            raise KeyboardInterrupt
        folder.sweep()
        if not folder.is_trained():
            pulse.say("reading")
            train_model(folder, pulse)
            pulse.say("evaluating")
            score(folder, SELECT_FOLD)
        if folder.wants_test():
            pulse.say("evaluating")
            score(folder, TEST_FOLD)


def train_model(folder: JobFolder, pulse: Pulse) -> None:
    """Train, or go on, until all epochs are done; the best one's model is in the folder with its OpenVINO form."""
    from imle import models
    from imle.inference import export_openvino
    from imle.jobs.ray_helpers import helpers_for
    from imle.ptbxl import PtbXl
    from imle.tasks import task
    from imle.training.devices import all_gpus
    from imle.training.loop import CHECKPOINT, recipe_of_run, train

    order, resume = folder.order, (folder.path / CHECKPOINT).is_file()
    # In a run that was begun before a setting came, it is off; an order that does not name it has today's.
    recipe = recipe_of_run(folder.path) if resume else order.recipe()
    if not resume and known_pace(order) is None:
        check_disk_for(models.build(order.network, **order.options).count_params())
    data = PtbXl(order.data_dir, task(order.task))
    data.build_store()
    if not resume:
        forget_cut_off(folder)
    watch = StepWatch(folder, pulse, recipe.epochs, done=len(folder.metrics()) if resume else 0)
    with helpers_for(order) as helpers:
        _listen()  # Ray has signals of its own
        train(
            data, order.network, recipe, folder.path, resume=resume, options=order.options or None,
            start=Path(order.start) if order.start else None, trackers=order.trackers, devices=all_gpus(),
            helpers=helpers, on_step=watch.step, on_epoch=watch.epoch,
        )  # fmt: skip
    export_openvino(folder.path)


def forget_cut_off(folder: JobFolder) -> None:
    """Take away the card of a first epoch that was cut off before its checkpoint: it begins again, over its model."""
    if len(folder.metrics()) <= 1:
        (folder.path / CARD_FILE).unlink(missing_ok=True)


def score(folder: JobFolder, fold: int) -> dict:
    """Score the finished model on `fold` (9 also fits its temperature and thresholds), and write its card anew."""
    from imle.evaluation.scoring import score_model

    return score_model(
        folder.path, Path(folder.order.data_dir), fold, folder.report_path(fold),
        calibrate=fold == SELECT_FOLD, predictions=folder.path / PREDICTIONS, card=True,
    )  # fmt: skip


class Pulse:
    """Says once a second in the folder that the process lives and what it does, and ends it when it is not wanted."""

    def __init__(self, folder: JobFolder):
        self.folder = folder
        self.beat = Beat("waiting", time.time(), os.getpid(), os.uname().nodename)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Pulse:
        self._tell()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()

    def say(self, what: str, **known) -> None:
        self.beat = replace(self.beat, what=what, **known)
        self._tell()

    def _run(self) -> None:
        asked = False
        while not self._done.wait(BEAT_S):
            self._tell()
            if not asked and self.folder.ticket() is None:
                asked = True
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def _tell(self) -> None:
        self.beat = replace(self.beat, time=time.time(), memory_mb=_resident_mb())
        try:
            self.folder.say(self.beat)
        except OSError:  # a full disk ends the run where it loses something, not here
            print("the heartbeat could not be written", file=sys.stderr)


class StepWatch:
    """Turns what the loop tells of its steps into beats, and every other second into a row of steps.jsonl."""

    def __init__(self, folder: JobFolder, pulse: Pulse, epochs: int, done: int):
        self.path, self.pulse, self.epochs = folder.path / STEPS, pulse, epochs
        self.started, self.first = time.monotonic(), None
        self.row_at, self.row_step, self.row_loss = 0.0, 0, 0.0
        kept = [row for row in folder.steps() if row["epoch"] <= done]
        write_atomically(self.path, "".join(f"{json.dumps(row)}\n" for row in kept))

    def step(self, now) -> None:
        """Take in a `Progress` of the training loop."""
        at = now.epoch * now.steps + now.step
        if self.first is None:  # the first step compiles, and would spoil the forecast
            self.first, self.started = at, time.monotonic()
        left = self.epochs * now.steps - at
        seconds = time.monotonic() - self.started
        self.pulse.beat = replace(
            self.pulse.beat, what="training", epoch=now.epoch + 1, epochs=self.epochs, step=now.step, steps=now.steps,
            loss=now.loss, records_per_s=now.records_per_s,
            seconds_left=left * seconds / (at - self.first) if at > self.first else None,
        )  # fmt: skip
        self._row(now)

    def epoch(self, row: dict) -> None:
        """Say a line of an epoch that ended."""
        print(epoch_line(row), flush=True)

    def _row(self, now) -> None:
        """The mean loss since the last row, as the loop tells that since the epoch's beginning."""
        if now.step < self.row_step:
            self.row_step, self.row_loss = 0, 0.0
        last = now.step == now.steps
        if not last and time.monotonic() - self.row_at < STEP_ROW_S:
            return
        total = now.loss * now.step
        mean = (total - self.row_loss) / max(1, now.step - self.row_step)
        row = {
            "epoch": round(now.epoch + now.step / now.steps, 5),
            "loss": round(mean, 5),
            "records_per_s": round(now.records_per_s, 1),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.row_at, self.row_step, self.row_loss = time.monotonic(), now.step, total


def _listen() -> None:
    """Have both signals interrupt the run: a shell has them ignored in the background, and Ray blocked in what it starts."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _resident_mb() -> float | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    status = main(sys.argv[1])
    # All is written; TensorFlow's own end takes seconds, in which the job would still be held.
    sys.stdout.flush()
    os._exit(status)
