"""`load_model`: a model folder on the engine that fits, as a Predictor of probabilities and attention."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imle.assets import WEIGHTS
from imle.attention import Attention
from imle.ecg import MODEL_SAMPLES, InvalidEcg
from imle.errors import BadChoice, conclusion
from imle.leads import LEADS
from imle.model_folder import (
    CARD_FILE,
    INT8_FILE,
    KERAS_FILE,
    OPENVINO_FILE,
    Card,
    NotAModel,
    load_keras,
    read_card,
    replacing,
)
from imle.processor import has_bfloat16
from imle.scale import centred
from imle.tasks import Task

# Records that go through an engine at once: the activations of eight stay in the processor's cache.
BATCH = 8

# What `engine` may be, and how it is named beside every result.
ENGINES = {
    "fast": "OpenVINO bfloat16",
    "exact": "OpenVINO float32",
    "int8": "OpenVINO int8",
    "keras": "Keras float32",
}

# Of the channel attention (n, labels, 12) where each label has its own.
AXES_BY_LABEL = 3


@dataclass(frozen=True)
class Prediction:
    """Answers for n records, float32: the network's logits (n, labels), the probabilities that the card makes of them,
    and the attention where the network has any.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    attention: Attention | None


@dataclass(frozen=True)
class Network:
    """A network on its engine: `forward` takes (n, 12, 1000) standardised; `outputs` are their numbers of axes by name."""

    forward: Callable[[np.ndarray], dict[str, np.ndarray]]
    outputs: dict[str, int]


class Predictor:
    """A model ready to answer. Thread-safe.

    folder (that it was loaded from), name, labels, thresholds (a probability a label), fs_hz (of the signals it takes),
    engine (as named to the user), has_attention, attended_labels (those with attention of their own; none where all
    share one), card (all else that is known of it).
    """

    fs_hz = 100

    def __init__(self, folder: Path, card: Card, engine: str, network: Network):
        self.folder = folder
        self.name = folder.name
        self.card = card
        self.engine = engine
        self.labels = card.labels
        self.thresholds = card.threshold_of
        self.has_attention = "channel" in network.outputs
        self.attended_labels = self.labels if network.outputs.get("channel") == AXES_BY_LABEL else ()
        self._forward = network.forward
        self._lock = threading.Lock()

    def run(self, signals_mv: np.ndarray) -> Prediction:
        """Probabilities and attention of (n, 12, 1000) mV at 100 Hz in one pass. InvalidEcg for another shape or NaN."""
        return self.run_centred(centred(checked_signals(signals_mv)))

    def run_centred(self, signals_mv: np.ndarray) -> Prediction:
        """The same of signals that `imle.scale.centred` has made, of which something was hidden since.

        Centred once more, a lead would move by what was hidden in it, and the answer would be to that as well.
        """
        signals = self.card.scale.standardise_centred(signals_mv)
        with self._lock:
            parts = [self._forward(signals[first : first + BATCH]) for first in range(0, len(signals), BATCH)]
        outputs = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        logits = outputs["logits"]
        return Prediction(logits, self.card.probabilities(logits), self._attention(outputs))

    def _attention(self, outputs: dict[str, np.ndarray]) -> Attention | None:
        if "channel" not in outputs:
            return None
        levels = [outputs[level] for level in ("beat", "rhythm", "channel")]
        return Attention(*levels, labels=self.attended_labels)

    def predict(self, signals_mv: np.ndarray) -> np.ndarray:
        """(n, 12, 1000) mV -> (n, labels) probabilities."""
        return self.run(signals_mv).probabilities

    def attend(self, signals_mv: np.ndarray) -> Attention:
        """(n, 12, 1000) mV -> Attention. BadChoice where the network has none."""
        attention = self.run(signals_mv).attention
        if attention is None:
            raise BadChoice(f"{self.card.network} has no attention; choose imle_net")
        return attention


def default_engine() -> str:
    """The key in ENGINES of the engine that suits this machine: bfloat16 where the processor multiplies it."""
    return "fast" if has_bfloat16() else "exact"


def load_model(name_or_path="imle_net", engine: str | None = None) -> Predictor:
    """The shipped model of that name, or the model in that folder.

    engine: `fast` (OpenVINO in bfloat16), `exact` (OpenVINO in float32), `int8` (the form that `imle int8` made) or
    `keras`; by default `fast` where the processor has bfloat16 and `exact` elsewhere. A folder without an OpenVINO form
    gets one, which needs TensorFlow this once. Raises NotAModel, or BadChoice for an unknown engine or a model without an
    int8 form.
    """
    if engine is not None and engine not in ENGINES:
        raise BadChoice(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}")
    folder = model_folder(name_or_path)
    card = read_card(folder)
    engine = engine or default_engine()
    network = _keras_network(folder) if engine == "keras" else _openvino_network(folder, engine)
    return Predictor(folder, card, ENGINES[engine], network)


