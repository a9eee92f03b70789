"""`halve`: a model folder in half the room, its weights kept as float16, for models that are shipped but not trained on."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np

from imle.errors import BadChoice
from imle.model_folder import (
    CARD_FILE,
    KERAS_FILE,
    NotAModel,
    forget_forms,
    load_keras,
    read_card,
    replacing,
    require_no_model,
)

WEIGHTS_FILE = "model.weights.h5"


def halve(folder, out) -> None:
    """Write the model in `folder` to the folder `out` with float16 weights and an OpenVINO form of the same.

    Loaded, it computes in float32 or bfloat16 as ever; a weight has lost what is below 1/2048 of it. BadChoice where
    `out` is `folder` or holds a model already; NotAModel where there is none.
    """
    from imle.inference import export_openvino

    folder, out = Path(folder), Path(out)
    read_card(folder)
    if not (folder / KERAS_FILE).is_file():
        raise NotAModel(f"{folder} has no {KERAS_FILE}; copy the model folder again")
    if folder.resolve() == out.resolve():
        raise BadChoice(f"{out} is the model itself; give another folder, so that its full weights are kept")
    require_no_model(out)
    out.mkdir(parents=True, exist_ok=True)
    forget_forms(out)
    with replacing(out / KERAS_FILE) as fresh:
        _halve_keras(folder / KERAS_FILE, fresh)
    load_keras(out)  # a file that cannot be read back is told now
    export_openvino(out, half=True)
    for name in ("README.md", CARD_FILE):  # the card last, as it says that a model is there
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)


def _halve_keras(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as full, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as half:
        for name in full.namelist():
            content = full.read(name)
            half.writestr(name, _halve_weights(content) if name == WEIGHTS_FILE else content)


def _halve_weights(content: bytes) -> bytes:
    """The HDF5 file `content` with every float32 array as float16."""
    out = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as full, h5py.File(out, "w") as half:

        def copy(name: str, item) -> None:
            if isinstance(item, h5py.Group):
                made = half.require_group(name)
            else:
                dtype = np.float16 if item.dtype == np.float32 else item.dtype
                made = half.create_dataset(name, data=item[()].astype(dtype))
            made.attrs.update(item.attrs)

        half.attrs.update(full.attrs)
        full.visititems(copy)
    return out.getvalue()
