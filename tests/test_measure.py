"""The measurements: exact where the truth is planted, n/a with a reason where there is none, an exception nowhere."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imle import LEADS, Ecg, PtbXl
from imle.ecg import InvalidEcg, resample
from imle.figures.words import st_text
from imle.measure import TITLES, Measured, Measurements, MedianBeat, average_over_beats, measure
from imle.measure.delineation import WAVE_COLUMNS, mark_waves, qrs_bounds
from imle.measure.measurements import frontal_axis, intervals, st_levels
from imle.simulate import FINDINGS, simulate
from imle.simulate.generate import beats
from imle.simulate.noise import noise
from imle.simulate.patient import draw_patient
from imle.simulate.truth import GRID_HZ, measure_beat

SECONDS = 10
NOISE_MV = (0, 0.02, 0.05)
RATES_HZ = (100, 500)
TOLERANCE_MS = {"rr": 20, "pr": 20, "qrs": 20, "qt": 30}
AXIS_TOLERANCE_DEG = 10
SHARE_WITHIN = 0.95
FIRST_SEED = 900  # other patients than those of benchmarks/measure.py


@cache
def signal_mv(onsets_s: tuple[float, ...] | None = None, p_gain: float = 1.0, seed: int = 1) -> np.ndarray:
    """(12, n) noise-free at GRID_HZ: a normal heart with QRS onsets at these times; None for a beat every 0.8 s."""
    patient = draw_patient(seed, SECONDS)
    onsets_s = np.arange(-0.9, SECONDS + 1, 0.8) if onsets_s is None else np.array(onsets_s)
    patient = replace(patient, onsets_s=onsets_s, wave_gain=patient.wave_gain | {"P": p_gain})
    return beats(patient, FINDINGS["normal"], SECONDS * GRID_HZ)


def recorded(clean_mv: np.ndarray, fs_hz: float = 500, noise_mv: float = 0.01, seed: int = 1) -> Ecg:
    """What a device with some noise writes of a noise-free signal at GRID_HZ."""
    rng = np.random.default_rng(seed)
    noisy = clean_mv + noise(rng, clean_mv.shape[1], GRID_HZ, noise_mv, 0.03)
    return Ecg(resample(noisy, GRID_HZ, fs_hz), fs_hz)


def irregular_onsets_s(seed: int) -> tuple[float, ...]:
    rng = np.random.default_rng(seed)
    return tuple(np.cumsum(rng.uniform(0.5, 1.1, 24)) - 1)


def errors(finding: str, seed: int, fs_hz: float, noise_mv: float) -> dict[str, float]:
    """Measured minus planted, in ms and degrees; NaN for n/a."""
    record = simulate(finding, seed, fs_hz, noise_mv=noise_mv)
    found, truth = measure(record.ecg).values, record.truth
    value = {key: np.nan if measured.value is None else measured.value for key, measured in found.items()}
    apart = {key: value[key] - getattr(truth, f"{key}_ms") for key in ("pr", "qrs", "qt")}
    apart["rr"] = 60_000 / value["heart_rate"] - 60_000 / truth.heart_rate_bpm
    apart["axis"] = (value["axis"] - truth.axis_deg + 180) % 360 - 180
    return apart


def assert_within_tolerance(rows: list[dict[str, float]]) -> None:
    limits = TOLERANCE_MS | {"axis": AXIS_TOLERANCE_DEG}
    for key, limit in limits.items():
        apart = np.abs([row[key] for row in rows])
        assert (apart <= limit).mean() >= SHARE_WITHIN, (key, np.sort(apart)[-5:])  # n/a counts as outside


def test_intervals_and_axis_are_those_planted():
    """Every finding at every noise, both rates in turn: a biased delineation would be off for a whole finding."""
    cases = [(finding, FIRST_SEED + 2 * i + j) for i, finding in enumerate(FINDINGS) for j in (0, 1)]
    rows = [
        errors(*case, RATES_HZ[(i + j) % 2], noise_mv)
        for i, case in enumerate(cases)
        for j, noise_mv in enumerate(NOISE_MV)
    ]
    assert len(rows) == 54
    assert_within_tolerance(rows)


@pytest.mark.slow
@pytest.mark.parametrize("noise_mv", NOISE_MV)
@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_intervals_and_axis_are_those_planted_in_many_patients(fs_hz, noise_mv):
    """The stated accuracy, 95 % of records, must hold at each rate and each noise alone."""
    rows = [errors(finding, 2000 + seed, fs_hz, noise_mv) for finding in FINDINGS for seed in range(34)]
    assert_within_tolerance(rows)


@pytest.mark.parametrize("fs_hz", [100, 128, 250, 257.5, 360, 500, 1000, 2000])
def test_every_sampling_rate_gives_the_same_measurements(fs_hz):
    """A time counted in samples of the wrong rate would show as an interval that grows with the rate."""
    found, reference = (measure(recorded(signal_mv(), hz)) for hz in (fs_hz, 500))
    assert found.fs_hz == fs_hz
    assert found.values["heart_rate"].value == pytest.approx(75, abs=0.1)
    assert found.r_peaks_s == pytest.approx(reference.r_peaks_s, abs=0.006)
    for key in ("pr", "qrs", "qt"):
        assert found.values[key].value == pytest.approx(reference.values[key].value, abs=12)


def test_waves_stand_in_order_and_at_the_planted_times():
    """Waves of one beat given to its neighbour would leave every interval right and every mark wrong."""
    patient = replace(draw_patient(1, SECONDS), onsets_s=np.arange(-0.9, SECONDS + 1, 0.8))
    waves_ms, r_ms, _ = measure_beat(patient, FINDINGS["normal"])
    waves = measure(recorded(signal_mv(p_gain=patient.wave_gain["P"]))).waves_s
    assert list(waves) == list(WAVE_COLUMNS)
    assert np.nanmin(np.diff(waves.to_numpy(), axis=1)) >= 0
    first = waves.iloc[3]
    onset_s = patient.onsets_s[np.argmin(np.abs(patient.onsets_s - first.QRS_on))]
    assert abs(first.R - onset_s - r_ms / 1000) < 0.010
    for wave, (on, off) in {"P": ("P_on", "P_off"), "QRS": ("QRS_on", "QRS_off"), "T": ("T_on", "T_off")}.items():
        for name, planted_ms in zip((on, off), waves_ms[wave], strict=True):
            if name != "T_on":  # the T wave rises out of the ST segment, where no onset can be planted
                assert first[name] == pytest.approx(onset_s + planted_ms / 1000, abs=0.030), name


def bump(time_s: np.ndarray, at_s: float, sd_s: float, mv: float) -> np.ndarray:
    """A Gaussian wave of this height and standard deviation."""
    return mv * np.exp(-(((time_s - at_s) / sd_s) ** 2) / 2)


BEAT_S = np.arange(-0.5, 0.7, 1 / 500)  # about R
R = int(np.argmin(np.abs(BEAT_S)))
LEAD_GAIN = np.linspace(0.6, 1.2, 8)[:, None]


@pytest.mark.parametrize(
    ("before_s", "sd_s", "share", "onset_s"),
    [
        (-0.095, 0.015, 0.12, -0.035),  # a P wave that ends 25 ms before the QRS complex
        (-0.085, 0.008, 0.5, -0.11),  # a first deflection of a wide QRS complex, before a flat stretch
        (-0.05, 0.02, 0.3, -0.09),  # a delta wave
    ],
)
def test_qrs_onset_is_neither_the_p_waves_nor_after_a_slow_first_deflection(before_s, sd_s, share, onset_s):
    """An onset on the P wave spoils PR, QRS, QT, both QTc and the axis at once; one after the delta wave hides it."""
    beat_mv = LEAD_GAIN * (bump(BEAT_S, 0, 0.012, 1.5) + bump(BEAT_S, before_s, sd_s, 1.5 * share))
    onset, _ = qrs_bounds(beat_mv, R)
    assert (onset - R) / 500 == pytest.approx(onset_s, abs=0.012)


def beats_of(*waves: tuple[float, float, float]) -> np.ndarray:
    """(6, 8, m) mV: beats alike but for a little noise, a narrow QRS complex and waves of this time, sd (s) and height."""
    beat_mv = bump(BEAT_S, 0, 0.012, 1.5) + sum(bump(BEAT_S, *wave) for wave in waves)
    return LEAD_GAIN * beat_mv + np.random.default_rng(1).normal(0, 0.003, (6, 8, len(BEAT_S)))


def test_end_of_t_behind_a_shallow_later_lobe_is_not_available():
    """QT read 453 instead of about 320 ms where the level after the T wave, sinking slowly, passed for its last lobe."""
    main = (0.21, 0.03, -0.3)
    shallow = [(at_s, 0.03, mv) for at_s, mv in ((0.29, 0.13), (0.33, 0.06), (0.37, 0.04), (0.41, 0.02))]
    found = mark_waves(beats_of(main, *shallow), R, 350, regular=True)
    assert found.missing["T"] == "end of the T wave unclear"
    assert not {"T_on", "T_peak", "T_off"} & set(found.samples)
    biphasic = mark_waves(beats_of(main, (0.29, 0.025, 0.25)), R, 350, regular=True)
    assert (biphasic.samples["T_off"] - R) / 500 == pytest.approx(0.34, abs=0.02)


T_WAVE = (0.22, 0.035, 0.3)


@pytest.mark.parametrize(
    ("p_s", "rr_s", "reason"),
    [
        (-0.14, 0.60, None),
        (-0.14, 0.43, "P and T waves alike above 130 bpm"),  # 140 bpm, as in flutter that conducts every other wave
        (-0.07, 0.60, "P wave less than 70 ms before QRS"),
    ],
)
def test_pr_is_not_available_where_it_cannot_be_true(p_s, rr_s, reason):
    """A PR of 84 ms at 148 bpm would call a flutter a sinus tachycardia; one of 23 ms is no conduction at all."""
    found = mark_waves(beats_of((p_s, 0.010, 0.1), T_WAVE), R, rr_s * 500, regular=True)
    assert found.missing.get("P") == reason
    assert ("P_on" in found.samples) == (reason is None)


def test_rate_and_its_range_are_those_of_the_intervals_between_beats():
    """One pause of 1.2 s among beats every 0.8 s: the range must show it and the mean must count it."""
    onsets_s = np.arange(-0.9, SECONDS + 1, 0.8)
    onsets_s[7:] += 0.4
    found = measure(recorded(signal_mv(tuple(onsets_s)))).values
    assert found["heart_rate_min"].value == pytest.approx(60 / 1.2, abs=0.5)
    assert found["heart_rate_max"].value == pytest.approx(60 / 0.8, abs=0.8)
    inside = onsets_s[(onsets_s > 0) & (onsets_s < SECONDS - 0.05)]
    assert found["heart_rate"].value == pytest.approx(60 / np.diff(inside).mean(), abs=0.3)


def spike(clean_mv: np.ndarray, at_s: float, mv: float, leads: tuple[str, ...] = ("V2",)) -> np.ndarray:
    """With a loose electrode's spike, 80 ms wide, in these leads."""
    shaken = clean_mv.copy()
    time_s = np.arange(clean_mv.shape[1]) / GRID_HZ
    shaken[[LEADS.index(lead) for lead in leads]] += bump(time_s, at_s, 0.02, mv)
    return shaken


