"""What counts as an infarction's record, the authors' split, and how logits become probabilities."""

import numpy as np
import pandas as pd
import pytest

from imle import PtbXl
from imle.errors import BadChoice
from imle.tasks import (
    AUTHORS_INFARCTION,
    EACH_ALONE,
    INFARCTION,
    ONE_OF_ALL,
    SUPERCLASS,
    TASKS,
    infarctions,
    sigmoid,
    softmax,
    task,
)


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        ({"ASMI": 100.0, "SR": 0.0}, ("ASMI",)),
        ({"IMI": 80.0}, ("IMI",)),
        ({"IMI": 0.0, "NORM": 50.0}, ("IMI",)),
        ({"IMI": 50.0}, ()),
        ({"ASMI": 100.0, "IMI": 100.0}, ()),
        ({"ASMI": 100.0, "IMI": 15.0}, ("ASMI",)),
        ({"ASMI": 15.0, "IMI": 15.0}, ()),
        ({"NORM": 100.0}, ("NORM",)),
        ({"NORM": 80.0}, ()),
        ({"AMI": 100.0}, ()),
    ],
)
def test_an_infarctions_record(codes, labels):
    """Uncertain codes and records with both infarctions would blur what the model is to tell apart."""
    assert infarctions(pd.DataFrame({"scp_codes": [codes]})) == [labels]


def test_labels_and_ids_are_the_tasks(tiny_ptbxl):
    """Training reads labels and ids of the data set; they must be those of its task, in the order of its labels."""
    data = PtbXl(tiny_ptbxl, INFARCTION)
    np.testing.assert_array_equal(data.labels.sum(axis=1), [any(row) for row in data.labels])
    for ecg_id in data.ids(range(1, 11)):
        (label,) = np.array(INFARCTION.labels)[data.labels_of([ecg_id])[0] > 0]
        assert label in data.catalogue.at[ecg_id, "scp_codes"]
    assert len(data.ids(range(1, 11))) == sum(bool(labels) for labels in infarctions(data.catalogue)) < len(data)


def test_the_authors_split_by_their_code():
    """Their 900 and 200 normal records come from other folds than their infarctions; none may be in two parts."""
    rng = np.random.default_rng(0)
    n = 20_000
    codes = [({"NORM": 100.0}, {"ASMI": 100.0}, {"IMI": 80.0})[i] for i in rng.integers(0, 3, n)]
    catalogue = pd.DataFrame({"scp_codes": codes, "strat_fold": rng.integers(1, 11, n)})
    labels, fold = AUTHORS_INFARCTION.labels_of(catalogue), AUTHORS_INFARCTION.folds_of(catalogue)
    own, strat = np.array([one[0] if one else "" for one in labels]), catalogue["strat_fold"].to_numpy()
    normal = own == "NORM"
    first_900 = catalogue.index[[code == {"NORM": 100.0} for code in codes] & (strat <= 2)][:900]
    first_200 = catalogue.index[[code == {"NORM": 100.0} for code in codes] & (strat == 3)][:200]
    assert set(np.flatnonzero(normal & (fold <= 9))) == set(first_900)
    assert set(np.flatnonzero(normal & (fold == 10))) == set(first_200)
    assert (normal & (fold == 9)).sum() == 112
    infarction = (own != "") & ~normal
    np.testing.assert_array_equal(fold[infarction] == 10, strat[infarction] >= 9)
    np.testing.assert_array_equal(fold[infarction] == 9, strat[infarction] == 8)


def test_answers():
    """Superclasses are told each for itself, infarctions against each other; large logits must not overflow."""
    logits = np.array([[0.0, 2.0, -1.0], [200.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(SUPERCLASS.answers(logits)[0], [0.5, 0.8807971, 0.2689414], rtol=1e-6)
    shares = INFARCTION.answers(logits)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(shares[0, 1] / shares[0, 0], np.exp(2), rtol=1e-5)
    np.testing.assert_allclose(shares[1], [1, 0, 0], atol=1e-6)
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(SUPERCLASS.answers(np.float32([[-2000, 2000]])), [[0, 1]])
    assert (SUPERCLASS.answers, INFARCTION.answers) == (sigmoid, softmax)
    assert [one.exclusive for one in TASKS.values()] == [False, True, True]


@pytest.mark.parametrize("link", [EACH_ALONE, ONE_OF_ALL])
def test_probabilities_lead_back_to_logits(link):
    """An inverse that is not one would show wrong figures 'without temperature'; certainty must not become infinite."""
    logits = np.random.default_rng(0).normal(0, 3, (50, 3))
    p = link.answers(logits)
    np.testing.assert_allclose(link.answers(link.logits_of(p)), p, rtol=1e-9)
    certain = np.array([[1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(link.answers(link.logits_of(certain)), certain, atol=1e-6)


def test_cross_entropies_by_hand():
    """What the temperature makes small must be the mean of -log of what was answered for the truth."""
    logits = np.array([[0.5, -1.0, 2.0], [300.0, 0.0, -300.0]])
    truth = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    shares = softmax(logits)
    assert ONE_OF_ALL.cross_entropy(truth, logits) == pytest.approx(-np.log([shares[0, 2], shares[1, 0]]).mean())
    p = sigmoid(logits[:1])
    told = [*np.where(truth[:1] > 0, p, 1 - p)[0], 1, 0.5, 1]
    assert EACH_ALONE.cross_entropy(truth, logits) == pytest.approx(-np.log(told).mean())


def test_an_unknown_task_is_refused():
    """The sentence names those there are."""
    with pytest.raises(BadChoice, match="there is no task 'infarct'; choose one of superclass, mi, mi-authors"):
        task("infarct")


@pytest.mark.ptbxl
def test_records_of_the_infarction_tasks_in_ptbxl(ptbxl_root):
    """The counts of ASMI, IMI and NORM that every figure of these tasks rests on, by part."""
    counts = {}
    for one in (INFARCTION, AUTHORS_INFARCTION):
        data = PtbXl(ptbxl_root, one)
        parts = {"train": range(1, 9), "select": [9], "test": [10]}
        counts[one.name] = {
            part: data.labels_of(data.ids(folds)).sum(axis=0).astype(int).tolist() for part, folds in parts.items()
        }
    assert counts == {
        "mi": {"train": [1078, 750, 5743], "select": [132, 78, 708], "test": [129, 85, 721]},
        "mi-authors": {"train": [940, 644, 788], "select": [138, 106, 112], "test": [261, 163, 200]},
    }
