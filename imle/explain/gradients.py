"""Attributions from the gradient of a label's logit, taken in TensorFlow on the Keras model of a predictor's folder.

`signals_mv` is everywhere what `imle.scale.centred` has made: centred here, what lies on a path or under noise would move.
"""

from __future__ import annotations

import math
import threading
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from imle.attention import spread
from imle.ecg import MODEL_SAMPLES
from imle.errors import BadChoice
from imle.inference import Predictor
from imle.leads import LEADS
from imle.model_folder import CARD_FILE, load_keras, read_card
from imle.processor import has_bfloat16

# Signals that go through the network at once; also the points of a path, so that one record is one batch.
AT_ONCE = 32
STEPS = 32
# The zero of the ECG: the isoelectric line, a heart that does nothing. It is the same for every model, and lies within
# 0.01 standard deviations of the mean that the networks see as zero.
BASELINE_MV = 0.0
# Half a millimetre on paper: with such noise an ECG still reads as the same one. The 10 to 20 % of the signal's range
# that Smilkov et al. take for photographs, 0.2 mV and more, would bury every P wave.
NOISE_MV = 0.05
NOISY_COPIES = 32

GUIDED_RELU = "ImleGuidedRelu"
# A lead's own part of a feature map: the share of what changes there with the lead from which the leads count as apart.
APART_SHARE = 0.5

_loading = threading.Lock()


class DifferentiableNetwork:
    """The network of a model folder with the derivatives of its logits.

    Each method takes (n, 12, 1000) float32 standardised and the index of a label, n at most AT_ONCE, and is traced once
    for all labels. precision: float32 or bfloat16, in which the layers compute; what comes out is float32.
    """

    def __init__(self, folder: Path, precision: str):
        import tensorflow as tf

        self.model = _model(folder, precision)
        spec = [tf.TensorSpec((None, len(LEADS), MODEL_SAMPLES), tf.float32), tf.TensorSpec((), tf.int32)]
        self.logit = tf.function(self._logit, input_signature=spec, autograph=False)
        self.gradient = tf.function(self._gradient, input_signature=spec, autograph=False)
        self.guided_gradient = tf.function(self._guided_gradient, input_signature=spec, autograph=False)
        self.class_activation = tf.function(self._class_activation, input_signature=spec, autograph=False)

    def _logit(self, signals, k):
        return self.model(signals, training=False)["logits"][:, k]

    def _gradient(self, signals, k):
        import tensorflow as tf

        return tf.gradients(self._logit(signals, k), signals)[0]

    def _guided_gradient(self, signals, k):
        """The gradient that passes a ReLU only where both its input and what comes back are positive.

        The rule is laid over the graph that is being traced, so it holds for a ReLU wherever it stands in the network,
        and the model itself stays as it is.
        """
        import tensorflow as tf

        _register_guided_relu()
        with tf.compat.v1.get_default_graph().gradient_override_map({"Relu": GUIDED_RELU}):
            logit = self._logit(signals, k)
        return tf.gradients(logit, signals)[0]

    def _class_activation(self, signals, k):
        """Grad-CAM on the last feature map: (n, rows, positions), its filters weighed by their mean gradient, ReLU."""
        import tensorflow as tf

        maps, logits = self._with_features()(signals, training=False)
        weights = tf.cast(tf.gradients(logits[:, k], maps)[0], tf.float32)
        maps = tf.cast(maps, tf.float32)
        places = list(range(1, len(maps.shape) - 1))
        weights = tf.reduce_mean(weights, axis=places, keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1))
        return heat if len(places) == 2 else heat[:, None]

    @cached_property
    def leads_apart(self) -> bool:
        """Whether the feature map's places belong to the leads, lead after lead, rather than to all of them at once.

        Seen from where the map changes when one lead does.
        """
        import keras

        lead = 4
        signals = np.random.default_rng(0).standard_normal((2, len(LEADS), MODEL_SAMPLES), np.float32)
        signals[1, :lead], signals[1, lead + 1 :] = signals[0, :lead], signals[0, lead + 1 :]
        maps = keras.ops.convert_to_numpy(self._with_features()(signals, training=False)[0]).astype(np.float32)
        changed = np.square(maps[1] - maps[0]).sum(axis=-1).ravel()
        if changed.size % len(LEADS):
            return False
        by_lead = changed.reshape(len(LEADS), -1).sum(axis=1)
        return bool(by_lead[lead] > APART_SHARE * by_lead.sum())

    @cached_property
    def copies_in_time(self) -> int:
        """How many times the feature map runs through the record: parallel branches may be joined along time."""
        import keras

        joined = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Concatenate)]
        return math.prod(len(layer.input) for layer in joined if layer.axis == 1 and len(layer.output.shape) == 3)

    def _with_features(self):
        import keras

        return keras.Model(self.model.input, [feature_layer(self.model).output, self.model.output["logits"]])


