"""The one interface to jobs: submit, list, look at, stop, resume, delete; and what a runner must do for it.

A runner only starts a process and tells whether it lives. Everything else is the same for all of them, since a job's
state lies in its folder (imle.jobs.folder): the wish that it run is its ticket there, and the process ends, keeping the
best epoch, as soon as that is gone.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, replace
from typing import Protocol

from imle.errors import BadChoice
from imle.jobs.folder import TEST_FOLD, JobFolder, all_folders, folder_of, new_folder, writing
from imle.jobs.job import RAY, Beat, Job, JobRefused, Order, State
from imle.jobs.local import LocalRunner
from imle.jobs.ray_cluster import named_address
from imle.jobs.ray_runner import RayRunner
from imle.serving import served

FULL_BYTES = 1_000_000


class Runner(Protocol):
    """Where jobs run. name: as in an order; title: as the page shows it."""

    name: str
    title: str

    def why_not(self) -> str | None:
        """One sentence on why nothing can be started here now; None where it can."""

    def launch(self, folder: JobFolder) -> None:
        """Start `python -m imle.jobs.work FOLDER`, unless it lives. JobRefused where that cannot be."""

    def is_alive(self, folder: JobFolder) -> bool:
        """Whether the job's process lives, be it only waiting for its turn."""

    def log(self, folder: JobFolder, lines: int) -> str:
        """The last lines of what the process printed."""


EVERY: dict[str, type[Runner]] = {one.name: one for one in (LocalRunner, RayRunner)}


def runners() -> dict[str, Runner]:
    """By name, all runners there are; some of them may have a reason why they cannot start anything now.

    A Ray cluster is among them where IMLE_RAY_ADDRESS names one, or a job on disk belongs to one.
    """
    known: list[Runner] = [LocalRunner()]
    if named_address() or any(folder.order.runner == RAY for folder in all_folders()):
        known.append(RayRunner())
    return {one.name: one for one in known}


def runner_named(name: str) -> Runner:
    """The runner called so. BadChoice where there is none."""
    if name not in EVERY:
        raise BadChoice(f"there is no runner {name!r}; choose one of {', '.join(EVERY)}")
    return EVERY[name]()


def submit(order: Order, owner: str = "") -> Job:
    """Start a job, or have it wait for its turn. JobRefused, or BadChoice for an order that cannot be.

    Its order is written down with every setting of today's recipe, which may be another when the run is looked at.
    """
    order = replace(order, settings=asdict(order.recipe()))
    if reason := runner_named(order.runner).why_not():
        raise JobRefused(reason)
    folder = new_folder(order, owner)
    _start(folder)
    return _seen(folder)


def jobs() -> list[Job]:
    """All jobs, the newest first. One that waits for its turn and lost its process gets another."""
    found = map(_listed, reversed(all_folders()))
    return [job for job in found if job is not None]


def find(job_id: str) -> Job:
    """The job called so, as it is now, tended as by `jobs`. JobRefused where there is none."""
    return _tended(folder_of(job_id))


def metrics(job_id: str) -> list[dict]:
    """A row an epoch: epoch, loss, learning_rate, fold9_macro_auc, fold9_auc by label, time."""
    return folder_of(job_id).metrics()


def steps(job_id: str) -> list[dict]:
    """epoch (as a fraction), loss, records_per_s, every other second of the run."""
    return folder_of(job_id).steps()


def log(job_id: str, lines: int = 200) -> str:
    """The last lines of what the job printed."""
    folder = folder_of(job_id)
    return runner_named(folder.order.runner).log(folder, lines)


def log_since(job_id: str, place: int | None) -> tuple[list[str], int]:
    """The lines that the job printed since `place`, those of its log's end for None; and from where to ask next."""
    return folder_of(job_id).log_since(place)


def stop(job_id: str) -> None:
    """Have the job end, keeping its best epoch. JobRefused where it does not run or wait."""
    folder = folder_of(job_id)
    state = _seen(folder).state
    if not state.is_active:
        raise JobRefused(f"{job_id} is {state} and cannot be stopped")
    with writing():
        folder.leave_queue()


def resume(job_id: str) -> None:
    """Have the job go on from its last whole epoch. JobRefused where it runs, waits or is finished."""
    folder = folder_of(job_id)
    state = _seen(folder).state
    if not state.can_resume:
        raise JobRefused(f"{job_id} is {state} and cannot be resumed")
    _start(folder)


