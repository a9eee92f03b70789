"""The steps of a long run, kept on disk until its file is written, so that a run that is stopped goes on where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from imle.errors import BadChoice
from imle.explain.cohort_agreement import writable
from imle.model_folder import replacing, write_atomically


class Steps:
    """A run's steps on disk, in the folder NAME.steps beside its file NAME; those that are there are not done again.

    about: what the run is of, as JSON types. BadChoice where the folder holds the steps of another run, or cannot be written.
    """

    def __init__(self, out: Path, about: dict):
        self.folder = out.with_name(f"{out.name}.steps")
        note, text = self.folder / "run.json", json.dumps(about)
        with writable(out):
            self.folder.mkdir(parents=True, exist_ok=True)
            if note.exists() and note.read_text() != text:
                raise BadChoice(f"{self.folder} holds the steps of another run; delete it, or give another --out")
            write_atomically(note, text)

    def once(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The arrays of the step `name`, made where they are not there yet."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            made = make()
            with writable(path), replacing(path) as fresh:
                np.savez(fresh, **made)
        with np.load(path) as kept:
            return dict(kept)

    def frame(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The table of the step `name`, likewise."""
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            made = make()
            with writable(path), replacing(path) as fresh:
                made.to_parquet(fresh)
        return pd.read_parquet(path)

    def discard(self) -> None:
        """Forget them, once the run's file is written."""
        shutil.rmtree(self.folder)
