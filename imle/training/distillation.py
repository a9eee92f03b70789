"""A trained model as teacher: each batch's labels become in part what it answers to that very batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from imle.errors import BadChoice
from imle.inference import Predictor, load_model
from imle.scale import Scale

Batches = Iterable[tuple[np.ndarray, np.ndarray]]


class Teacher:
    """Teaches by its probabilities, which tell how sure a record's labels are (Hinton et al. 2015,
    doi:10.48550/arXiv.1503.02531), of the augmented signals that the student sees too (Beyer et al. 2022,
    doi:10.1109/CVPR52688.2022.01065).

    share: of the labels, 0 to 1, that is the teacher's. scale: of the student's signals.
    """

    def __init__(self, predictor: Predictor, share: float, scale: Scale):
        self.predictor, self.share, self.scale = predictor, share, scale

    def teach(self, batches: Batches) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches (signals (n, 12, 1000) standardised, labels (n, labels)), their labels blended with its answers.

        What a target holds after the labels stays as it is.
        """
        for signals, targets in batches:
            answers = self.predictor.predict(self.scale.to_mv(signals))
            labels, more = np.split(targets, [answers.shape[1]], axis=1)
            taught = (1 - self.share) * labels + self.share * answers
            yield signals, np.concatenate([taught, more], axis=1).astype(np.float32)


def teacher_of(name_or_path: str, share: float, scale: Scale, labels: tuple[str, ...]) -> Teacher:
    """The shipped model of that name, or the one in that folder, as teacher. BadChoice where it tells other labels."""
    predictor = load_model(name_or_path)
    if predictor.labels != labels:
        raise BadChoice(
            f"the teacher {name_or_path} tells {', '.join(predictor.labels)}; one that tells {', '.join(labels)} is needed"
        )
    return Teacher(predictor, share, scale)
