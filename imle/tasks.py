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


def logits_of_sigmoid(probabilities: np.ndarray) -> np.ndarray:
    """The (n, labels) logits, float64, of which `sigmoid` makes these probabilities; 0 and 1 count as nearly so."""
    nearly = np.finfo(np.float32).eps
    p = np.clip(np.asarray(probabilities, np.float64), nearly, 1 - nearly)
    return np.log(p) - np.log1p(-p)


def logits_of_softmax(probabilities: np.ndarray) -> np.ndarray:
    """(n, labels) logits, float64, of which `softmax` makes these probabilities; 0 counts as nearly so."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny))


def binary_cross_entropy(truth: np.ndarray, logits: np.ndarray) -> float:
    """Of the sigmoid of (n, labels) logits, mean over records and labels, in nats."""
    return float((np.logaddexp(0, logits) - truth * logits).mean())


def categorical_cross_entropy(truth: np.ndarray, logits: np.ndarray) -> float:
    """Of the softmax of (n, labels) logits, mean over the records, in nats; a row of `truth` has a single 1."""
    return float((np.logaddexp.reduce(logits, axis=-1) - (truth * logits).sum(axis=-1)).mean())


@dataclass(frozen=True)
class Link:
    """How a model's logits (n, labels) and the probabilities that it answers belong together.

    answers: logits -> probabilities. logits_of: its inverse, where many logits give the same probabilities one of them.
    cross_entropy: (truth of 0 and 1, logits) -> what training and the temperature make small.
    records_have: how many of the labels. temperature_keeps: what dividing all logits by one number leaves as it is.
    The last two are words for the model card.
    """

    answers: Callable[[np.ndarray], np.ndarray]
    logits_of: Callable[[np.ndarray], np.ndarray]
    cross_entropy: Callable[[np.ndarray, np.ndarray], float]
    records_have: str
    temperature_keeps: str


EACH_ALONE = Link(
    sigmoid,
    logits_of_sigmoid,
    binary_cross_entropy,
    records_have="a record may have several",
    temperature_keeps="It changes no order, hence neither ROC-AUC nor average precision.",
)
ONE_OF_ALL = Link(
    softmax,
    logits_of_softmax,
    categorical_cross_entropy,
    records_have="a record has exactly one of them, and the probabilities sum to 1",
    temperature_keeps="It changes no record's likeliest label. It may change which of two records has more of one "
    "label, hence ROC-AUC and average precision, a little.",
)


@dataclass(frozen=True)
class Task:
    """A set of labels, whose they are, and how a model answers.

    labels_of: the catalogue -> a tuple of labels a record, empty where the record has no part in the task.
    folds_of: the catalogue -> (n,) fold a record; 1 to 8 train, 9 selects, 10 tests.
    link: logits and probabilities; answers: the first -> the second. exclusive: whether a record has exactly one label.
    protocol, limits: which records count and in which part, and what a model of the task cannot do, for the model card.
    """

    name: str
    labels: tuple[str, ...]
    labels_of: Callable[[pd.DataFrame], Labels]
    folds_of: Callable[[pd.DataFrame], np.ndarray]
    link: Link
    protocol: str
    limits: str

    @property
    def answers(self) -> Callable[[np.ndarray], np.ndarray]:
        return self.link.answers

    @property
    def exclusive(self) -> bool:
        return self.link is ONE_OF_ALL


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


INFARCTIONS_RECORDS = (
    "A record is ASMI or IMI where exactly one of the two is stated at a likelihood of 0, 80 or 100 %, and NORM where "
    "neither is and that is stated at 100 %"
)
INFARCTIONS_LIMITS = (
    "It tells two infarctions and normal records apart and knows nothing else: of any other record, another infarction's "
    "too, its answer means nothing, however sure, since the probabilities always sum to 1."
)

SUPERCLASS = Task(
    "superclass",
    LABELS,
    superclasses,
    stratified_folds,
    EACH_ALONE,
    protocol="No patient is in two folds. A record's labels are the superclasses of all its diagnostic statements, "
    "whatever their likelihood; records without any are left out.",
    limits="Its labels are superclasses: an infarction may be old or fresh, of any wall; a rare finding inside a "
    "superclass may be missed every time without a figure here showing it.",
)
INFARCTION = Task(
    "mi",
    INFARCTIONS,
    infarctions,
    stratified_folds,
    ONE_OF_ALL,
    protocol=f"No patient is in two folds. {INFARCTIONS_RECORDS}; all others are left out.",
    limits=INFARCTIONS_LIMITS,
)
AUTHORS_INFARCTION = Task(
    "mi-authors",
    INFARCTIONS,
    authors_infarctions,
    authors_folds,
    ONE_OF_ALL,
    protocol="The folds are not PTB-XL's but the parts of the IMLE-Net authors, so that a few patients are in two: what is "
    "fold 10 here are the infarctions of PTB-XL's folds 9 and 10 and 200 normal records of fold 3, fold 9 the infarctions "
    f"of fold 8 and every eighth of 900 normal records of folds 1 and 2. {INFARCTIONS_RECORDS}; all others, and the normal "
    "records that the authors did not take, are left out.",
    limits=INFARCTIONS_LIMITS,
)

TASKS = {one.name: one for one in (SUPERCLASS, INFARCTION, AUTHORS_INFARCTION)}


def task(name: str) -> Task:
    """The task called `name`; BadChoice where there is none."""
    if name not in TASKS:
        raise BadChoice(f"there is no task {name!r}; choose one of {', '.join(TASKS)}")
    return TASKS[name]
