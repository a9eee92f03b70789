"""`PtbXl`: a data set in PTB-XL's layout, as a catalogue, labels, folds and waveforms."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from imle.ecg import Ecg, UnreadableEcg
from imle.errors import Refusal, named
from imle.formats import read_ecg
from imle.formats.plain_wfdb import ADC_PER_MV
from imle.ptbxl.catalogue import MissingData, label_matrix, read_catalogue, read_statements
from imle.ptbxl.store import Store, open_store
from imle.tasks import SUPERCLASS, Task

ABOUT = "dataset.json"
FILENAME_COLUMN = {100: "filename_lr", 500: "filename_hr"}
TRAIN_FOLDS = tuple(range(1, 9))
SELECT_FOLD = 9
# Records converted in one step: few enough for the processor's cache.
AT_ONCE = 64


class UnknownRecord(Refusal, KeyError):
    """An ecg_id that the data set does not have."""

    __str__ = Exception.__str__  # KeyError shows its message in quotes


class PtbXl:
    """PTB-XL (Wagner et al. 2020, doi:10.1038/s41597-020-0495-6), or any data set in its layout.

    catalogue: DataFrame by ecg_id (see `read_catalogue`). labels: (n, 5) float32 in the order of LABELS.
    fold: (n,) strat_fold. With another `task` than the superclasses, labels and folds are that task's.
    simulated: True for the demo cohort. Raises MissingData where `root` is no such data set.
    """

    def __init__(self, root, task: Task = SUPERCLASS):
        self.root, self.task = Path(root), task
        self.catalogue = read_catalogue(self.root)
        self.statements = read_statements(self.root)
        self.labels = label_matrix(task.labels_of(self.catalogue), task.labels)
        self.fold = task.folds_of(self.catalogue)
        self.about = _read_about(self.root / ABOUT)

    def __len__(self) -> int:
        return len(self.catalogue)

    @property
    def simulated(self) -> bool:
        return self.about["simulated"]

    @property
    def title(self) -> str:
        return self.about["title"]

    def path(self, ecg_id: int, fs_hz: int = 100) -> Path:
        """The record's path without suffix. UnknownRecord where the data set has no such record, or none at this rate."""
        name = self._named(ecg_id, fs_hz)
        if name is None:
            raise UnknownRecord(f"{self.title} names no file of record {ecg_id} at {fs_hz:g} Hz; choose the other rate")
        return self.root / name

    def has(self, ecg_id: int, fs_hz: int) -> bool:
        """Whether the record's header lies on disk at this rate."""
        name = self._named(ecg_id, fs_hz)
        return name is not None and Path(f"{self.root / name}.hea").is_file()

    def record(self, ecg_id: int, fs_hz: int = 100) -> Ecg:
        """One record at 100 or 500 Hz. UnreadableEcg where its files are missing or damaged.

        Its `meta` is its row of the catalogue, and `source_s` where its file is longer than the ten seconds.
        """
        ecg = read_ecg(self.path(ecg_id, fs_hz))
        meta = self.catalogue.loc[ecg_id].to_dict()
        if "source_s" in ecg.meta:
            meta["source_s"] = ecg.meta["source_s"]
        return Ecg(ecg.signal_mv, ecg.fs_hz, str(ecg_id), meta)

    def ids(self, folds, labelled: bool = True) -> np.ndarray:
        """The ecg_ids in these folds; those without a label are left out while `labelled`."""
        keep = np.isin(self.fold, folds)
        if labelled:
            keep &= self.labels.any(axis=1)
        return self.catalogue.index.to_numpy()[keep]

    def labels_of(self, ids) -> np.ndarray:
        """(len(ids), labels) float32, in the order of `ids`."""
        return self.labels[self._rows(ids)]

    def folds_of(self, ids) -> np.ndarray:
        """(len(ids),) the task's fold of each, in the order of `ids`."""
        return self.fold[self._rows(ids)]

    def signals(self, ids) -> np.ndarray:
        """(len(ids), 12, 1000) float32 mV at 100 Hz, from the store. UnreadableEcg where one of them could not be read."""
        rows = self._rows(ids)
        for row in sorted(self._store.unreadable.keys() & set(rows.tolist())):
            raise UnreadableEcg(self.path(self.catalogue.index[row]), self._store.unreadable[row])
        signals_mv = np.empty((len(rows), *self._store.adc.shape[1:]), np.float32)
        for first in range(0, len(rows), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            np.divide(self._store.adc[rows[some]], np.float32(ADC_PER_MV), out=signals_mv[some])
        return signals_mv

    def build_store(self, progress=None) -> Store:
        """Build the store now where it is missing or stale, telling `progress(done, total)`; `signals` does it unasked."""
        self._store = open_store(self.root, self.catalogue[FILENAME_COLUMN[100]].tolist(), progress)
        return self._store

    @cached_property
    def _store(self) -> Store:
        return open_store(self.root, self.catalogue[FILENAME_COLUMN[100]].tolist())

    def _named(self, ecg_id: int, fs_hz: int) -> str | None:
        """The record's file as the catalogue names it; None where it names none at this rate. UnknownRecord."""
        if ecg_id not in self.catalogue.index:
            raise UnknownRecord(
                f"{self.title} has no record {ecg_id}; choose one on the records page or in its catalogue"
            )
        if fs_hz not in FILENAME_COLUMN:
            raise UnknownRecord(f"{self.title} has no records at {fs_hz:g} Hz; choose 100 or 500")
        name = self.catalogue.at[ecg_id, FILENAME_COLUMN[fs_hz]]
        return name if isinstance(name, str) else None

    def _rows(self, ids) -> np.ndarray:
        ids = np.atleast_1d(np.asarray(ids))
        rows = self.catalogue.index.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            raise UnknownRecord(f"{self.title} has no record {ids[rows < 0][0]}; choose ids of its catalogue")
        return rows


def _read_about(path: Path) -> dict:
    """What the file says of the data set, its title and whether it is simulated among it; PTB-XL's own has none. MissingData."""
    if not path.is_file():
        return {"title": "PTB-XL", "simulated": False}
    try:
        about = json.loads(path.read_text())
        return {**about, "title": str(about["title"]), "simulated": bool(about["simulated"])}
    except (ValueError, KeyError, TypeError) as error:
        raise MissingData(
            f'{path} does not describe the data set ({named(error)}); it should be like {{"title": "PTB-XL", "simulated": false}}'
        ) from None
