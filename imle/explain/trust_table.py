"""How far a model's explanations can be trusted: every method by every measure, over records and simulated ECGs.

A run that is stopped leaves its steps in a folder beside its file, from which the next one goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from imle.errors import BadChoice
from imle.evaluation.bootstrap import SAMPLES, over_records_and_repeats
from imle.explain.agreement import lead_segment_shares, relevance, spread_over
from imle.explain.attribution import attribute, check_explains, incompleteness, methods_of
from imle.explain.cohort_agreement import writable
from imle.explain.faithfulness import deletion_auc, insertion_auc, random_auc
from imle.explain.planted import planted_labels, planted_mass
from imle.explain.sanity import DRAWS, STEPS, cascade, drawn_anew, similarity
from imle.explain.stability import under_noise, under_shift
from imle.explain.steps import Steps
from imle.inference import Predictor
from imle.measure.segments import segments_of_signal
from imle.model_folder import model_digest, write_atomically
from imle.ptbxl import PtbXl

# Neither trained the model. The method that is offered first was chosen by these figures, which flatter it.
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
# What can be measured without the rest: hiding and stability on the records, weights drawn anew step by step, drawn anew all at
# once, and simulated ECGs.
PARTS = ("records", "cascade", "sanity", "planted")

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
        "randomisation, from its last layer on; of one draw of random weights, which the interval leaves out"
        for step in range(1, STEPS)
    },
    "sanity": f"rank correlation with the heatmap of the model with all weights drawn anew, mean over {DRAWS} draws (interval: "
    "over records and draws); near 0 is right",
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
    out: Path,
    records: int = 100,
    seed: int = 0,
    methods: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
    tell: Tell = lambda what, done, total: None,
) -> pd.DataFrame:
    """Measure `methods`, or all that explain the model, and write the rows of `summarise` into `out`, .json or .csv.

    parts: those of PARTS to measure, all unless given.

    There are `records` of FOLDS, of each label as many, drawn by `seed`; the randomised models see a fifth of them, and a
    tenth of that number is simulated of each finding. BadChoice where no record has any of the labels, a method does not
    explain the model, there is no such part, `out` cannot be written or its folder of steps is of another run.
    """
    check_suffix(out)
    parts = checked_parts(parts)
    methods = list(methods or methods_of(predictor))
    for method in methods:
        check_explains(predictor, method)
    drawn = draw_records(data, predictor.labels, records, seed)
    about = {
        "model": predictor.name, "engine": predictor.engine, "data": data.title, "records": records,
        "weights": model_digest(predictor.folder), "parts": parts, "draws": DRAWS,
    }  # fmt: skip
    steps = Steps(out, {**about, "seed": seed, "methods": methods})
    rows = summarise(measure(predictor, data, drawn, records, methods, steps, tell, parts))
    write_trust(out, rows, about)
    steps.discard()
    return rows


def measure(
    predictor: Predictor,
    data: PtbXl,
    drawn: dict[str, np.ndarray],
    records: int,
    methods: Sequence[str],
    steps: Steps,
    tell: Tell,
    parts: Sequence[str] = PARTS,
) -> pd.DataFrame:
    """A row a case, method, measure of DEFINITIONS and draw of random weights: case, group, method, measure, draw, value.

    A case is a record with one of its labels, or a simulated ECG; its group is the label, or the finding. The value is NaN
    where it is undefined. What `steps` holds is not measured again.
    """
    few = {label: ids[: -(-records // (SANITY_SHARE * len(drawn)))] for label, ids in drawn.items()}
    seen = drawn if "records" in parts else few
    explained = _explain_all(predictor, data, seen, methods, steps, tell) if {*parts} - {"planted"} else {}
    by_part = {
        "records": lambda: _measure_records(predictor, data, drawn, explained, steps, tell),
        "cascade": lambda: _measure_cascade(predictor, data, few, explained, steps, tell),
        "sanity": lambda: _measure_sanity(predictor, data, few, explained, steps, tell),
        "planted": lambda: _measure_planted(predictor, -(-records // PLANTED_SHARE), methods, steps, tell),
    }
    return pd.concat([values for part in parts for values in by_part[part]()], ignore_index=True)


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

    The mean over the cases, and draws of random weights, where the measure is defined, and its 95 % bootstrap interval over
    both; methods are resampled together. Groups of fewer than FEWEST_RECORDS are left out; EVERY is all of them.
    """
    found = []
    for measure in (name for name in DEFINITIONS if name in set(values["measure"])):
        of_measure = values[values["measure"] == measure]
        for group, own in [(EVERY, of_measure), *of_measure.groupby("group", sort=False)]:
            table = own.pivot(index=["case", "group"], columns=["method", "draw"], values="value")
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
        defined = {name: words for name, words in DEFINITIONS.items() if name in set(rows["measure"])}
        text = json.dumps({**about, "definitions": defined, "rows": kept}, indent=1) + "\n"
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def checked_parts(parts: Sequence[str] | None) -> list[str]:
    """Those of PARTS, in their order; all where none is given. BadChoice for a part that there is not."""
    unknown = [part for part in parts or () if part not in PARTS]
    if unknown:
        raise BadChoice(f"there is no part {unknown[0]!r}; choose one of {', '.join(PARTS)}")
    return [part for part in PARTS if part in (parts or PARTS)]


