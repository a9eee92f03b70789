"""What the guidelines page shows: the shipped agreement of heatmaps with guidelines, and its tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imle.evaluation.bootstrap import SAMPLES, Interval, bootstrap
from imle.evaluation.results import RESULTS
from imle.explain.agreement import LIKE_AVERAGE
from imle.explain.agreement_summary import FEWEST_RECORDS, TITLES, summarise
from imle.explain.cohort_agreement import CELLS, CohortAgreement
from imle.explain.guidelines import Guideline
from imle.figures.words import percent
from imle.leads import LEADS, listed
from imle.measure.segments import SEGMENTS

FOLDER = RESULTS / "guidelines"
# From this probability on the model counts as sure, so that a heatmap elsewhere is worth a look.
SURE = 0.5
LEADS_NAMED = 3
# Of the table of all diagnoses, which is made anew for each cohort chosen.
OVERVIEW_SAMPLES = 400
# The authors' example: an inferior infarction with so much of the lead importance on II, III and aVF together.
EXAMPLE_CODE, EXAMPLE_SHARE = "IMI", 0.9


@dataclass(frozen=True)
class Heatmaps:
    """Whose heatmaps: a model's by a method, and the file of their agreement."""

    model: str
    method: str
    path: Path

    def __str__(self) -> str:
        return name_of(self.model, self.method)


def name_of(model: str, method: str) -> str:
    """What a model's heatmaps by a method are called."""
    return f"{model} · {method.replace('_', ' ')}"


def offered(folder: Path | None = None) -> dict[str, Heatmaps]:
    """The shipped ones by name, attention first, then by method and model."""
    found = [Heatmaps(*path.stem.rsplit("-", 1), path) for path in (folder or FOLDER).glob("*-*.parquet")]
    return {str(one): one for one in sorted(found, key=lambda one: (one.method != "attention", one.method, one.model))}


def codes_of(found: CohortAgreement) -> dict[str, int]:
    """The diagnoses with records enough, commonest first, and how many records each has."""
    counts = found.rows["code"].value_counts()
    return counts[counts >= FEWEST_RECORDS].to_dict()


def of_code(found: CohortAgreement, code: str) -> pd.DataFrame:
    return found.rows[found.rows["code"] == code].reset_index(drop=True)


def mean_shares(rows: pd.DataFrame) -> np.ndarray:
    """(12, 6): the mean share of the heatmap by lead and wave segment."""
    return rows[CELLS].to_numpy(float).mean(axis=0).reshape(len(LEADS), len(SEGMENTS))


def main_score(guideline: Guideline) -> str:
    """The score that a sentence is about: on the leads, or where the guideline names all of them, in the segments."""
    return "mass" if len(guideline.leads) == len(LEADS) else "lead_mass"


def verdict(found: pd.DataFrame, guideline: Guideline) -> str:
    """In words, from the summary of one diagnosis: whether the heatmap follows it or would look so for anybody."""
    own = found.set_index("score").loc[main_score(guideline)]
    where = _place_words(guideline)
    has = f"{percent(own['value'])} ({percent(own['low'])} to {percent(own['high'])}) of the heatmap"
    beside = f"{percent(own['chance'])} by chance, {percent(own['average'])} of the average heatmap"
    if own["gain_low"] > 0:
        whose = "the diagnosis's leads" if main_score(guideline) == "lead_mass" else "the diagnosis"
        return f"On {where} lie {has}, against {beside}: it follows {whose}.{_beside_the_waves(found, guideline)}"
    if own["gain_high"] < 0:
        return f"On {where} lie {has}, against {beside}: less than in a record without the diagnosis."
    return f"On {where} lie {has}, against {beside}: no more than in any record, so it does not explain the diagnosis."


def _beside_the_waves(found: pd.DataFrame, guideline: Guideline) -> str:
    """A sentence where the heatmap lies on the leads and yet avoids the waves that the guideline names in them."""
    within = found.set_index("score").loc["mass"]
    if main_score(guideline) == "mass" or within["high"] >= within["chance"]:
        return ""
    waves = listed(guideline.segments)
    return f" But in their {waves} lie only {percent(within['value'])}, less than the {percent(within['chance'])} by chance."


def likeness(rows: pd.DataFrame, whose: str = "") -> str:
    """In words: in how many records the heatmap, `whose` where there are several, is hardly the record's own."""
    like = int((rows["overlap"] >= LIKE_AVERAGE).sum())
    return (
        f"In {like:,} of {len(rows):,} records the heatmap{f' of {whose}' if whose else ''} hardly differs from the average one "
        f"({percent(LIKE_AVERAGE)} of it or more lies where the average's lies)."
    )


