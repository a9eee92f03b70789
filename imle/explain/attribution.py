"""`attribute`: how much each sample of a record speaks for or against a label, by the methods in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imle.errors import BadChoice
from imle.explain import gradients, occlusion
from imle.inference import Predictor, checked_signals
from imle.scale import centred

# The method among METHODS that is the model's own.
ATTENTION = "attention"
SOURCE_OF_ATTENTION = "doi:10.1109/SMC52423.2021.9658706"
# What a model without attention is explained by where nobody says otherwise: it named best what a model uses (docs/trust.md),
# and runs on any engine.
USUAL_METHOD = "occlusion_waves"


@dataclass(frozen=True)
class Method:
    """A way to explain a label.

    description: one sentence for the page that draws it. source: its paper. unit: of its values. compute: (predictor,
    (n, 12, 1000) mV that `centred` has made, indices of labels) -> (labels, n, 12, 1000). at_once: whether all labels
    take no longer than one.
    """

    title: str
    description: str
    source: str
    unit: str
    compute: Callable[[Predictor, np.ndarray, Sequence[int]], np.ndarray]
    at_once: bool = False


def attention(predictor: Predictor, signals_mv: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """The combined attention, of each label of `ks` where each has its own; sums to 1 over the record."""
    found = predictor.attend(signals_mv)
    labels = [predictor.labels[k] if predictor.attended_labels else None for k in ks]
    return np.stack([[found.heatmap("combined", i, label) for i in range(len(found))] for label in labels])


def one_by_one(compute: Callable[[Predictor, np.ndarray, int], np.ndarray]):
    """`compute` of one label, for several."""
    return lambda predictor, signals_mv, ks: np.stack([compute(predictor, signals_mv, k) for k in ks])


METHODS = {
    "saliency": Method(
        "Saliency",
        "The size of the logit's change a mV at each sample, without its direction.",
        "doi:10.48550/arXiv.1312.6034",
        "logit/mV",
        one_by_one(gradients.saliency),
    ),
    "input_times_gradient": Method(
        "Input × gradient",
        "The logit's change a mV, times the sample's distance from 0 mV.",
        "doi:10.48550/arXiv.1605.01713",
        "logit",
        one_by_one(gradients.input_times_gradient),
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        f"The logit's difference from a record of 0 mV, shared among the samples along {gradients.STEPS} steps towards it.",
        "doi:10.48550/arXiv.1703.01365",
        "logit",
        one_by_one(gradients.integrated_gradients),
    ),
    "smoothgrad": Method(
        "SmoothGrad",
        f"The logit's change a mV, averaged over {gradients.NOISY_COPIES} copies of the record with noise of "
        f"{gradients.NOISE_MV:g} mV.",
        "doi:10.48550/arXiv.1706.03825",
        "logit/mV",
        one_by_one(gradients.smoothgrad),
    ),
    "guided_grad_cam": Method(
        "Guided Grad-CAM",
        "Where the last feature map speaks for the label, refined by the gradient that only passes what raises it.",
        "doi:10.1109/ICCV.2017.74",
        "logit/mV",
        one_by_one(gradients.guided_grad_cam),
    ),
    "occlusion": Method(
        "Occlusion",
        "What the logit loses when half a second of one lead is replaced by a straight line, shared by its samples.",
        "doi:10.1007/978-3-319-10590-1_53",
        "logit",
        occlusion.occlusion,
        at_once=True,
    ),
    "occlusion_waves": Method(
        "Occlusion of waves",
        "What the logit loses when one lead's P, PQ, QRS, ST, T or TP is replaced by straight lines in every beat.",
        "doi:10.1007/978-3-319-10590-1_53",
        "logit",
        occlusion.occlusion_waves,
        at_once=True,
    ),
    ATTENTION: Method(
        "Attention",
        "The model's own weights over time and leads, multiplied; they show where it looked, not what speaks for a label.",
        SOURCE_OF_ATTENTION,
        "share of the record",
        attention,
        at_once=True,
    ),
}


def attribute(predictor: Predictor, signals_mv: np.ndarray, label: str, method: str) -> np.ndarray:
    """The attribution of `label`'s logit to every sample, float32 of the shape of `signals_mv`, by a key of METHODS.

    signals_mv: (12, 1000) or (n, 12, 1000) mV at 100 Hz. Signed where the method is: positive speaks for the label.
    BadChoice for an unknown method or label and for attention of a network without any; InvalidEcg for other signals.
    """
    return attribute_each(predictor, signals_mv, [label], method)[label]


def attribute_each(
    predictor: Predictor, signals_mv: np.ndarray, labels: Sequence[str], method: str
) -> dict[str, np.ndarray]:
    """What `attribute` gives for each of `labels`; by a method that is `at_once` in the time of one."""
    check_explains(predictor, method)
    signals_mv = np.asarray(signals_mv, np.float32)
    alone = signals_mv.ndim == 2
    batch_mv = centred(checked_signals(signals_mv[None] if alone else signals_mv))
    ks = [index_of(predictor, label) for label in labels]
    found = METHODS[method].compute(predictor, batch_mv, ks).astype(np.float32)
    return {label: one[0] if alone else one for label, one in zip(labels, found, strict=True)}


def labels_with(predictor: Predictor, label: str, method: str) -> tuple[str, ...]:
    """`label` and those whose attributions come with its own: all where the method is `at_once`. BadChoice as `attribute`."""
    check_explains(predictor, method)
    index_of(predictor, label)
    return predictor.labels if METHODS[method].at_once else (label,)


def completeness_error(predictor: Predictor, signals_mv: np.ndarray, label: str) -> np.ndarray:
    """(n,) how far integrated gradients of (n, 12, 1000) miss what they should add up to: see `incompleteness`."""
    shared = attribute(predictor, signals_mv, label, "integrated_gradients")
    return incompleteness(predictor, signals_mv, label, shared)


def incompleteness(predictor: Predictor, signals_mv: np.ndarray, label: str, attributions: np.ndarray) -> np.ndarray:
    """(n,) |sum of the attributions - (logit of the record - logit of 0 mV)|, in units of the logit, never negative.

    The logits are in float32. Beside it stand differences of some units between records with and without a label.
    """
    signals_mv, k = centred(checked_signals(signals_mv)), index_of(predictor, label)
    baseline_mv = np.full_like(signals_mv[:1], gradients.BASELINE_MV)
    difference = gradients.logit(predictor, signals_mv, k) - gradients.logit(predictor, baseline_mv, k)
    return np.abs(attributions.sum(axis=(1, 2), dtype=np.float64) - difference)


def method_called(name: str) -> Method:
    """The method of that name; BadChoice where there is none."""
    if name not in METHODS:
        raise BadChoice(f"there is no method {name!r}; choose one of {', '.join(METHODS)}")
    return METHODS[name]


def methods_of(predictor: Predictor) -> list[str]:
    """The names of the methods that the model can be explained by."""
    return [name for name in METHODS if name != ATTENTION or predictor.has_attention]


def check_explains(predictor: Predictor, method: str) -> None:
    """BadChoice where there is no method of that name, or the model cannot be explained by it."""
    method_called(method)
    if method not in methods_of(predictor):
        raise BadChoice(f"{predictor.name} has no attention; choose one of {', '.join(methods_of(predictor))}")


def index_of(predictor: Predictor, label: str) -> int:
    """The label's place among the model's. BadChoice where it has no such label."""
    if label not in predictor.labels:
        raise BadChoice(f"{predictor.name} has no label {label!r}; choose one of {', '.join(predictor.labels)}")
    return predictor.labels.index(label)
