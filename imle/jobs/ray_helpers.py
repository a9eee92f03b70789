"""The other processes of a run that shares each batch: actors of the Ray cluster that the job's process runs on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from imle.jobs.job import RAY, JobRefused, Order
from imle.jobs.ray_runner import share_of_a_job
from imle.training.sharing import Helpers, Part, part_of, take_weights

# How often a part is given to the helper anew, after it was lost and started again, before the run fails.
TRIES = 5


@contextmanager
def helpers_for(order: Order) -> Iterator[Helpers | None]:
    """What starts the helpers of a run, which end after; None for a run that has none.

    JobRefused for several workers elsewhere than on a cluster, and for more than the cluster has room for.
    """
    if order.workers < 2:
        yield None
        return
    if order.runner != RAY:
        raise JobRefused(f"{order.workers} workers need a Ray cluster; on one machine a run has one")
    import ray

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    ray.init(logging_level=logging.ERROR, log_to_driver=False)
    try:
        _require_room(order, ray.cluster_resources())
        yield lambda *built_of: _start(ray, order.workers - 1, built_of)
    finally:
        ray.shutdown()


def _require_room(order: Order, resources: dict[str, float]) -> None:
    """JobRefused where the cluster, even without any other work, could not run them all."""
    for name, each in zip(("CPU", "GPU"), share_of_a_job(), strict=True):
        there = resources.get(name, 0.0)
        if order.workers * each > there:
            raise JobRefused(
                f"{order.workers} workers need {order.workers * each:g} {name}s, and the cluster has {there:g}; take fewer"
            )


def _start(ray, count: int, built_of: tuple) -> Sequence[RayHelper]:
    cpus, gpus = share_of_a_job()
    actor = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=TRIES)(Worker)
    # Given as they are, they outlive the first start; Ray was seen to lose what lay in its store, and with it the restart.
    return [RayHelper(ray, actor.remote(rank, *built_of)) for rank in range(1, count + 1)]


class RayHelper:
    """A helper that is an actor of Ray's (imle.training.sharing.Helper)."""

    def __init__(self, ray, actor):
        self.ray, self.actor = ray, actor

    def begin(self, weights: list[np.ndarray], signals: np.ndarray, targets: np.ndarray) -> Callable[[], Part]:
        coming = self.actor.part.remote(weights, signals, targets)
        return lambda: self._awaited(coming)

    def _awaited(self, coming) -> Part:
        try:
            return self.ray.get(coming)
        except self.ray.exceptions.RayActorError as error:
            print(error, flush=True)
            raise JobRefused(
                f"a worker was lost {TRIES + 1} times or could not be started again; see the log, and resume"
            ) from None


class Worker:
    """The actor: the network, built once, and a part of a batch at a time."""

    def __init__(self, rank: int, *built_of):
        from imle.training.loop import compiled_trainer

        self.rank = rank
        self.trainer = compiled_trainer(*built_of)[1]
        self.compute = part_of(self.trainer)

    def part(self, weights: list[np.ndarray], signals: np.ndarray, targets: np.ndarray) -> Part:
        take_weights(self.trainer, weights, self.rank)
        return self.compute(signals, targets)