def network_of(predictor: Predictor, precision: str = "float32") -> DifferentiableNetwork:
    """The differentiable form of the predictor's model, loaded once for each card that the folder has held."""
    with _loading:
        return _network(predictor.folder, (predictor.folder / CARD_FILE).stat().st_mtime_ns, precision)


@lru_cache(maxsize=4)
def _network(folder: Path, card_changed: int, precision: str) -> DifferentiableNetwork:
    return DifferentiableNetwork(folder, precision)


def _model(folder: Path, precision: str):
    """The Keras model of the folder; in bfloat16 one of the registry's, built anew and given its weights."""
    import keras

    from imle import models
    from imle.models.precision import under_policy

    if keras.backend.backend() != "tensorflow":
        raise BadChoice(f"gradients need Keras on TensorFlow, not {keras.backend.backend()}; unset KERAS_BACKEND")
    exact, card = load_keras(folder), read_card(folder)
    if precision == "float32":
        return exact
    options = {"classes": len(card.labels), **card.options}
    model = under_policy("mixed_bfloat16", lambda: models.build(card.network, **options))
    model.set_weights(exact.get_weights())
    return model


def saliency(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """How much the logit changes a mV, whichever way (Simonyan et al. 2014, doi:10.48550/arXiv.1312.6034)."""
    return np.abs(gradient(predictor, signals_mv, k))


def input_times_gradient(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """Gradient times distance from BASELINE_MV (Shrikumar et al. 2016, doi:10.48550/arXiv.1605.01713)."""
    return (signals_mv - np.float32(BASELINE_MV)) * gradient(predictor, signals_mv, k)


def integrated_gradients(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """Mean gradient on the straight path from BASELINE_MV to the signal, times its length there.

    STEPS points by the midpoint rule (Sundararajan et al. 2017, doi:10.48550/arXiv.1703.01365).
    """
    midpoints = ((np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS)[:, None, None]
    path_mv = signals_mv - np.float32(BASELINE_MV)
    precision = precision_of_means(predictor)
    means = [gradient(predictor, BASELINE_MV + midpoints * way, k, precision).mean(axis=0) for way in path_mv]
    return path_mv * np.stack(means)


def smoothgrad(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """Mean gradient over NOISY_COPIES of the signal with noise of NOISE_MV, the same noise for every record.

    Smilkov et al. 2017, doi:10.48550/arXiv.1706.03825.
    """
    rng = np.random.default_rng(0)
    noise_mv = NOISE_MV * rng.standard_normal((NOISY_COPIES, *signals_mv.shape[1:]), np.float32)
    precision = precision_of_means(predictor)
    return np.stack([gradient(predictor, one_mv + noise_mv, k, precision).mean(axis=0) for one_mv in signals_mv])


def guided_grad_cam(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """Guided gradient times Grad-CAM, the latter scaled to 1 where it is largest in the record.

    Guided: Springenberg et al. 2015, doi:10.48550/arXiv.1412.6806. Grad-CAM, and their product: Selvaraju et al. 2017,
    doi:10.1109/ICCV.2017.74. The feature map is that of `feature_layer`; where the network merges the leads before
    it, Grad-CAM is the same for all of them. A record where no filter speaks for the label has zeros.
    """
    network = network_of(predictor)
    where = grad_cam(predictor, signals_mv, k)
    return where * _by_batch(network.guided_gradient, predictor, signals_mv, k) / np.float32(predictor.card.sd_mv)


def grad_cam(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """(n, 12, 1000) in 0..1: Grad-CAM of the last feature map, spread over the samples. BadChoice without convolutions."""
    network = network_of(predictor)
    maps = _by_batch(network.class_activation, predictor, signals_mv, k)
    heat = np.stack([_over_samples(network, one) for one in maps])
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)


def gradient(predictor: Predictor, signals_mv: np.ndarray, k: int, precision: str = "float32") -> np.ndarray:
    """(n, 12, 1000): the derivative of logit k by each sample, a mV."""
    found = _by_batch(network_of(predictor, precision).gradient, predictor, signals_mv, k)
    return found / np.float32(predictor.card.sd_mv)


def logit(predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    """(n,) logit k, in float32, of the same network as the gradients."""
    return _by_batch(network_of(predictor).logit, predictor, signals_mv, k)


def precision_of_means(predictor: Predictor) -> str:
    """In which the methods that average AT_ONCE gradients run: bfloat16 where the processor multiplies it.

    Measured on six records of PTB-XL's fold 9, label MI, by Spearman's rank correlation of the 12,000 values with those
    of float32: integrated gradients 0.998 to 0.999 with imle_net and 0.996 to 0.998 with imle_net_plus, SmoothGrad
    0.996 to 0.999 and 0.995 to 0.998; over 100 ms of a lead added up, 0.998 or more; in about half of the time. One
    gradient alone keeps less of its order (0.98 to 0.99) and costs little, so the other methods run in float32.
    A network that is not of the registry cannot be built anew, and runs in float32 too.
    """
    from imle import models

    return "bfloat16" if has_bfloat16() and predictor.card.network in models.names() else "float32"


def _by_batch(function, predictor: Predictor, signals_mv: np.ndarray, k: int) -> np.ndarray:
    signals = predictor.card.scale.standardise_centred(signals_mv)
    parts = [function(signals[first : first + AT_ONCE], k).numpy() for first in range(0, len(signals), AT_ONCE)]
    return np.concatenate(parts)


def feature_layer(model):
    """The operation whose output is the last feature map along time: the last convolution, or what follows it directly.

    What follows: the additions, normalisations and activations after it that leave its shape as it is, so that the map
    is the one that is flattened, averaged or attended to. BadChoice for a network without convolutions.
    """
    import keras

    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D)]
    if not convolutions:
        raise BadChoice("guided_grad_cam needs a network with convolutions; choose another method")
    last = convolutions[-1]
    for after in model.operations[model.operations.index(last) + 1 :]:
        read = any(tensor is last.output for tensor in keras.tree.flatten(after.input))
        if read and getattr(after.output, "shape", None) == last.output.shape:
            last = after
    return last


def _over_samples(network: DifferentiableNetwork, heat: np.ndarray) -> np.ndarray:
    """(rows, positions) of one record's feature map -> (12, 1000)."""
    if network.leads_apart:
        return spread(heat.reshape(len(LEADS), -1, heat.shape[-1]))
    row = spread(heat[None])[0]
    stretches = row.reshape(network.copies_in_time, -1)
    return np.tile(np.repeat(stretches.mean(axis=0), network.copies_in_time), (len(LEADS), 1))


@lru_cache(maxsize=1)
def _register_guided_relu() -> None:
    import tensorflow as tf

    @tf.RegisterGradient(GUIDED_RELU)
    def guided_relu(op, back):
        return tf.where((op.outputs[0] > 0) & (back > 0), back, tf.zeros_like(back))