def model_folder(name_or_path) -> Path:
    """The folder meant by a shipped model's name or a path. NotAModel where there is neither."""
    shipped = WEIGHTS / str(name_or_path)
    path = Path(name_or_path)
    if path.is_dir():
        return path.resolve()
    if shipped.is_dir() and path.name == str(name_or_path):
        return shipped
    known = ", ".join(shipped_models()) or "none shipped"
    raise NotAModel(f"there is no model {str(name_or_path)!r}; give a model folder or a shipped model ({known})")


def shipped_models(task: Task | None = None) -> list[str]:
    """The names of the models that come with the package, all or those of `task`, sorted."""
    folders = sorted(path.parent for path in WEIGHTS.glob(f"*/{CARD_FILE}"))
    return [folder.name for folder in folders if task is None or read_card(folder).task == task.name]


def export_openvino(folder, half: bool = False) -> Path:
    """Write the OpenVINO form beside the Keras model in `folder`; returns its path. Imports TensorFlow.

    Its weights are kept as float32, or with `half` as float16. NotAModel where the folder cannot be written.
    """
    import openvino as ov
    import tensorflow as tf

    model = load_keras(folder)
    spec = tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name="signal")
    graph = tf.function(lambda signal: model(signal, training=False), input_signature=[spec])
    converted = ov.convert_model(graph, input=[ov.PartialShape([-1, *model.input.shape[1:]])])
    for output in converted.outputs:  # TensorFlow adds names of its own to some
        output.get_tensor().set_names(output.get_names() & set(model.output))
    path = Path(folder) / OPENVINO_FILE
    try:
        # OpenVINO writes the second beside the first.
        with replacing(path) as fresh, replacing(path.with_suffix(".bin")):
            ov.save_model(converted, fresh, compress_to_fp16=half)
    except RuntimeError as error:  # OpenVINO's; the system's own say what is wrong themselves
        raise NotAModel(
            f"{path} cannot be written ({conclusion(error)}); copy the model to a folder that can be, or choose the keras engine"
        ) from None
    return path


def _openvino_network(folder: Path, engine: str) -> Network:
    import openvino as ov

    path = folder / (INT8_FILE if engine == "int8" else OPENVINO_FILE)
    if not path.is_file():
        if engine == "int8":
            raise BadChoice(f"{folder.name} has no int8 form; `imle int8` makes one, or choose another engine")
        path = export_openvino(folder)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",  # one stream on all cores; faster here than several, also for full batches
        "INFERENCE_PRECISION_HINT": "bf16" if engine == "fast" else "f32",  # of what is not int8
        "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
    }
    try:
        compiled = ov.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        again = (
            "make it again with `imle int8`"
            if engine == "int8"
            else f"delete it, and it is made again from {KERAS_FILE}"
        )
        raise NotAModel(f"{path} cannot be loaded ({conclusion(error)}); {again}") from None
    names = [next(iter(output.get_names())) for output in compiled.outputs]

    def forward(signals: np.ndarray) -> dict[str, np.ndarray]:
        answers = compiled(signals)
        return {name: np.array(answers[index], np.float32) for index, name in enumerate(names)}

    axes = [len(output.partial_shape) for output in compiled.outputs]
    return Network(forward, dict(zip(names, axes, strict=True)))


def _keras_network(folder: Path) -> Network:
    model = load_keras(folder)

    def forward(signals: np.ndarray) -> dict[str, np.ndarray]:
        return {key: np.asarray(value, np.float32) for key, value in model.predict_on_batch(signals).items()}

    return Network(forward, {key: len(output.shape) for key, output in model.output.items()})


def checked_signals(signals_mv: np.ndarray) -> np.ndarray:
    """(n, 12, 1000) float32 mV. InvalidEcg for another shape, for no record, and for NaN."""
    signals_mv = np.asarray(signals_mv, np.float32)
    if signals_mv.ndim != 3 or signals_mv.shape[1:] != (len(LEADS), MODEL_SAMPLES) or not len(signals_mv):
        raise InvalidEcg(
            f"the signals have shape {signals_mv.shape}; records x 12 leads x {MODEL_SAMPLES} samples are needed"
        )
    if not np.isfinite(signals_mv).all():
        raise InvalidEcg("the signals have missing samples (NaN); every sample of the 12 leads is needed")
    return signals_mv
