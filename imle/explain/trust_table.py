"""How far a model's explanations can be trusted: every method by every measure, over records and simulated ECGs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from imle.errors import BadChoice
from imle.evaluation.bootstrap import SAMPLES, bootstrap
from imle.explain.agreement import lead_segment_shares, relevance, spread_over
from imle.explain.attribution import attribute, incompleteness, methods_of
from imle.explain.cohort_agreement import writable
from imle.explain.faithfulness import deletion_auc, insertion_auc, random_auc
from imle.explain.planted import planted_labels, planted_mass
from imle.explain.sanity import STEPS, cascade, similarity
from imle.explain.stability import under_noise, under_shift
from imle.inference import Predictor
from imle.measure.segments import segments_of_signal
from imle.model_folder import write_atomically
from imle.ptbxl import PtbXl

# Neither trained the model; no measure here chooses one.
FOLDS = (9, 10)
# Randomised models, each a model of its own to load, and simulated ECGs of each finding: a part of the records' number.
SANITY_SHARE, PLANTED_SHARE = 5, 10
# Records between two signs of progress.
AT_ONCE = 4
FEWEST_RECORDS = 5
# The row of what a heatmap without any preference gets, among those of the methods.
CHANCE = "chance"
# And of what the average record's attention gets, laid over each record's own waves: attention of nobody in particular.
AVERAGE = "average_attention"
EVERY = "all"

DEFINITIONS = {
    "deletion_auc": "mean probability of the label while the most relevant cells (a lead, 100 ms) are hidden first; lower is "
    "better",
    "insertion_auc": "mean probability of the label while the most relevant cells are shown first; higher is better; also "
    "that of deletion in the inverted order",
    "deletion_gain": "how far deletion_auc lies below that of random orders of the same record",
    "deletion_over_average": "how far deletion_auc lies below that of the average record's attention over the same waves",
    "insertion_gain": "how far insertion_auc lies above that of random orders of the same record",
    **{
        f"sanity_{step}": f"rank correlation with the heatmap of the model after step {step} of {STEPS} of cascading "
        "randomisation, from its last layer to all of them; near 0 at the end is right"
        for step in range(1, STEPS + 1)
    },
    "stability_noise": "rank correlation with the heatmap of the same record under noise of 0.02 mV; 1 is best",
    "stability_shift": "rank correlation with the heatmap of the same record shifted by 50 ms, shifted back; 1 is best",
    "planted_mass": "on simulated ECGs, share of what speaks for the label on the samples that the finding changed",
    "planted_gain": "how far planted_mass lies above those samples' share of the record",
    "completeness_error": "units of the logit by which integrated gradients miss what they should add up to; 0 is best",
}

Tell = Callable[[str, int, int], None]


def trust(
    predictor: Predictor,
    data: PtbXl,
    records: int = 100,
    seed: int = 0,
    tell: Tell = lambda what, done, total: None,
) -> pd.DataFrame:
    """A row a case, method and measure of DEFINITIONS: case, group, method, measure, value; NaN where undefined.

    A case is a record of FOLDS with one of its labels, or a simulated ECG; its group is the label, or the finding. There
    are `records` of the former, of each label as many, drawn by `seed`; the randomised models see a fifth of them, and a
    tenth of that number is simulated of each finding. BadChoice where no record has any of the labels.
    """
    drawn = draw_records(data, predictor.labels, records, seed)
    methods = methods_of(predictor)
    explained = _explain_all(predictor, data, drawn, methods, tell)
    few = {label: ids[: -(-records // (SANITY_SHARE * len(drawn)))] for label, ids in drawn.items()}
    values = [
        *_measure_records(predictor, data, drawn, explained, tell),
        *_measure_sanity(predictor, data, few, explained, tell),
        *_measure_planted(predictor, -(-records // PLANTED_SHARE), methods, tell),
    ]
    return pd.concat(values, ignore_index=True)


def draw_records(data: PtbXl, labels: tuple[str, ...], records: int, seed: int) -> dict[str, np.ndarray]:
    """By label, the ecg_ids of FOLDS that have it, at most its part of `records`; labels that no record has are left out."""
    ids = data.ids(FOLDS)
    truth, rng = data.labels_of(ids) > 0, np.random.default_rng(seed)
    parts = [len(part) for part in np.array_split(np.arange(records), len(labels))]
    chosen = {
        label: rng.permutation(ids[truth[:, data.task.labels.index(label)]])[:part]
        for label, part in zip(labels, parts, strict=True)
    }
    chosen = {label: own for label, own in chosen.items() if len(own)}
    if not chosen:
        raise BadChoice(f"no record of folds 9 and 10 of {data.title} has any of {', '.join(labels)}; give other data")
    return chosen


def summarise(values: pd.DataFrame, samples: int = SAMPLES) -> pd.DataFrame:
    """A row a method, measure and group: method, measure, group, value, low, high, records.

    The mean over the cases where the measure is defined, and its 95 % bootstrap interval over cases; methods are
    resampled together. Groups of fewer than FEWEST_RECORDS are left out; EVERY is all of them.
    """
    found = []
    for measure in DEFINITIONS:
        of_measure = values[values["measure"] == measure]
        for group, own in [(EVERY, of_measure), *of_measure.groupby("group", sort=False)]:
            table = own.pivot(index=["case", "group"], columns="method", values="value")
            if group == EVERY or len(table) >= FEWEST_RECORDS:
                found += _rows(table, measure, group, samples)
    order = {name: place for place, name in enumerate(dict.fromkeys(values["method"]))}
    return pd.DataFrame(found).sort_values(
        "method", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def write_trust(path: Path, rows: pd.DataFrame, about: dict) -> None:
    """The rows of `summarise` as .csv, or as .json with `about` and the definitions. BadChoice for another suffix."""
    check_suffix(path)
    if path.suffix == ".csv":
        text = rows.round(5).to_csv(index=False)
    else:
        kept = json.loads(rows.round(5).to_json(orient="records"))  # NaN becomes null
        text = json.dumps({**about, "definitions": DEFINITIONS, "rows": kept}, indent=1) + "\n"
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def check_suffix(path: Path) -> None:
    """BadChoice for a file that is neither .json nor .csv."""
    if path.suffix not in (".json", ".csv"):
        raise BadChoice(f"{path} is neither a .json nor a .csv file; give one of the two")


def _explain_all(predictor, data, drawn, methods, tell: Tell) -> dict[tuple[str, str], np.ndarray]:
    """By label and method, the attributions (n, 12, 1000) of the label's records."""
    found, done, total = {}, 0, len(methods) * sum(map(len, drawn.values()))
    for label, ids in drawn.items():
        for method in methods:
            parts = []
            for some in _some_at_once(ids):
                tell("explaining", done, total)
                parts.append(attribute(predictor, data.signals(some), label, method))
                done += len(some)
            found[label, method] = np.concatenate(parts)
    return found


