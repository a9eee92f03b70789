"""Reads the checkpoints that the IMLE-Net authors published into this package's networks.

They are of two kinds: weights files of Keras 2 (HDF5), whose layer names count up with every network built and so mean
nothing, and PyTorch state dicts, whose names are those of the modules. The first are read by the order of their
tensors, the second by name. The authors' page says where they lie: https://github.com/likith012/IMLE-Net.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import h5py
import keras
import numpy as np

from imle import models
from imle.errors import Refusal
from imle.labels import LABELS
from imle.model_folder import Card, require_no_model, save_model
from imle.ptbxl import PtbXl
from imle.ptbxl.dataset import TRAIN_FOLDS
from imle.scale import Scale

KERAS, PYTORCH = "Keras HDF5 weights file", "PyTorch state dict"

Tensors = list[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Checkpoint:
    """What a network was published as: the kind of file, its tensors, and the constructor's options that it needs."""

    kind: str
    tensors: int
    options: dict = field(default_factory=dict)


# PyTorch's counters of batches seen (`num_batches_tracked`) are no weights and not counted.
CHECKPOINTS = {
    "imle_net": Checkpoint(KERAS, 95),
    "mousavi": Checkpoint(KERAS, 16, {"published_order": True}),
    "rajpurkar": Checkpoint(KERAS, 200),
    "ecgnet": Checkpoint(PYTORCH, 172),
    "resnet101": Checkpoint(PYTORCH, 522),
}

# Over the 17,084 labelled records of folds 1-8 at 100 Hz, which the authors standardised by as well.
PTBXL_SCALE = Scale(mean_mv=-0.000825, sd_mv=0.232223)

# Modules that stand under another name here: every network calls its last layer `logits`.
RENAMED = {"fc": "logits"}


class BadCheckpoint(Refusal, ValueError):
    """A file that is not the published checkpoint asked for: `path` and a one-sentence `reason`."""

    def __init__(self, path, reason: str):
        self.path = Path(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class TorchMissing(Refusal, ImportError):
    """A PyTorch state dict is to be read where PyTorch is not installed."""


class _Unfit(Exception):
    """What is wrong with a file; `load` adds which file, and what would be right."""


def load(path, name: str) -> keras.Model:
    """The published checkpoint at `path` in the network called `name`, which answers as the original does.

    The Keras originals end in sigmoids where this package's networks end in logits. The file tells the number of
    classes. mousavi gets its windows in the published order.
    Raises BadCheckpoint for a file that is not `name`'s checkpoint, TorchMissing for a PyTorch state dict without
    PyTorch, and ValueError for an unknown name.
    """
    models.network(name)
    if name not in CHECKPOINTS:
        raise BadCheckpoint(path, f"no checkpoint of {name} was published, only of {', '.join(CHECKPOINTS)}")
    try:
        return _network_with(_read(Path(path)), name)
    except _Unfit as unfit:
        needed = CHECKPOINTS[name]
        raise BadCheckpoint(path, f"{unfit}; {name} needs a {needed.kind} of {needed.tensors} tensors") from None


def _read(path: Path) -> Tensors:
    """Every weight of the checkpoint at `path` with its name there, in file order."""
    if not path.is_file():
        raise _Unfit("there is no such file")
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_keras(path)
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):  # PyTorch's zip since 1.6, its pickle before
        return _read_pytorch(path)
    raise _Unfit(f"neither a {KERAS} nor a {PYTORCH}")


def _read_keras(path: Path) -> Tensors:
    try:
        with h5py.File(path) as file:
            root = file.get("model_weights", file)  # a whole model in HDF5 keeps its weights there
            groups = [root[layer] for layer in root.attrs["layer_names"]]
            return [
                (weight.decode() if isinstance(weight, bytes) else str(weight), np.asarray(group[weight], np.float32))
                for group in groups
                for weight in group.attrs["weight_names"]
            ]
    except KeyError:
        raise _Unfit(f"an HDF5 file, but without the layers of a {KERAS}") from None
    except (OSError, RuntimeError, TypeError, ValueError):
        raise _Unfit("the HDF5 file is truncated or damaged") from None


