"""One model's heatmaps over a cohort, by one method, held against the guidelines: a row a record and diagnosis.

Three passes: what the model answers; the average heatmap of each label, over a sample of all records, and that of the
records surest to have the label; then every record with a diagnosis of the table, scored by its own heatmap and by the
average one. A run that is stopped leaves its steps in a folder beside its file, from which the next one goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial, reduce
from pathlib import Path

import numpy as np
import pandas as pd

from imle.errors import BadChoice
from imle.evaluation.subgroups import attributes_of
from imle.explain.agreement import SCORES, area, lead_segment_shares, overlap, relevance, spread_over
from imle.explain.attribution import ATTENTION, attribute, check_explains
from imle.explain.cohort_agreement import CELLS, LEAD_MASS, CohortAgreement, write_agreement
from imle.explain.guidelines import Guideline
from imle.explain.steps import Steps
from imle.inference import Predictor
from imle.leads import LEADS
from imle.measure.segments import segments_of_signal
from imle.model_folder import model_digest
from imle.ptbxl import PtbXl

STEP = 32
# Enough for a mean of shares; all records would cost as much again for each label.
AVERAGE_RECORDS = 400
# The records whose mean heatmap is a class's own (Strodthoff et al. 2021, doi:10.1109/JBHI.2020.3022989).
SUREST_RECORDS = 100

# What a cohort can be told apart by later on.
WHO = ("sex", "age_band", "validated")

Tell = Callable[[str, int, int], None]


def score_cohort(
    predictor: Predictor,
    data: PtbXl,
    folds: Sequence[int],
    method: str,
    table: dict[str, Guideline],
    out: Path,
    records: int | None = None,
    seed: int = 0,
    tell: Tell = lambda what, done, total: None,
) -> CohortAgreement:
    """Score the records of `folds` whose codes the table has, and write it all into the Parquet file `out`.

    records: of each diagnosis at most so many, drawn by `seed`; all where None. A diagnosis that names every place is
    left out. BadChoice where there is nothing to score, `out` cannot be written or its folder of steps is of another run.
    """
    check_explains(predictor, method)
    ids = data.ids(folds)
    cases = diagnoses(data, ids, predictor.labels, table, records, seed)
    if cases.empty:
        named = ", ".join(map(str, folds))
        raise BadChoice(f"no record of fold {named} has a diagnosis that {predictor.name} tells; choose another fold")
    about = {
        "model": predictor.name, "network": predictor.card.network, "engine": predictor.engine, "method": method,
        "data": data.title, "folds": list(folds), "records": records, "seed": seed,
        "weights": model_digest(predictor.folder), "guidelines": _digest(table),
    }  # fmt: skip
    steps = Steps(Path(out), about)
    cohort = _Cohort(predictor, data, method)
    p = steps.once("probabilities", lambda: {"p": cohort.probabilities(ids, tell)})["p"]
    averages, surest = cohort.means(ids, p, seed, steps, tell)
    scored = []
    for first in range(0, len(cases), STEP):
        tell("scoring", first, len(cases))
        step = cases.iloc[first : first + STEP]
        scored.append(steps.frame(f"rows-{first:06d}", lambda step=step: cohort.score(step, table, averages)))
    tell("scoring", len(cases), len(cases))
    rows = _with_probability(pd.concat(scored, ignore_index=True), pd.DataFrame(p, ids, list(predictor.labels)))
    rows = rows.join(attributes_of(data, ids)[list(WHO)], on="ecg_id")
    found = CohortAgreement(rows, averages, surest, about)
    write_agreement(Path(out), found)
    steps.discard()
    return found


def diagnoses(
    data: PtbXl, ids: np.ndarray, labels: Sequence[str], table: dict[str, Guideline], records: int | None, seed: int
) -> pd.DataFrame:
    """ecg_id, fold, code, likelihood (%), label: a row for each code that a record of `ids` has, the table places and
    `labels` tell.

    The label is the code itself where the model tells that, else its superclass. A code that is a label counts only in
    the records that the task gives this label: an infarction stated at 15 % beside another is none of the task's.
    """
    codes = data.catalogue.loc[ids, "scp_codes"]
    told = [{label for label, has in zip(data.task.labels, row, strict=True) if has} for row in data.labels_of(ids)]
    found = [
        (ecg_id, fold, code, likelihood, code if code in labels else table[code].superclass)
        for ecg_id, fold, own, own_labels in zip(ids, data.folds_of(ids), codes, told, strict=True)
        for code, likelihood in own.items()
        if code in table and not table[code].is_everywhere
        and (code in own_labels if code in labels else table[code].superclass in labels)
    ]  # fmt: skip
    cases = pd.DataFrame(found, columns=["ecg_id", "fold", "code", "likelihood", "label"])
    if records is not None:
        shuffled = cases.sample(frac=1, random_state=seed)
        cases = shuffled[shuffled.groupby("code").cumcount() < records].sort_index()
    return cases.reset_index(drop=True)


def _with_probability(rows: pd.DataFrame, probabilities: pd.DataFrame) -> pd.DataFrame:
    """`rows` with the probability of each one's label, from those of all records by ecg_id."""
    found = [probabilities.at[ecg_id, label] for ecg_id, label in zip(rows["ecg_id"], rows["label"], strict=True)]
    return rows.assign(probability=np.array(found, np.float32))