def _measure_records(predictor, data, drawn, explained, tell: Tell) -> list[pd.DataFrame]:
    """Faithfulness, stability and completeness."""
    found, done, total = [], 0, sum(len(heatmaps) for heatmaps in explained.values())
    chance, by_average = {}, {}
    everybody = _average_attention(predictor, data, drawn) if predictor.has_attention else {}
    for (label, method), heatmaps in explained.items():
        ids = drawn[label]
        signals_mv = data.signals(ids)
        if label not in chance:
            tell("hiding", done, total)
            chance[label] = random_auc(predictor, signals_mv, label)
            for measure in ("deletion_auc", "insertion_auc"):
                found.append(_values(ids, label, CHANCE, measure, chance[label]))
            if everybody:
                control = np.stack([spread_over(everybody[label], segments_of_signal(one)) for one in signals_mv])
                hidden = _faithfulness((predictor, signals_mv, label), control, chance[label])
                by_average[label] = hidden["deletion_auc"]
                found += [_values(ids, label, AVERAGE, name, each) for name, each in hidden.items()]
        for some in _some_at_once(np.arange(len(ids))):
            tell("hiding", done, total)
            case = predictor, signals_mv[some], label
            measured = {
                **_faithfulness(case, heatmaps[some], chance[label][some]),
                "stability_noise": under_noise(*case, method, heatmaps[some]),
                "stability_shift": under_shift(*case, method, heatmaps[some]),
            }
            if everybody:
                measured["deletion_over_average"] = by_average[label][some] - measured["deletion_auc"]
            if method == "integrated_gradients":
                measured["completeness_error"] = incompleteness(*case, heatmaps[some])
            found += [_values(ids[some], label, method, name, each) for name, each in measured.items()]
            done += len(some)
    return found