def check_suffix(path: Path) -> None:
    """BadChoice for a file that is neither .json nor .csv."""
    if path.suffix not in (".json", ".csv"):
        raise BadChoice(f"{path} is neither a .json nor a .csv file; give one of the two")


def _explain_all(predictor, data, drawn, methods, steps: Steps, tell: Tell) -> dict[tuple[str, str], np.ndarray]:
    """By label and method, the attributions (n, 12, 1000) of the label's records."""
    found, done, total = {}, 0, len(methods) * sum(map(len, drawn.values()))

    def explain(label: str, method: str) -> dict[str, np.ndarray]:
        parts = []
        for some in _some_at_once(drawn[label]):
            tell("explaining", done + sum(map(len, parts)), total)
            parts.append(attribute(predictor, data.signals(some), label, method))
        return {"heatmaps": np.concatenate(parts)}

    for label, method in product(drawn, methods):
        found[label, method] = steps.once(f"heatmaps-{label}-{method}", partial(explain, label, method))["heatmaps"]
        done += len(drawn[label])
    return found


def _measure_records(predictor, data, drawn, explained, steps: Steps, tell: Tell) -> list[pd.DataFrame]:
    """Faithfulness, stability and completeness."""
    found, done, total = [], 0, sum(len(heatmaps) for heatmaps in explained.values())
    everybody = {}
    if predictor.has_attention:
        everybody = steps.once("average_attention", lambda: _average_attention(predictor, data, drawn))
    for label, ids in drawn.items():
        case = predictor, data.signals(ids), label
        tell("hiding", done, total)
        control = steps.once(f"control-{label}", partial(_control, case, everybody.get(label)))
        for method, name in product(
            (CHANCE, AVERAGE), ("deletion_auc", "insertion_auc", "deletion_gain", "insertion_gain")
        ):
            if f"{method} {name}" in control:
                found.append(_values(ids, label, method, name, control[f"{method} {name}"]))
        for method in [method for whose, method in explained if whose == label]:
            own = partial(_measure_method, case, ids, method, explained[label, method], control, done, total, tell)
            found.append(steps.frame(f"records-{label}-{method}", own))
            done += len(ids)
    return found


def _control(case: tuple, everybody: np.ndarray | None) -> dict[str, np.ndarray]:
    """By `method measure`, what random orders get on the records, and the average attention where there is one."""
    _, signals_mv, _ = case
    chance = random_auc(*case)
    found = {f"{CHANCE} {measure}": chance for measure in ("deletion_auc", "insertion_auc")}
    if everybody is None:
        return found
    heatmaps = np.stack([spread_over(everybody, segments_of_signal(one)) for one in signals_mv])
    hidden = _faithfulness(case, heatmaps, chance)
    return found | {f"{AVERAGE} {measure}": each for measure, each in hidden.items()}


def _measure_method(case, ids, method: str, heatmaps, control, done: int, total: int, tell: Tell) -> pd.DataFrame:
    """One method's rows on the records of one label; `control` is what `_control` found."""
    predictor, signals_mv, label = case
    found = []
    for some in _some_at_once(np.arange(len(ids))):
        tell("hiding", done + int(some[0]), total)
        few = predictor, signals_mv[some], label
        measured = {
            **_faithfulness(few, heatmaps[some], control[f"{CHANCE} deletion_auc"][some]),
            "stability_noise": under_noise(*few, method, heatmaps[some]),
            "stability_shift": under_shift(*few, method, heatmaps[some]),
        }
        if f"{AVERAGE} deletion_auc" in control:
            measured["deletion_over_average"] = control[f"{AVERAGE} deletion_auc"][some] - measured["deletion_auc"]
        if method == "integrated_gradients":
            measured["completeness_error"] = incompleteness(*few, heatmaps[some])
        found += [_values(ids[some], label, method, name, each) for name, each in measured.items()]
    return pd.concat(found, ignore_index=True)


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


