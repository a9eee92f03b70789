"""The mean of a network's weights over the steps of a run, older ones counting ever less (exponential moving average)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np


class AveragedWeights:
    """Keeps, beside a model's weights, their mean over the steps, in float32 on the host, whatever the backend.

    Running statistics of batch normalisation are averaged as weights are, over the same steps: taken at the last
    step alone they would be those of other weights than the averaged ones. The first steps count their own number,
    (1 + steps) / (10 + steps), so that the initial weights are soon forgotten.
    """

    def __init__(self, model: keras.Model, decay: float):
        self.model, self.decay, self.steps = model, decay, 0
        self.means = [np.array(weight) for weight in model.weights]

    def update(self) -> None:
        """Take in the weights as they are now, after a step."""
        self.steps += 1
        new_share = np.float32(1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))
        for mean, weight in zip(self.means, self.model.weights, strict=True):
            mean += new_share * (np.asarray(weight) - mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights within, its own again after."""
        own = [np.array(weight) for weight in self.model.weights]
        self.model.set_weights(self.means)
        try:
            yield
        finally:
            self.model.set_weights(own)

    def state(self) -> dict[str, np.ndarray]:
        return {"averaged_steps": np.array(self.steps), **{f"a{i}": mean for i, mean in enumerate(self.means)}}

    def restore(self, saved) -> None:
        """Take up what `state` gave."""
        self.steps = int(saved["averaged_steps"])
        self.means = [saved[f"a{index}"] for index in range(len(self.means))]
