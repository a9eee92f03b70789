"""Jobs on this machine: each a process group of its own that outlives who started it, and waits for its turn by itself.

A job's process holds the job's lock (imle.background). One that waits for its turn holds no more than an interpreter; it
looks every half second whether it is the first in the queue and a slot is free, and keeps the slot's lock to its end.
So nothing needs to live for the queue to go on, and nothing has to be cleaned up after a kill.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imle.assets import ASSETS
from imle.background import give_way, launch
from imle.jobs.folder import LOCK, LOG, JobFolder, all_folders, jobs_folder, writing
from imle.jobs.job import LOCAL, Beat
from imle.locks import locked, take
from imle.model_folder import write_atomically
from imle.state_folder import state_folder

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "settings.json"
LOOK_S = 0.5
# How long a process that is about to end may still hold the lock.
HANDOVER_S = 1.0


class LocalRunner:
    """This machine; as many jobs at once as `slots` says."""

    name = LOCAL
    title = "this machine"

    def why_not(self) -> str | None:
        return None

    def launch(self, folder: JobFolder) -> None:
        with writing(), (folder.path / LOCK).open("a+") as lock:
            if not take(lock, HANDOVER_S):
                return
            folder.say(Beat("starting", time.time(), 0, os.uname().nodename))
            with (folder.path / LOG).open("a") as log:
                command = [sys.executable, "-m", "imle.jobs.work", str(folder.path)]
                process = launch(command, lock, log, cwd=folder.path, env=environment())
        give_way(process)

    def is_alive(self, folder: JobFolder) -> bool:
        return folder.is_held()

    def log(self, folder: JobFolder, lines: int) -> str:
        return folder.log(lines)


def environment() -> dict[str, str]:
    """The environment of a job's process, whose working folder is another: it finds this package, the same assets and state
    folder, and Python says at once what it prints.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "IMLE_ASSETS": str(ASSETS),
        "IMLE_STATE_DIR": str(state_folder()),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def slots() -> int:
    """How many jobs run at once on this machine."""
    try:
        return max(1, int(json.loads((jobs_folder() / SETTINGS).read_text())["slots"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def set_slots(number: int) -> None:
    """Let so many jobs run at once; those that run go on. JobRefused where that cannot be written."""
    with writing():
        jobs_folder().mkdir(parents=True, exist_ok=True)
        write_atomically(jobs_folder() / SETTINGS, json.dumps({"slots": int(number)}) + "\n")


@contextmanager
def turn(folder: JobFolder) -> Iterator[bool]:
    """Wait until the job may run, and keep its slot within; False where it was stopped meanwhile."""
    slot = None
    while folder.ticket() is not None and slot is None:
        slot = _free_slot(folder)
        if slot is None:
            time.sleep(LOOK_S)
    try:
        yield slot is not None
    finally:
        if slot is not None:
            slot.close()


def _free_slot(folder: JobFolder):
    """The open, locked file of a slot where this job is the first in the queue and there is one; else None."""
    with locked(jobs_folder() / "queue"):
        if not _is_first(folder):
            return None
        for number in range(slots()):
            slot = (jobs_folder() / f"slot-{number}").open("a")
            if take(slot):
                return slot
            slot.close()
    return None


def _is_first(folder: JobFolder) -> bool:
    """Whether no job that waits on this machine has an earlier ticket."""
    own = (folder.ticket() or float("inf"), folder.number)
    return not any(
        (ticket, other.number) < own
        for other in all_folders()
        if other.path != folder.path and (ticket := other.ticket()) is not None and _waits(other)
    )


def _waits(folder: JobFolder) -> bool:
    beat = folder.beat()
    return folder.order.runner == LOCAL and not (beat and beat.has_begun) and folder.is_held()
