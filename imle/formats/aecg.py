"""HL7's annotated ECG (aECG implementation guide, 2005): the rhythm series, its leads by their MDC codes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from imle.ecg import Ecg, InvalidEcg, UnreadableEcg
from imle.formats.about import about, time_of
from imle.formats.common import check_scale, first_ten_seconds, has_the_leads, named_leads, samples_needed
from imle.formats.hints import Hints, ask_for
from imle.formats.units import mv_per_unit
from imle.formats.xml_tree import at, children, descendants, number, text

SECONDS_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def read_root(root: Element, path: Path, hints: Hints) -> Ecg:
    """The first ten seconds of the first 12-lead sequence set of a rhythm series. Raises UnreadableEcg or InvalidEcg."""
    sets = _rhythms(root)
    if not sets:
        raise UnreadableEcg(path, "this aECG file has no rhythm series; export the record with its waveforms")
    sequences = next((found for found in sets if has_the_leads(map(_code, found))), sets[0])
    times = [sequence for sequence in sequences if _code(sequence).startswith("TIME_")]
    leads = [sequence for sequence in sequences if sequence not in times]
    rows = named_leads([_code(lead) for lead in leads], hints)
    fs_hz = _rate_hz(path, times, hints)
    samples = samples_needed(fs_hz)
    values = {lead: at(leads[row], "value") for lead, row in rows.items()}
    signals_mv = {lead: _signal_mv(path, lead, value, samples, hints) for lead, value in values.items()}
    held = sum(1 for _ in re.finditer(r"\S+", text(values["I"], "digits")))
    return first_ten_seconds(signals_mv, held, fs_hz, path.stem, _meta(root))


def _rhythms(root: Element) -> list[list[Element]]:
    """The sequences of each sequence set in the series called RHYTHM, or in every series where none is."""
    series = [one for part in children(root, "component") for one in children(part, "series")]
    rhythms = [one for one in series if _code(one) == "RHYTHM"] or series
    sets = [found for one in rhythms for part in children(one, "component") for found in children(part, "sequenceSet")]
    return [[one for part in children(found, "component") for one in children(part, "sequence")] for found in sets]


def _code(element: Element) -> str:
    return _attribute(at(element, "code"), "code")


def _attribute(element: Element | None, name: str) -> str:
    return element.get(name, "").strip() if element is not None else ""


def _rate_hz(path: Path, times: list[Element], hints: Hints) -> float:
    """Samples a second, from the increment of the first time sequence."""
    increment = at(times[0], "value", "increment") if times else None
    if increment is None:
        ask_for(path, fs_hz=hints.fs_hz)
        return hints.fs_hz
    unit = _attribute(increment, "unit") or "s"
    if unit not in SECONDS_PER_UNIT:
        raise InvalidEcg(f"the time increment is in {unit[:40]!r}; s, ms or us is needed")
    seconds = number(_attribute(increment, "value"), "time increment") * SECONDS_PER_UNIT[unit]
    if not 0 < seconds < np.inf:
        raise InvalidEcg(f"the time increment is {seconds:g} s; it must be above 0")
    return float(f"{1 / seconds:.6g}")  # 0.00390625 s and 3.90625 ms are both 256 Hz


def _signal_mv(path: Path, lead: str, value: Element | None, samples: int, hints: Hints) -> np.ndarray:
    """Origin plus scale times digits, each of the two in its own unit."""
    scale, origin = at(value, "scale"), at(value, "origin")
    factor = number(_attribute(scale, "value"), f"scale of lead {lead}")
    check_scale(factor, lead)
    unit = _attribute(scale, "unit") or hints.unit
    ask_for(path, unit=unit)
    offset = number(_attribute(origin, "value") or "0", f"origin of lead {lead}")
    try:
        digits = np.array(text(value, "digits").split(None, samples)[:samples], np.float64)
    except ValueError:
        raise InvalidEcg(f"the digits of lead {lead} are not all numbers; copy the file again") from None
    return digits * factor * mv_per_unit(unit) + offset * mv_per_unit(_attribute(origin, "unit") or unit)


def _meta(root: Element) -> dict:
    person = next(descendants(root, "subjectDemographicPerson"), None)
    when, device = at(root, "effectiveTime"), next(descendants(root, "manufacturedSeriesDevice"), None)
    written = (_attribute(at(when, "low"), "value"), _attribute(at(when, "center"), "value"), _attribute(when, "value"))
    return about(
        sex=_attribute(at(person, "administrativeGenderCode"), "code"),
        born=time_of(_attribute(at(person, "birthTime"), "value")),
        recorded=next(filter(None, map(time_of, written)), None),
        device=text(device, "manufacturerModelName"),
    )
