"""A job: what was ordered, and what can be told of it now. Nothing here imports TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from imle.errors import Refusal
from imle.tasks import SUPERCLASS, task
from imle.training.recipe import Recipe, starting_recipe

LOCAL, RAY = "local", "ray"


class JobRefused(Refusal):
    """A job that cannot be started, stopped, resumed or deleted; the message is one sentence."""


class State(StrEnum):
    """Where a job is. QUEUED, RUNNING and STOPPING have a process; the others have none."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    KILLED = "killed"

    @property
    def is_active(self) -> bool:
        return self in (State.QUEUED, State.RUNNING, State.STOPPING)

    @property
    def can_resume(self) -> bool:
        return self in (State.STOPPED, State.FAILED, State.KILLED)


@dataclass(frozen=True)
class Order:
    """What is to be trained, on what, how, and where.

    settings: what differs from the network's recipe (see imle.training.recipe); of a job, every setting.
    options: of the network's constructor.
    start: a model folder of the same network to start from. trackers: beside the files, of imle.training.trackers.EXTRAS.
    runner: a name of imle.jobs.runners(). workers: processes that share each batch; more than one needs a cluster.
    """

    network: str
    data_dir: str
    task: str = SUPERCLASS.name
    settings: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    start: str | None = None
    trackers: tuple[str, ...] = ()
    runner: str = LOCAL
    workers: int = 1

    def recipe(self) -> Recipe:
        """The whole recipe. BadChoice for a setting that cannot be."""
        return starting_recipe(self.network, task(self.task), **self.settings)

    def as_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict) -> Order:
        return cls(**{**stored, "trackers": tuple(stored.get("trackers", ()))})


@dataclass(frozen=True)
class Beat:
    """What the process of a job says of itself, about once a second.

    what: "starting" (said by the starter), "waiting", "reading", "training" or "evaluating". epoch: begun epochs; step of steps
    within it; loss: its mean this epoch.
    seconds_left: of the whole run, None where not known yet. memory_mb: resident. time: Unix time of the beat.
    """

    what: str
    time: float
    pid: int
    host: str
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    records_per_s: float | None = None
    seconds_left: float | None = None
    memory_mb: float | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the job had its turn."""
        return self.what not in ("starting", "waiting")

    @property
    def share(self) -> float:
        """Of all training steps done, 0 to 1."""
        total = self.epochs * self.steps
        return min(1.0, (max(self.epoch - 1, 0) * self.steps + self.step) / total) if total else 0.0


@dataclass(frozen=True)
class Job:
    """A job as it is now. folder: its own, in which the model and all files of the run lie; id: the folder's name.

    submitted, ended: Unix times. reason: why it ended, one sentence, empty where it simply finished. beat: the last one.
    """

    id: str
    number: int
    order: Order
    state: State
    folder: Path
    submitted: float
    owner: str = ""
    ended: float | None = None
    reason: str = ""
    beat: Beat | None = None
