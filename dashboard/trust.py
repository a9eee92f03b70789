"""Whether a method's heatmaps of a model can be trusted, from the table that `imle trust` wrote of it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from imle.evaluation.results import RESULTS

FOLDER = RESULTS / "trust"
# A heatmap that stays this much alike when all weights are drawn anew shows the record rather than the model.
ALIKE = 0.5
EVERY = "all"


def warning(model: str, method: str, title: str) -> str | None:
    """A sentence where the method's heatmaps of the model hardly depend on its weights; None where they do, or nobody looked."""
    path = FOLDER / f"{model}.json"
    if not path.is_file():
        return None
    found = _last_sanity(path, path.stat().st_mtime).get(method)
    if found is None or found < ALIKE:
        return None
    return (
        f"{title} hardly depends on what the model has learnt: with all its weights drawn anew, the heatmaps still agree "
        f"by a rank correlation of {found:.2f}. Do not take it for an explanation."
    )


@lru_cache(maxsize=8)
def _last_sanity(path: Path, changed: float) -> dict[str, float]:
    """By method, the rank correlation with the heatmaps of the model whose weights are all drawn anew."""
    try:
        rows = json.loads(path.read_text())["rows"]
    except (OSError, ValueError, KeyError):
        return {}
    of_all = [row for row in rows if row["group"] == EVERY and row["measure"].startswith("sanity_")]
    if not of_all:
        return {}
    last = max(row["measure"] for row in of_all)
    return {row["method"]: row["value"] for row in of_all if row["measure"] == last and row["value"] is not None}
