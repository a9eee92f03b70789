"""Results of made-up models in the shape that `imle evaluate` writes, for pages that show several."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from imle.evaluation.metrics import best_thresholds
from imle.evaluation.report import figures
from imle.labels import LABELS

FINISHED = {"epochs": 30, "epochs_done": 30, "best_epoch": 24, "finished": True, "seed": 0}
UNFINISHED = {"epochs": 40, "epochs_done": 6, "best_epoch": 6, "finished": False, "seed": 0}
# Name: title, noise of its logits (more is worse), training.
MODELS = {
    "sharp": ("Sharp", 1.2, FINISHED),
    "dull": ("Dull", 2.0, FINISHED),
    "young": ("Young", 2.6, UNFINISHED),
}


def made_up_truth(records: int = 240) -> pd.DataFrame:
    """`records` labelled records in each of folds 9 and 10, numbered from 1, with whom they are of."""
    rng = np.random.default_rng(0)
    n = 2 * records
    y = (rng.random((n, len(LABELS))) < (0.3, 0.15, 0.3, 0.4, 0.25)).astype(np.int8)
    truth = pd.DataFrame(y, pd.Index(np.arange(1, n + 1), name="ecg_id"), list(LABELS))
    truth.insert(0, "fold", np.repeat([9, 10], records).astype(np.int8))
    return truth.assign(
        sex=rng.choice(["F", "M"], n),
        age_band=rng.choice(["under 40", "40-59", "60-79", "80 and over"], n),
        device=rng.choice(["CS-12", "AT-60 3"], n),
        validated=rng.random(n) < 0.8,
    )


def write_results(folder: Path, truth: pd.DataFrame, models: dict = MODELS, samples: int = 20) -> None:
    """Write what assets/results would hold of `models`: truth, answers, and a report a fold."""
    folder.mkdir(parents=True, exist_ok=True)
    truth.to_parquet(folder / "truth.parquet")
    y = truth[list(LABELS)].to_numpy()
    for seed, (name, (title, noise, training)) in enumerate(models.items()):
        rng = np.random.default_rng(seed)
        logits = 3.0 * y - 1.5 + noise * rng.normal(size=y.shape)
        p = (1 / (1 + np.exp(-logits))).astype(np.float32)
        answers = pd.DataFrame(p, truth.index, list(LABELS))
        answers.insert(0, "fold", truth["fold"])
        answers.to_parquet(folder / f"{name}.parquet")
        select = (truth["fold"] == 9).to_numpy()
        thresholds = dict(zip(LABELS, best_thresholds(y[select], p[select]).round(4).tolist(), strict=True))
        for fold in (9, 10):
            rows = (truth["fold"] == fold).to_numpy()
            report = {
                "model": name, "title": title, "network": name, "training": training, "data": "PTB-XL", "fold": fold,
                "records": int(rows.sum()), "temperature": 1.0, "thresholds": thresholds,
                **figures(y[rows], p[rows], thresholds, 1.0, truth[rows], samples),
            }  # fmt: skip
            (folder / f"{name}-fold{fold}.json").write_text(json.dumps(report))
