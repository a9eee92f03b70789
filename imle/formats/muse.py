"""GE MUSE's RestingECG: eight recorded leads as base64 integers, the other four from Einthoven's and Goldberger's equations."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from imle.ecg import Ecg, UnreadableEcg
from imle.formats.about import about
from imle.formats.common import check_scale, first_ten_seconds, named_leads, samples_needed
from imle.formats.hints import Hints, ask_for
from imle.formats.units import mv_per_unit
from imle.formats.xml_tree import at, children, number, text

# By LeadSampleSize, in bytes.
SAMPLE_TYPES = {1: "i1", 2: "<i2", 4: "<i4"}


def read_root(root: Element, path: Path, hints: Hints) -> Ecg:
    """The first ten seconds of the Rhythm waveform; the Median beat is no record. Raises UnreadableEcg or InvalidEcg."""
    waveform = next((w for w in children(root, "Waveform") if text(w, "WaveformType").casefold() == "rhythm"), None)
    if waveform is None:
        raise UnreadableEcg(path, "this MUSE file has no Rhythm waveform; export the record with its full disclosure")
    base = text(waveform, "SampleBase") or hints.fs_hz
    ask_for(path, fs_hz=base)
    exponent = number(text(waveform, "SampleExponent") or "0", "SampleExponent")
    fs_hz = number(str(base), "SampleBase") * 10.0 ** np.clip(exponent, -10, 10)
    samples = samples_needed(fs_hz)
    leads = children(waveform, "LeadData")
    rows = named_leads([text(lead, "LeadID") for lead in leads], hints)
    stored = {lead: _stored(path, lead, leads[row]) for lead, row in rows.items()}
    signals_mv = {
        lead: stored[lead][:samples] * _mv_per_bit(path, lead, leads[row], hints) for lead, row in rows.items()
    }
    return first_ten_seconds(signals_mv, min(map(len, stored.values())), fs_hz, path.stem, _meta(root))


def _stored(path: Path, lead: str, data: Element) -> np.ndarray:
    """(n,) integers as stored. UnreadableEcg where they cannot be decoded, or are fewer than promised."""
    size = number(text(data, "LeadSampleSize") or "2", f"LeadSampleSize of lead {lead}")
    if size not in SAMPLE_TYPES:
        raise UnreadableEcg(path, f"the samples of lead {lead} take {size:g} bytes; 1, 2 or 4 can be read")
    try:
        content = base64.b64decode("".join(_encoded(data).split()), validate=True)
        stored = np.frombuffer(content, SAMPLE_TYPES[size])
    except (binascii.Error, ValueError):
        raise UnreadableEcg(
            path, f"the waveform of lead {lead} is broken off or damaged; copy the file again"
        ) from None
    promised = number(text(data, "LeadSampleCountTotal") or str(len(stored)), f"LeadSampleCountTotal of lead {lead}")
    if len(stored) < promised:
        raise UnreadableEcg(
            path,
            f"lead {lead} ends after {len(stored)} of {promised:g} samples; it was cut short, so copy the file again",
        )
    return stored


def _mv_per_bit(path: Path, lead: str, data: Element, hints: Hints) -> float:
    scale = number(text(data, "LeadAmplitudeUnitsPerBit"), f"LeadAmplitudeUnitsPerBit of lead {lead}")
    check_scale(scale, lead)
    unit = text(data, "LeadAmplitudeUnits") or hints.unit
    ask_for(path, unit=unit)
    return scale * mv_per_unit(unit)


def _encoded(data: Element) -> str:
    return text(data, "WaveFormData") or text(data, "WaveformData")


def _meta(root: Element) -> dict:
    person, test = at(root, "PatientDemographics"), at(root, "TestDemographics")
    years = text(person, "AgeUnits").casefold() in ("", "years")
    age = text(person, "PatientAge")
    try:
        when = f"{text(test, 'AcquisitionDate')} {text(test, 'AcquisitionTime') or '00:00:00'}"
        recorded = datetime.strptime(when.replace("/", "-"), "%m-%d-%Y %H:%M:%S")
    except ValueError:
        recorded = None
    return about(
        age=int(age) if years and age.isdecimal() and len(age) <= 3 else None,
        sex=text(person, "Gender"),
        recorded=recorded,
        device=text(test, "AcquisitionDevice"),
    )
