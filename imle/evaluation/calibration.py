"""Whether a probability of 0.7 comes true in 7 of 10 records, and the one number by which a model's logits are corrected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from imle.errors import BadChoice
from imle.evaluation.bootstrap import Interval, interval_of
from imle.evaluation.metrics import best_thresholds, over_draws
from imle.model_folder import Card, read_card, write_card
from imle.ptbxl.dataset import SELECT_FOLD
from imle.tasks import Link, task

BINS = 15
# Times that the labels of a perfectly calibrated model are drawn.
PERFECT_DRAWS = 200
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


def error_if_calibrated(p: np.ndarray, exclusive: bool, draws: int = PERFECT_DRAWS, seed: int = 0) -> Interval:
    """`expected_calibration_error` of a perfectly calibrated model of these (n, k) probabilities: mean, and 95 % of `draws`.

    Its labels are drawn to be true just as often as it says (consistency resampling, Bröcker & Smith 2007,
    doi:10.1175/WAF993.1). It is above 0, since in a bin of few records the share of true is never quite the probability.
    exclusive: a record has exactly one of the labels; otherwise each is drawn for itself.
    """
    p = np.asarray(p, np.float64)
    drawn = come_true(p, exclusive, draws, np.random.default_rng(seed))
    gaps = [np.abs((own - true) @ np.eye(BINS)[_bins(own)]).sum(axis=1) for own, true in zip(p.T, drawn, strict=True)]
    errors = np.mean(gaps, axis=0) / len(p)
    return interval_of(errors.mean(), errors)


def reliability(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """One label's reliability diagram from (n,) truths and probabilities: a row a bin that has records.

    low, high: the bin's borders. records. mean_probability, true_share: the diagram's two axes.
    """
    table = pd.DataFrame({"bin": _bins(p), "mean_probability": p, "true_share": y, "records": 1})
    found = table.groupby("bin").agg({"records": "sum", "mean_probability": "mean", "true_share": "mean"})
    found.insert(0, "low", found.index / BINS)
    found.insert(1, "high", (found.index + 1) / BINS)
    return found.reset_index(drop=True)


def shares_if_calibrated(p: np.ndarray, draws: int = PERFECT_DRAWS, seed: int = 0) -> pd.DataFrame:
    """Where `true_share` of a perfectly calibrated model of these (n,) probabilities lies in 95 % of `draws`.

    A row a row of `reliability`: lowest, highest. Drawn as in `error_if_calibrated`.
    """
    [true] = come_true(np.asarray(p, np.float64)[:, None], False, draws, np.random.default_rng(seed))
    in_bin = np.eye(BINS)[_bins(p)]
    in_bin = in_bin[:, in_bin.any(axis=0)]
    ends = [interval_of(np.nan, shares) for shares in (true @ in_bin / in_bin.sum(axis=0)).T]
    return pd.DataFrame({"lowest": [end.low for end in ends], "highest": [end.high for end in ends]})


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


def come_true(p: np.ndarray, exclusive: bool, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A label after the other, (draws, n): where it is drawn to be true, by its probability."""
    if not exclusive:
        yield from (rng.random((draws, len(p))) < own for own in p.T)
        return
    upper = np.cumsum(p, axis=1)
    place = rng.random((draws, len(p))) * upper[:, -1]
    lower = np.zeros(len(p))
    for end in upper.T:
        yield (lower <= place) & (place < end)
        lower = end
