"""A job's folder: the few files by which whoever runs a job and whoever looks at it know of each other.

    job.json        the order, its number, owner and time; written once
    ticket          when the job last joined the queue; removed with the wish to stop
    heartbeat.json  what the process last said of itself
    steps.jsonl     its loss and speed every other second
    ended.json      how the last process ended; gone while one is wanted
    lock            held by the process from before its start to its end, whatever that end is
    log             what it printed

    test            the wish to read fold 10

Beside them lie the files of the run itself (imle.training.loop): training.lock, recipe.json, metrics.jsonl, checkpoint
and model; and those of its end: fold9.json, fold10.json, predictions.parquet, README.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from imle.errors import brief
from imle.jobs.job import Beat, JobRefused, Order, State
from imle.locks import is_locked, locked
from imle.model_folder import METRICS_FILE, write_atomically
from imle.ptbxl.dataset import SELECT_FOLD
from imle.state_folder import state_folder

JOB, TICKET, HEARTBEAT, STEPS, ENDED, LOCK, LOG = (
    "job.json", "ticket", "heartbeat.json", "steps.jsonl", "ended.json", "lock", "log",
)  # fmt: skip
REPORT, PREDICTIONS, TEST = "fold{}.json", "predictions.parquet", "test"
TEST_FOLD = 10
# What `imle.model_folder.replacing` leaves behind when it is killed: numbers of process and thread before the file's name.
LEFTOVER = re.compile(r"\.\d+\.")
TAIL_BYTES = 64_000
# What TensorFlow prints at every start, whatever its log level.
GREETING = re.compile(r"WARNING: All log messages before absl|I\d{4} \d|W\d{4} \d")


def jobs_folder() -> Path:
    """Where all jobs lie, in the user's state folder."""
    return state_folder() / "jobs"


def all_folders() -> list[JobFolder]:
    """The folders of all jobs whose order can be read, the oldest first."""
    found = [JobFolder(path.parent) for path in jobs_folder().glob(f"[!.]*/{JOB}")]
    return sorted((folder for folder in found if folder.is_readable), key=lambda folder: folder.number)


def folder_of(job_id: str) -> JobFolder:
    """The folder of the job called so. JobRefused where there is none, or its order cannot be read."""
    path = jobs_folder() / job_id
    if Path(job_id).name != job_id or not (path / JOB).is_file():
        raise JobRefused(f"there is no run {job_id!r}; `imle jobs` lists them")
    folder = JobFolder(path)
    if not folder.is_readable:
        raise JobRefused(f"{path / JOB} cannot be read; put it back, or take what the run made from its folder")
    return folder


def new_folder(order: Order, owner: str) -> JobFolder:
    """Make the folder of a new job, with the next number. JobRefused where nothing can be written."""
    with writing():
        jobs_folder().mkdir(parents=True, exist_ok=True)
        with locked(jobs_folder() / "numbers"):
            number = 1 + max([_last_number(), *(folder.number for folder in all_folders())])
            write_atomically(jobs_folder() / "last_number", str(number))
            path = jobs_folder() / f"{order.network}-{number}"
            path.mkdir()
            about = {"number": number, "owner": owner, "submitted": time.time(), "order": order.as_json()}
            try:
                write_atomically(path / JOB, json.dumps(about, indent=2) + "\n")
            except OSError:
                shutil.rmtree(path, ignore_errors=True)
                raise
    return JobFolder(path)


@contextmanager
def writing() -> Iterator[None]:
    """Around what only writes: a folder that cannot be written to and a full disk are told in one sentence (JobRefused)."""
    try:
        yield
    except OSError as error:
        raise JobRefused(told(error)) from None


def told(error: OSError) -> str:
    """One sentence on a file of the jobs that could not be written."""
    where = error.filename or jobs_folder()
    # HDF5 puts several lines of its own in the place of the system's words.
    reason = os.strerror(error.errno) if error.errno else brief(error)
    return f"{where} cannot be written ({reason.lower()}); free or choose a place with IMLE_STATE_DIR"


