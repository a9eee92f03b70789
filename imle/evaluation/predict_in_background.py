"""`imle predict-all` as a process of its own: started once, however often it is asked for, and followed from elsewhere.

It outlives the page that started it. The lock says whether it runs (imle.background).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from imle.background import give_way, last_word, launch
from imle.errors import BadChoice
from imle.evaluation.cohort_predictions import LOCK, LOG, PROGRESS
from imle.locks import LOOKED_AT_S, is_locked, take

COMMAND = (sys.executable, "-c", "from imle.cli import main; main()", "predict-all")


@dataclass(frozen=True)
class Standing:
    """How far a run is. running: a process is at it. what: "reading" or "predicting"; done of total records.

    ended: what the log's last line says of a run that ended without a result, "" where it says nothing; None where
    none has ended so.
    """

    running: bool
    what: str = "predicting"
    done: int = 0
    total: int = 0
    ended: str | None = None


def start(folder: Path, data_root: Path, model_folder: Path, engine: str) -> None:
    """Start the process that fills `folder`, unless one is at it. BadChoice where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a+") as lock:
            if not standing(folder).running and take(lock, LOOKED_AT_S):
                _launch(lock, folder / LOG, data_root, model_folder, engine)
    except OSError as error:
        raise BadChoice(
            f"{error.filename or folder} cannot be used ({error.strerror}); set IMLE_STATE_DIR to a folder that can be written"
        ) from None


def standing(folder: Path) -> Standing:
    """How far the run that fills `folder` is, or how the last one ended."""
    try:
        progress = json.loads((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        progress = {}
    running = is_locked(folder / LOCK)
    return Standing(running=running, ended=None if running else last_word(folder / LOG), **progress)


def _launch(lock, log: Path, data_root: Path, model_folder: Path, engine: str) -> None:
    words = ("--data-dir", Path(data_root).resolve(), "--model", Path(model_folder).resolve(), "--engine", engine)
    with log.open("w") as says:
        process = launch([*COMMAND, *map(str, words)], lock, says)
    give_way(process)
