"""How far model and cardiologists are apart, against what can be worked out by hand."""

import numpy as np
import pytest

from imle.evaluation.disagreement import NOWHERE, disagreement


def test_it_is_the_largest_distance_and_says_on_which_label():
    """A sum over the labels would rank a record with five small doubts before one plain contradiction."""
    apart, where = disagreement([[0.2, 0.1, 0.93, 0.3, 0.3], [0.9, 0.0, 0.4, 0.0, 0.0]], np.eye(5)[[0, 2]])
    assert apart == pytest.approx([0.93, 0.9]) and where.tolist() == [2, 0]


def test_a_stated_label_that_the_model_does_not_see_counts_as_much_as_an_unstated_one_that_it_sees():
    missed, invented = [[0.1, 0, 0]], [[1, 0.9, 0]]
    assert disagreement(missed, np.array([[1, 0, 0]]))[0] == disagreement(invented, np.array([[1, 0, 0]]))[0]


def test_full_agreement_is_zero():
    assert disagreement([[1.0, 0.0]], np.array([[1, 0]]))[0].tolist() == [0]


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [([[np.nan, np.nan]], [[1, 0]]), ([[0.9, 0.9]], [[0, 0]])],
    ids=["no answer", "no label"],
)
def test_what_cannot_be_compared_is_not_ranked(probabilities, labels):
    """A rhythm report states no superclass: ranked as 'not stated', it would head the list of disagreements."""
    apart, where = disagreement(probabilities, np.array(labels))
    assert np.isnan(apart).all() and where.tolist() == [NOWHERE]
