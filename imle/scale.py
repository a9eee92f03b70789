"""How millivolts become what the networks take: one mean and one standard deviation for all leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation (mV, scalars) of the training signals, by which every signal is standardised."""

    mean_mv: float
    sd_mv: float

    @classmethod
    def of(cls, signals_mv: np.ndarray) -> Scale:
        """Of (n, 12, 1000) mV."""
        return cls(float(signals_mv.mean(dtype=np.float64)), float(signals_mv.std(dtype=np.float64)))

    def standardise(self, signals_mv: np.ndarray) -> np.ndarray:
        """(n, 12, 1000) mV -> (n, 12, 1000) float32 without unit."""
        return np.divide(signals_mv - np.float32(self.mean_mv), np.float32(self.sd_mv), dtype=np.float32)

    def to_mv(self, signals: np.ndarray) -> np.ndarray:
        """What `standardise` made of, float32 mV."""
        return signals * np.float32(self.sd_mv) + np.float32(self.mean_mv)
