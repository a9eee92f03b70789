"""Criteria with a record's numbers filled in, on simulated ECGs in which the criterion is planted and on normal ones."""

from dataclasses import replace

import numpy as np
import pytest

from imle import LEADS
from imle.explain.criteria import CANNOT_TELL, MET, NOT_MET, Criterion, Patient, judge, q_wave
from imle.explain.guidelines import read_guidelines
from imle.measure import MedianBeat, measure
from imle.measure.measurements import Measured
from imle.simulate import simulate

WOMAN = Patient("F", 60)
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def table():
    return read_guidelines()


def verdicts(finding: str, code: str, table, seed: int, patient: Patient = WOMAN) -> dict[str, str]:
    measured = measure(simulate(finding, seed, noise_mv=0.005, wander_mv=0.0).ecg)
    row = table[code]
    return {check.measure: judge(check, measured, row.leads, patient).verdict for check in row.checks}


@pytest.mark.parametrize(
    ("finding", "code", "measure"),
    [
        ("inferior infarction", "IMI", "q_leads"),
        ("anteroseptal infarction", "ASMI", "q_leads"),
        ("left bundle branch block", "CLBBB", "qrs"),
        ("right bundle branch block", "CRBBB", "qrs"),
        ("left ventricular hypertrophy", "LVH", "sokolow_lyon"),
        ("st depression", "ISCAL", "st_lowered_leads"),
        ("st depression", "ISCAL", "t_inverted_leads"),
        ("st depression", "ISC_", "st_lowered_leads"),
        ("st depression", "ISC_", "t_inverted_leads"),
        ("first degree av block", "1AVB", "pr"),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_criterion_is_met_and_not_in_the_same_patient_without(finding, code, measure, seed, table):
    """A criterion that is met by everybody, or by nobody, says nothing about the record."""
    assert verdicts(finding, code, table, seed)[measure] == MET
    assert verdicts("normal", code, table, seed)[measure] == NOT_MET


@pytest.mark.parametrize("seed", SEEDS)
def test_left_and_right_bundle_branch_block_differ_in_v1(seed, table):
    """Both have a wide QRS complex; S in V1 tells the left one."""
    assert verdicts("left bundle branch block", "CLBBB", table, seed)["r_s_v1"] == MET
    assert verdicts("right bundle branch block", "CLBBB", table, seed) == {"qrs": MET, "r_s_v1": NOT_MET}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_normal_ecg_meets_the_normal_intervals(seed, table):
    found = verdicts("normal", "NORM", table, seed)
    assert found["pr"] == found["qrs"] == MET


def beat_of(shape: np.ndarray) -> MedianBeat:
    """A beat whose QRS complex is `shape` (mV at 500 Hz) in every lead."""
    signal = np.zeros((12, 400), np.float32)
    signal[:, 200 : 200 + len(shape)] = shape
    marks = {"QRS_on": 0.0, "QRS_off": len(shape) / 500, "R": 0.02}
    return MedianBeat(signal, 500.0, 0.4, np.array([1.0, 2.0, 3.0]), marks)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([-0.2] * 20 + [1.0] * 20, (40, 0.2)),  # a Q wave of 40 ms
        ([0.3] * 10 + [-0.5] * 20, (0, 0)),  # rS: the first deflection is up
        ([-0.6] * 40, (82, 0.6)),  # QS, to the last sample of the complex
        ([-0.02] * 10 + [1.0] * 20, (0, 0)),  # too shallow for a wave
    ],
)
def test_q_waves_by_hand(shape, expected):
    duration_ms, depth_mv = q_wave(beat_of(np.array(shape)), "II")
    assert duration_ms == pytest.approx(expected[0], abs=4) and depth_mv == pytest.approx(expected[1], abs=1e-6)