def _measure_cascade(predictor, data, drawn, explained, steps: Steps, tell: Tell) -> list[pd.DataFrame]:
    """All steps but the last, whose model is the first that `_measure_sanity` looks at, and which is not made here."""

    def compare(step: int, randomised: Predictor) -> pd.DataFrame:
        found = []
        for done, (label, method) in enumerate(explained, start=(step - 1) * len(explained)):
            tell("randomising", done, (STEPS - 1) * len(explained))
            same = _similarity(randomised, data, drawn[label], label, method, explained)
            found.append(_values(drawn[label], label, method, f"sanity_{step}", same))
        return pd.concat(found, ignore_index=True)

    with TemporaryDirectory(prefix="imle-randomised-") as folder:
        return [
            steps.frame(f"cascade-{step}", partial(compare, step, randomised))
            for step, (share, randomised) in enumerate(islice(cascade(predictor, Path(folder)), STEPS - 1), start=1)
            if share < 1  # a small network has fewer steps
        ]


def _measure_sanity(predictor, data, drawn, explained, steps: Steps, tell: Tell) -> list[pd.DataFrame]:
    """Each draw of random weights by each method; a draw's model is made where it is needed."""
    found = []

    def compare(draw: int, anew: Callable[[], Predictor], label: str, method: str) -> pd.DataFrame:
        tell("drawing weights anew", len(found), DRAWS * len(explained))
        same = _similarity(anew(), data, drawn[label], label, method, explained)
        return _values(drawn[label], label, method, "sanity", same, draw)

    for draw in range(DRAWS):
        with TemporaryDirectory(prefix="imle-randomised-") as folder:
            anew = cache(partial(drawn_anew, predictor, Path(folder), draw))
            for label, method in explained:
                own = partial(compare, draw, anew, label, method)
                found.append(steps.frame(f"sanity-{draw}-{label}-{method}", own))
    return found


def _similarity(randomised: Predictor, data, ids: np.ndarray, label: str, method: str, explained) -> np.ndarray:
    """(n,) of the records `ids`, the first of those whose heatmaps `explained` has."""
    return similarity(randomised, data.signals(ids), label, method, explained[label, method][: len(ids)])


def _measure_planted(predictor, count: int, methods, steps: Steps, tell: Tell) -> list[pd.DataFrame]:
    findings = list(planted_labels(predictor))

    def plant(finding: str) -> pd.DataFrame:
        tell("simulating", findings.index(finding), len(findings))
        found, rows = [], planted_mass(predictor, finding, range(count), methods)
        for method, own in rows.groupby("method", sort=False):
            found.append(_values(own["seed"], finding, method, "planted_mass", own["mass"]))
            found.append(_values(own["seed"], finding, method, "planted_gain", own["mass"] - own["chance"]))
        once = rows.drop_duplicates("seed")
        found.append(_values(once["seed"], finding, CHANCE, "planted_mass", once["chance"]))
        return pd.concat(found, ignore_index=True)

    return [steps.frame(f"planted-{finding}", partial(plant, finding)) for finding in findings]


def _values(cases, group: str, method: str, measure: str, values, draw: int = 0) -> pd.DataFrame:
    about = {"group": group, "method": method, "measure": measure, "draw": draw}
    return pd.DataFrame({"case": np.asarray(cases), **about, "value": np.asarray(values, float)})


def _some_at_once(items: np.ndarray) -> list[np.ndarray]:
    return [items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]


def _rows(table: pd.DataFrame, measure: str, group: str, samples: int) -> list[dict]:
    """table: a row a case, columns by method and draw."""
    methods = list(table.columns.unique("method"))
    values = np.stack([table[method].to_numpy() for method in methods], axis=-1)
    numbers = np.isfinite(values).any(axis=1).sum(axis=0)
    return [
        {"method": name, "measure": measure, "group": group, **found._asdict(), "records": int(number)}
        for name, found, number in zip(methods, over_records_and_repeats(values, samples), numbers, strict=True)
    ]
