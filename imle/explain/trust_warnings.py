"""Whether a method's heatmaps of a model can be trusted, from the table that `imle trust` wrote of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from imle.evaluation.results import RESULTS
from imle.explain.attribution import METHODS

FOLDER = RESULTS / "trust"
# A heatmap that stays this much alike when all weights are drawn anew shows the record rather than the model.
ALIKE = 0.5
EVERY = "all"
# The measure of all weights drawn anew, mean over several draws. In tables without a number of draws it is the last step of the
# cascade, of one draw.
SANITY = "sanity"


def trust_warnings(model: str, method: str, label: str, is_of_model: Callable[[dict], bool]) -> list[str]:
    """Sentences where the method's heatmaps of the model hardly depend on its weights, or name what `label` does not rest on.

    None of them where they pass, or nobody looked. is_of_model: whether a table with these words on its run is of the model, and
    not only of one with its name.
    """
    # Of one method in two tables, that of more records counts; of its sanity, one over several draws before all.
    tables = [_read(path, path.stat().st_mtime) for path in _files(model)]
    tables = sorted((one for one in tables if is_of_model(one.about)), key=lambda one: one.about.get("records", 0))
    by_draws = sorted(tables, key=lambda one: "draws" in one.about)
    last_sanity = {name: value for one in by_draws for name, value in one.last_sanity.items()}
    deletion_gains = {key: row for one in tables for key, row in one.deletion_gains.items()}
    found, title = [], METHODS[method].title
    alike = last_sanity.get(method)
    if alike is not None and alike >= ALIKE:
        found.append(
            f"{title} hardly depends on what the model has learnt: with all its weights drawn anew, the heatmaps still agree "
            f"by a rank correlation of {alike:.2f}. Do not take it for an explanation."
        )
    gain = deletion_gains.get((method, label))
    if gain is not None and gain["high"] is not None and gain["high"] < 0:
        found.append(
            f"{title} does not show what {label} rests on: in {gain['records']} records with it, hiding what it names lowered "
            f"the probability by {-gain['value']:.2f} ({-gain['high']:.2f} to {-gain['low']:.2f}) less than hiding places at "
            f"random.{_better(deletion_gains, label)}"
        )
    return found


def _better(deletion_gains: dict[tuple[str, str], dict], label: str) -> str:
    """The method whose places cost `label` most, where one's cost more than those at random."""
    shown = {
        method: row["value"]
        for (method, group), row in deletion_gains.items()
        if group == label and method in METHODS and row["low"] is not None and row["low"] > 0
    }
    if not shown:
        return ""
    best = max(shown, key=shown.get)
    return (
        f" Hiding what {METHODS[best].title.lower()} names lowered it by {shown[best]:.2f} more than places at random."
    )


def _files(model: str) -> list[Path]:
    """The tables of the model: of all its methods, and of some in more records (`imle trust --method`)."""
    return [path for path in (FOLDER / f"{model}.json", *sorted(FOLDER.glob(f"{model}-*.json"))) if path.is_file()]


@dataclass(frozen=True)
class Table:
    """about: the words on the run. last_sanity: by method, the rank correlation with the heatmaps of models of weights all
    drawn anew. deletion_gains: by method and label, the row of how much more hiding what it names costs than at random.
    """

    about: dict
    last_sanity: dict[str, float]
    deletion_gains: dict[tuple[str, str], dict]


@lru_cache(maxsize=8)
def _read(path: Path, changed: float) -> Table:
    """The table in the file; an empty one where it is damaged."""
    try:
        return _table(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Table({}, {}, {})


def _table(about: dict) -> Table:
    """What `imle trust` wrote. KeyError, TypeError or AttributeError for anything else."""
    rows = about.pop("rows")
    of_all = [row for row in rows if row["group"] == EVERY and row["measure"].startswith(SANITY)]
    last = SANITY if "draws" in about else max((row["measure"] for row in of_all), default=None)
    return Table(
        about,
        {row["method"]: row["value"] for row in of_all if row["measure"] == last and row["value"] is not None},
        {
            (row["method"], row["group"]): {name: row[name] for name in ("value", "low", "high", "records")}
            for row in rows
            if row["measure"] == "deletion_gain"
        },
    )
