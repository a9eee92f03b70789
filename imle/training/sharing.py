"""One training step shared by several processes: each computes the gradient of its part of the batch, one applies the mean.

The others keep nothing between steps: with each part they get all weights, so that one which was lost and started again
goes on with the next step, and checkpoint and resume know nothing of them. What differs from a step on one device:
batch normalisation takes the statistics of a part, and keeps the mean of theirs; dropout draws for each part anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np

from imle.errors import BadChoice


@dataclass(frozen=True)
class Part:
    """What came of a part of a batch: its mean loss, a gradient a trainable variable, the other variables as they are after."""

    loss: float
    gradients: list[np.ndarray]
    others: list[np.ndarray]


class Helper(Protocol):
    """Another process with the same network."""

    def begin(self, weights: list[np.ndarray], signals: np.ndarray, targets: np.ndarray) -> Callable[[], Part]:
        """Have it work on a part under these weights (`weights_of`); the function waits for what comes of it."""


# Given what `compiled_trainer` takes, the helpers that built the same.
Helpers = Callable[..., Sequence[Helper]]


def shared_step(trainer: keras.Model, helpers: Sequence[Helper]) -> Callable[[np.ndarray, np.ndarray], float]:
    """A step of the compiled `trainer` on a batch of which each helper, and this process, does a part; the mean loss."""
    own = part_of(trainer)

    def step(signals, targets):
        weights = weights_of(trainer)
        rows = [some for some in np.array_split(np.arange(len(signals)), 1 + len(helpers)) if len(some)]
        begun = [
            helper.begin(weights, signals[some], targets[some])
            for helper, some in zip(helpers, rows[1:], strict=False)  # a small batch has fewer parts than helpers
        ]
        parts = [own(signals[rows[0]], targets[rows[0]]), *(wait() for wait in begun)]
        shares = [np.float32(len(some) / len(signals)) for some in rows]
        apply(trainer, parts, shares)
        return float(sum(share * part.loss for share, part in zip(shares, parts, strict=True)))

    return step


def apply(trainer: keras.Model, parts: Sequence[Part], shares: Sequence[np.float32]) -> None:
    """Step along the mean gradient, and take the mean of what else the parts changed.

    The states of random seeds are whole numbers, and stay those of this process's own part.
    """
    gradients = [_mean(values, shares) for values in zip(*(part.gradients for part in parts), strict=True)]
    trainer.optimizer.apply(gradients, trainer.trainable_variables)
    for variable, *values in zip(trainer.non_trainable_variables, *(part.others for part in parts), strict=True):
        if np.issubdtype(values[0].dtype, np.floating):
            variable.assign(_mean(values, shares))


def part_of(trainer: keras.Model) -> Callable[[np.ndarray, np.ndarray], Part]:
    """A function that computes what comes of (signals, targets). BadChoice under another backend than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise BadChoice(f"several workers need Keras's TensorFlow backend, not {keras.backend.backend()}")
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def compute(signals, targets):
        with tf.GradientTape() as tape:
            logits = trainer(signals, training=True)
            loss = trainer.compute_loss(x=signals, y=targets, y_pred=logits, training=True)
        variables = [variable.value for variable in trainer.trainable_variables]
        return loss, tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def part(signals, targets):
        loss, gradients = compute(tf.constant(signals), tf.constant(targets))
        others = [np.array(variable) for variable in trainer.non_trainable_variables]
        return Part(float(loss), [np.asarray(gradient) for gradient in gradients], others)

    return part


def weights_of(trainer: keras.Model) -> list[np.ndarray]:
    """All that a part depends on."""
    return [np.array(variable) for variable in (*trainer.trainable_variables, *trainer.non_trainable_variables)]


def take_weights(trainer: keras.Model, weights: list[np.ndarray], rank: int) -> None:
    """Take up what `weights_of` gave. Seeds are moved on by `rank`, so that no two parts draw the same."""
    variables = (*trainer.trainable_variables, *trainer.non_trainable_variables)
    for variable, value in zip(variables, weights, strict=True):
        seed = not np.issubdtype(value.dtype, np.floating)
        variable.assign(value + np.asarray(rank, value.dtype) if seed else value)


def _mean(values: Sequence[np.ndarray], shares: Sequence[np.float32]) -> np.ndarray:
    return sum(share * value for share, value in zip(shares, values, strict=True))