def _faithfulness(case: tuple, heatmaps: np.ndarray, chance: np.ndarray) -> dict[str, np.ndarray]:
    """Both areas, and how far they are better than those of random orders, `chance`; case: predictor, signals, label."""
    deletion, insertion = (area(*case, heatmaps) for area in (deletion_auc, insertion_auc))
    return {
        "deletion_auc": deletion,
        "insertion_auc": insertion,
        "deletion_gain": chance - deletion,
        "insertion_gain": insertion - chance,
    }


def _average_attention(predictor, data, drawn) -> dict[str, np.ndarray]:
    """By label, the mean share (12, 6) of its attention by lead and wave segment over all records drawn."""
    signals_mv = data.signals(np.unique(np.concatenate(list(drawn.values()))))
    segments = [segments_of_signal(one) for one in signals_mv]

    def mean_shares(label: str) -> np.ndarray:
        heatmaps = relevance(attribute(predictor, signals_mv, label, "attention"))
        return np.mean([lead_segment_shares(*one) for one in zip(heatmaps, segments, strict=True)], axis=0)

    return {label: mean_shares(label) for label in drawn}


def _measure_sanity(predictor, data, drawn, explained, tell: Tell) -> list[pd.DataFrame]:
    found, done, total = [], 0, STEPS * len(explained)
    with TemporaryDirectory(prefix="imle-randomised-") as folder:
        for step, (_, randomised) in enumerate(cascade(predictor, Path(folder)), start=1):
            for (label, method), heatmaps in explained.items():
                tell("randomising", done, total)
                ids = drawn[label]
                same = similarity(randomised, data.signals(ids), label, method, heatmaps[: len(ids)])
                found.append(_values(ids, label, method, f"sanity_{step}", same))
                done += 1
    return found


def _measure_planted(predictor, count: int, methods, tell: Tell) -> list[pd.DataFrame]:
    found, findings = [], planted_labels(predictor)
    for done, finding in enumerate(findings):
        tell("simulating", done, len(findings))
        rows = planted_mass(predictor, finding, range(count), methods)
        for method, own in rows.groupby("method", sort=False):
            found.append(_values(own["seed"], finding, method, "planted_mass", own["mass"]))
            found.append(_values(own["seed"], finding, method, "planted_gain", own["mass"] - own["chance"]))
        once = rows.drop_duplicates("seed")
        found.append(_values(once["seed"], finding, CHANCE, "planted_mass", once["chance"]))
    return found


def _values(cases, group: str, method: str, measure: str, values) -> pd.DataFrame:
    about = {"group": group, "method": method, "measure": measure}
    return pd.DataFrame({"case": np.asarray(cases), **about, "value": np.asarray(values, float)})


def _some_at_once(items: np.ndarray) -> list[np.ndarray]:
    return [items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]


def _rows(table: pd.DataFrame, measure: str, group: str, samples: int) -> list[dict]:
    values = table.to_numpy()
    defined = np.isfinite(values)
    filled = np.where(defined, values, 0)

    def means(counts: np.ndarray) -> dict[str, np.ndarray]:
        totals, numbers = filled.T @ counts, defined.T.astype(float) @ counts
        found = np.divide(totals, numbers, out=np.full(totals.shape, np.nan), where=numbers > 0)
        return dict(zip(table.columns, found, strict=True))

    found = bootstrap(means, len(values), samples)
    return [
        {"method": name, "measure": measure, "group": group, **found[name]._asdict(), "records": int(number)}
        for name, number in zip(table.columns, defined.sum(axis=0), strict=True)
    ]