def _read_pytorch(path: Path) -> Tensors:
    try:
        import torch
    except ImportError:
        raise TorchMissing(f"{path}: reading a {PYTORCH} needs PyTorch; pip install torch provides it") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # zip, pickle and PyTorch each raise their own for what they cannot read
        raise _Unfit(f"damaged, or not a {PYTORCH}") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _Unfit("a PyTorch file, but not a state dict (tensors by name)")
    counted = (item for item in state.items() if not item[0].endswith("num_batches_tracked"))
    return [(tensor, value.detach().float().numpy()) for tensor, value in counted]


def _network_with(tensors: Tensors, name: str) -> keras.Model:
    published = CHECKPOINTS[name]
    if len(tensors) != published.tensors:
        others = [other for other, checkpoint in CHECKPOINTS.items() if checkpoint.tensors == len(tensors)]
        raise _Unfit(f"holds {len(tensors)} tensors, as {others[0] if others else 'no published network'} has")
    for tensor, value in tensors:
        if not np.isfinite(value).all():
            raise _Unfit(f"damaged: {tensor} holds values that are no finite numbers")
    classes = max(1, tensors[-1][1].size)  # the last tensor is the last layer's bias
    model = models.build(name, classes=classes, **published.options)
    weights = model.weights if published.kind == KERAS else _weights_by_name(model, tensors)
    for weight, (tensor, value) in zip(weights, tensors, strict=True):
        fitted = _as_laid_out_here(value, published.kind, len(weight.shape))
        if fitted.shape != tuple(weight.shape):
            raise _Unfit(f"{tensor} has shape {value.shape}, which does not fit {weight.path} of {name}")
        weight.assign(fitted)
    return model


def _weights_by_name(model: keras.Model, tensors: Tensors) -> list:
    """The model's weights in the order of a state dict's tensors; a layer's own come in the same order in both."""
    left_of = {layer.name: iter(layer.weights) for layer in model.layers}
    weights = []
    for tensor, _ in tensors:
        weight = next(left_of.get(_layer_name(tensor), iter(())), None)
        if weight is None:
            raise _Unfit(f"{tensor} has no place in {model.name}")
        weights.append(weight)
    return weights


def _layer_name(tensor: str) -> str:
    """Our layer for a tensor of a state dict: `block.3.bn1.weight` is in block_3_bn1, `rnn.weight_hh_l0` in rnn_hh."""
    module, _, leaf = tensor.rpartition(".")
    product = re.fullmatch(r"(?:weight|bias)(_ih|_hh)_l0", leaf)
    layer = module.replace(".", "_") + (product[1] if product else "")
    return RENAMED.get(layer, layer)


def _as_laid_out_here(value: np.ndarray, kind: str, rank: int) -> np.ndarray:
    """PyTorch's (out, in, kernel) as (kernel, in, out); a kernel along time as one over an image's rows of height 1."""
    if kind == PYTORCH:
        value = value.transpose()
    return value[np.newaxis] if value.ndim == rank - 1 else value


def import_checkpoint(path, name: str, out, data_dir=None) -> Card:
    """Write the published checkpoint at `path` as a model folder `out`, which every command takes; returns its card.

    The checkpoints hold no scale. It is taken from the training folds of the data set in `data_dir`, or else is that
    of PTB-XL 1.0.3. Raises as `load`, BadCheckpoint for other classes than the superclasses, MissingData where `data_dir` is no
    data set, and BadChoice where `out` holds a model already.
    """
    require_no_model(Path(out))
    model = load(path, name)
    classes = model.output["logits"].shape[-1]
    if classes != len(LABELS):
        raise BadCheckpoint(path, f"answers {classes} classes; a model folder needs the {len(LABELS)} superclasses")
    scale = PTBXL_SCALE
    if data_dir is not None:
        data = PtbXl(data_dir)
        scale = Scale.of(data.signals(data.ids(TRAIN_FOLDS)))
    card = Card(network=name, options=CHECKPOINTS[name].options, **asdict(scale), data={"checkpoint": Path(path).name})
    save_model(out, model, card)
    return card
