"""What the compare page sets side by side: each shipped model on one fold, and tables of their figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imle.errors import Refusal, brief
from imle.evaluation.calibration import reliability, shares_if_calibrated
from imle.evaluation.curves import precision_recall_curve, roc_curve
from imle.evaluation.published_figures import PublishedGroup
from imle.evaluation.results import RESULTS, Result, read_result, read_truth, shipped
from imle.figures.compare import Series
from imle.labels import LABELS
from imle.tasks import AUTHORS_INFARCTION, INFARCTION, SUPERCLASS, Task

# A measure by label: where a report has it, before and after the label.
MEASURES = {
    "ROC-AUC": ("auc_by_label",),
    "Average precision": ("average_precision_by_label",),
    "Sensitivity": ("confusion", "sensitivity"),
    "Specificity": ("confusion", "specificity"),
    "F1": ("confusion", "f1"),
}
# Those that have no threshold; the others hold at each model's own, chosen on fold 9.
WITHOUT_THRESHOLD = ("ROC-AUC", "Average precision")
HEADLINES = {"macro_auc": "Macro ROC-AUC", "mean_accuracy": "Mean accuracy, %", "published_max_f1": "Max F1"}
# Where a report has each, and what it is called.
FURTHER = {
    ("metrics", "macro_ap"): "Macro average precision",
    ("metrics", "macro_f1"): "Macro F1 at thresholds",
    ("metrics", "brier"): "Brier score",
    ("metrics", "ece"): "Expected calibration error",
    ("perfectly_calibrated", "ece"): "The same, if perfectly calibrated",
}
GROUPS = {"sex": "Sex", "age": "Age, years", "device": "Device", "validated": "Validated by a human"}
FIGURE = ("value", "low", "high")
SPLITS = {INFARCTION: "PTB-XL's folds", AUTHORS_INFARCTION: "the authors' split"}
INFARCTION_FIGURES = ("Macro ROC-AUC", *INFARCTION.labels, "Mean accuracy, %")


class UnreadableResults(Refusal):
    """The results in assets/results cannot be read; the message says which file and what would be right."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A model on one fold of n records. report: what `imle evaluate` wrote. ids: (n,). y, p: (n, 5) truths, probabilities."""

    name: str
    series: Series
    report: dict
    ids: np.ndarray
    y: np.ndarray
    p: np.ndarray

    def threshold(self, label: str) -> float:
        """Its own threshold for `label`, chosen on fold 9; 0.5 where it has none."""
        return self.report.get("thresholds", {}).get(label, 0.5)

    def figure(self, *path: str) -> dict[str, float]:
        """value, low and high of the figure at `path` of the report; NaN where there is none."""
        found = self.report
        for key in path:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        return {key: _number(found.get(key)) for key in FIGURE}

    def of_label(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """(n,) truths and probabilities of one label."""
        k = LABELS.index(label)
        return self.y[:, k], self.p[:, k]


def read_infarction_results() -> tuple[Result, ...]:
    """The shipped results for telling infarctions apart, by PTB-XL's folds first. UnreadableResults."""
    return tuple(result for task in (INFARCTION, AUTHORS_INFARCTION) for result in _shipped_results(task))


def read_results() -> tuple[tuple[Result, ...], pd.DataFrame]:
    """The shipped results for the five superclasses, and the truth they are held against. UnreadableResults.

    The best macro ROC-AUC comes first, on the lowest fold that a model answered: fold 9 is the one that may choose.
    """
    with _told_as_unreadable("truth"):
        truth = read_truth()
    found = _shipped_results(SUPERCLASS)
    if not found:
        raise UnreadableResults(f"{RESULTS} has no results of a model; write some with imle evaluate --predictions")
    return tuple(sorted(found, key=_merit, reverse=True)), truth


def titles(results: Sequence[Result]) -> dict[str, str]:
    """What each result is called, by name: its network's title, where two are of one with what its own name adds to it."""
    often = Counter(result.title for result in results)
    return {
        result.name: f"{result.title} ({own})"
        if often[result.title] > 1 and (own := _own_name(result))
        else result.title
        for result in results
    }


def _own_name(result: Result) -> str:
    """`published order` for mousavi_published_order, a result of the network mousavi; empty for the network's own name."""
    network = next(iter(result.reports.values())).get("network", "")
    return result.name.removeprefix(network).strip("_").replace("_", " ")


def on_fold(results: Sequence[Result], truth: pd.DataFrame, fold: int) -> dict[str, Compared]:
    """The models that answered `fold`, by title, in the order of `results`; a model's place does not depend on the fold."""
    named = titles(results)
    return {
        named[result.name]: _compared(result, Series(named[result.name], place, unfinished(result)), truth, fold)
        for place, result in enumerate(results)
        if fold in result.reports
    }


def unfinished(result: Result) -> str:
    """`unfinished, 6 of 40 epochs` for a model whose training did not come to its end; empty for any other."""
    training = next(iter(result.reports.values())).get("training") or {}
    if training.get("finished") is not False:
        return ""
    return f"unfinished, {training.get('epochs_done', '?')} of {training.get('epochs', '?')} epochs"


def best_first(models: Iterable[Compared]) -> list[Compared]:
    """By macro ROC-AUC on the fold shown, which need not be the order on the fold that chose."""
    return sorted(models, key=lambda own: own.report["metrics"]["macro_auc"]["value"] or 0.0, reverse=True)


def records_read(figures: Mapping) -> str:
    """`PTB-XL, fold 10, n = 2,158`: the records that the figures of a report are of, whichever data set is in use.

    figures: a report, or a row of `infarction_rows`.
    """
    return f"{figures['data']}, fold {figures['fold']}, n = {figures['records']:,}"


def by_label(model: Compared, measure: str) -> pd.DataFrame:
    """A measure of MEASURES: a row a label, columns label, value, low, high."""
    where, *rest = MEASURES[measure]
    return pd.DataFrame([{"label": label, **model.figure(where, label, *rest)} for label in LABELS])


def chance(model: Compared, measure: str) -> dict[str, float]:
    """By label, what a model without knowledge reaches where that differs by label: of precision a label's share of the records."""
    return dict(zip(LABELS, model.y.mean(axis=0).tolist(), strict=True)) if measure == "Average precision" else {}


def curves(model: Compared, label: str) -> dict[str, pd.DataFrame]:
    """`roc`, `precision_recall` and `reliability` of one label; of each the first two columns are x and y."""
    y, p = model.of_label(label)
    bins = reliability(y, p).join(shares_if_calibrated(p))
    first = ["mean_probability", "true_share", "records"]
    return {
        "roc": roc_curve(y, p),
        "precision_recall": precision_recall_curve(y, p),
        "reliability": bins[[*first, *(column for column in bins if column not in first)]],
    }


def together(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Frames of several models as one, with the model's title as its first column: what a chart offers as CSV."""
    return pd.concat(frames, names=["model", None]).reset_index(level=0).reset_index(drop=True)


def headline_rows(models: dict[str, Compared], published: Sequence[PublishedGroup]) -> pd.DataFrame:
    """Our figures and the published ones: a row a model and metric, as CSV."""
    ours = [
        {"by": "this workbench", "model": own.series.caption, "metric": metric, **own.figure("metrics", metric),
         "records": own.report["records"], "note": f"{own.report['data']}, fold {own.report['fold']}"}
        for own in models.values() for metric in HEADLINES
    ]  # fmt: skip
    others = [
        {"by": group.title, "model": row.title, "metric": metric, "value": getattr(row, metric), "note": group.note}
        for group in published for row in group.models for metric in HEADLINES if getattr(row, metric) is not None
    ]  # fmt: skip
    return pd.DataFrame([*ours, *others])


def further_rows(models: dict[str, Compared]) -> pd.DataFrame:
    """The figures that nobody published: a row a figure and model, with the model's value, low and high.

    A figure that no report has, as those of old lack some, has no row.
    """
    rows = pd.DataFrame(
        [
            {"model": title, "group": "All records", "row": name, "records": own.report["records"]} | own.figure(*path)
            for path, name in FURTHER.items()
            for title, own in models.items()
        ]
    )
    return rows[rows.groupby("row")["value"].transform("count") > 0]


def infarction_rows(results: Sequence[Result], fold: int) -> pd.DataFrame:
    """Of the models that tell infarctions apart: a row a model and figure, with its split and number of records."""
    rows = []
    for result in results:
        report = result.reports.get(fold)
        if not report:
            continue
        found = {INFARCTION_FIGURES[0]: report["metrics"]["macro_auc"], **report["auc_by_label"]}
        found[INFARCTION_FIGURES[-1]] = report["metrics"]["mean_accuracy"]
        common = {"model": result.title, "split": SPLITS[result.task], "data": report["data"], "fold": fold,
                  "records": report["records"]}  # fmt: skip
        rows += [
            {**common, "metric": name, **{key: _number(own[key]) for key in FIGURE}} for name, own in found.items()
        ]
    return pd.DataFrame(rows, columns=["model", "split", "data", "fold", "records", "metric", *FIGURE])


def subgroup_rows(models: dict[str, Compared]) -> pd.DataFrame:
    """Macro ROC-AUC a subgroup: a row a model and subgroup, with the number of records."""
    rows = [
        {"model": title, "group": GROUPS.get(found["group"], found["group"]), "row": found["value"],
         "records": found["records"], **{key: _number(found["macro_auc"].get(key)) for key in FIGURE}}
        for title, own in models.items() for found in own.report.get("subgroups", [])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "group", "row", "records", *FIGURE])


def _shipped_results(task: Task) -> list[Result]:
    """Those of `task` that have a report. UnreadableResults."""
    found = []
    for name in shipped(task):
        with _told_as_unreadable(name):
            result = read_result(name)
            if result.reports and tuple(result.labels) == task.labels:
                found.append(result)
    return found


@contextmanager
def _told_as_unreadable(name: str) -> Iterator[None]:
    """Whatever a damaged file raises, as UnreadableResults."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableResults(
            f"the results of {name} in {RESULTS} cannot be read ({brief(error)}); "
            "write them again with imle evaluate --predictions"
        ) from None


def _merit(result: Result) -> float:
    return result.reports[min(result.reports)]["metrics"]["macro_auc"]["value"] or 0.0


def _compared(result: Result, series: Series, truth: pd.DataFrame, fold: int) -> Compared:
    answers = result.of_fold(fold)
    y = truth.loc[answers.index, list(LABELS)].to_numpy()
    return Compared(result.name, series, result.reports[fold], answers.index.to_numpy(), y, answers.to_numpy())


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
