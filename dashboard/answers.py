"""The model's answers for a whole data set as the records page shows them: probabilities, and where it disagrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from imle.evaluation.disagreement import disagreement
from imle.labels import LABELS

# From here on the model's probability is nearer to what the cardiologists did not say.
WORTH_SAYING = 0.5


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model answered for n records, in the order of a cohort's table.

    probabilities: (n, 5) float32, NaN for a record without an answer. apart: (n,) how far the model and the
    cardiologists are apart (see `disagreement`), NaN where they cannot be compared. apart_text: (n,) on what, as
    `MI 0.93, not stated`; empty there, and where they are less than WORTH_SAYING apart.
    """

    probabilities: np.ndarray
    apart: np.ndarray
    apart_text: np.ndarray


def answers_for(index: pd.Index, labels: np.ndarray, predictions: pd.DataFrame) -> Answers:
    """The answers for the records `index`, whose stated labels are `labels` (n, 5); `predictions` is by ecg_id."""
    probabilities = predictions.reindex(index)[list(LABELS)].to_numpy()
    apart, where = disagreement(probabilities, labels)
    texts = [
        f"{LABELS[k]} {p[k]:.2f}, {'stated' if stated[k] else 'not stated'}" if far else ""
        for k, p, stated, far in zip(where, probabilities, labels, apart >= WORTH_SAYING, strict=True)
    ]
    return Answers(probabilities, apart, np.array(texts, object))
