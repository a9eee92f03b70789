"""What a model is trained to tell: the five superclasses, or which infarction; its labels, and the records that count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from imle.errors import BadChoice
from imle.labels import INFARCTIONS, LABELS

# The likelihoods (%) at which the IMLE-Net authors take an infarction's code, and a normal one's.
INFARCTION_LIKELIHOODS = (0, 80, 100)
NORMAL_LIKELIHOOD = 100

Labels = list[tuple[str, ...]]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """(n, labels) logits -> probabilities, each label for itself."""
    return expit(logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(n, labels) logits -> probabilities that sum to 1 over the labels."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Task:
    """A set of labels, whose they are, and how a model answers.

    labels_of: the catalogue -> a tuple of labels a record, empty where the record has no part in the task.
    folds_of: the catalogue -> (n,) fold a record; 1 to 8 train, 9 selects, 10 tests.
    answers: logits -> probabilities. exclusive: whether a record has exactly one of the labels.
    """

    name: str
    labels: tuple[str, ...]
    labels_of: Callable[[pd.DataFrame], Labels]
    folds_of: Callable[[pd.DataFrame], np.ndarray]
    answers: Callable[[np.ndarray], np.ndarray]

    @property
    def exclusive(self) -> bool:
        return self.answers is softmax


def superclasses(catalogue: pd.DataFrame) -> Labels:
    return catalogue["superclasses"].tolist()


def stratified_folds(catalogue: pd.DataFrame) -> np.ndarray:
    """PTB-XL's own: no patient is in two."""
    return catalogue["strat_fold"].to_numpy()


def infarctions(catalogue: pd.DataFrame) -> Labels:
    """ASMI or IMI where exactly one of them stands at a likelihood of 0, 80 or 100; NORM where that stands at 100."""
    return [_infarction(codes) for codes in catalogue["scp_codes"]]


def _infarction(codes: dict[str, float]) -> tuple[str, ...]:
    found = tuple(code for code in ("ASMI", "IMI") if codes.get(code) in INFARCTION_LIKELIHOODS)
    if len(found) == 1:
        return found
    return ("NORM",) if not found and codes.get("NORM") == NORMAL_LIKELIHOOD else ()


def authors_infarctions(catalogue: pd.DataFrame) -> Labels:
    """`infarctions`, of the normal records only those that the IMLE-Net authors took: see `authors_folds`."""
    own = infarctions(catalogue)
    taken = np.zeros(len(catalogue), bool)
    taken[np.concatenate(_authors_normals(catalogue, own))] = True
    return [labels if labels != ("NORM",) or take else () for labels, take in zip(own, taken, strict=True)]


def authors_folds(catalogue: pd.DataFrame) -> np.ndarray:
    """The authors' split, as their code has it (github.com/likith012/IMLE-Net, preprocessing/sub_preprocess.py).

    They train on the infarctions of folds 1-8 and the first 900 normal records of folds 1-2, and test on the
    infarctions of folds 9-10 and the first 200 normal records of fold 3. They select by the test records; here the
    infarctions of fold 8 and every eighth of the 900 select, and the rest trains.
    """
    fold = stratified_folds(catalogue).copy()
    train_normals, test_normals = _authors_normals(catalogue, infarctions(catalogue))
    fold[fold >= 9] = 10
    fold[fold == 8] = 9
    fold[train_normals] = 1
    fold[train_normals[7::8]] = 9
    fold[test_normals] = 10
    return fold


def _authors_normals(catalogue: pd.DataFrame, own: Labels) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the normal records that the authors train and test on, in the catalogue's order."""
    fold = stratified_folds(catalogue)
    normal = np.array([labels == ("NORM",) for labels in own], bool)
    return np.flatnonzero(normal & (fold <= 2))[:900], np.flatnonzero(normal & (fold == 3))[:200]


SUPERCLASS = Task("superclass", LABELS, superclasses, stratified_folds, sigmoid)
INFARCTION = Task("mi", INFARCTIONS, infarctions, stratified_folds, softmax)
AUTHORS_INFARCTION = Task("mi-authors", INFARCTIONS, authors_infarctions, authors_folds, softmax)

TASKS = {one.name: one for one in (SUPERCLASS, INFARCTION, AUTHORS_INFARCTION)}


def task(name: str) -> Task:
    """The task called `name`; BadChoice where there is none."""
    if name not in TASKS:
        raise BadChoice(f"there is no task {name!r}; choose one of {', '.join(TASKS)}")
    return TASKS[name]
