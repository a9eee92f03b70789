"""WFDB records written as PTB-XL writes its own, read in a fiftieth of the time that WFDB in general takes.

That is: one .dat file of 16-bit samples, the 12 leads in the usual order, 1000 ADC units a millivolt. One regular
expression matches such a header and no other; the samples come into an array in one call.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

import numpy as np

from imle.leads import LEADS

ADC_PER_MV = 1000
# WFDB's mark of a missing sample.
MISSING_ADC = -32768

_SIGNAL_LINE = r"{file} 16 1000(?:\.0)?(?:\(0\))?/mV 16 0 -?\d+ (-?\d+) 0 {lead}[ \r]*\n"
_FILES = (r"(?P<file>\S+)", *[r"(?P=file)"] * (len(LEADS) - 1))
_LINES = "".join(_SIGNAL_LINE.format(file=file, lead=lead) for file, lead in zip(_FILES, LEADS, strict=True))
_HEADER = re.compile(rf"\S+ 12 (\d+) (\d+)[ \r]*\n{_LINES}(?P<comments>(?:#.*\n?)*)$".encode(), re.IGNORECASE)
_LONGEST_HEADER = 8192


class PlainHeader(NamedTuple):
    """Samples a second, samples a lead, their stated checksums (12), and the comment lines."""

    fs_hz: int
    samples: int
    checksums: tuple[int, ...]
    comments: bytes


def plain_header(stem: str) -> PlainHeader | None:
    """The header of the record `stem` (a path without suffix); None where it is missing or written in another way."""
    text = bytearray(_LONGEST_HEADER)
    try:
        match = _HEADER.match(text, 0, _read_into(f"{stem}.hea", [text]))
    except OSError:
        return None
    if match is None or match["file"].decode(errors="replace") != f"{stem.rpartition('/')[2]}.dat":
        return None
    fs_hz, samples, _, *checksums, comments = match.groups()
    return PlainHeader(int(fs_hz), int(samples), tuple(map(int, checksums)), bytes(comments))


def read_samples(stem: str, adc: np.ndarray) -> bool:
    """Fill `adc` (samples, 12) int16 from the record's .dat file; False where that is missing or too short."""
    try:
        return _read_into(f"{stem}.dat", [adc]) == adc.nbytes
    except OSError:
        return False


def checksums_agree(adc: np.ndarray, checksums: np.ndarray, axis: int) -> np.ndarray:
    """Whether the sums of int16 `adc` along time (`axis`) are the stated ones: WFDB keeps their last 16 bits."""
    return (((adc.sum(axis=axis, dtype=np.int16) - checksums) & 0xFFFF) == 0).all(axis=-1)


def _read_into(path: str, buffers: list) -> int:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.readv(file, buffers)
    finally:
        os.close(file)
