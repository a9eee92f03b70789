"""Whether a heatmap lies where the finding is: on simulated ECGs the places that the finding changed are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES
from imle.explain.agreement import area, relevance, relevance_mass
from imle.explain.attribution import attribute, index_of
from imle.inference import Predictor
from imle.simulate import FINDINGS, simulate


def planted_labels(predictor: Predictor) -> dict[str, str]:
    """By simulated finding, the model's label for it: its code where the model tells that, else its superclass.

    The normal ECG, which has no place, and findings that the model does not tell are left out.
    """
    asked = {name: (finding.code, finding.superclass) for name, finding in FINDINGS.items() if name != "normal"}
    told = {name: [word for word in words if word in predictor.labels] for name, words in asked.items()}
    return {name: words[0] for name, words in told.items() if words}


def planted_mass(predictor: Predictor, finding: str, seeds: Sequence[int], methods: Sequence[str]) -> pd.DataFrame:
    """A row a seed and method: seed, finding, label, method, probability (of the label), mass, chance.

    mass: the share of what speaks for the label that lies on the samples which the finding changed. chance: the share
    of the record's samples that they are, which a heatmap without any preference would get.
    """
    label = planted_labels(predictor)[finding]
    made = [simulate(finding, seed) for seed in seeds]
    signals_mv = np.stack([one.ecg.for_model() for one in made])
    masks = [one.truth.mask(MODEL_FS_HZ, MODEL_SAMPLES) for one in made]
    probabilities = predictor.predict(signals_mv)[:, index_of(predictor, label)]
    rows = []
    for method in methods:
        heatmaps = relevance(attribute(predictor, signals_mv, label, method))
        for seed, heatmap, mask, probability in zip(seeds, heatmaps, masks, probabilities, strict=True):
            scores = {"mass": relevance_mass(heatmap, mask), "chance": area(mask)}
            about = {"seed": seed, "finding": finding, "label": label, "method": method}
            rows.append({**about, "probability": float(probability), **scores})
    return pd.DataFrame(rows)
