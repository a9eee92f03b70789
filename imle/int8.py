"""`to_int8`: an int8 form of a model beside its others, which answers for whole cohorts in less time.

Its convolutions multiply 8 bit integers, which every processor of the last years does faster than any floating point;
what weighs and sums after them stays in floating point. Jacob et al. 2018, doi:10.48550/arXiv.1712.05877.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from imle.errors import BadChoice
from imle.inference import BATCH, export_openvino, model_folder
from imle.model_folder import INT8_FILE, OPENVINO_FILE, read_card, replacing
from imle.ptbxl import PtbXl

# Of the folds that train; from which the ranges of the activations are taken.
FOLDS = range(1, 9)
RECORDS = 320


def to_int8(name_or_path, data: PtbXl, records: int = RECORDS) -> Path:
    """Write the int8 form of a shipped model or model folder into its folder; returns its path.

    The ranges of the activations are those of `records` records of FOLDS, drawn at random but always the same; what lies beyond them in
    another record is cut. NotAModel where there is no model; BadChoice where NNCF is not installed, the network has no
    convolutions or `data` no record of FOLDS.
    """
    folder = model_folder(name_or_path)
    card = read_card(folder)
    ids = data.ids(FOLDS)
    if not len(ids):
        raise BadChoice(f"{data.title} has no record of folds 1 to 8, from which the ranges are taken; give other data")
    nncf = _nncf()
    import openvino as ov

    path = folder / OPENVINO_FILE
    model = ov.Core().read_model(path if path.is_file() else export_openvino(folder))
    kept = _outside_convolutions(model)
    drawn = np.sort(np.random.default_rng(0).permutation(ids)[:records])
    batches = [drawn[first : first + BATCH] for first in range(0, len(drawn), BATCH)]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(batches, lambda some: card.scale.standardise(data.signals(some))),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(batches),
        ignored_scope=nncf.IgnoredScope(names=kept),
    )
    path = folder / INT8_FILE
    with replacing(path) as fresh, replacing(path.with_suffix(".bin")):  # OpenVINO writes the second beside the first
        ov.save_model(quantised, fresh, compress_to_fp16=False)
    return path


def _outside_convolutions(model) -> list[str]:
    """The names of the operations that no convolution comes after: attention, recurrent layers and heads.

    There 8 bits save nothing and lose much: an attention weight below 1/256 became 0, and a share of it not a number.
    """
    todo = [op for op in model.get_ops() if op.get_type_name() == "Convolution"]
    if not todo:
        raise BadChoice("this network has no convolutions, which are what int8 makes faster; use another engine")
    within = set()
    while todo:
        op = todo.pop()
        if op.get_friendly_name() not in within:
            within.add(op.get_friendly_name())
            todo += [value.get_node() for value in op.input_values()]
    fixed = ("Constant", "Parameter", "Result")
    others = [op for op in model.get_ordered_ops() if op.get_type_name() not in fixed]
    return [op.get_friendly_name() for op in others if op.get_friendly_name() not in within]


def _nncf():
    try:
        import nncf
    except ImportError:
        raise BadChoice("nncf is not installed; `pip install -e '.[int8]'` in this project's folder adds it") from None
    nncf.set_log_level(logging.WARNING)  # else a line for each operation that stays as it is
    return nncf
