"""What the rows of a cohort say of a diagnosis: each score with its interval, beside chance and the average heatmap."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imle.evaluation.bootstrap import SAMPLES, bootstrap
from imle.explain.cohort_agreement import SCORE_NAMES

# What the scores are called, and what they are by chance.
TITLES = {
    "mass": "Relevance mass",
    "rank": "Rank accuracy",
    "pointing": "Pointing game",
    "lead_mass": "Mass on the leads",
}
DEFINITIONS = {
    "mass": "share of the heatmap inside the guideline's leads and wave segments",
    "rank": "of as many highest samples as the guideline has, the share inside it",
    "pointing": "share of records whose highest sample lies inside it",
    "lead_mass": "share of the heatmap on the guideline's leads, whatever the segment",
}
CHANCE_OF = {name: "lead_chance" if name == "lead_mass" else "chance" for name in TITLES}
# With fewer records an interval says nothing.
FEWEST_RECORDS = 5


def summarise(rows: pd.DataFrame, samples: int = SAMPLES) -> pd.DataFrame:
    """A row a code and score, the commonest code first: code, label, records, score, value, low, high, chance, then the
    average heatmap's score as average, and what the record's own heatmap has more than that as gain, gain_low, gain_high.

    Intervals: 95 % bootstrap over records, the gain's from the same draws. Codes of fewer than FEWEST_RECORDS are left
    out.
    """
    found = []
    counts = rows["code"].value_counts()
    for code in counts.index[counts >= FEWEST_RECORDS]:
        own = rows[rows["code"] == code]
        found += [_row(code, own, name, interval) for name, interval in _intervals(own, samples).items()]
    columns = ["code", "label", "records", "score", "value", "low", "high", "chance", "average", "gain", "gain_low",
               "gain_high"]  # fmt: skip
    return pd.DataFrame(found, columns=columns)


def _intervals(own: pd.DataFrame, samples: int) -> dict:
    """By score, the intervals of its mean and of its mean difference from the average heatmap's."""
    values = {name: own[name].to_numpy(float) for name in SCORE_NAMES}
    gains = {name: values[name] - own[f"average_{name}"].to_numpy(float) for name in SCORE_NAMES}

    def figures(drawn: np.ndarray) -> dict:
        total = drawn.sum(axis=0)
        means = {(name, "value"): values[name] @ drawn / total for name in SCORE_NAMES}
        return means | {(name, "gain"): gains[name] @ drawn / total for name in SCORE_NAMES}

    found = bootstrap(figures, len(own), samples)
    return {name: (found[name, "value"], found[name, "gain"]) for name in SCORE_NAMES}


def _row(code: str, own: pd.DataFrame, name: str, intervals) -> dict:
    value, gain = intervals
    return {
        "code": code, "label": own["label"].iloc[0], "records": len(own), "score": name, **value._asdict(),
        "chance": float(own[CHANCE_OF[name]].mean()), "average": float(own[f"average_{name}"].mean()),
        "gain": gain.value, "gain_low": gain.low, "gain_high": gain.high,
    }  # fmt: skip
