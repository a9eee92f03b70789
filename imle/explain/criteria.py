"""A guideline's criteria with one record's numbers filled in: met, not met, or not to be told, and why.

A criterion is data (see `checks` in assets/guidelines.toml): a measure of MEASURES and its bounds. What is measured is read
from the median beat and the intervals of `imle.measure`. How much a criterion is worth is the clinician's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from imle.leads import LEADS
from imle.measure import Measurements, MedianBeat

MET, NOT_MET, CANNOT_TELL = "met", "not met", "cannot tell"
# A deflection below this, one millimetre on paper's tenth, is no wave.
WAVE_MV = 0.05
# Q waves and ST levels that count (Thygesen 2018, doi:10.1016/j.jacc.2018.08.1038).
Q_MS, Q_MV, Q_SHORT_MS, Q_SHORT_LEADS = 30, 0.1, 20, ("V2", "V3")
ST_UP_MV, ST_DOWN_MV, T_DOWN_MV = 0.1, 0.05, 0.1
ST_UP_V2_V3_MV = {"M": 0.2, "young M": 0.25, "F": 0.15}
YOUNG_BELOW = 40
# Leads beside each other look at one wall of the heart; aVR looks at none. The limb leads by their angle.
CONTIGUOUS = (("aVL", "I"), ("II", "aVF", "III"), ("V1", "V2", "V3", "V4", "V5", "V6"))


@dataclass(frozen=True)
class Criterion:
    """A measure and its bounds by sex (M, F); None where there is no bound on that side.

    at_least, at_most include the bound; over, under do not.
    """

    measure: str
    at_least: dict[str, float] | None = None
    at_most: dict[str, float] | None = None
    over: dict[str, float] | None = None
    under: dict[str, float] | None = None


@dataclass(frozen=True)
class Patient:
    """What a bound may depend on; None where it is not known. sex: M or F; age: years."""

    sex: str | None = None
    age: float | None = None


@dataclass(frozen=True)
class Finding:
    """One criterion of one record: what is asked, what was found, and which of MET, NOT_MET, CANNOT_TELL it is."""

    asked: str
    found: str
    verdict: str


@dataclass(frozen=True)
class Measure:
    """Something to measure: what it is called, its unit and decimals, and how it is found.

    find: (Measurements, leads of the guideline, Patient) -> Found; NotMeasured with a reason where there is no number.
    """

    title: str
    unit: str
    decimals: int
    find: Callable[[Measurements, tuple[str, ...], Patient], Found]


class Found(NamedTuple):
    """A number, and where it was found if it is one of leads."""

    value: float
    where: str = ""


class NotMeasured(Exception):
    """Why a number could not be found, in a few words."""


def judge(criterion: Criterion, measured: Measurements, leads: tuple[str, ...], patient: Patient) -> Finding:
    """The criterion with the record's number filled in."""
    measure = MEASURES[criterion.measure]
    asked = f"{measure.title} {_bounds_words(criterion, measure, patient)}"
    try:
        value, where = measure.find(measured, leads, patient)
    except NotMeasured as reason:
        return Finding(asked, f"n/a ({reason})", CANNOT_TELL)
    sexes = [patient.sex] if patient.sex else ["M", "F"]
    answers = _answers(criterion, value, sexes)
    # With so many decimals that the number as shown has the verdict beside it: 2.77 is not over 2.8, but rounds to it.
    enough = (n for n in range(measure.decimals, 4) if _answers(criterion, round(value, n), sexes) == answers)
    found = _number(value, replace(measure, decimals=next(enough, 4))) + (f" ({where})" if where else "")
    if len(answers) > 1:
        return Finding(asked, f"{found}, sex not known", CANNOT_TELL)
    return Finding(asked, found, MET if answers.pop() else NOT_MET)


def _answers(criterion: Criterion, value: float, sexes: list[str]) -> set[bool]:
    return {_within(criterion, value, sex) for sex in sexes}


def _within(criterion: Criterion, value: float, sex: str) -> bool:
    return (
        (criterion.at_least is None or value >= criterion.at_least[sex])
        and (criterion.at_most is None or value <= criterion.at_most[sex])
        and (criterion.over is None or value > criterion.over[sex])
        and (criterion.under is None or value < criterion.under[sex])
    )


