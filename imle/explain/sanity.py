"""Whether an explanation depends on what the model has learnt: it must change as its weights are drawn anew.

Cascading randomisation (Adebayo et al. 2018, doi:10.48550/arXiv.1810.03292): from the logits backwards, more and more
layers get weights as before training. A method whose heatmap stays as it was shows the record, not the model.

How alike the heatmaps of one random model come out is a matter of its draw, sign and all, and of the record much less: what
is said of a method is therefore the mean over several draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from imle.explain.attribution import attribute
from imle.explain.cells import cell_sums, rank_correlation
from imle.inference import ENGINES, Predictor, default_engine, load_model
from imle.model_folder import load_keras, save_model

# The last layer, then five groups of as many layers each.
STEPS = 6
# Models with all their layers drawn anew.
DRAWS = 5


def cascade(predictor: Predictor, folder: Path, seed: int = 0) -> Iterator[tuple[float, Predictor]]:
    """The model with more and more of its layers as before training: (share of its layers, predictor), STEPS times.

    The first time it is the last layer alone, the one that gives the logits; the last time it is all of them. A network
    of fewer layers with weights has fewer steps. Each model is written into a folder of its own below `folder`, and runs
    on the engine of `predictor`, or on the usual one where that is int8. Imports TensorFlow.
    """
    model, pairs = _beside_untrained(predictor, seed)
    bounds = [0, *np.unique(np.linspace(1, len(pairs), STEPS).round().astype(int)).tolist()]
    for step, (first, stop) in enumerate(pairwise(bounds)):
        for layer, untrained in pairs[first:stop]:
            layer.set_weights(untrained.get_weights())
        yield stop / len(pairs), _saved(model, predictor, Path(folder) / f"randomised-{seed}-{step}")


def drawn_anew(predictor: Predictor, folder: Path, seed: int) -> Predictor:
    """The model with all of its layers as before training: what `cascade` of this seed ends in."""
    model, pairs = _beside_untrained(predictor, seed)
    for layer, untrained in pairs:
        layer.set_weights(untrained.get_weights())
    return _saved(model, predictor, Path(folder) / f"anew-{seed}")


def similarity(
    randomised: Predictor, signals_mv: np.ndarray, label: str, method: str, heatmaps: np.ndarray
) -> np.ndarray:
    """(n,) Spearman's correlation of the cells of the trained model's `heatmaps` with the randomised model's.

    1: the explanation does not depend on the weights; 0: it has nothing in common. NaN where one of them is constant.
    """
    return rank_correlation(cell_sums(heatmaps), cell_sums(attribute(randomised, signals_mv, label, method)))


def _beside_untrained(predictor: Predictor, seed: int) -> tuple:
    """The Keras model, and from the last on each of its layers with weights beside one as before training."""
    import keras

    model = load_keras(predictor.folder)
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    return model, [pair for pair in zip(model.layers, fresh.layers, strict=True) if pair[0].weights][::-1]


def _saved(model, predictor: Predictor, path: Path) -> Predictor:
    engine = next(key for key, named in ENGINES.items() if named == predictor.engine)
    if engine == "int8":  # whose form would have to be made for each of them
        engine = default_engine()
    save_model(path, model, predictor.card)
    return load_model(path, engine)