class _Cohort:
    """The records of one data set under one model and method."""

    def __init__(self, predictor: Predictor, data: PtbXl, method: str):
        self.predictor, self.data, self.method = predictor, data, method
        self._segments: dict[int, np.ndarray] = {}

    def probabilities(self, ids: np.ndarray, tell: Tell) -> np.ndarray:
        """(n, labels) float32."""
        found = []
        for first in range(0, len(ids), 8 * STEP):
            tell("predicting", first, len(ids))
            found.append(self.predictor.predict(self.data.signals(ids[first : first + 8 * STEP])))
        return np.concatenate(found)

    def means(
        self, ids: np.ndarray, p: np.ndarray, seed: int, steps: Steps, tell: Tell
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """By label, (12, 6) each: the mean shares of a sample of all records, and of the surest. A step a heatmap."""
        chosen = np.random.default_rng(seed).permutation(ids)[:AVERAGE_RECORDS]
        order = np.argsort(-p, axis=0, kind="stable")
        surest = {label: ids[order[:SUREST_RECORDS, k]] for k, label in enumerate(self.predictor.labels)}
        groups = [
            (labels, reduce(np.union1d, [chosen, *(surest[label] for label in labels)]))
            for labels in self._labels_by_heatmap()
        ]
        total, done = sum(len(both) for _, both in groups), 0
        averages, of_surest = {}, {}
        for labels, both in groups:
            make = partial(self._shares, both, labels[0], done, total, tell)
            found = steps.once("-".join(["shares", *labels]), make)["shares"]
            for label in labels:
                averages[label] = found[np.isin(both, chosen)].mean(axis=0)
                of_surest[label] = found[np.isin(both, surest[label])].mean(axis=0)
            done += len(both)
        return averages, of_surest

    def _labels_by_heatmap(self) -> list[Sequence[str]]:
        """The labels that share a heatmap: all where the model's attention is the same for each, else each its own."""
        labels = self.predictor.labels
        same = self.method == ATTENTION and not self.predictor.attended_labels
        return [labels] if same else [[label] for label in labels]

    def _shares(self, ids: np.ndarray, label: str, done: int, total: int, tell: Tell) -> dict[str, np.ndarray]:
        """`shares` (n, 12, 6) of the records' heatmaps; `done` of `total` were averaged before."""
        found = []
        for first in range(0, len(ids), STEP):
            tell("averaging", done + first, total)
            found += [lead_segment_shares(*one) for one in self.heatmaps(ids[first : first + STEP], label)]
        return {"shares": np.stack(found)}

    def score(self, cases: pd.DataFrame, table: dict[str, Guideline], averages: dict[str, np.ndarray]) -> pd.DataFrame:
        """The rows of `cases` with everything but their probability."""
        found = {}
        for labels in self._labels_by_heatmap():
            own = cases[cases["label"].isin(labels)]
            if own.empty:
                continue
            ids = own["ecg_id"].unique()  # a record with two codes of one label has one heatmap for both
            heatmaps = dict(zip(ids, self.heatmaps(ids, labels[0]), strict=True))
            for row, case in zip(own.index, own.itertuples(), strict=True):
                found[row] = _scores(*heatmaps[case.ecg_id], table[case.code], averages[case.label])
        return cases.join(pd.DataFrame.from_dict(found, orient="index"))

    def heatmaps(self, ids: np.ndarray, label: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each record's heatmap for `label` (12, 1000), and the wave segments of its samples (1000,)."""
        signals_mv = self.data.signals(ids)
        heatmaps = relevance(attribute(self.predictor, signals_mv, label, self.method))
        for ecg_id, signal in zip(ids, signals_mv, strict=True):
            if ecg_id not in self._segments:  # a record has several labels, and finding its waves takes longest
                self._segments[ecg_id] = segments_of_signal(signal)
        return [(heatmap, self._segments[ecg_id]) for heatmap, ecg_id in zip(heatmaps, ids, strict=True)]


def _scores(heatmap: np.ndarray, segments: np.ndarray, guideline: Guideline, average: np.ndarray) -> dict[str, float]:
    mask = guideline.mask(segments)
    leads = np.isin(LEADS, guideline.leads)
    of_average = spread_over(average, segments)
    shares = lead_segment_shares(heatmap, segments)
    return {
        "chance": area(mask),
        "lead_chance": float(leads.mean()),
        **{name: score(heatmap, mask) for name, score in SCORES.items()},
        LEAD_MASS: float(heatmap[leads].sum()),
        **{f"average_{name}": score(of_average, mask) for name, score in SCORES.items()},
        f"average_{LEAD_MASS}": float(of_average[leads].sum()),
        "overlap": overlap(shares, average),
        **dict(zip(CELLS, shares.ravel().astype(np.float32), strict=True)),
    }


def _digest(table: dict[str, Guideline]) -> str:
    """Another text as soon as a place changes."""
    places = {code: guideline.cells.astype(int).tolist() for code, guideline in table.items()}
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]