def _bounds_words(criterion: Criterion, measure: Measure, patient: Patient) -> str:
    def bound(values: dict[str, float]) -> str:
        if patient.sex or values["M"] == values["F"]:
            return _number(values[patient.sex or "M"], measure)
        return f"{_number(values['M'], measure)} (men), {_number(values['F'], measure)} (women)"

    low = criterion.at_least or criterion.over
    high = criterion.at_most or criterion.under
    if low and high:
        return f"{bound(low)} to {bound(high)}" if criterion.at_most else f"{bound(low)} or more, under {bound(high)}"
    if criterion.at_least:
        return f"{bound(criterion.at_least)} or more"
    if criterion.at_most:
        return f"{bound(criterion.at_most)} or less"
    return f"over {bound(criterion.over)}" if criterion.over else f"under {bound(criterion.under)}"


def _number(value: float, measure: Measure) -> str:
    unit = f" {measure.unit}" if measure.unit and measure.unit != "°" else measure.unit
    return f"{value:.{measure.decimals}f}{unit}".replace("-", "−")


def _value_of(key: str) -> Callable:
    """One of the values of `measure`."""

    def find(measured: Measurements, leads: tuple[str, ...], patient: Patient) -> Found:
        value = measured.values[key]
        if value.value is None:
            raise NotMeasured(value.reason)
        return Found(value.value)

    return find


def _on_beat(find: Callable[[MedianBeat], float]) -> Callable:
    return lambda measured, leads, patient: Found(find(_beat(measured)))


def _contiguous(find: Callable[[Measurements, str, Patient], float | None]) -> Callable:
    """How many leads beside each other have what `find` tells in mV of a lead, None where it has not."""

    def count(measured: Measurements, leads: tuple[str, ...], patient: Patient) -> Found:
        level_mv = {lead: find(measured, lead, patient) for lead in leads}
        runs = [
            list(run)
            for group in CONTIGUOUS
            for has_it, run in groupby(group, lambda lead: level_mv.get(lead) is not None)
            if has_it
        ]
        longest = max(runs, key=len, default=[])
        where = ", ".join(f"{lead} {level_mv[lead]:.2f}" for lead in longest).replace("-", "−")
        return Found(float(len(longest)), f"{where} mV" if longest else "")

    return count


def _beat(measured: Measurements) -> MedianBeat:
    if measured.median_beat is None:
        raise NotMeasured(measured.values["qrs"].reason or "no median beat")
    return measured.median_beat


def _part(beat: MedianBeat, lead: str, first: str, last: str) -> np.ndarray:
    """The lead's samples from one mark to another. NotMeasured where a mark is missing, or the lead was a flat line."""
    if lead in beat.flat:
        raise NotMeasured(f"{lead} {beat.flat[lead]}")
    for mark in (first, last):
        if mark not in beat.marks_s:
            raise NotMeasured(f"no {mark.split('_')[0]} wave found")
    start, stop = (beat.sample(beat.marks_s[mark]) for mark in (first, last))
    return beat.signal_mv[LEADS.index(lead), max(0, start) : stop + 1].astype(float)


def _r_mv(beat: MedianBeat, lead: str) -> float:
    return max(0.0, float(_part(beat, lead, "QRS_on", "QRS_off").max()))


def _s_mv(beat: MedianBeat, lead: str) -> float:
    return max(0.0, -float(_part(beat, lead, "QRS_on", "QRS_off").min()))


def _r_to_s(lead: str) -> Callable[[MedianBeat], float]:
    def find(beat: MedianBeat) -> float:
        depth_mv = _s_mv(beat, lead)
        if depth_mv < WAVE_MV:
            raise NotMeasured(f"no S wave in {lead}")
        return _r_mv(beat, lead) / depth_mv

    return find


def _p_mv(lead: str) -> Callable[[MedianBeat], float]:
    """The highest point of the P wave above the level at its onset."""

    def find(beat: MedianBeat) -> float:
        wave = _part(beat, lead, "P_on", "P_off")
        return float(wave.max() - wave[0])

    return find


def _p_ms(beat: MedianBeat) -> float:
    _part(beat, "II", "P_on", "P_off")
    return 1000 * (beat.marks_s["P_off"] - beat.marks_s["P_on"])


