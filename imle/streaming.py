"""Answers for any number of files, in order, as they come: reading goes on in a thread while the model works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imle.ecg import UnreadableEcg
from imle.errors import Refusal
from imle.formats import Hints, ecg_files, read_ecg
from imle.inference import BATCH, Predictor
from imle.remarks import remarks

SIGNAL_SUFFIXES = (".dat", ".mat")


class Read(NamedTuple):
    """An ECG for the model, (12, 1000) mV, and what is unusual about it."""

    signal_mv: np.ndarray
    remarks: tuple[str, ...]


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files meant by `paths`: a folder means every ECG file below it. UnreadableEcg for a folder without any.

    A WFDB record counts once where both its files are given, as `*` in a shell gives them.
    """
    files = []
    for path in map(Path, paths):
        below = ecg_files(path) if path.is_dir() else [path]
        if not below:
            raise UnreadableEcg(path, "this folder holds no ECG files; give ECG files or a folder of them")
        files += below
    headers = {file for file in files if file.suffix == ".hea"}
    return [file for file in files if file.suffix not in SIGNAL_SUFFIXES or file.with_suffix(".hea") not in headers]


def stream_predictions(predictor: Predictor, files: list[Path], hints: Hints | None = None) -> Iterator[dict | Refusal]:
    """For each file, in order: {"path", "model", "engine", "probabilities": {label: p}}, or the Refusal it met.

    An ECG out of the ordinary has "remarks" too, the sentences of `imle.remarks`.
    `hints` tells of all files what they do not say themselves. While one batch is with the model the next is being read.
    """
    batches = [files[first : first + BATCH] for first in range(0, len(files), BATCH)]
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(_read, batches[0], hints) if batches else None
        for index in range(len(batches)):
            found = coming.result()
            if index + 1 < len(batches):
                coming = reader.submit(_read, batches[index + 1], hints)
            yield from _answer(predictor, batches[index], found)


def _read(files: list[Path], hints: Hints | None) -> list[Read | Refusal]:
    return [_read_one(file, hints) for file in files]


def _read_one(file: Path, hints: Hints | None) -> Read | Refusal:
    try:
        ecg = read_ecg(file, hints)
        return Read(ecg.for_model(), remarks(ecg))
    except Refusal as error:
        return error


def _answer(predictor: Predictor, files: list[Path], found: list[Read | Refusal]) -> Iterator[dict | Refusal]:
    good = [one.signal_mv for one in found if isinstance(one, Read)]
    probabilities = iter(predictor.predict(np.stack(good))) if good else iter(())
    for file, one in zip(files, found, strict=True):
        if isinstance(one, Refusal):
            yield one
            continue
        rounded = [round(float(p), 6) for p in next(probabilities)]
        yield {
            "path": str(file),
            "model": predictor.name,
            "engine": predictor.engine,
            "probabilities": dict(zip(predictor.labels, rounded, strict=True)),
            **({"remarks": list(one.remarks)} if one.remarks else {}),
        }