@pytest.mark.parametrize(
    ("leads", "found"),
    [
        (["V2", "V3", "V5"], "2 (V2 −0.40, V3 −0.40 mV)"),
        (["V1", "V3", "V5"], "1 (V1 −0.40 mV)"),
        (["III", "II", "aVF", "V6"], "3 (II −0.40, aVF −0.40, III −0.40 mV)"),
        (["I", "aVL"], "2 (aVL −0.40, I −0.40 mV)"),
        (["aVR", "II"], "1 (II −0.40 mV)"),
        (["aVF", "V1"], "1 (aVF −0.40 mV)"),
        ([], "0"),
    ],
)
def test_only_leads_beside_each_other_count_together(leads, found):
    """Signs here and there are in every ECG; two of one wall make a finding."""
    beat = beat_of(np.array([-0.4] * 20 + [1.0] * 20))
    signal_mv = np.where(np.isin(LEADS, leads)[:, None], beat.signal_mv, np.abs(beat.signal_mv))
    measured = replace(measure(simulate("normal", 1).ecg), median_beat=replace(beat, signal_mv=signal_mv))
    two = Criterion("q_leads", at_least={"M": 2, "F": 2})
    finding = judge(two, measured, LEADS, WOMAN)
    assert finding.found == found and finding.verdict == (MET if found[0] in "23" else NOT_MET)


@pytest.mark.parametrize("name", ["st_lowered_leads", "q_leads", "r_avl"])
def test_a_lead_that_was_a_flat_line_is_neither_met_nor_not(name):
    """No electrode has no ST segment; `not met` would rule out what was never recorded."""
    measured = measure(simulate("normal", 1).ecg)
    why = "a flat line in 9 of 11 beats"
    loose = replace(
        measured,
        median_beat=replace(measured.median_beat, flat={"aVL": why}),
        st_mv=measured.st_mv | {"aVL": Measured(None, "mV", why)},
    )
    finding = judge(Criterion(name, at_least={"M": 1, "F": 1}), loose, LEADS, WOMAN)
    assert (finding.found, finding.verdict) == (f"n/a (aVL {why})", CANNOT_TELL)


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_heart_has_no_ischaemia(seed, table):
    """T is negative in aVR and V1 of most people; counted, nearly every ECG would be ischaemic."""
    assert set(verdicts("normal", "ISC_", table, seed).values()) == {NOT_MET}


def test_bounds_by_sex_and_what_cannot_be_told():
    """With the bound of the other sex half of the criteria would be judged wrongly; without a sex neither can be chosen."""
    measured = measure(simulate("normal", 1).ecg)
    qtc = measured.values["qtc_bazett"].value
    between = Criterion("qtc", over={"M": qtc - 5, "F": qtc + 5})
    assert judge(between, measured, LEADS, Patient("M")).verdict == MET
    assert judge(between, measured, LEADS, Patient("F")).verdict == NOT_MET
    unknown = judge(between, measured, LEADS, Patient())
    assert unknown.verdict == CANNOT_TELL and "sex not known" in unknown.found and "(men)" in unknown.asked
    above = Criterion("qtc", over={"M": qtc - 5, "F": qtc - 4})
    assert judge(above, measured, LEADS, Patient()).verdict == MET


def test_what_is_not_measured_cannot_be_told():
    from imle.ecg import Ecg

    flat = np.random.default_rng(0).normal(0, 0.01, (12, 5000)).astype(np.float32)
    found = judge(Criterion("qrs", over={"M": 110, "F": 110}), measure(Ecg(flat, 500)), LEADS, WOMAN)
    assert (found.verdict, found.asked) == (CANNOT_TELL, "QRS over 110 ms")
    assert found.found.startswith("n/a (")


def test_bounds_in_words():
    measured = measure(simulate("normal", 1).ecg)
    asked = [
        judge(Criterion("axis", **bounds), measured, LEADS, WOMAN).asked
        for bounds in (
            {"at_least": {"M": -90, "F": -90}, "at_most": {"M": -45, "F": -45}},
            {"at_least": {"M": 1, "F": 1}, "under": {"M": 2, "F": 2}},
            {"at_most": {"M": 1, "F": 1}},
        )
    ]
    assert asked == ["Axis −90° to −45°", "Axis 1° or more, under 2°", "Axis 1° or less"]


@pytest.mark.parametrize(
    ("value", "shown"), [(120.4, "120.4 ms"), (120.0, "120 ms"), (120.04, "120.04 ms"), (97.3, "97 ms")]
)
def test_a_number_is_shown_as_exactly_as_its_verdict_needs(value, shown):
    """ "Over 120 ms; here 120 ms: met" would be read as a slip of the program."""
    measured = measure(simulate("normal", 1, noise_mv=0.005, wander_mv=0.0).ecg)
    measured = replace(measured, values={**measured.values, "qrs": Measured(value, "ms")})
    found = judge(Criterion("qrs", over={"M": 120, "F": 120}), measured, LEADS, WOMAN)
    assert (found.found, found.verdict) == (shown, MET if value > 120 else NOT_MET)
