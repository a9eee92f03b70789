"""A model on disk: one folder with the Keras model, its OpenVINO form, and `model.json`, the card of all else."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from imle.errors import BadChoice, Refusal, brief
from imle.labels import LABELS
from imle.scale import Scale
from imle.tasks import task

KERAS_FILE = "model.keras"
OPENVINO_FILE = "model.xml"
INT8_FILE = "model-int8.xml"
CARD_FILE = "model.json"
# Beside them in a run's folder: a row an epoch.
METRICS_FILE = "metrics.jsonl"

USUAL_THRESHOLD = 0.5


class NotAModel(Refusal, ValueError):
    """A folder or name that holds no model of ours; the message is one sentence."""


@dataclass
class Card:
    """What a model needs to be used and judged.

    network: its name in the registry, built with `options`. mean_mv, sd_mv: scalars over the training signals.
    thresholds: a probability a label, chosen on fold 9. metrics: by fold. data: what it was trained on.
    recipe: the settings of its run. commit: of the code that trained it. temperature: by which its logits are divided
    before they become probabilities, fitted on fold 9. task: a name of imle.tasks, which says how they become those.
    """

    network: str
    mean_mv: float
    sd_mv: float
    options: dict = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS
    thresholds: dict[str, float] = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    commit: str = ""
    temperature: float = 1.0
    task: str = "superclass"

    @property
    def threshold_of(self) -> dict[str, float]:
        """By label, the threshold chosen, USUAL_THRESHOLD where none was."""
        return {label: self.thresholds.get(label, USUAL_THRESHOLD) for label in self.labels}

    @property
    def scale(self) -> Scale:
        """By which the network's input is standardised."""
        return Scale(self.mean_mv, self.sd_mv)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(n, labels) of the network's logits, at the card's temperature, as its task answers. BadChoice for no task."""
        return task(self.task).answers(logits / self.temperature)


def read_card(folder) -> Card:
    """The card of the model in `folder`. NotAModel where there is none, or it cannot be read or is damaged."""
    path = Path(folder) / CARD_FILE
    try:
        stored = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise NotAModel(f"{folder} cannot be read ({error.strerror}); give a model folder that you may read") from None
    if stored is None:
        raise NotAModel(
            f"{folder} holds no model (no {CARD_FILE}); give a folder that `imle train` or `imle import-weights` wrote"
        )
    try:
        card = Card(**json.loads(stored))
    except (ValueError, TypeError) as error:
        raise NotAModel(f"{path} is damaged ({error}); copy the model folder again") from None
    if not (isinstance(card.temperature, int | float) and card.temperature > 0):
        raise NotAModel(f"{path} has temperature {card.temperature!r}; it should be a number above 0")
    card.labels = tuple(card.labels)
    return card


def model_digest(folder: Path) -> str:
    """Another text as soon as the weights, their scale or temperature change."""
    card = read_card(folder)
    # The OpenVINO form is made from the Keras model, and may be made later.
    weights = next((folder / name for name in (KERAS_FILE, OPENVINO_FILE) if (folder / name).is_file()), None)
    if weights is None:
        return "none"
    with weights.open("rb") as file:
        return f"{card.scale} {card.temperature} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def same_model(about: Mapping, digest: str | None, network: str | None) -> bool:
    """Whether results, by the words on their run, are of the model with this digest, and not only of one with its name.

    Results that lack the digest are told apart by the network alone, those that lack both not at all.
    """
    return about["weights"] == digest if "weights" in about else about.get("network") in (None, network)


def require_no_model(out: Path) -> None:
    """BadChoice where `out` holds a model, which another would be written over."""
    if (out / CARD_FILE).is_file():
        raise BadChoice(f"{out} holds a model already; give another folder, or remove that model first")


def write_card(folder, card: Card) -> None:
    """Write the card, whole or not at all."""
    write_atomically(Path(folder) / CARD_FILE, json.dumps(asdict(card), indent=2) + "\n")


def save_model(folder, model, card: Card) -> None:
    """Write a float32 Keras model and its card into `folder`; OpenVINO forms of earlier weights are taken away."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / KERAS_FILE) as fresh:
        model.save(fresh)
        forget_forms(folder)
    write_card(folder, card)


def forget_forms(folder: Path) -> None:
    """Take away the OpenVINO forms in `folder`, which are made from its Keras model."""
    for form in (OPENVINO_FILE, INT8_FILE):
        (folder / form).unlink(missing_ok=True)


def load_keras(folder):
    """The Keras model in `folder`. Imports Keras and its backend; NotAModel where the file is damaged."""
    import keras

    import imle.models  # noqa: F401  registers the layers

    path = Path(folder) / KERAS_FILE
    if not path.is_file():
        raise NotAModel(f"{folder} has no {KERAS_FILE}; copy the model folder again")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # keras and h5py raise whatever they stumble on
        raise NotAModel(f"{path} cannot be loaded ({brief(error)}); copy the model folder again") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, of the same suffix, to write to; it takes the place of `path` when all went well.

    A reader sees the old or the new file, never a part. An OSError names `path`.
    """
    # Two threads may write one file; model.xml and model.bin, which OpenVINO pairs by name, are of one thread.
    fresh = path.with_name(f".{os.getpid()}.{threading.get_native_id()}.{path.name}")
    try:
        yield fresh
        with fresh.open("rb") as file:  # a power cut must not find the new name on content that is not on the disk yet
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        if error.errno is not None and str(error.filename) in ("None", str(fresh)):
            error.filename = str(path)
        raise
    finally:
        fresh.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as fresh:
        fresh.write_text(text)