def r_peaks_s(clean_mv: np.ndarray) -> np.ndarray:
    return measure(recorded(clean_mv)).r_peaks_s


@pytest.mark.parametrize("after_s", [-0.15, 0.12, 0.2, 0.25])
def test_a_loose_electrode_neither_makes_a_beat_nor_hides_one(after_s):
    """Spikes of 8 mV in V2 made 71 bpm read as 78, from 61 to 309: one stood for a beat, one for the next beat's neighbour."""
    true_s = r_peaks_s(signal_mv())
    found_s = r_peaks_s(spike(signal_mv(), true_s[5] + after_s, -8, ("V2", "V3")))
    assert found_s == pytest.approx(true_s, abs=0.02)


def test_what_the_records_edge_cuts_off_is_no_beat():
    """A plunge in the last 30 ms of a record read as a heart rate of 229 at its fastest."""
    true_s = r_peaks_s(signal_mv())
    found_s = r_peaks_s(spike(signal_mv(), SECONDS - 0.02, -5, LEADS))
    assert found_s == pytest.approx(true_s[true_s < SECONDS - 0.1], abs=0.02)


@pytest.mark.parametrize("coupling_s", [0.34, 0.5])
def test_an_extrasystole_stays_a_beat_on_the_t_wave_too(coupling_s):
    """Taking artefacts out must not take out the beats that a cardiologist looks for: R on T most of all."""
    onsets_s = np.delete(np.arange(-0.9, SECONDS + 1, 0.8), 8)  # a pause follows
    clean_mv = signal_mv(tuple(onsets_s))
    true_s = r_peaks_s(clean_mv)
    time_s, at_s = np.arange(clean_mv.shape[1]) / GRID_HZ, true_s[np.argmax(np.diff(true_s))] + coupling_s
    broad = bump(time_s, at_s, 0.022, 2.5) - bump(time_s, at_s + 0.22, 0.05, 0.4)
    found_s = r_peaks_s(clean_mv + np.linspace(-0.7, 1.3, 12)[:, None] * broad)
    assert np.abs(found_s - at_s).min() < 0.06
    assert len(found_s) == len(true_s) + 1


