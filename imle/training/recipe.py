"""The training recipe: every setting in one table, written into each run's folder."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imle.errors import BadChoice
from imle.processor import has_bfloat16


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; the defaults were chosen on fold 9.

    The learning rate follows one cycle: a cosine rise over `warmup_share` of all steps to `learning_rate`, a cosine
    fall to nothing. A batch is shifted in time by up to `max_shift_s`, scaled by exp(N(0, `gain_sd`)) and given
    noise of `noise_sd` standard deviations of the training signal.
    """

    epochs: int = 9
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_share: float = 0.25
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    max_shift_s: float = 0.5
    gain_sd: float = 0.1
    noise_sd: float = 0.03
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self):
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise BadChoice(f"{name} is {getattr(self, name)}; at least 1 is needed")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise BadChoice(f"precision is {self.precision!r}; auto, float32 or bfloat16 can be chosen")

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step `step` of `steps`."""
        rise = max(1, round(self.warmup_share * steps))
        if step < rise:
            share = (1 - math.cos(math.pi * (step + 1) / rise)) / 2
        else:
            share = (1 + math.cos(math.pi * (step - rise + 1) / (steps - rise))) / 2
        return self.learning_rate * max(share, 1e-3)


def dtype_policy(precision: str) -> str:
    """The Keras policy for a recipe's precision: `auto` takes bfloat16 where the processor multiplies it in hardware."""
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16() else "float32"
    return "mixed_bfloat16" if precision == "bfloat16" else "float32"
