"""Whether a probability of 0.7 comes true in 7 of 10 records, and the one number by which a model's logits are corrected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from imle.errors import BadChoice
from imle.evaluation.metrics import best_thresholds, over_draws
from imle.model_folder import Card, read_card, write_card
from imle.ptbxl.dataset import SELECT_FOLD
from imle.tasks import Link, task

BINS = 15
TEMPERATURES = (0.05, 20.0)
DECIMALS = 4


@over_draws
def expected_calibration_error(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """|mean probability - share of true| over BINS equal-width bins, weighted by their records, mean of the labels.

    Guo et al. 2017, equation 3, applied to each label as a yes or no of its own.
    """
    apart = p.astype(np.float64) - y
    bins = _bins(p)
    in_bin = [np.where(bins == number, apart, 0.0) for number in range(BINS)]
    gaps = np.array([np.abs(own.T @ counts) for own in in_bin])
    return gaps.sum(axis=0).mean(axis=0) / counts.sum(axis=0)


def reliability(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """One label's reliability diagram from (n,) truths and probabilities: a row a bin that has records.

    low, high: the bin's borders. records. mean_probability, true_share: the diagram's two axes.
    """
    table = pd.DataFrame({"bin": _bins(p), "mean_probability": p, "true_share": y, "records": 1})
    found = table.groupby("bin").agg({"records": "sum", "mean_probability": "mean", "true_share": "mean"})
    found.insert(0, "low", found.index / BINS)
    found.insert(1, "high", (found.index + 1) / BINS)
    return found.reset_index(drop=True)


def fit_temperature(y: np.ndarray, logits: np.ndarray, link: Link) -> float:
    """The temperature T for which logits / T have the least cross-entropy, as `link` has it, over (n, k) truths.

    Temperature scaling (Guo et al. 2017, section 4.2).
    """
    logits = np.asarray(logits, np.float64)

    def cross_entropy(log_temperature: float) -> float:
        return link.cross_entropy(y, logits / np.exp(log_temperature))

    return float(np.exp(minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), options={"xatol": 1e-7}).x))


def calibrated(card: Card, y: np.ndarray, logits: np.ndarray) -> Card:
    """`card` with the temperature that suits these records, and the thresholds of best F1 at that temperature."""
    cooled = replace(card, temperature=round(fit_temperature(y, logits, task(card.task).link), DECIMALS))
    thresholds = best_thresholds(y, cooled.probabilities(logits)).round(DECIMALS).tolist()
    return replace(cooled, thresholds=dict(zip(card.labels, thresholds, strict=True)))


def recalibrate(folder: Path, y: np.ndarray, logits: np.ndarray) -> Card:
    """Write the `calibrated` card of the model in `folder`, and return it."""
    card = calibrated(read_card(folder), y, logits)
    write_card(folder, card)
    return card


def check_fold(fold: int) -> None:
    """BadChoice for any fold but the one on which choices are made."""
    if fold != SELECT_FOLD:
        raise BadChoice(
            f"temperature and thresholds are chosen on fold {SELECT_FOLD} alone, not on fold {fold}; "
            f"give --fold {SELECT_FOLD} with --calibrate"
        )


def uncalibrated(p: np.ndarray, temperature: float, link: Link) -> np.ndarray:
    """The probabilities (n, k), float64, that a model of this temperature would give without it."""
    return link.answers(temperature * link.logits_of(p))


def _bins(p: np.ndarray) -> np.ndarray:
    return np.minimum((np.asarray(p, np.float64) * BINS).astype(int), BINS - 1)
