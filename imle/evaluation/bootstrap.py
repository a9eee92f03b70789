"""Percentile bootstrap intervals (Efron & Tibshirani 1993, chapter 13) over records, many figures from the same draws."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import NamedTuple

import numpy as np

SAMPLES = 1000
COVERAGE = 0.95
# Draws computed together: enough to share what does not depend on the draw, few enough to need little memory.
AT_ONCE = 200
DECIMALS = 5


class Interval(NamedTuple):
    """A figure of all records, and the low and high end of its 95 % interval; NaN where it is undefined."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict:
        """Rounded, null for NaN."""
        return {
            key: None if np.isnan(number) else round(float(number), DECIMALS) for key, number in self._asdict().items()
        }


def bootstrap(
    figures: Callable[[np.ndarray], dict[Hashable, np.ndarray]],
    records: int,
    samples: int = SAMPLES,
    seed: int = 0,
    raised_by_noise: Collection[Hashable] = (),
) -> dict[Hashable, Interval]:
    """Each of `figures` with its interval over `samples` draws of `records` records.

    `figures(counts)` takes (records, s), how often each record counts in each of s draws, and answers (s,) a name.
    Draws in which a figure is NaN are left out of its interval. The same seed draws the same records, so that two
    models can be compared draw by draw.

    raised_by_noise: names of figures, such as a sum of absolute gaps, that are larger in a draw than over all records
    because the draw adds noise of its own. Their draws are shifted to have the figure as their mean; otherwise the
    figure could lie outside its interval.
    """
    whole = figures(np.ones((records, 1)))
    parts = [figures(counts) for counts in draws(records, samples, seed)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    for name in raised_by_noise:
        drawn[name] = drawn[name] - np.nanmean(drawn[name]) + whole[name][0]
    return {name: interval_of(whole[name][0], drawn[name]) for name in whole}


def over_records_and_repeats(values: np.ndarray, samples: int = SAMPLES, seed: int = 0) -> list[Interval]:
    """Of (records, repeats, k): the mean of each of the k over what is finite, its interval over records and repeats.

    Every record was measured in every repeat, so both are drawn again, each by itself (pigeonhole bootstrap, Owen 2007,
    doi:10.1214/07-AOAS122). Of d repeats d - 1 are drawn: d would make the spread of few look smaller than it is, by d - 1
    in d (Rao & Wu 1988, doi:10.1080/01621459.1988.10478591). A single repeat leaves the interval over records.
    """
    records, repeats, _ = values.shape
    defined = np.isfinite(values)
    filled, rng = np.where(defined, values, 0), np.random.default_rng((seed, repeats))

    def means(of_records: np.ndarray, of_repeats: np.ndarray) -> np.ndarray:
        totals, numbers = (
            np.einsum("rdk,rs,ds->ks", each, of_records, of_repeats, optimize=True)
            for each in (filled, defined.astype(float))
        )
        return np.divide(totals, numbers, out=np.full(totals.shape, np.nan), where=numbers > 0)

    def drawn_repeats(columns: int) -> np.ndarray:
        if repeats == 1:
            return np.ones((1, columns))
        return rng.multinomial(repeats - 1, np.full(repeats, 1 / repeats), columns).T.astype(float)

    whole = means(np.ones((records, 1)), np.ones((repeats, 1)))[:, 0]
    parts = [means(counts, drawn_repeats(counts.shape[1])) for counts in draws(records, samples, seed)]
    return [interval_of(*pair) for pair in zip(whole, np.concatenate(parts, axis=1), strict=True)]


def draws(records: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """(records, up to AT_ONCE) float64 at a time: how often each record was drawn, `samples` columns in all."""
    rng = np.random.default_rng(seed)
    for first in range(0, samples, AT_ONCE):
        counts = np.empty((records, min(AT_ONCE, samples - first)))
        for column in counts.T:
            column[:] = np.bincount(rng.integers(0, records, records), minlength=records)
        yield counts


def interval_of(value: float, drawn: np.ndarray) -> Interval:
    """`value` with the middle 95 % of `drawn`, NaN among them left out."""
    tail = (1 - COVERAGE) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")  # a figure undefined in every draw has no interval: NaN
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))