@pytest.mark.parametrize(
    ("rr_s", "key", "corrected_ms"), [(0.81, "qtc_bazett", 400 / 0.9), (0.729, "qtc_fridericia", 400 / 0.9)]
)
def test_corrected_qt_follows_its_closed_form(rr_s, key, corrected_ms):
    marks_s = {"QRS_on": -0.05, "QRS_off": 0.05, "T_off": 0.35}
    found = intervals(marks_s, {"P": "no P waves found"}, rr_s)
    assert found["qt"].value == pytest.approx(400)
    assert found[key].value == pytest.approx(corrected_ms)
    assert intervals(marks_s, {"P": ""}, 1.0)[key].value == pytest.approx(400)


@pytest.mark.parametrize(("qrs_ms", "qt_ms", "said"), [(119.4, 400, False), (119.6, 400, True), (150, None, False)])
def test_qt_is_not_read_without_a_word_where_the_qrs_complex_is_wide(qrs_ms, qt_ms, said):
    """A bundle branch block alone lengthens QT by its QRS complex; QTc read as such would be a long QT syndrome."""
    found = measure(recorded(signal_mv()))
    values = {"qrs": Measured(qrs_ms, "ms"), "qt": Measured(qt_ms, "ms", "T wave too flat")}
    found = replace(found, values=found.values | values)
    words = "QRS of 120 ms is wide: QT and QTc overestimate repolarisation; JT is 280 ms."
    assert list(found.remarks) == found.to_json()["remarks"] == ([words] if said else [])


