"""What one model answers for every record of a data set, computed once and kept in the user's state folder.

Every data set, model and engine together have a folder, named by a digest of the three. A run holds its `lock`,
appends the answers of 64 records at a time to `partial.f32`, and says in `progress.json` how far it is; at the end
`predictions.parquet` takes their place. A run that is stopped, even by force, leaves whole steps behind, from which
the next one goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from imle.ecg import MODEL_FS_HZ
from imle.errors import BadChoice, Refusal
from imle.inference import BATCH, Predictor
from imle.labels import LABELS
from imle.locks import LOOKED_AT_S, take
from imle.model_folder import model_digest, read_card, replacing, write_atomically
from imle.ptbxl import PtbXl
from imle.ptbxl.dataset import FILENAME_COLUMN
from imle.state_folder import state_folder

RESULT, PARTIAL, PROGRESS, LOCK, LOG = "predictions.parquet", "partial.f32", "progress.json", "lock", "log"
STEP = 8 * BATCH

Tell = Callable[[str, int, int], None]


class AlreadyRunning(Refusal):
    """Another process is predicting the same records by the same model."""


def predictions_folder(data: PtbXl, model_folder: Path, engine: str) -> Path:
    """Where the answers of this model on this engine for this data set lie, or will.

    Another folder as soon as a record's file, the list of records, the weights, their scale or temperature change. BadChoice for a
    model of other labels than LABELS; NotAModel for a folder without one.
    """
    folder = Path(model_folder)
    labels = read_card(folder).labels
    if labels != LABELS:
        raise BadChoice(f"{folder.name} answers {', '.join(labels)}; choose a model of {', '.join(LABELS)}")
    parts = f"predictions 2 {engine} {model_digest(folder)} {_data_digest(data)}"
    return state_folder() / "predictions" / hashlib.sha256(parts.encode()).hexdigest()[:24]


def read_predictions(folder: Path) -> pd.DataFrame | None:
    """(n records, LABELS) float32 by ecg_id, NaN for a record that cannot be read; None where they are not finished."""
    try:
        return pd.read_parquet(folder / RESULT)
    except (OSError, ValueError):  # not there, or damaged, which the next run mends
        return None


def predict_cohort(predictor: Predictor, data: PtbXl, folder: Path, tell: Tell = lambda *_: None) -> pd.DataFrame:
    """The answers for every record of `data` (see `read_predictions`), computed where `folder` does not hold them yet.

    `tell(what, done, total)` is called as the work goes on, with `what` "reading" or "predicting". AlreadyRunning
    where another process is at it; BadChoice where the folder cannot be written.
    """
    with held(folder):
        known = read_predictions(folder)
        if known is not None:
            return known

        def report(what: str, done: int, total: int) -> None:
            write_atomically(folder / PROGRESS, json.dumps({"what": what, "done": done, "total": total}))
            tell(what, done, total)

        store = data.build_store(lambda done, total: report("reading", done, total))
        readable = np.delete(data.catalogue.index.to_numpy(), list(store.unreadable))
        answers = _answer(predictor, data, readable, folder / PARTIAL, report)
        found = pd.DataFrame(answers, pd.Index(readable, name="ecg_id"), list(predictor.labels))
        return _keep(folder, found.reindex(data.catalogue.index))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from the same work. AlreadyRunning where one is at it, BadChoice where none can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+")
    except OSError as error:
        raise BadChoice(
            f"{error.filename} cannot be written ({error.strerror.lower()}); set IMLE_STATE_DIR to a folder that can"
        ) from None
    with lock:
        if not _handed_over(lock) and not take(lock, LOOKED_AT_S):
            raise AlreadyRunning("these records are being predicted by another process; wait for it, or stop it")
        yield


def _handed_over(lock) -> bool:
    """Whether this process was started with the locked file as its standard input (see `predict_in_background`)."""
    try:
        return os.path.sameopenfile(0, lock.fileno())
    except OSError:
        return False


def _answer(predictor: Predictor, data: PtbXl, ids: np.ndarray, partial: Path, report: Tell) -> np.ndarray:
    """(len(ids), labels) float32, of which `partial` holds what an earlier run got to.

    Steps start at the same records in every run, so that an engine whose rounding depends on who shares a batch gives
    the same answers, interrupted or not.
    """
    width = len(predictor.labels)
    with partial.open("a+b") as file:
        done = file.tell() // (4 * width)
        if done < len(ids):
            done -= done % STEP
        file.truncate(4 * width * done)
        for first in range(done, len(ids), STEP):
            report("predicting", first, len(ids))
            answers = predictor.predict(data.signals(ids[first : first + STEP]))
            file.write(np.ascontiguousarray(answers, np.float32).data)
            file.flush()
        file.seek(0)
        return np.frombuffer(file.read(), np.float32).reshape(-1, width)


def _keep(folder: Path, answers: pd.DataFrame) -> pd.DataFrame:
    with replacing(folder / RESULT) as fresh:
        answers.to_parquet(fresh)
    for name in (PARTIAL, PROGRESS, LOG):
        (folder / name).unlink(missing_ok=True)
    return answers


def _data_digest(data: PtbXl) -> str:
    """Equal while every record keeps its number and its files their names, sizes and times of change."""
    names = data.catalogue[FILENAME_COLUMN[MODEL_FS_HZ]]
    digest = hashlib.sha256(repr(list(names.items())).encode())
    for name in names:
        for suffix in (".hea", ".dat"):
            try:
                about = os.stat(f"{data.root}/{name}{suffix}")
            except OSError:
                continue
            digest.update(f"{name}{suffix} {about.st_size} {about.st_mtime_ns}".encode())
    return digest.hexdigest()