class JobFolder:
    """One job on disk. Everything is read anew each time it is asked for."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self._about = None

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def about(self) -> dict:
        if self._about is None:
            self._about = json.loads((self.path / JOB).read_text())
        return self._about

    @property
    def number(self) -> int:
        return self.about["number"]

    @property
    def order(self) -> Order:
        return Order.from_json(self.about["order"])

    @property
    def is_readable(self) -> bool:
        """Whether the order can be read: not where it is half written, of another version, or just deleted."""
        try:
            return isinstance(self.number, int) and isinstance(self.order, Order) and self.about["submitted"] > 0
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def ticket(self) -> float | None:
        """When the job joined the queue, as a Unix time; None where no process is wanted."""
        try:
            return float((self.path / TICKET).read_text())
        except (OSError, ValueError):
            return None

    def join_queue(self) -> None:
        """Want a process. JobRefused where that cannot be written."""
        with writing():
            (self.path / ENDED).unlink(missing_ok=True)
            (self.path / HEARTBEAT).unlink(missing_ok=True)
            write_atomically(self.path / TICKET, repr(time.time()))

    def leave_queue(self) -> None:
        """Want no process any more."""
        (self.path / TICKET).unlink(missing_ok=True)

    def end(self, state: State, reason: str = "") -> None:
        """Write down how it ended."""
        ended = {"state": state, "reason": reason, "time": time.time()}
        write_atomically(self.path / ENDED, json.dumps(ended) + "\n")
        self.leave_queue()

    def ended(self) -> dict | None:
        """state, reason and time of the end; None where a process is at it, or was killed."""
        return _read_json(self.path / ENDED)

    def beat(self) -> Beat | None:
        stored = _read_json(self.path / HEARTBEAT)
        try:
            return Beat(**stored) if stored else None
        except TypeError:
            return None

    def say(self, beat: Beat) -> None:
        write_atomically(self.path / HEARTBEAT, json.dumps(asdict(beat)))

    def metrics(self) -> list[dict]:
        """A row an epoch, as the training loop wrote them."""
        return _read_lines(self.path / METRICS_FILE)

    def steps(self) -> list[dict]:
        """epoch (as a fraction), loss and records_per_s, every other second of the run."""
        return _read_lines(self.path / STEPS)

    def report_path(self, fold: int) -> Path:
        return self.path / REPORT.format(fold)

    def report(self, fold: int) -> dict | None:
        """What `imle evaluate` says of the finished run on `fold`; None where it did not come to that."""
        return _read_json(self.report_path(fold))

    def is_trained(self) -> bool:
        """Whether all epochs are done and scored on fold 9: the model is whole, whatever becomes of later work on it."""
        return self.report(SELECT_FOLD) is not None

    def without(self, reason: str) -> str:
        """One sentence on what a trained run lacks, since its process ended badly for `reason`."""
        return f"{'fold 10 was not read' if self.wants_test() else 'its card was not written'}: {reason}"

    def wish_test(self) -> None:
        """Have fold 10 read by the next process. JobRefused where that cannot be written."""
        with writing():
            (self.path / TEST).touch()

    def drop_test(self) -> None:
        """Wish no more that fold 10 be read."""
        (self.path / TEST).unlink(missing_ok=True)

    def wants_test(self) -> bool:
        return (self.path / TEST).is_file() and self.report(TEST_FOLD) is None

    def log(self, lines: int = 200) -> str:
        """The log's last lines, without TensorFlow's greetings; a line rewritten in place counts as its last state."""
        text, _ = self._printed(None)
        return "\n".join(_shown(text)[-lines - 1 :]).strip("\n")

    def log_since(self, place: int | None) -> tuple[list[str], int]:
        """The whole lines, shown as by `log`, that came after the byte `place`, and the place after them; of None, the end's."""
        text, place = self._printed(place)
        whole = text[: text.rfind(b"\n") + 1]
        return _shown(whole)[:-1], place + len(whole)

    def _printed(self, place: int | None) -> tuple[bytes, int]:
        """What the log has from the byte `place`, or at its end for None, and the place at which that begins."""
        try:
            with (self.path / LOG).open("rb") as file:
                place = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES) if place is None else place
                file.seek(place)
                return file.read(), place
        except OSError:
            return b"", place or 0

    def is_held(self) -> bool:
        """Whether a process of this machine holds the job."""
        return is_locked(self.path / LOCK)

    def sweep(self) -> None:
        """Take away what a killed process left half written."""
        for path in self.path.iterdir():
            if LEFTOVER.match(path.name):
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Remove the folder and all in it, at once for whoever looks. JobRefused where that cannot be."""
        with writing():
            gone = self.path.with_name(f".deleted-{self.path.name}")
            self.path.rename(gone)
            shutil.rmtree(gone)


def _shown(printed: bytes) -> list[str]:
    """The lines of a log but for TensorFlow's greetings; one that was rewritten in place, as it was last."""
    lines = printed.decode(errors="replace").split("\n")
    return [line.rpartition("\r")[2].rstrip() for line in lines if not GREETING.match(line)]


def _last_number() -> int:
    """The number given last, so that a deleted job's is not given again."""
    try:
        return int((jobs_folder() / "last_number").read_text())
    except (OSError, ValueError):
        return 0


def _read_json(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _read_lines(path: Path) -> list[dict]:
    """The objects of a file of JSON lines, but for a last one that is still being written."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
