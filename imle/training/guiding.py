"""Attention drawn to the leads that guidelines name: a second term of the loss, for networks with attention a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops

from imle.errors import BadChoice
from imle.explain.guidelines import Guideline
from imle.explain.score_cohort import diagnoses
from imle.leads import LEADS
from imle.ptbxl import PtbXl

LEAST_SHARE = 1e-6  # of attention; its logarithm is finite


def guideline_leads(data: PtbXl, ids: np.ndarray, labels: Sequence[str], table: dict[str, Guideline]) -> np.ndarray:
    """(n, labels, 12) float32: 1 where a guideline looks for a diagnosis that the record has, told by that label.

    Where a record has several diagnoses of one label, the leads of each. All 0 for a label without one, and for a
    diagnosis whose guideline names every lead.
    """
    cases = diagnoses(data, ids, labels, table, records=None, seed=0)
    row_of = {ecg_id: row for row, ecg_id in enumerate(ids)}
    found = np.zeros((len(ids), len(labels), len(LEADS)), np.float32)
    for ecg_id, code, label in zip(cases["ecg_id"], cases["code"], cases["label"], strict=True):
        leads = table[code].cells.any(axis=1)
        if not leads.all():
            place = row_of[ecg_id], labels.index(label)
            found[place] = np.maximum(found[place], leads)
    return found


def with_leads(targets: np.ndarray, leads: np.ndarray) -> np.ndarray:
    """(n, labels) and (n, labels, 12) as the one array (n, labels * 13) that a guided loss takes."""
    return np.concatenate([targets, leads.reshape(len(targets), -1)], axis=1)


def guided_output(model: keras.Model) -> keras.KerasTensor:
    """(labels * 13,): the logits, then each label's attention to the 12 leads. BadChoice where the network has none."""
    logits, channel = model.output["logits"], model.output.get("channel")
    if channel is None or channel.shape[1:] != (logits.shape[-1], len(LEADS)):
        raise BadChoice(f"{model.name} has no attention to leads for each label, so no guideline can guide it")
    return layers.Concatenate(dtype="float32")([logits, layers.Flatten(dtype="float32")(channel)])


def guided_loss(loss: Callable, labels: int, share: float) -> Callable:
    """`loss` of targets and logits, and `share` times -log of the attention that lies on the guidelines' leads.

    The second term is a record's sum over the labels that have such leads. Takes what `with_leads` and `guided_output` give.
    """

    def total(targets, outputs):
        leads, attention = (ops.reshape(x[:, labels:], (-1, labels, len(LEADS))) for x in (targets, outputs))
        there = ops.cast(ops.any(leads > 0, axis=-1), "float32")
        on_leads = ops.maximum(ops.sum(leads * attention, axis=-1), LEAST_SHARE)
        return loss(targets[:, :labels], outputs[:, :labels]) - share * ops.sum(there * ops.log(on_leads), axis=-1)

    return total