def test_corrected_qt_uses_the_records_own_rate():
    found = measure(recorded(signal_mv())).values
    assert found["qtc_bazett"].value == pytest.approx(found["qt"].value / 0.8**0.5, rel=0.003)
    assert found["qtc_fridericia"].value == pytest.approx(found["qt"].value / 0.8 ** (1 / 3), rel=0.003)


def limb_beat(one_mv: float, foot_mv: float) -> MedianBeat:
    """A QRS complex that is a box of these heights in I and aVF."""
    beat_mv = np.zeros((12, 600), np.float32)
    beat_mv[LEADS.index("I"), 225:275], beat_mv[LEADS.index("aVF"), 225:275] = one_mv, foot_mv
    return MedianBeat(beat_mv, 500.0, 0.5, np.arange(3.0), {"QRS_on": -0.05, "QRS_off": 0.048})


@pytest.mark.parametrize("degrees", [-150, -90, -60, -30, 0, 30, 60, 90, 120, 180])
def test_axis_is_the_angle_of_the_net_qrs_area(degrees):
    """aVF sees a vector 13 % smaller than I does; without that factor 60° would read as 56°."""
    angle = np.radians(degrees)
    found = frontal_axis(limb_beat(np.cos(angle), np.sin(angle) * np.sqrt(3) / 2)).value
    assert (found - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


def test_axis_is_not_available_where_the_qrs_complex_has_no_direction():
    beat = limb_beat(1, 1)
    beat.signal_mv[:, 250:275] *= -1
    assert frontal_axis(beat) == Measured(None, "°", "QRS up and down alike in the limb leads")
    assert frontal_axis(limb_beat(0, 0)).value is None


def test_planted_st_elevation_is_measured_in_its_lead_alone():
    """From J to the T wave V2 stands 0.2 mV higher and III 0.1 mV lower than in the same record without."""
    patient = draw_patient(1, SECONDS)
    (_, j_ms), (t_ms, _) = (measure_beat(patient, FINDINGS["normal"])[0][wave] for wave in ("QRS", "T"))
    time_ms = np.arange(SECONDS * GRID_HZ) - 1000 * np.arange(-0.9, SECONDS + 1, 0.8)[:, None]
    rise, fall = np.tanh((time_ms - j_ms - 15) / 8), np.tanh((time_ms - t_ms - 150) / 40)
    shape = ((1 + rise) * (1 - fall) / 4).sum(axis=0)
    planted_mv = {"V2": 0.2, "III": -0.1}
    raised = signal_mv() + np.outer([planted_mv.get(lead, 0.0) for lead in LEADS], shape)
    before, after = (measure(recorded(signal)).st_mv for signal in (signal_mv(), raised))
    for lead in LEADS:
        assert after[lead].value - before[lead].value == pytest.approx(planted_mv.get(lead, 0), abs=0.02), lead


@pytest.mark.parametrize("noise_mv", NOISE_MV)
def test_st_level_is_that_of_the_noise_free_signal(noise_mv):
    """Of the raised, lowered and normal ST segment alike, in all twelve leads, at J + 60 ms against the PQ level."""
    for finding in ("anteroseptal infarction", "st depression", "normal"):
        record = simulate(finding, FIRST_SEED, 500, noise_mv=noise_mv)
        truth, fine_mv = record.truth, resample(record.clean_mv, 500, 1000)
        onset_ms = round(1000 * truth.qrs_onsets_s[4])
        level_mv = fine_mv[:, onset_ms - 30 : onset_ms - 10].mean(axis=1)
        true_mv = fine_mv[:, onset_ms + round(truth.qrs_ms) + 60] - level_mv
        found_mv = [measured.value for measured in measure(record.ecg).st_mv.values()]
        assert found_mv == pytest.approx(true_mv, abs=0.05), finding


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize(("alive_s", "measured"), [(5.0, True), (1.5, False)])
def test_a_lead_that_fell_off_has_the_st_level_of_the_beats_it_recorded(alive_s, measured, fs_hz):
    """A flat line in most beats read as an ST level of 0.00, and in aVF as an axis of 0°, in an infarction as in health."""
    whole = simulate("anteroseptal infarction", FIRST_SEED, fs_hz, noise_mv=0.01).ecg
    loose_mv = whole.signal_mv.copy()
    leads = [LEADS.index(lead) for lead in ("V2", "aVF")]
    loose_mv[leads, round(alive_s * fs_hz) :] = [[-20], [0]]  # the end of the amplifier's range, and none at all
    usual, found = measure(whole), measure(replace(whole, signal_mv=loose_mv))
    assert found.st_mv["V3"].value == pytest.approx(usual.st_mv["V3"].value, abs=0.02)
    if measured:
        assert usual.st_mv["V2"].value > 0.1
        assert found.st_mv["V2"].value == pytest.approx(usual.st_mv["V2"].value, abs=0.04)
        assert found.values["axis"].value == pytest.approx(usual.values["axis"].value, abs=3)
    else:
        assert re.fullmatch(r"a flat line in \d+ of \d+ beats", found.st_mv["V2"].reason)
        assert found.st_mv["V2"].value is None
        assert found.values["axis"] == Measured(None, "°", f"aVF {found.st_mv['aVF'].reason}")
        assert f"V2 n/a ({found.st_mv['V2'].reason})" in st_text(found)


def test_st_level_beyond_the_beat_is_not_available():
    """At 300 bpm a slice past the beat's end would be empty, and its mean NaN."""
    beat = replace(limb_beat(1, 1), marks_s={"QRS_on": -0.05, "QRS_off": 0.66})
    assert {measured.value for measured in st_levels(beat).values()} == {None}
    assert all(measured.reason for measured in st_levels(beat).values())


def test_median_beat_of_a_periodic_signal_is_one_of_its_beats():
    clean = signal_mv()
    beat = measure(Ecg(resample(clean, GRID_HZ, 500), 500)).median_beat
    first = round((beat.r_peaks_s[2] - beat.before_s) * 500)
    one = resample(clean, GRID_HZ, 500)[:, first : first + beat.signal_mv.shape[1]]
    difference = beat.signal_mv - one
    level = difference.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(difference, np.broadcast_to(level, difference.shape), atol=0.01)
    at_r = beat.signal_mv[:, beat.sample(0)]
    assert np.linalg.norm(at_r) == pytest.approx(np.linalg.norm(beat.signal_mv, axis=0).max(), rel=0.03)


def test_median_beat_leaves_an_extrasystole_out():
    """A premature broad beat averaged in would bend every wave of the median."""
    onsets_s = np.arange(-0.9, SECONDS + 1, 0.8)
    clean = signal_mv().copy()
    first, last = round((onsets_s[6] - 0.3) * GRID_HZ), round((onsets_s[6] + 0.5) * GRID_HZ)
    lump = np.exp(-0.5 * ((np.arange(last - first) - 200) / 20) ** 2)
    clean[:, first:last] = np.outer(np.linspace(-2, 2, 12), lump)
    beat, plain = (measure(recorded(signal)).median_beat for signal in (clean, signal_mv()))
    assert np.abs(beat.r_peaks_s - onsets_s[6]).min() > 0.25
    m = min(beat.signal_mv.shape[1], plain.signal_mv.shape[1])
    assert np.abs(beat.signal_mv[:, :m] - plain.signal_mv[:, :m]).max() < 0.1


def test_average_over_beats_is_the_mean_of_their_windows():
    """On a ramp in time, steeper lead by lead, the mean over the beats is the ramp at their mean R peak."""
    beat = replace(limb_beat(1, 1), before_s=0.4, r_peaks_s=np.array([1.0, 3.2, 7.11]))
    slopes = np.arange(1, 13)[:, None]
    found = average_over_beats(slopes * np.arange(1000) / 100, beat)
    after_r_s = np.arange(600) / 500 - 0.4
    np.testing.assert_allclose(found, slopes * (beat.r_peaks_s.mean() + after_r_s), rtol=1e-5)
    assert found.dtype == np.float32


def test_beats_beyond_the_heatmap_do_not_count():
    """A heatmap covers ten seconds; counting what lies beyond as zero would darken the average."""
    beat = replace(limb_beat(1, 1), r_peaks_s=np.array([2.0, 14.0]))
    np.testing.assert_allclose(average_over_beats(np.ones((12, 1000)), beat), 1)
    beyond = replace(beat, r_peaks_s=np.array([14.0, 15.0]))
    np.testing.assert_array_equal(average_over_beats(np.ones((12, 1000)), beyond), 0)


def drawn_noise(seed: int) -> Ecg:
    return Ecg(np.random.default_rng(seed).normal(0, 0.1, (12, 1000)), 100)


def wander(seed: int) -> Ecg:
    """No heart at all, only electrodes that move: what a flat line looks like on a device."""
    return Ecg(noise(np.random.default_rng(seed), SECONDS * GRID_HZ, GRID_HZ, 0.002, 0.3), GRID_HZ)


def two_beats(seed: int) -> Ecg:
    return recorded(signal_mv((2.0, 7.0), seed=seed), seed=seed)


@pytest.mark.parametrize(
    ("make", "reasons"),
    [(drawn_noise, {"too noisy"}), (wander, {"fewer than 3 beats"}), (two_beats, {"fewer than 3 beats", "too noisy"})],
)
def test_without_a_rhythm_everything_is_not_available_for_a_reason(make, reasons):
    """An interval read off noise looks as trustworthy on the page as a true one."""
    for seed in range(5):
        found = measure(make(seed))
        everything = found.values | found.st_mv
        assert {measured.value for measured in everything.values()} == {None}
        assert {measured.reason for measured in everything.values()} <= reasons
        assert found.median_beat is None and {str(measured) for measured in everything.values()} == {"n/a"}


def test_fibrillation_has_no_pr_but_keeps_the_rest():
    """Irregular beats without P waves: a PR interval there would deny the arrhythmia."""
    for seed in range(6):
        onsets_s = irregular_onsets_s(seed)
        found = measure(recorded(signal_mv(onsets_s, p_gain=0.0), noise_mv=0.02, seed=seed)).values
        assert found["pr"] == Measured(None, "ms", "no P waves found")
        assert found["qrs"].value == pytest.approx(85, abs=25)
        assert found["heart_rate_max"].value > found["heart_rate_min"].value * 1.3


def test_flat_t_wave_leaves_qt_and_both_corrections_not_available():
    patient = draw_patient(1, SECONDS)
    patient = replace(patient, wave_gain=patient.wave_gain | {"T": 0.0, "ST": 0.0})
    found = measure(recorded(beats(patient, FINDINGS["normal"], SECONDS * GRID_HZ))).values
    for key in ("qt", "qtc_bazett", "qtc_fridericia"):
        assert found[key] == Measured(None, "ms", "T wave too flat")
    assert found["qrs"].value is not None and found["pr"].value is not None


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda mv: mv * 0, "leads .* have no signal \\(a flat line\\)"),
        (lambda mv: np.where(np.arange(mv.shape[1]) == 77, np.nan, mv), "missing samples \\(NaN\\)"),
    ],
)
def test_flat_line_and_nan_are_refused_before_anything_is_measured(spoil, sentence):
    with pytest.raises(InvalidEcg, match=sentence):
        measure(Ecg(spoil(simulate("normal", 1, 100).ecg.signal_mv), 100))


