"""The README.md of a model folder, written from the model's card and the reports that `imle evaluate` made of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from imle.errors import BadChoice
from imle.evaluation.bootstrap import Interval
from imle.evaluation.calibration import PERFECT_DRAWS
from imle.labels import LABEL_TITLES
from imle.model_folder import KERAS_FILE, OPENVINO_FILE, Card, NotAModel, read_card, write_atomically
from imle.ptbxl.dataset import SELECT_FOLD
from imle.tasks import task

README = "README.md"
PERCENT = ("mean_accuracy",)
# Temperatures so near to 1 are within what another draw of the fold would fit: 1.01 was seen with 0.97 to 1.05.
HARDLY = 0.05
METRIC_TITLES = {
    "macro_auc": "macro ROC-AUC",
    "macro_ap": "macro average precision",
    "mean_accuracy": "mean accuracy at 0.5, %",
    "published_max_f1": "max F1 (the authors')",
    "macro_f1": "macro F1 at the thresholds",
    "brier": "Brier score",
    "ece": "expected calibration error",
}
GROUP_TITLES = {"sex": "sex", "age": "age", "device": "device", "validated": "validated by a human"}
LIMITS = """\
- One database of one country, recorded with one maker's devices between 1989 and 1996. Elsewhere, and on other devices,
  filters and electrode placements, expect less.
- The labels are what the reports state; no imaging or laboratory finding stands behind them. What the readers
  overlooked or were used to call something, the model learned to.
