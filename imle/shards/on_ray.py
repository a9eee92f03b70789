"""Shards dealt out to workers by Ray Data, on this machine or on a cluster; a worker that is lost is started again.

A worker loads the model once and takes one shard after another. Each answered shard is written whole, so that a run
which is ended goes on with those that are missing.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import imle
from imle.errors import BadChoice, Refusal, conclusion
from imle.shards.answers import Answered, Question, answer_shard, basis, is_answered
from imle.shards.files import shards_in

# How many workers may be lost over a shard before it is left out: one that ends each would otherwise keep the run for ever.
TRIES = 5
MOST_BLOCKS = 1000
# Of a shard that a worker has begun: a byte for each that did. And what one leaves that is killed while it writes.
TRIED = ".tried"
LEFTOVER = re.compile(rf"\.\d+\..*|\..*\{TRIED}")

Tell = Callable[[str, int, int], None]


class ShardsLeft(Refusal):
    """A run that ended before all shards were answered; the message is one sentence."""


def answer_shards(
    source: Path,
    out: Path,
    question: Question,
    workers: int | None = None,
    tell: Tell = lambda *_: None,
    on_shard: Callable[[Answered], None] = lambda answered: None,
) -> int:
    """Answer every shard of `source` into `out` that is not there yet; returns how many were there already.

    workers: processes that share the work, by default one a machine. `on_shard` hears of each as it comes, of one that
    is no shard with 0 records and a sentence. BadChoice for folders or questions that cannot be; ShardsLeft.
    """
    source, out = Path(source).resolve(), Path(out).resolve()
    shards = shards_in(source)
    if source == out:
        raise BadChoice(f"{out} holds the records; choose another folder for the answers")
    out.mkdir(parents=True, exist_ok=True)
    question, predictor = question.checked()
    made_of = basis(question, predictor)
    todo = [shard for shard in shards if not is_answered(made_of, shard, out / shard.name)]
    there = len(shards) - len(todo)
    tell("shards", there, len(shards))
    _sweep(out)
    for done, answered in enumerate(_dealt_out(todo, out, question, workers), start=there + 1):
        on_shard(answered)
        tell("shards", done, len(shards))
    _sweep(out)
    return there


def _sweep(out: Path) -> None:
    """Take away what lost workers left in `out`."""
    for path in out.iterdir():
        if LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _dealt_out(todo: list[Path], out: Path, question: Question, workers: int | None) -> Iterator[Answered]:
    """The shards as they are answered. ShardsLeft where Ray itself gives up."""
    if not todo:
        return
    with connected(workers) as ray:
        count = min(len(todo), workers or max(1, sum(node["Alive"] for node in ray.nodes())))
        names = ray.data.from_items([str(path) for path in todo], override_num_blocks=min(len(todo), MOST_BLOCKS))
        answers = names.map_batches(
            ShardWorker,
            fn_constructor_kwargs={"question": question, "out": str(out)},
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count),
            num_cpus=1,
        )
        try:
            for row in answers.iter_rows():
                yield Answered(row["shard"], row["records"], tuple(row["refused"]))
        except ray.exceptions.RayError as error:
            raise ShardsLeft(
                f"Ray gave up ({conclusion(error)}); run the command again to go on with what is missing"
            ) from None


class ShardWorker:
    """One of Ray's actors: the model, loaded once, and a shard at a time."""

    def __init__(self, question: Question, out: str):
        self.out = Path(out)
        self.question, self.predictor = question.checked()
        self.made_of = basis(self.question, self.predictor)

    def __call__(self, batch: dict) -> dict:
        answers = [self._answer(Path(name)) for name in batch["item"]]
        return {
            "shard": [answer.shard for answer in answers],
            "records": [answer.records for answer in answers],
            "refused": [list(answer.refused) for answer in answers],
        }

    def _answer(self, shard: Path) -> Answered:
        tried = self.out / f".{shard.name}{TRIED}"
        with tried.open("ab") as file:
            file.write(b".")
            lost = file.tell() - 1
        try:
            if lost >= TRIES:
                raise ShardsLeft(
                    f"{shard}: {lost} workers were lost over it, perhaps by want of memory; it is left out"
                )
            return answer_shard(self.question, self.predictor, self.made_of, shard, self.out / shard.name)
        except Refusal as error:
            return Answered(str(shard), 0, (str(error),))
        finally:
            tried.unlink(missing_ok=True)


@contextmanager
def connected(workers: int | None) -> Iterator:
    """Ray, within a job of a cluster on that cluster, else on a small one of this machine that is gone after.

    BadChoice where Ray is not installed.
    """
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:
        _keep_to_ourselves()
    try:
        import ray
        import ray.data
    except ImportError:
        raise BadChoice("Ray is not installed; install it with pip install -e .[ray]") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        ray.init(**quiet)
    else:
        paths = os.pathsep.join([str(Path(imle.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        ray.init(
            **quiet, include_dashboard=False, num_cpus=max(workers or 1, os.cpu_count() or 1),
            runtime_env={"env_vars": {"PYTHONPATH": paths}},
        )  # fmt: skip
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield ray
    finally:
        ray.shutdown()


def _keep_to_ourselves() -> None:
    """Have a Ray of this process alone take no work from anybody else. Read as Ray is imported."""
    os.environ.setdefault(
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
    )  # it otherwise listens on other addresses than loopback
    if (
        "RAY_AUTH_MODE" not in os.environ
    ):  # it otherwise leaves a token in the user's home, which later clusters ask for
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