def read_test_fold(job_id: str) -> None:
    """Have a finished run answer fold 10, once. JobRefused where it is not finished, or was asked before."""
    folder = folder_of(job_id)
    state = _seen(folder).state
    if state is not State.FINISHED:
        raise JobRefused(f"{job_id} is {state}; fold 10 is read once a run is finished and chosen")
    if folder.report(TEST_FOLD) is not None:
        raise JobRefused(f"{job_id} has answered fold 10; it is read once a run")
    folder.wish_test()
    _start(folder)


def report(job_id: str, fold: int) -> dict | None:
    """The report on a finished run over `fold`; None where there is none."""
    return folder_of(job_id).report(fold)


def delete(job_id: str) -> None:
    """Remove the job with its model. JobRefused while it runs or waits, and for the one that serves on the pages."""
    folder = folder_of(job_id)
    state = _seen(folder).state
    if state.is_active:
        raise JobRefused(f"{job_id} is {state}; stop it before it is deleted")
    if served() == folder.path.resolve():
        raise JobRefused(f"{job_id} serves on every page; go back to another model before it is deleted")
    folder.delete()


def _start(folder: JobFolder) -> None:
    """Have the job join the queue of its runner. JobRefused where that cannot be now."""
    where = runner_named(folder.order.runner)
    if reason := where.why_not():
        raise JobRefused(reason)
    folder.join_queue()
    where.launch(folder)


def _tended(folder: JobFolder) -> Job:
    """The job as it is, given a process where it waits without one: the machine was restarted, or the last one still ended.

    Where it cannot have one now, it goes on waiting, for that reason.
    """
    job, where = _seen(folder), runner_named(folder.order.runner)
    if job.state is State.QUEUED and not where.is_alive(folder):
        try:
            where.launch(folder)
        except JobRefused as error:
            return replace(job, reason=str(error))
    return job


def _listed(folder: JobFolder) -> Job | None:
    """As `_tended`; None where the folder is deleted meanwhile, or its runner is not known here."""
    try:
        return _tended(folder)
    except BadChoice:
        return None
    except (OSError, JobRefused):
        if folder.path.is_dir():
            raise
        return None


def _seen(folder: JobFolder) -> Job:
    """The job as its folder and its runner tell."""
    beat, ended = folder.beat(), folder.ended()
    state, reason, at = _state(folder, beat, ended)
    about = folder.about
    return Job(
        id=folder.id,
        number=folder.number,
        order=folder.order,
        state=state,
        folder=folder.path,
        submitted=about["submitted"],
        owner=about.get("owner", ""),
        ended=at,
        reason=reason,
        beat=beat,
    )


def _state(folder: JobFolder, beat: Beat | None, ended: dict | None) -> tuple[State, str, float | None]:
    """State, reason and time of the end."""
    if ended is not None:
        return State(ended["state"]), ended["reason"], ended["time"]
    wanted = folder.ticket() is not None
    begun = beat is not None and beat.has_begun
    if runner_named(folder.order.runner).is_alive(folder):
        if not wanted:
            return State.STOPPING, "", None
        return State.RUNNING if begun else State.QUEUED, "", None
    if folder.ended() is not None:  # it ended between the two looks
        return _state(folder, beat, folder.ended())
    if wanted and (beat is None or beat.what == "waiting"):
        return State.QUEUED, "", None
    at = beat.time if beat else None
    if folder.is_trained():
        return State.FINISHED, folder.without(_why_killed(folder, beat) if wanted else "it was stopped"), at
    if not wanted:
        return State.STOPPED, "stopped before it began", at
    again = "" if beat.what == "starting" else "; resume goes on from the last whole epoch"
    return State.KILLED, f"{_why_killed(folder, beat)}{again}", at


def _why_killed(folder: JobFolder, beat: Beat) -> str:
    """Of a process that is gone without having said why, what ended it."""
    if shutil.disk_usage(folder.path).free < FULL_BYTES:
        return f"the disk of {folder.path} is full; free some of it"
    if beat.host == os.uname().nodename and beat.time < _boot_time():
        return "the machine was restarted"
    if beat.what == "starting":
        said = runner_named(folder.order.runner).log(folder, 40).split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "its log is empty")
        return f"the process ended before it began: {last}"
    return "the process was ended from outside (or by want of memory)"


def _boot_time() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else 0.0