def measured_soundly(ecg: Ecg) -> Measurements:
    """What was measured: every value a finite number or n/a with one short clause, and all of it fit for JSON."""
    found = measure(ecg)
    assert found.values.keys() == TITLES.keys() and tuple(found.st_mv) == LEADS
    for measured in (found.values | found.st_mv).values():
        if measured.value is None:
            assert 0 < len(measured.reason) < 60 and "\n" not in measured.reason
        else:
            assert np.isfinite(measured.value) and not measured.reason
    assert len(found.waves_s) == len(found.r_peaks_s)
    assert (np.diff(found.r_peaks_s) > 0).all()
    assert (found.r_peaks_s >= 0).all() and (found.r_peaks_s <= ecg.seconds).all()
    json.dumps(found.to_json(), allow_nan=False)
    return found


def garbage_mv(seed: int, shape: str, hz: float, size_mv: float, fs_hz: float, samples: int) -> np.ndarray:
    """(12, n): something a device could send that is no ECG, different in every lead."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(samples) / fs_hz
    phase = time_s * hz % 1
    made = {
        "noise": rng.normal(0, 1, (12, samples)),
        "walk": np.cumsum(rng.normal(0, 0.05, (12, samples)), axis=1),
        "square": np.sign(np.sin(2 * np.pi * phase)),
        "sine": np.sin(2 * np.pi * phase),
        "pulses": np.exp(-(((phase - 0.5) / hz / 0.012) ** 2) / 2),
        "spikes": rng.random((12, samples)) < hz / fs_hz,
        "half": (time_s < 5) * np.sin(2 * np.pi * phase) ** 21,
        "step": time_s > hz / 2,
        "saw": phase,
    }[shape]
    signal = size_mv * rng.normal(0, 1, (12, 1)) * made + rng.normal(0, 0.003, (12, samples))
    return np.clip(signal, -20, 20) + rng.normal(0, 0.05, (12, 1))


SHAPES = ["noise", "walk", "square", "sine", "pulses", "spikes", "half", "step", "saw"]


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from(SHAPES),
    hz=st.floats(0.3, 15),
    size_mv=st.floats(0.1, 10),
    fs_hz=st.sampled_from([50, 100, 200, 500, 1000, 2000]),
    more=st.integers(0, 40),
)
def test_garbage_raises_nothing(seed, shape, hz, size_mv, fs_hz, more):
    """What cannot be measured is n/a; an exception would take the whole page away."""
    measured_soundly(Ecg(garbage_mv(seed, shape, hz, size_mv, fs_hz, round(SECONDS * fs_hz) + more), fs_hz))


def test_what_lies_above_the_measured_band_raises_nothing():
    """900 Hz at 2000 Hz passes as a signal, and nothing is left of it at the rate at which records are measured."""
    time_s = np.arange(20_000) / 2000
    measured_soundly(Ecg(np.sin(2 * np.pi * 900 * time_s) * np.ones((12, 1)), 2000))


def test_json_holds_what_was_measured():
    """The report's JSON is what another program reads: numbers equal, n/a as null with its reason, no NaN."""
    found = measure(recorded(signal_mv(irregular_onsets_s(0), p_gain=0.0)))
    read = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert read == found.to_json()
    assert read["values"]["pr"] == {"value": None, "unit": "ms", "reason": "no P waves found"}
    for part in ("values", "st_mv"):
        for key, measured in getattr(found, part).items():
            assert read[part][key]["unit"] == measured.unit
            assert (read[part][key]["value"] is None) == (measured.value is None)
            if measured.value is not None:
                assert read[part][key]["value"] == pytest.approx(measured.value, abs=5e-4)
    assert read["r_peaks_s"] == pytest.approx(found.r_peaks_s, abs=5e-4)
    waves_s = np.array([read["waves_s"][name] for name in WAVE_COLUMNS], float)
    np.testing.assert_allclose(waves_s.T, found.waves_s.to_numpy(), atol=5e-4)
    beat = read["median_beat"]
    assert beat["marks_s"]["R"] == 0 and beat["before_s"] == pytest.approx(found.median_beat.before_s, abs=5e-4)
    written_mv = np.array([beat["signal_mv"][lead] for lead in LEADS])
    np.testing.assert_allclose(written_mv, found.median_beat.signal_mv, atol=1e-4)


