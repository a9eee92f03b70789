"""Jobs on a Ray cluster, by its Jobs API. Their folders lie on storage that the cluster shares with whoever looks.

Whether a job lives, its own heartbeat in that folder says first, so that the cluster is only asked of a job that waits or
went quiet. Two starts of one job are kept apart thrice: the start holds a lock; the job's process runs only if it is of
the latest start; and it holds the folder's lock for as long as it runs.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imle.errors import BadChoice
from imle.jobs.folder import LOCK, LOG, JobFolder, writing
from imle.jobs.job import RAY, Beat
from imle.jobs.local import environment
from imle.jobs.ray_cluster import ENDED, GONE, PENDING, Unanswered, cluster_at, named_address, why_unusable
from imle.locks import locked, take
from imle.model_folder import write_atomically
from imle.state_folder import state_folder

# Beside the other files of a job's folder: the latest start, and the lock of who starts it.
SUBMISSION, STARTING = "ray.json", "starting"
OWN_SUBMISSION = "IMLE_RAY_SUBMISSION"
PASSED_ON = ("IMLE_STATE_DIR", "PYTHONPATH", "PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
# A heartbeat comes every second. Either sign counts, as the clocks of two machines differ.
FRESH_S = 5.0
# Where the cluster does not answer, a job that was heard of within so long counts as alive.
LOST_S = 60.0
# How long the process of an earlier start may still hold the job.
HANDOVER_S = 30.0


class RayRunner:
    """The cluster that IMLE_RAY_ADDRESS names; as many jobs at once as it has room for."""

    name = RAY

    @property
    def title(self) -> str:
        address = named_address()
        return f"Ray cluster at {address}" if address else "Ray cluster"

    def why_not(self) -> str | None:
        try:
            share_of_a_job()
        except BadChoice as error:
            return str(error)
        return why_unusable(named_address())

    def launch(self, folder: JobFolder) -> None:
        """Submit the job. Where the cluster does not answer just now it stays queued, and the next look tries again."""
        with writing(), locked(folder.path / STARTING):
            address = named_address()
            if address is None or folder.ended() or (folder.beat() and self.is_alive(folder)):
                return
            submission = f"{folder.id}-{uuid.uuid4().hex[:8]}"
            # Before it is submitted, so that a start whose answer is lost is found again.
            write_atomically(folder.path / SUBMISSION, json.dumps({"id": submission, "address": address}))
            try:
                variables = {**passed_on(), OWN_SUBMISSION: submission}
                cluster_at(address).submit(submission, _command(folder), variables, *share_of_a_job())
            except Unanswered:
                return
            folder.say(Beat("starting", time.time(), 0, os.uname().nodename))

    def is_alive(self, folder: JobFolder) -> bool:
        beat = folder.beat()
        begun = _has_begun(beat)
        if begun and abs(time.time() - beat.time) < FRESH_S:
            return True
        start = latest_start(folder)
        if start is None:
            return False
        wanted = folder.ticket() is not None
        try:
            status = cluster_at(start.address).status(start.submission)
        except Unanswered:
            return time.time() - beat.time < LOST_S if begun else wanted
        # Ray cannot take back what waits for room; it ends by itself once it has some.
        return wanted if status == PENDING else status not in (*ENDED, GONE)

    def log(self, folder: JobFolder, lines: int) -> str:
        """The folder's log; of a job that did not begin, also what the cluster says of it."""
        printed, start = folder.log(lines), latest_start(folder)
        if start is None or _has_begun(folder.beat()) or folder.ended():
            return printed
        try:
            told = cluster_at(start.address).message(start.submission).strip()
        except Unanswered as error:
            told = str(error)
        return "\n".join(f"{printed}\n{told}".strip().split("\n")[-lines:])


@dataclass(frozen=True)
class Start:
    """A start of a job: its id in the Jobs API, and the cluster that was asked."""

    submission: str
    address: str


def latest_start(folder: JobFolder) -> Start | None:
    """The latest start of the job, None where it was never started."""
    try:
        stored = json.loads((folder.path / SUBMISSION).read_text())
        return Start(stored["id"], stored["address"])
    except (OSError, ValueError, KeyError):
        return None


@contextmanager
def held_alone(folder: JobFolder) -> Iterator[bool]:
    """For the job's process: hold the job; False where it is not wanted any more, or another start has it."""
    with (folder.path / LOCK).open("a+") as lock:
        yield _is_latest(folder) and take(lock, HANDOVER_S) and _is_latest(folder) and folder.ticket() is not None


def _is_latest(folder: JobFolder) -> bool:
    start = latest_start(folder)
    return start is not None and start.submission == os.environ.get(OWN_SUBMISSION)


def _has_begun(beat: Beat | None) -> bool:
    return beat is not None and beat.what != "starting"


def _command(folder: JobFolder) -> str:
    """For the cluster's shell: the job's process in its folder, what it prints in the folder's log."""
    path = shlex.quote(str(folder.path.resolve()))
    return f"cd {path} && exec {shlex.quote(python_there())} -m imle.jobs.work {path} >> {LOG} 2>&1"


def python_there() -> str:
    """The cluster's Python: where it is here, unless IMLE_RAY_PYTHON says otherwise."""
    return os.environ.get("IMLE_RAY_PYTHON") or sys.executable


def passed_on() -> dict[str, str]:
    """What a process on the cluster gets of this environment."""
    own = {**environment(), "IMLE_STATE_DIR": str(state_folder().resolve())}
    return {name: own[name] for name in PASSED_ON if name in own}


def share_of_a_job() -> tuple[float, float]:
    """CPUs and GPUs that a job keeps for itself on the cluster. BadChoice for what is no number."""
    return _number("IMLE_RAY_CPUS", "1"), _number("IMLE_RAY_GPUS", "0")


def _number(name: str, usual: str) -> float:
    given = os.environ.get(name, usual)
    try:
        return float(given)
    except ValueError:
        raise BadChoice(f"{name} is {given!r}; a number is needed") from None