- Resting 12-lead ECGs of 10 s, of which it sees what 100 Hz holds. No rhythm diagnosis, no pacemaker spikes, no urgency.
- {limits}
- Thresholds maximise F1 on one fold with its share of each label; another population wants other ones.
- {heatmaps}"""
IF_CALIBRATED = (
    "A calibration error is above 0 for a perfectly calibrated model too: the column says what one of these probabilities would "
    f"have on as many records (labels drawn as often true as it says, {PERFECT_DRAWS} times; in brackets 95 % of the draws)."
)
OF_ATTENTION = "A heatmap says where the model looked, not that it was right to."
TAUGHT_ATTENTION = (
    "Its attention was trained towards the guidelines' leads: agreement with them is no evidence of what it found by "
    "itself."
)
WITHOUT_ATTENTION = (
    "It has no attention: a heatmap of it is an attribution, which estimates what its answer rests on, not whether that "
    "is right."
)


@dataclass(frozen=True)
class Kept:
    """What a model's files say that its card does not: whether it has attention, and its weights' type."""

    attention: bool = True
    weights: str = "float32"


AS_USUAL = Kept()
# A figure that reports of old lack.
UNTOLD = dict.fromkeys(Interval._fields)


def write_model_card(folder: Path, results: Path, like: Mapping | None = None) -> None:
    """Write README.md into the model `folder` from the reports of that model in the folder `results`.

    like: a report, of whose data set, task and engine all must be. BadChoice where there is none at the card's temperature
    and thresholds.
    """
    folder = Path(folder)
    reports = reports_of(folder, results, like)
    write_atomically(folder / README, model_card(folder.name, read_card(folder), reports, kept(folder)))


def kept(folder: Path) -> Kept:
    """Read from the Keras file in `folder`; where there is none, from the OpenVINO form, which tells of attention alone.

    NotAModel where the file is damaged.
    """
    path = Path(folder) / KERAS_FILE
    if not path.is_file():
        form = Path(folder) / OPENVINO_FILE
        return Kept(attention=form.is_file() and 'output_names="channel"' in form.read_text())
    try:
        with zipfile.ZipFile(path) as file:
            outputs = json.loads(file.read("config.json"))["config"]["output_layers"]
            weights = io.BytesIO(file.read("model.weights.h5"))
        with h5py.File(weights) as stored:
            half = stored.visititems(lambda _, item: getattr(item, "dtype", None) == "float16" or None)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise NotAModel(f"{path} cannot be read ({error}); copy the model folder again") from None
    return Kept("channel" in outputs, "float16" if half else "float32")


def reports_of(folder: Path, results: Path, like: Mapping | None = None) -> dict[int, dict]:
    """By fold, the reports in the folder `results` on the model in `folder` at its temperature and thresholds of today.

    like: as for `write_model_card`. Of several on one fold, the one with the fewest views a record: nearest to how the model is used.
    """
    card, name = read_card(folder), Path(folder).name
    found = [report for path in sorted(Path(results).glob("*.json")) if (report := _report(path, name, card))]
    found = [
        report for report in found if all(report[key] == (like or report)[key] for key in ("data", "task", "engine"))
    ]
    if not found:
        raise BadChoice(f"{results} has no report on {name} as it is now; evaluate it again before its card is written")
    # Of a fold's reports the last one stays.
    return {report["fold"]: report for report in sorted(found, key=lambda report: (report["fold"], -_views(report)))}


def model_card(name: str, card: Card, reports: dict[int, dict], own: Kept = AS_USUAL) -> str:
    """The text of the README of model `name`, its figures those of `reports` by fold."""
    last = reports[max(reports)]
    parts = [
        f"# {last['title']} (`{name}`)\n\nResearch use only; not a medical device.",
        _model(card, last),
        _protocol(card, last, own),
        _figures(reports),
        _by_label(last),
        _calibration(card, reports),
        _subgroups(last),
        f"## Limits\n\n{LIMITS.format(limits=task(card.task).limits, heatmaps=_heatmaps(card, own))}",
        "Written by `imle evaluate --card` from the model's card and its reports; edit those, not this page.",
    ]
    return "\n\n".join(parts) + "\n"


def lower_subgroups(report: dict) -> list[dict]:
    """The subgroups whose interval of macro ROC-AUC lies wholly below the figure over all records."""
    overall = report["metrics"]["macro_auc"]["value"]
    return [
        own
        for own in report["subgroups"]
        if own["macro_auc"]["high"] is not None and own["macro_auc"]["high"] < overall
    ]


def _report(path: Path, name: str, card: Card) -> dict | None:
    """The report in this file where it is one on this model as it is; else None."""
    try:
        report = json.loads(path.read_text())
    except ValueError:
        return None
    expected = {"model": name, "temperature": card.temperature, "thresholds": card.threshold_of}
    is_report = isinstance(report, dict) and report.keys() >= {"metrics", "fold", "data", "task", "engine"}
    return report if is_report and all(report.get(key) == value for key, value in expected.items()) else None


def _model(card: Card, report: dict) -> str:
    labels = ", ".join(f"{label} ({LABEL_TITLES.get(label, label)})" for label in card.labels)
    return (
        f"Network `{card.network}` ({report['source']}). It takes 10 s of a 12-lead ECG at 100 Hz in millivolts and gives a "
        f"probability each of {labels}; {task(card.task).link.records_have}. The figures are those of the "
        f"{report['engine']} engine on {report['data']}."
    )


def _heatmaps(card: Card, own: Kept) -> str:
    """What a heatmap of the model does not tell, as items of a list."""
    if not own.attention:
        return WITHOUT_ATTENTION
    return "\n- ".join([OF_ATTENTION, TAUGHT_ATTENTION] if card.recipe.get("guideline_share") else [OF_ATTENTION])


def _protocol(card: Card, report: dict, own: Kept) -> str:
    lines = ["## Data and protocol", ""]
    if "train_folds" in card.data:
        folds = ", ".join(map(str, card.data["train_folds"]))
        lines.append(f"- Trained on {card.data['train_records']:,} records of {card.data['title']}, folds {folds}.")
        if "started_from" in card.data:
            lines.append(f"- Started from the weights of `{card.data['started_from']}`, not from random ones.")
    else:
        lines.append(f"- Not trained here: {', '.join(map(str, card.data.values())) or 'of unknown origin'}.")
    training = report["training"]
    if training["epochs"] is not None:
        lines.append(
            f"- Epoch {training['best_epoch']} of {training['epochs']} was the best on fold {SELECT_FOLD}; "
            f"seed {training['seed']}; code of commit {card.commit or 'unknown'}."
        )
        if training["finished"] is False:
            lines.append(
                f"- **The run was not finished: {training['epochs_done']} of {training['epochs']} epochs were done.** "
                "Its figures say little of the network."
            )
        lines.append("- Recipe: " + ", ".join(f"{key} {value}" for key, value in card.recipe.items()) + ".")
    lines += [
        f"- Temperature and thresholds were fitted on fold {SELECT_FOLD}, so that the figures of that fold flatter; fold 10 "
        "was used for no choice here.",
        f"- {task(card.task).protocol}",
    ]
    if own.weights == "float16":
        # Of these weights are only reports that say so: halving keeps those made before it.
        whose = "these" if report.get("weights_type") == "float16" else "the full weights, from before they were halved"
        lines.append(f"- The weights are kept as float16, in half the room; the figures are those of {whose}.")
    return "\n".join(lines)


def _figures(reports: dict[int, dict]) -> str:
    heads = [f"fold {fold} (n = {report['records']:,}{_many_views(report)})" for fold, report in reports.items()]
    rows = [
        [title, *(_shown(report["metrics"][name], 100 if name in PERCENT else 1) for report in reports.values())]
        for name, title in METRIC_TITLES.items()
    ]
    first = next(iter(reports.values()))
    meanings = "\n".join(f"- {METRIC_TITLES[name]}: {row['definition']}" for name, row in first["metrics"].items())
    return f"## Figures\n\nIn brackets the {first['interval']}.{_on_views(reports)}\n\n{_table(['', *heads], rows)}\n\n{meanings}"


def _views(report: dict) -> int:
    """Over how many views of a record its logits were averaged; reports of old had no such choice."""
    return report.get("shifts", 1)


def _many_views(report: dict) -> str:
    return f", {_views(report)} views" if _views(report) > 1 else ""


def _on_views(reports: dict[int, dict]) -> str:
    if all(_views(report) == 1 for report in reports.values()):
        return ""
    return (
        " Where views are named, an answer is the mean of the logits over as many views of the record, shifted in time "
        "by fixed steps of at most half a second; temperature and thresholds were fitted to one view, which is also what "
        "every other use of the model gives."
    )


def _by_label(report: dict) -> str:
    heads = ["fold " + str(report["fold"]), *report["auc_by_label"]]
    columns = {label: report["confusion"][label] for label in report["auc_by_label"]}
    rows = [
        ["records", *(f"{count:,}" for count in report["records_by_label"].values())],
        ["ROC-AUC", *map(_shown, report["auc_by_label"].values())],
        ["average precision", *map(_shown, report["average_precision_by_label"].values())],
        ["threshold", *(f"{threshold:.4f}" for threshold in report["thresholds"].values())],
        *(
            [title, *(_shown(own[key]) for own in columns.values())]
            for key, title in (
                ("sensitivity", "sensitivity"),
                ("specificity", "specificity"),
                ("precision", "precision"),
            )
        ),
        ["F1", *(_shown(own["f1"]) for own in columns.values())],
        ["told and true", *(f"{own['tp']:,}" for own in columns.values())],
        ["told, not true", *(f"{own['fp']:,}" for own in columns.values())],
        ["true, not told", *(f"{own['fn']:,}" for own in columns.values())],
        ["neither", *(f"{own['tn']:,}" for own in columns.values())],
    ]
    return f"## By label\n\n{_table(heads, rows)}"


def _calibration(card: Card, reports: dict[int, dict]) -> str:
    temperature = next(iter(reports.values()))["temperature"]
    rows = [
        [
            f"fold {fold}",
            *(_shown(report[part]["ece"]) for part in ("uncalibrated", "metrics")),
            _shown(report.get("perfectly_calibrated", {}).get("ece", UNTOLD)),
            *(_shown(report[part]["brier"]) for part in ("uncalibrated", "metrics")),
        ]
        for fold, report in reports.items()
    ]
    heads = [
        "", "calibration error without", "with temperature", "if perfectly calibrated", "Brier score without",
        "with temperature",
    ]  # fmt: skip
    leaning = "too sure" if temperature > 1 else "not sure enough"
    without = (
        "without it the answers hardly differ."
        if abs(temperature - 1) < HARDLY
        else f"without it the network is {leaning} of its answers."
    )
    said = (
        "No temperature was fitted; the probabilities are the network's own."
        if temperature == 1
        else f"Logits are divided by the temperature {temperature:.4f} (fitted on fold {SELECT_FOLD}, least cross-entropy): "
        f"{without} {task(card.task).link.temperature_keeps}"
    )
    return f"## Calibration\n\n{said}\n\n{_table(heads, rows)}\n\n{IF_CALIBRATED}"


def _subgroups(report: dict) -> str:
    rows = [
        [GROUP_TITLES[own["group"]], own["value"], f"{own['records']:,}", _shown(own["macro_auc"])]
        for own in report["subgroups"]
    ]
    heads = [f"fold {report['fold']}", "", "records", "macro ROC-AUC"]
    return f"## Bias by subgroup\n\n{_bias(report)}\n\n{_table(heads, rows)}"


def _bias(report: dict) -> str:
    overall = report["metrics"]["macro_auc"]["value"]
    if overall is None:
        return "These records lack one kind of a label, so that no group can be compared with all of them."
    lower = [
        f"- {GROUP_TITLES[own['group']]} {own['value']}: {_shown(own['macro_auc'])}, {own['records']:,} records"
        for own in lower_subgroups(report)
    ]
    if not lower:
        said = f"No group's interval lies wholly below the macro ROC-AUC over all records, {overall:.4f}."
    else:
        said = (
            f"The model ranks these groups worse than all records together ({overall:.4f}): their interval lies wholly "
            "below it.\n\n" + "\n".join(lower)
        )
    return (
        said
        + "\n\nGroups also differ in how hard their records are, and about one in forty would stand out by chance alone."
    )


def _shown(row: dict, times: float = 1) -> str:
    figure = Interval(*(row[key] for key in Interval._fields))
    if figure.value is None:
        return "n/a"
    digits = 2 if times == 100 else 4
    value, low, high = (f"{number * times:.{digits}f}" for number in figure)
    return f"{value} ({low} to {high})"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
