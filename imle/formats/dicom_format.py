"""DICOM waveforms: 12-lead, general and ambulatory ECG storage, parsed by pydicom (DICOM PS3.3, section C.10.9)."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np

from imle.ecg import Ecg, InvalidEcg, UnreadableEcg
from imle.formats.about import about, time_of
from imle.formats.common import (
    check_scale,
    first_ten_seconds,
    has_the_leads,
    named_leads,
    samples_needed,
    shown,
    whole_file,
)
from imle.formats.hints import NO_HINTS, Hints, ask_for
from imle.formats.units import mv_per_unit
from imle.leads import canonical_lead

TITLE = "DICOM waveforms (.dcm)"
SUFFIXES = (".dcm", ".dicom")

# Implicit and explicit little endian, explicit big endian. The deflated one may unpack to any size.
IMPLICIT = "1.2.840.10008.1.2"
BYTE_ORDER = {IMPLICIT: "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.2": ">"}
# By bits allocated and sample interpretation; the logarithmic ones are for sound.
SAMPLE_TYPES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
# CID 3001: a lead has the same last number in MDC (2:61) and in SCP-ECG (5.6.3-9-61).
LEAD_OF_CODE = {
    "1": "I", "2": "II", "61": "III", "62": "aVR", "63": "aVL", "64": "aVF",
    "3": "V1", "4": "V2", "5": "V3", "6": "V4", "7": "V5", "8": "V6",
}  # fmt: skip
YEARS_PER = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1}

# An ECG has a few thousand elements and its facts are short. Files of nothing but elements would take minutes.
MOST_READS = 50_000
MOST_BACKSLASHES = 1_000_000
MOST_GROUPS = 100
MOST_CHANNELS = 256
LONGEST_VALUE = 1024


def recognises(head: bytes) -> bool:
    """Whether a file begins as DICOM files do: 128 bytes of anything, then DICM."""
    return head[128:132] == b"DICM"


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of the longest 12-lead waveform in a DICOM file. Raises UnreadableEcg or InvalidEcg."""
    content = whole_file(path)
    if not recognises(content):
        raise UnreadableEcg(path, "this is not a DICOM file; DICM must stand after its first 128 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(path, content, hints)
    except InvalidEcg:
        raise
    except Exception:  # pydicom raises whatever its parsing stumbles on
        raise UnreadableEcg(path, "this DICOM file cannot be parsed; it is damaged, so copy it again") from None


def _read(path: Path, content: bytes, hints: Hints) -> Ecg:
    if content.count(b"\\") > MOST_BACKSLASHES:
        raise ValueError("a value of more parts than any ECG has")
    syntax, dataset = _dataset(path, content)
    groups = _items(dataset, "WaveformSequence")[:MOST_GROUPS]
    if not groups:
        raise UnreadableEcg(path, "this DICOM file holds no waveform; give one that an electrocardiograph stored")

    def rank(group) -> tuple[bool, bool, float]:
        names = _names(group)
        return has_the_leads(names), len(names) == len(hints.leads or ()), _seconds(group)

    return _ecg(path, max(groups, key=rank), BYTE_ORDER[syntax], hints, _meta(dataset))


def _dataset(path: Path, content: bytes):
    """The transfer syntax and the dataset, its elements not yet converted to values.

    `pydicom.dcmread` would unpack a deflated file of any size, hence its two steps by themselves.
    """
    from pydicom.filereader import read_dataset

    file = _BoundedBytes(content)
    file.seek(132)
    file_meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group > 2)
    syntax = str(_value(file_meta, "TransferSyntaxUID"))
    if syntax not in BYTE_ORDER:
        raise UnreadableEcg(path, "this DICOM file is compressed; export it with an uncompressed transfer syntax")
    return syntax, read_dataset(file, syntax == IMPLICIT, BYTE_ORDER[syntax] == "<")


def _ecg(path: Path, group, byte_order: str, hints: Hints, meta: dict) -> Ecg:
    channels = _items(group, "ChannelDefinitionSequence")[:MOST_CHANNELS]
    fs_hz = float(_value(group, "SamplingFrequency"))
    stored = _stored_samples(path, group, len(channels), samples_needed(fs_hz), byte_order)
    rows = named_leads(_names(group), hints)
    signals_mv = {lead: _scaled_mv(path, lead, channels[row], stored[row], hints) for lead, row in rows.items()}
    return first_ten_seconds(signals_mv, int(_value(group, "NumberOfWaveformSamples")), fs_hz, path.stem, meta)