def q_wave(beat: MedianBeat, lead: str) -> tuple[float, float]:
    """Duration (ms) and depth (mV) of the lead's first deflection where that is negative; 0, 0 where it is not.

    A QS complex, negative throughout, is a Q wave of its whole length.
    """
    part = _part(beat, lead, "QRS_on", "QRS_off")
    waves = np.flatnonzero(np.abs(part) >= WAVE_MV)
    if not len(waves) or part[waves[0]] > 0:
        return 0.0, 0.0
    above = np.flatnonzero(part[waves[0] :] >= 0)
    until = waves[0] + above[0] if len(above) else len(part)
    start = np.flatnonzero(part[: waves[0] + 1] >= 0)
    first = start[-1] + 1 if len(start) else 0
    return 1000 * (until - first) / beat.fs_hz, float(-part[first:until].min())


def _q_mv(measured: Measurements, lead: str, patient: Patient) -> float | None:
    duration_ms, depth_mv = q_wave(_beat(measured), lead)
    short = lead in Q_SHORT_LEADS
    counts = duration_ms > Q_SHORT_MS if short else duration_ms >= Q_MS and depth_mv >= Q_MV
    return -depth_mv if counts else None


def _raised_mv(measured: Measurements, lead: str, patient: Patient) -> float | None:
    least_mv = ST_UP_MV
    if lead in ("V2", "V3"):
        if patient.sex is None:
            raise NotMeasured("sex not known")
        young = patient.sex == "M" and patient.age is not None and patient.age < YOUNG_BELOW
        least_mv = ST_UP_V2_V3_MV["young M" if young else patient.sex]
    level_mv = float(_part(_beat(measured), lead, "QRS_on", "QRS_off")[-1])
    return level_mv if level_mv >= least_mv else None


def _lowered_mv(measured: Measurements, lead: str, patient: Patient) -> float | None:
    level = measured.st_mv[lead]
    if level.value is None:
        raise NotMeasured(f"{lead} {level.reason}" if lead in _beat(measured).flat else level.reason)
    return level.value if level.value <= -ST_DOWN_MV else None


def _inverted_mv(measured: Measurements, lead: str, patient: Patient) -> float | None:
    """Only where R is larger than S: T is negative beside a small R, as in V1, in healthy hearts too."""
    beat = _beat(measured)
    wave = _part(beat, lead, "T_on", "T_off")
    inverted = -wave.min() > max(T_DOWN_MV, wave.max())
    return float(wave.min()) if inverted and _r_mv(beat, lead) > _s_mv(beat, lead) else None


MEASURES = {
    "heart_rate": Measure("Rate", "bpm", 0, _value_of("heart_rate")),
    "pr": Measure("PR", "ms", 0, _value_of("pr")),
    "qrs": Measure("QRS", "ms", 0, _value_of("qrs")),
    "qtc": Measure("QTc (Bazett)", "ms", 0, _value_of("qtc_bazett")),
    "axis": Measure("Axis", "°", 0, _value_of("axis")),
    "p": Measure("P", "ms", 0, _on_beat(_p_ms)),
    "p_ii": Measure("P in II", "mV", 2, _on_beat(_p_mv("II"))),
    "p_v1": Measure("P in V1", "mV", 2, _on_beat(_p_mv("V1"))),
    "sokolow_lyon": Measure(
        "SV1 + RV5 or RV6",
        "mV",
        1,
        _on_beat(lambda beat: _s_mv(beat, "V1") + max(_r_mv(beat, "V5"), _r_mv(beat, "V6"))),
    ),
    "cornell": Measure("SV3 + RaVL", "mV", 1, _on_beat(lambda beat: _s_mv(beat, "V3") + _r_mv(beat, "aVL"))),
    "r_avl": Measure("RaVL", "mV", 1, _on_beat(lambda beat: _r_mv(beat, "aVL"))),
    "r_v1": Measure("RV1", "mV", 1, _on_beat(lambda beat: _r_mv(beat, "V1"))),
    "r_s_v1": Measure("R/S in V1", "", 1, _on_beat(_r_to_s("V1"))),
    "r_s_v2": Measure("R/S in V2", "", 1, _on_beat(_r_to_s("V2"))),
    "q_leads": Measure("Contiguous leads with Q waves:", "", 0, _contiguous(_q_mv)),
    "st_raised_leads": Measure(
        "Contiguous leads with ST raised at J:",
        "",
        0,
        _contiguous(_raised_mv),
    ),
    "st_lowered_leads": Measure("Contiguous leads with ST lowered by 0.05 mV:", "", 0, _contiguous(_lowered_mv)),
    "t_inverted_leads": Measure("Contiguous leads with T inverted, R above S:", "", 0, _contiguous(_inverted_mv)),
}
