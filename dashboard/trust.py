"""Whether a method's heatmaps of a model can be trusted, from the table that `imle trust` wrote of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from imle.evaluation.results import RESULTS

FOLDER = RESULTS / "trust"
# A heatmap that stays this much alike when all weights are drawn anew shows the record rather than the model.
ALIKE = 0.5
EVERY = "all"


def warning(model: str, method: str, title: str, is_of_model: Callable[[dict], bool]) -> str | None:
    """A sentence where the method's heatmaps of the model hardly depend on its weights; None where they do, or nobody looked.

    is_of_model: whether a table with these words on its run is of the model, and not only of one with its name.
    """
    path = FOLDER / f"{model}.json"
    if not path.is_file():
        return None
    about, last_sanity = _read(path, path.stat().st_mtime)
    found = last_sanity.get(method) if is_of_model(about) else None
    if found is None or found < ALIKE:
        return None
    return (
        f"{title} hardly depends on what the model has learnt: with all its weights drawn anew, the heatmaps still agree "
        f"by a rank correlation of {found:.2f}. Do not take it for an explanation."
    )


@lru_cache(maxsize=8)
def _read(path: Path, changed: float) -> tuple[dict, dict[str, float]]:
    """The words on the run; and by method, the rank correlation with the heatmaps of a model of weights all drawn anew."""
    try:
        about = json.loads(path.read_text())
        rows = about.pop("rows")
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}
    of_all = [row for row in rows if row["group"] == EVERY and row["measure"].startswith("sanity_")]
    last = max((row["measure"] for row in of_all), default=None)
    return about, {row["method"]: row["value"] for row in of_all if row["measure"] == last and row["value"] is not None}
