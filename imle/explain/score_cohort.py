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
from imle.explain.attribution import attribute_each, check_explains, labels_with
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
        """By label, (12, 6) each: the mean shares of a sample of all records, and of the surest.

        Labels whose heatmaps are found together are one step, over the records that any of them needs.
        """
        chosen = np.random.default_rng(seed).permutation(ids)[:AVERAGE_RECORDS]
        order = np.argsort(-p, axis=0, kind="stable")
        surest = {label: ids[order[:SUREST_RECORDS, k]] for k, label in enumerate(self.predictor.labels)}
        needed = {
            labels: reduce(np.union1d, [chosen, *(surest[label] for label in labels)])
            for labels in self.labels_together()
        }
        total, done = sum(map(len, needed.values())), 0
        averages, of_surest = {}, {}
        for labels, own in needed.items():
            make = partial(self._shares, own, labels, done, total, tell)
            for label, shares in steps.once("-".join(["means", *labels]), make).items():
                averages[label] = shares[np.isin(own, chosen)].mean(axis=0)
                of_surest[label] = shares[np.isin(own, surest[label])].mean(axis=0)
            done += len(own)
        return averages, of_surest

    def labels_together(self) -> list[tuple[str, ...]]:
        """The model's labels, those in one tuple whose heatmaps are found in the time of one."""
        return list(dict.fromkeys(labels_with(self.predictor, label, self.method) for label in self.predictor.labels))

    def _shares(
        self, ids: np.ndarray, labels: tuple[str, ...], done: int, total: int, tell: Tell
    ) -> dict[str, np.ndarray]:
        """By label, (n, 12, 6) shares of the records' heatmaps; `done` of `total` were averaged before."""
        found = {label: [] for label in labels}
        for first in range(0, len(ids), STEP):
            tell("averaging", done + first, total)
            some = ids[first : first + STEP]
            segments = self.segments(some)
            for label, heatmaps in self.heatmaps(some, labels).items():
                found[label] += map(lead_segment_shares, heatmaps, segments)
        return {label: np.stack(shares) for label, shares in found.items()}

    def score(self, cases: pd.DataFrame, table: dict[str, Guideline], averages: dict[str, np.ndarray]) -> pd.DataFrame:
        """The rows of `cases` with everything but their probability."""
        found = {}
        for labels in self.labels_together():
            own = cases[cases["label"].isin(labels)]
            if own.empty:
                continue
            ids = own["ecg_id"].unique()  # a record with several codes is explained once
            heatmaps, segments = self.heatmaps(ids, labels), self.segments(ids)
            place = {ecg_id: i for i, ecg_id in enumerate(ids)}
            for row, case in zip(own.index, own.itertuples(), strict=True):
                i = place[case.ecg_id]
                found[row] = _scores(heatmaps[case.label][i], segments[i], table[case.code], averages[case.label])
        return cases.join(pd.DataFrame.from_dict(found, orient="index"))

    def heatmaps(self, ids: np.ndarray, labels: Sequence[str]) -> dict[str, np.ndarray]:
        """By label, the records' heatmaps (n, 12, 1000)."""
        found = attribute_each(self.predictor, self.data.signals(ids), labels, self.method)
        return {label: relevance(attributions) for label, attributions in found.items()}

    def segments(self, ids: np.ndarray) -> list[np.ndarray]:
        """The wave segments of each record's samples, (1000,); kept, since to find a record's waves takes longest."""
        missing = np.array([ecg_id for ecg_id in ids if ecg_id not in self._segments], int)
        for ecg_id, signal_mv in zip(missing, self.data.signals(missing), strict=True):
            self._segments[ecg_id] = segments_of_signal(signal_mv)
        return [self._segments[ecg_id] for ecg_id in ids]


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
