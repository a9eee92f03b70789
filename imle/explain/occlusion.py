"""Attributions by occlusion: what the logit loses when a stretch of a lead is hidden; needs no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imle.ecg import MODEL_SAMPLES
from imle.inference import Prediction, Predictor
from imle.leads import LEADS
from imle.measure.segments import segments_of_signal
from imle.scale import centred

# Half a second, the window by which IMLE-Net reads a lead: longer than a QRS complex with its T wave's onset, shorter
# than a beat.
WINDOW = 50


def occlusion(predictor: Predictor, signals_mv: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """What each logit of `ks` loses when a window of one lead is hidden, for 12 x 20 windows of 0.5 s.

    Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53. See `hidden_in_turn` for the values.
    """
    masks = _lead_by_lead(np.arange(MODEL_SAMPLES) // WINDOW)
    return np.stack([hidden_in_turn(predictor, signal_mv, masks, ks) for signal_mv in signals_mv], axis=1)


def occlusion_waves(predictor: Predictor, signals_mv: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """What each logit of `ks` loses when one lead's P, PQ, QRS, ST, T or TP is hidden, in all beats of the record at once.

    Samples whose wave segment is not known have 0, hence all of them where the record has no beats to measure.
    """
    masks = [_lead_by_lead(segments_of_signal(signal_mv)) for signal_mv in signals_mv]
    return np.stack([hidden_in_turn(predictor, *one, ks) for one in zip(signals_mv, masks, strict=True)], axis=1)


def hidden_in_turn(predictor: Predictor, signal_mv: np.ndarray, masks: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """(ks, 12, 1000): for each of (m, 12, 1000) masks, the logit's loss when its samples are hidden, shared evenly by them.

    The values under a mask add up to the logit as it is minus the logit without what is there; they are positive where
    the stretch speaks for the label. What overlaps adds up.
    """
    if not len(masks):
        return np.zeros((len(ks), *signal_mv.shape), np.float32)
    masks_and_none = np.concatenate([np.zeros_like(masks[:1]), masks])
    copies_mv = np.repeat(signal_mv[None], len(masks_and_none), axis=0)
    logits = run_without(predictor, copies_mv, masks_and_none).logits[:, list(ks)]
    shares = (logits[0] - logits[1:]) / masks.sum(axis=(1, 2))[:, None]
    return np.tensordot(shares.T, masks.astype(np.float32), axes=1)


def run_without(predictor: Predictor, signals_mv: np.ndarray, hidden: np.ndarray) -> Prediction:
    """What the model answers to (n, 12, 1000) mV without what lies where `hidden` (the same shape) is True."""
    return predictor.run_centred(hide(centred(signals_mv), hidden))


def hide(signals_mv: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(n, 12, 1000) with the samples where `hidden` (the same shape) is True replaced by a straight line.

    The line joins the last sample before the stretch and the first after it, so that no step appears that could be
    read as a deflection; at the record's ends it is level. A lead that is hidden as a whole becomes 0 mV, its mean once
    it is centred.
    """
    samples = signals_mv.shape[-1]
    place = np.broadcast_to(np.arange(samples), hidden.shape)
    before = np.maximum.accumulate(np.where(hidden, -1, place), axis=-1)
    after = np.minimum.accumulate(np.where(hidden, samples, place)[..., ::-1], axis=-1)[..., ::-1]
    left, right = np.where(before < 0, after, before), np.where(after == samples, before, after)
    nothing_left = left == samples
    left, right = np.where(nothing_left, 0, left), np.where(nothing_left, 0, right)
    share = np.divide(place - left, right - left, out=np.zeros(hidden.shape, np.float32), where=right > left)
    left_mv, right_mv = (np.take_along_axis(signals_mv, ends, axis=-1) for ends in (left, right))
    line_mv = np.where(nothing_left, 0, left_mv + share * (right_mv - left_mv))
    return np.where(hidden, line_mv, signals_mv).astype(np.float32)


def _lead_by_lead(kinds: np.ndarray) -> np.ndarray:
    """(1000,) kinds of samples, negative for none -> (m, 12, 1000) bool, a mask for each kind in each lead."""
    stretches = [kinds == kind for kind in np.unique(kinds[kinds >= 0])]
    masks = np.zeros((len(stretches), len(LEADS), len(LEADS), MODEL_SAMPLES), bool)
    for index, stretch in enumerate(stretches):
        masks[index, np.arange(len(LEADS)), np.arange(len(LEADS))] = stretch
    return masks.reshape(-1, len(LEADS), MODEL_SAMPLES)