def example(rows: pd.DataFrame) -> str:
    """How often an inferior infarction looks like the authors' example."""
    there = rows["lead_mass"] >= EXAMPLE_SHARE
    return (
        f"The authors' example, an inferior infarction, has {percent(EXAMPLE_SHARE)} or more of the lead importance on II, "
        f"III and aVF: so have {int(there.sum())} of these {len(rows):,} records; the largest share is "
        f"{percent(rows['lead_mass'].max())}."
    )


def looking_elsewhere(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """Records of which the model is sure while its heatmap lies elsewhere, the furthest first."""
    sure = rows[rows["probability"] >= SURE].sort_values(score, kind="stable")
    by_lead = sure[CELLS].to_numpy(float).reshape(-1, len(LEADS), len(SEGMENTS)).sum(axis=2)
    order = np.argsort(-by_lead, axis=1, kind="stable")[:, :LEADS_NAMED]
    return pd.DataFrame(
        {
            "Record": sure["ecg_id"].to_numpy(),
            "Probability": sure["probability"].to_numpy(float).round(2),
            TITLES[score]: sure[score].to_numpy().round(2),
            "Looks at": [", ".join(LEADS[k] for k in row) for row in order],
            "Like the average": sure["overlap"].to_numpy().round(2),
            "Stated, %": sure["likelihood"].to_numpy(),
        }
    )


def difference(first: pd.DataFrame, second: pd.DataFrame, score: str) -> tuple[Interval, int]:
    """Mean `score` of the first heatmaps less that of the second over the records that both have, and their number."""
    both = first.merge(second, on=["ecg_id", "code"], suffixes=("", "_other"))
    return _mean_of((both[score] - both[f"{score}_other"]).to_numpy(float)), len(both)


def difference_words(names: Sequence[str], found: Interval, records: int, score: str) -> str:
    """In percentage points, since the verdicts beside it are in percent."""
    where = "on the leads" if score == "lead_mass" else "in the guideline's places"
    among = f"over {records:,} records of both"
    if found.low <= 0 <= found.high:
        ends = f"{_points(found.low)} to {_points(found.high)}"
        return f"{names[0]} and {names[1]} cannot be told apart: {_points(found.value)} ({ends}) percentage points {where}, {among}."
    size, low, high = (f"{abs(100 * share):.0f}" for share in (found.value, *sorted(found[1:], key=abs)))
    more = "more" if found.value > 0 else "less"
    return f"{names[0]} has {size} ({low} to {high}) percentage points {more} {where} than {names[1]}, {among}."


def overview(found: CohortAgreement, table: dict[str, Guideline]) -> pd.DataFrame:
    """Every diagnosis: code, title, records, score (its main one), value, low, high, chance, average, gain, gain_low, gain_high."""
    rows = summarise(found.rows, OVERVIEW_SAMPLES)
    main = rows[[score == main_score(table[code]) for code, score in zip(rows["code"], rows["score"], strict=True)]]
    main.insert(1, "title", [table[code].title for code in main["code"]])
    return main.reset_index(drop=True)


def overview_of_two(
    ours: pd.DataFrame, theirs: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame
) -> pd.DataFrame:
    """The diagnoses that both have: what the overview `ours` says of the rows `first`, `other_value` and so on what `theirs`
    says of `second`, and by how much the first gain more over their average heatmap than the second over theirs: more,
    more_low, more_high, of `both` records.
    """
    own = ["value", "low", "high", "gain", "gain_low", "gain_high"]
    found = ours.merge(theirs[["code", *own]].rename(columns={name: f"other_{name}" for name in own}), on="code")
    pairs = first.merge(second, on=["ecg_id", "code"], suffixes=("", "_other"))
    more, both = [], []
    for code, score in zip(found["code"], found["score"], strict=True):
        rows = pairs[pairs["code"] == code]
        gains, others = (rows[f"{score}{of}"] - rows[f"average_{score}{of}"] for of in ("", "_other"))
        more.append(_mean_of((gains - others).to_numpy(float), OVERVIEW_SAMPLES))
        both.append(len(rows))
    found[["more", "more_low", "more_high"]] = np.array(more, float).reshape(-1, 3)
    return found.assign(both=both)


def _mean_of(values: np.ndarray, samples: int = SAMPLES) -> Interval:
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    return bootstrap(lambda drawn: {"mean": values @ drawn / drawn.sum(axis=0)}, len(values), samples)["mean"]


def _points(share: float) -> str:
    return f"{round(100 * share):+d}".replace("-", "−")


def _place_words(guideline: Guideline) -> str:
    if len(guideline.leads) < len(LEADS):
        return listed(guideline.leads)
    return listed(guideline.segments)
