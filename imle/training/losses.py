"""What training makes small, from logits: cross-entropy a label, or over labels of which a record has exactly one."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from imle.tasks import Task


def loss_for(task: Task, targets: np.ndarray, class_weighting: float) -> Callable:
    """The loss of `task`, its labels weighed by `label_weights` of the training `targets` (n, labels)."""
    if not class_weighting:
        entropy = keras.losses.CategoricalCrossentropy if task.exclusive else keras.losses.BinaryCrossentropy
        return entropy(from_logits=True)
    weigh = weighted_categorical if task.exclusive else weighted_binary
    return weigh(label_weights(targets, class_weighting))


def label_weights(targets: np.ndarray, power: float) -> np.ndarray:
    """(labels,) float32: (negatives / positives) ** `power` of (n, labels) targets; 1 for a label that nobody has."""
    positives = targets.sum(axis=0)
    ratio = np.where(positives > 0, (len(targets) - positives) / np.maximum(positives, 1), 1)
    return (np.maximum(ratio, 1e-6) ** power).astype(np.float32)


def weighted_binary(weights: np.ndarray) -> Callable:
    """Binary cross-entropy from logits (n, labels), a positive counting as much as its label's weight."""

    def loss(targets, logits):
        entropy = ops.binary_crossentropy(targets, logits, from_logits=True)
        return ops.mean(entropy * (1 + (weights - 1) * targets), axis=-1)

    return loss


def weighted_categorical(weights: np.ndarray) -> Callable:
    """Cross-entropy from logits (n, labels) after a softmax, a record counting as much as its label's weight."""

    def loss(targets, logits):
        return -ops.sum(weights * targets * ops.log_softmax(logits, axis=-1), axis=-1)

    return loss