def test_json_of_a_record_without_beats_is_complete():
    read = json.loads(json.dumps(measure(drawn_noise(0)).to_json(), allow_nan=False))
    assert read["median_beat"] is None and read["values"].keys() == TITLES.keys() and tuple(read["st_mv"]) == LEADS


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (Measured(71.6, "bpm"), "72 bpm"),
        (Measured(-12.4, "°"), "−12°"),
        (Measured(0.125, "mV"), "0.12 mV"),
        (Measured(None, "ms", "no P waves found"), "n/a"),
    ],
)
def test_measured_reads_as_a_clinician_writes_it(measured, text):
    assert str(measured) == text


@pytest.mark.ptbxl
def test_real_records_raise_nothing_and_their_rates_are_plausible(ptbxl_root):
    """Real noise, pacing and arrhythmia do what no simulation does."""
    data = PtbXl(ptbxl_root)
    ids = np.random.default_rng(3).choice(data.catalogue.index, 60, replace=False)
    rates_bpm = []
    for ecg_id in ids:
        found = measured_soundly(data.record(int(ecg_id), 100))
        rates_bpm.append(found.values["heart_rate"].value)
    known = np.array([rate for rate in rates_bpm if rate is not None])
    assert len(known) >= 58
    assert ((known > 30) & (known < 220)).all()
    assert 60 < np.median(known) < 85
