"""NumPy .npy files: one array of 12 leads by time or time by 12 leads; its rate and its unit must be told."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from imle.ecg import Ecg, InvalidEcg, UnreadableEcg
from imle.formats.common import FROM_I_AND_II, cannot_open, first_ten_seconds, lead_rows, samples_needed, shown
from imle.formats.hints import NO_HINTS, Hints, ask_for
from imle.formats.units import mv_per_unit
from imle.leads import LEADS

TITLE = "NumPy arrays (.npy)"
SUFFIXES = (".npy",)
MAGIC = b"\x93NUMPY"
# No file system holds more.
LONGEST_AXIS = 2**63
FEWEST_LEADS = len(LEADS) - len(FROM_I_AND_II)
READ_HEADER = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def recognises(head: bytes) -> bool:
    """Whether a file begins as .npy files do."""
    return head.startswith(MAGIC)


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of an array (12, n) or (n, 12). Raises UnreadableEcg or InvalidEcg.

    The leads come in the order of `hints.leads`, or of LEADS where that is not given; `meta["assumed_order"]` then says
    so. Pickled objects are never loaded.
    """
    names = hints.leads or LEADS
    shape = _shape(path, len(names))
    ask_for(path, fs_hz=hints.fs_hz, unit=hints.unit)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    by_lead = array if shape[0] == len(names) else array.T
    samples, mv = samples_needed(hints.fs_hz), mv_per_unit(hints.unit)
    signals_mv = {lead: np.array(by_lead[row, :samples], np.float64) * mv for lead, row in lead_rows(names).items()}
    meta = {} if hints.leads else {"assumed_order": list(LEADS)}
    return first_ten_seconds(signals_mv, by_lead.shape[1], hints.fs_hz, path.stem, meta)


def _shape(path: Path, n: int) -> tuple[int, int]:
    """The array's shape. UnreadableEcg or InvalidEcg where it is not `n` leads of plain numbers, or the file
    is shorter than promised.
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            shape, _, dtype = READ_HEADER[version](file)
            held = path.stat().st_size - file.tell()
    except OSError as error:
        raise cannot_open(path, error) from None
    except Exception:  # a damaged header surfaces as whatever its evaluation makes of it
        raise UnreadableEcg(path, "the .npy header cannot be read; save the array again with numpy.save") from None
    if len(shape) != 2 or n not in shape or not 0 < min(shape) <= max(shape) <= LONGEST_AXIS:
        raise InvalidEcg(
            f"the array has shape {shown(shape)}; ({n}, n) or (n, {n}) is needed, {n} leads by time",
            doubtful="leads" if len(shape) == 2 and min(shape) >= FEWEST_LEADS else None,
        )
    if dtype.kind not in "fiu":
        raise UnreadableEcg(
            path, f"the array holds {shown(dtype)}; plain integers or floating point numbers are needed"
        )
    promised = math.prod(shape) * dtype.itemsize
    if held < promised:
        raise UnreadableEcg(
            path,
            f"the file holds {held} of {promised} bytes that its header promises; it was cut short, so copy it again",
        )
    return shape