def _stored_samples(path: Path, group, channels: int, samples: int, byte_order: str) -> np.ndarray:
    """(channels, up to `samples`) float64 as stored, NaN where the file marks a sample as padding."""
    kind = (_value(group, "WaveformBitsAllocated"), _value(group, "WaveformSampleInterpretation"))
    if kind not in SAMPLE_TYPES:
        raise UnreadableEcg(
            path, f"the samples are {shown(kind[0])} bit {shown(kind[1])}; 8, 16 or 32 bit integers can be read"
        )
    dtype = np.dtype(byte_order + SAMPLE_TYPES[kind])
    stated, promised = int(_value(group, "NumberOfWaveformChannels")), int(_value(group, "NumberOfWaveformSamples"))
    if stated != channels:
        raise UnreadableEcg(path, f"the waveform has {stated} channels and describes {channels}; copy it again")
    data = _raw(group, "WaveformData")
    held = len(data) // (dtype.itemsize * channels)
    if held < promised:
        raise UnreadableEcg(
            path, f"the waveform ends after {held} of {promised} samples; it was cut short, so copy it again"
        )
    stored = np.frombuffer(data, dtype, min(samples, promised) * channels).reshape(-1, channels).T
    padding = _raw(group, "WaveformPaddingValue")
    is_padding = stored == np.frombuffer(padding, dtype, 1) if len(padding) >= dtype.itemsize else False
    return np.where(is_padding, np.nan, stored)


def _scaled_mv(path: Path, lead: str, channel, stored: np.ndarray, hints: Hints) -> np.ndarray:
    """Stored numbers times sensitivity and its correction, plus the baseline, which is in the same unit."""
    coded = _items(channel, "ChannelSensitivityUnitsSequence")
    unit = _value(coded[0], "CodeValue") if coded else hints.unit
    ask_for(path, unit=unit)
    scale = float(_value(channel, "ChannelSensitivity", 1)) * float(
        _value(channel, "ChannelSensitivityCorrectionFactor", 1)
    )
    check_scale(scale, lead)
    return (stored * scale + float(_value(channel, "ChannelBaseline", 0))) * mv_per_unit(str(unit))


def _lead_name(channel) -> str:
    """The lead by its coded source, else by what the code means, else by the channel's label."""
    names = [str(_value(channel, "ChannelLabel", ""))]
    for source in _items(channel, "ChannelSourceSequence")[:1]:
        scheme, code = str(_value(source, "CodingSchemeDesignator", "")), str(_value(source, "CodeValue", ""))
        names.insert(0, str(_value(source, "CodeMeaning", "")))
        if scheme.startswith(("MDC", "SCPECG")) and re.fullmatch(r"(2:|5\.6\.3-9-)\d+", code):
            names.insert(0, LEAD_OF_CODE.get(re.split("[:-]", code)[-1], names[0]))
    return next((name for name in names if canonical_lead(name)), names[0])


def _names(group) -> list[str]:
    return [_lead_name(channel) for channel in _items(group, "ChannelDefinitionSequence")[:MOST_CHANNELS]]


def _seconds(group) -> float:
    fs_hz = float(_value(group, "SamplingFrequency"))
    return int(_value(group, "NumberOfWaveformSamples")) / fs_hz if fs_hz > 0 else 0


def _meta(dataset) -> dict:
    age = re.fullmatch(r"(\d{3})([DWMY])", str(_value(dataset, "PatientAge", "")))
    return about(
        age=round(int(age[1]) * YEARS_PER[age[2]], 1) if age else None,
        sex=str(_value(dataset, "PatientSex", "")),
        born=time_of(str(_value(dataset, "PatientBirthDate", ""))),
        recorded=_recorded(dataset),
        device=f"{_value(dataset, 'Manufacturer', '')} {_value(dataset, 'ManufacturerModelName', '')}",
    )


def _recorded(dataset):
    written = [str(_value(dataset, "AcquisitionDateTime", ""))]
    for what in ("Acquisition", "Content", "Study"):
        written.append(f"{_value(dataset, what + 'Date', '')}{_value(dataset, what + 'Time', '')}")
    return next(filter(None, map(time_of, written)), None)


class _BoundedBytes(io.BytesIO):
    """A file in memory that can be read from so many times: pydicom reads once or twice an element."""

    reads = 0

    def read(self, size: int = -1) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS:
            raise ValueError("more elements than any ECG has")
        return super().read(size)


def _value(dataset, keyword: str, default=None):
    """An element's value, unless it is longer than any fact about an ECG: converting that could take minutes."""
    if len(_raw(dataset, keyword)) > LONGEST_VALUE:
        raise ValueError(f"{keyword} is too long")
    element = dataset.get(keyword)
    return default if element is None or element == "" else element


def _raw(dataset, keyword: str) -> bytes:
    """An element's bytes as the file has them; none where it is absent or already parsed."""
    element = dataset.get_item(keyword) if keyword in dataset else None
    return element.value if isinstance(getattr(element, "value", None), bytes) else b""


def _items(dataset, keyword: str) -> list:
    """The items of a sequence, parsed within bounds."""
    from pydicom.dataelem import RawDataElement
    from pydicom.filereader import read_sequence

    element = dataset.get_item(keyword) if keyword in dataset else None
    if element is None or not element.value:
        return []
    if not isinstance(element, RawDataElement):
        return list(element.value)
    file = _BoundedBytes(element.value)
    return list(read_sequence(file, element.is_implicit_VR, element.is_little_endian, len(element.value), "iso8859"))
