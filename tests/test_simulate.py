"""Simulated ECGs: the laws that leads obey, the criteria that findings must show, and the cohort that ships."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from imle.ecg import InvalidEcg
from imle.labels import LABELS
from imle.leads import LEADS
from imle.simulate import FINDINGS, simulate, write_demo_cohort
from imle.simulate.cohort import COHORT
from imle.simulate.heart import LEAD_VECTORS, NORMAL
from imle.simulate.truth import CHANGED_MV, SEGMENTS, true_ranges_s

DEMO = Path(__file__).parents[1] / "assets" / "demo"
SEEDS = range(6)
FS_HZ = 500


@cache
def record(finding, seed):
    return simulate(finding, seed, FS_HZ, noise_mv=0, wander_mv=0)


class Beat:
    """One noise-free beat, measured as with calipers: millivolts from the level at the onset of the QRS complex."""

    def __init__(self, finding, seed):
        simulated = record(finding, seed)
        self.truth, self.clean_mv = simulated.truth, simulated.clean_mv
        self.onset_s = next(at for at in self.truth.qrs_onsets_s if at > 0.5)

    def between(self, lead, start_ms, stop_ms):
        first, last = (round((self.onset_s + ms / 1000) * FS_HZ) for ms in (start_ms, stop_ms))
        level = self.clean_mv[LEADS.index(lead), round(self.onset_s * FS_HZ) - 2]
        return self.clean_mv[LEADS.index(lead), first:last] - level

    def qrs(self, lead):
        return self.between(lead, 0, self.truth.qrs_ms)

    def st(self, lead):
        return self.between(lead, self.truth.qrs_ms + 60, self.truth.qrs_ms + 80)[0]

    def t(self, lead):
        """The wave's largest deflection from the onset level, in its last 150 ms."""
        wave = self.between(lead, self.truth.qt_ms - 150, self.truth.qt_ms)
        return wave[np.argmax(np.abs(wave))]

    def p(self, lead):
        return self.between(lead, -self.truth.pr_ms, -self.truth.pr_ms + self.truth.p_ms)

    def q(self, lead):
        """(depth, duration in ms) of a negative first deflection; (0, 0) where the complex begins upwards."""
        qrs = self.qrs(lead)
        first = np.argmax(np.abs(qrs) > 0.03)
        upwards = np.flatnonzero(qrs[first:] > 0)
        last = first + upwards[0] if len(upwards) else len(qrs)
        return (0.0, 0.0) if last == first else (-qrs[first:last].min(), (last - first) * 1000 / FS_HZ)


def each_beat(finding):
    return [Beat(finding, seed) for seed in SEEDS]


def test_limb_leads_obey_einthoven_and_goldberger_with_all_noise_on():
    for finding in FINDINGS:
        one, two, three, avr, avl, avf = simulate(finding, 1, noise_mv=0.05, wander_mv=0.1).ecg.signal_mv[:6]
        for left, right in [(three, two - one), (avr, -(one + two) / 2), (avl, one - two / 2), (avf, two - one / 2)]:
            np.testing.assert_allclose(left, right, atol=1e-4)


def test_lead_vectors_point_where_the_leads_look():
    left, down, front = LEAD_VECTORS.T
    by = {lead: row for row, lead in enumerate(LEADS)}
    assert left[by["I"]] > 0.5 and down[by["aVF"]] > 1 and front[by["V2"]] > 1
    assert left[by["aVR"]] < 0 and left[by["V1"]] < 0 < left[by["V6"]]


def test_a_seed_is_one_patient_and_another_seed_another():
    first, again, other = (simulate("normal", seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.ecg.signal_mv, again.ecg.signal_mv)
    assert first.truth == again.truth
    assert np.abs(first.ecg.signal_mv - other.ecg.signal_mv).max() > 0.1


def test_rate_axis_and_voltage_vary_between_patients():
    truths = [record("normal", seed).truth for seed in SEEDS]
    assert np.ptp([truth.heart_rate_bpm for truth in truths]) > 10
    assert np.ptp([truth.axis_deg for truth in truths]) > 10
    assert np.ptp([np.ptp(record("normal", seed).clean_mv) for seed in SEEDS]) > 0.1
    assert np.std(np.diff(truths[0].r_peaks_s)) > 0.002


def test_every_sampling_rate_shows_the_same_ecg():
    fine = simulate("inferior infarction", 3, 500, noise_mv=0.01)
    coarse = simulate("inferior infarction", 3, 100, noise_mv=0.01)
    assert fine.truth == coarse.truth
    difference = fine.ecg.at(100).signal_mv - coarse.ecg.signal_mv
    assert np.abs(difference[:, 20:-20]).max() < 0.005
    assert simulate("normal", 3, 257.5).ecg.signal_mv.shape == (12, 2575)


def test_noise_has_the_level_asked_for_and_none_is_none():
    simulated = simulate("normal", 2, 1000, noise_mv=0.03, wander_mv=0)
    noise = simulated.ecg.signal_mv - simulated.clean_mv
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.03, rel=0.02)
    quiet = record("normal", 2)
    np.testing.assert_array_equal(quiet.ecg.signal_mv, quiet.clean_mv)


def test_unknown_finding_and_short_record_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="no finding named 'flu'; the findings are normal, inferior infarction"):
        simulate("flu", 1)
    with pytest.raises(InvalidEcg, match="3 s was asked for; at least 10 s"):
        simulate("normal", 1, seconds=3)


@pytest.mark.parametrize("finding", FINDINGS)
def test_table_names_things_that_exist(finding):
    row = FINDINGS[finding]
    assert row.superclass in LABELS and set(row.leads) <= set(LEADS) and set(row.segments) <= set(SEGMENTS)
    assert {lobe.wave for lobe in (*NORMAL.values(), *row.lobes.values())} <= {"P", "QRS", "ST", "T"}


@pytest.mark.parametrize("finding", FINDINGS)
def test_truth_holds_every_difference_from_the_normal_twin(finding):
    for seed in SEEDS:
        simulated = record(finding, seed)
        truth, change = simulated.truth, np.abs(simulated.clean_mv - simulated.normal_mv)
        changed_leads = np.isin(LEADS, truth.leads_changed)
        mask = truth.mask(FS_HZ, change.shape[1])
        assert change[changed_leads][~mask[changed_leads]].max(initial=0) < CHANGED_MV + 0.01
        assert not mask[~changed_leads].any()
        inside = np.zeros(change.shape[1], bool)
        for first_s, end_s in truth.ranges_s:
            inside[int(np.floor(first_s * FS_HZ)) : int(np.ceil(end_s * FS_HZ))] = True
        np.testing.assert_array_equal(mask.any(axis=0) & ~inside, False)
        assert change.max(axis=1) == pytest.approx([truth.change_mv[lead] for lead in LEADS], abs=0.01)
        if finding == "normal":
            assert not truth.leads_changed and not truth.ranges_s
        else:
            assert set(FINDINGS[finding].segments) & set(truth.segments_changed)
            assert change[np.isin(LEADS, truth.leads)].max() > 0.7 * change.max()


def test_infarctions_change_their_own_territory_most():
    for finding, territory in (("inferior infarction", "II III aVF"), ("anteroseptal infarction", "V1 V2 V3 V4")):
        for seed in SEEDS:
            truth = record(finding, seed).truth
            assert set(territory.split()) <= set(truth.leads_changed)
            assert not set(truth.leads_changed) - set(territory.split()) - {"aVL", "aVR", "I", "V5"}


def test_truth_gives_beats_where_the_signal_has_them():
    for finding in FINDINGS:
        simulated = record(finding, 4)
        size = np.linalg.norm(simulated.clean_mv, axis=0)
        for peak_s in simulated.truth.r_peaks_s:
            near = slice(max(0, round((peak_s - 0.2) * FS_HZ)), round((peak_s + 0.2) * FS_HZ))
            assert size[round(peak_s * FS_HZ) - (peak_s > 9.99)] > 0.7 * size[near].max()
        beats = simulated.truth.r_peaks_s
        assert simulated.truth.heart_rate_bpm == pytest.approx(60 / np.diff(beats).mean(), abs=0.5)


def test_normal_is_normal():
    for beat in each_beat("normal"):
        truth = beat.truth
        assert 58 <= truth.heart_rate_bpm <= 100 and 120 <= truth.pr_ms <= 200 and 70 <= truth.qrs_ms < 110
        assert 320 <= truth.qt_ms / np.cbrt(60 / truth.heart_rate_bpm) <= 450 and -30 < truth.axis_deg < 90
        assert beat.p("II").max() > 0.05
        assert all(beat.t(lead) > 0.05 for lead in ("I", "II", "V3", "V4", "V5", "V6")) and beat.t("aVR") < 0
        r_waves = [beat.qrs(lead).max() for lead in ("V1", "V2", "V3", "V4")]
        assert r_waves == sorted(r_waves)
        assert -beat.qrs("V1").min() + beat.qrs("V5").max() < 3.5
        assert all(abs(beat.st(lead)) < 0.1 for lead in LEADS)


def test_inferior_infarction_has_q_and_inverted_t_in_the_inferior_leads():
    for beat in each_beat("inferior infarction"):
        for lead in ("II", "III", "aVF"):
            depth, duration_ms = beat.q(lead)
            assert depth >= 0.1 and duration_ms >= 30 and beat.t(lead) < -0.05
        assert beat.st("aVL") < 0


def test_anteroseptal_infarction_loses_r_in_v1_to_v3():
    for seed, beat in zip(SEEDS, each_beat("anteroseptal infarction"), strict=True):
        for lead in ("V1", "V2", "V3"):
            qrs = beat.qrs(lead)
            assert qrs[: np.argmin(qrs)].max() < 0.1 and qrs.min() < -0.5
        assert beat.qrs("V4").max() < 0.7 * Beat("normal", seed).qrs("V4").max()
        assert all(beat.st(lead) >= 0.1 and beat.t(lead) < -0.1 for lead in ("V2", "V3"))


def test_left_bundle_branch_block_is_broad_notched_and_discordant():
    for beat in each_beat("left bundle branch block"):
        assert beat.truth.qrs_ms >= 120
        v1 = beat.qrs("V1")
        assert v1.min() < -1 and v1[: len(v1) // 2].max() < 0.3 * -v1.min()
        for lead in ("I", "aVL", "V5", "V6"):
            r_wave = beat.qrs(lead)
            peaks = (np.diff(np.sign(np.diff(r_wave))) < 0).sum()
            assert peaks >= 2 and beat.q(lead)[0] < 0.05 and beat.st(lead) < 0 and beat.t(lead) < 0
        assert beat.st("V1") > 0.1 and beat.t("V1") > 0.2


def test_right_bundle_branch_block_has_rsr_in_v1_and_a_broad_s_in_i_and_v6():
    for beat in each_beat("right bundle branch block"):
        assert beat.truth.qrs_ms >= 120
        for lead in ("V1", "V2"):
            qrs = beat.qrs(lead)
            s_at = np.argmin(qrs[: len(qrs) * 2 // 3])
            assert qrs[:s_at].max() > 0.05 and qrs[s_at] < 0 and qrs[s_at:].max() > 0.3
        assert beat.qrs("V1")[len(beat.qrs("V1")) // 2 :].max() > beat.qrs("V1")[: len(beat.qrs("V1")) // 3].max()
        assert all((beat.qrs(lead) < -0.02).sum() * 1000 / FS_HZ > 40 for lead in ("I", "V6"))
        assert beat.t("V1") < -0.05


def test_hypertrophy_meets_sokolow_lyon_with_strain():
    for beat in each_beat("left ventricular hypertrophy"):
        assert -beat.qrs("V1").min() + max(beat.qrs("V5").max(), beat.qrs("V6").max()) >= 3.5
        for lead in ("V5", "V6"):
            assert beat.st(lead) < -0.02 and beat.t(lead) < 0.1 * beat.qrs(lead).max()


def test_ischemia_lowers_st_and_inverts_t_in_the_anterolateral_leads():
    for beat in each_beat("st depression"):
        assert all(beat.st(lead) <= -0.05 and beat.t(lead) < -0.1 for lead in ("V4", "V5", "V6"))


def test_left_atrial_enlargement_has_a_long_notched_p_that_ends_negative_in_v1():
    for beat in each_beat("left atrial enlargement"):
        assert beat.truth.p_ms >= 120
        assert (np.diff(np.sign(np.diff(beat.p("II")))) < 0).sum() == 2
        v1 = beat.p("V1")
        assert v1.min() <= -0.1 and (v1[np.argmin(v1) - 30 :] < -0.02).sum() * 1000 / FS_HZ >= 40


def test_first_degree_block_only_delays_the_qrs_complex():
    for seed in SEEDS:
        blocked, normal = record("first degree av block", seed).truth, record("normal", seed).truth
        assert blocked.pr_ms > 200 and blocked.qrs_ms == normal.qrs_ms and blocked.qt_ms == normal.qt_ms
        assert set(blocked.segments_changed) <= {"P", "PQ", "TP"}


def test_runs_join_across_short_gaps_and_reach_both_ends():
    changed = np.zeros(1000, bool)
    changed[[*range(100), *range(110, 200), *range(900, 1000)]] = True
    assert true_ranges_s(changed) == [(0.0, 0.2), (0.9, 1.0)]


def bytes_below(folder):
    """Every file but those of the waveform store, which appears beside a data set that was used."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".imle" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    write_demo_cohort(root)
    return root


def test_cohort_written_again_over_itself_is_the_same_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr("imle.simulate.cohort.COHORT", {"normal": 2, "inferior infarction": 2})
    write_demo_cohort(tmp_path, seed=5)
    before = bytes_below(tmp_path)
    write_demo_cohort(tmp_path, seed=5)
    assert bytes_below(tmp_path) == before
    write_demo_cohort(tmp_path, seed=6)
    assert bytes_below(tmp_path) != before


def test_cohort_does_not_overwrite_another_data_set(tmp_path):
    (tmp_path / "ptbxl_database.csv").write_text("ecg_id\n")
    with pytest.raises(ValueError, match="not the demo cohort; give an empty or a new folder"):
        write_demo_cohort(tmp_path)
    assert (tmp_path / "ptbxl_database.csv").read_text() == "ecg_id\n"


def test_shipped_cohort_is_what_the_code_writes(written):
    # Another processor may round a sample or a time differently in its last digit, so those are compared as numbers.
    shipped, fresh = bytes_below(DEMO), bytes_below(written)
    assert shipped.keys() == fresh.keys()
    for path in shipped:
        if path.suffix == ".dat":
            difference = np.frombuffer(shipped[path], "<i2").astype(int) - np.frombuffer(fresh[path], "<i2")
            assert np.abs(difference).max() <= 1, path
        elif path.name != "truth.json":
            assert without_checksums(shipped[path]) == without_checksums(fresh[path]), path
    ours, theirs = (json.loads((root / "truth.json").read_text()) for root in (DEMO, written))
    for ecg_id, truth in ours.items():
        assert truth["seed"] == theirs[ecg_id]["seed"] and truth["leads_changed"] == theirs[ecg_id]["leads_changed"]
        assert truth["r_peaks_s"] == pytest.approx(theirs[ecg_id]["r_peaks_s"], abs=0.002)


def without_checksums(content):
    """A header's lines without initial value, checksum, block size and lead; any other file's lines as they are."""
    return [line.rsplit(b" ", 4)[0] if b"1000.0(0)/mV" in line else line for line in content.splitlines()]


def test_shipped_records_read_as_ptbxl_records_do():
    catalogue = pd.read_csv(DEMO / "ptbxl_database.csv", index_col="ecg_id")
    truths = json.loads((DEMO / "truth.json").read_text())
    assert len(catalogue) == sum(COHORT.values()) == 60
    for ecg_id in (1, 31, 60):
        for name, shape in ((catalogue.filename_lr[ecg_id], (1000, 12)), (catalogue.filename_hr[ecg_id], (5000, 12))):
            read = wfdb.rdrecord(str(DEMO / name))
            assert read.p_signal.shape == shape and set(read.fmt) == {"16"} and set(read.adc_gain) == {1000.0}
            assert [lead.casefold() for lead in read.sig_name] == [lead.casefold() for lead in LEADS]
            assert "simulated" in read.comments[0]
        truth = truths[str(ecg_id)]
        again = simulate(truth["finding"], truth["seed"], 500).ecg.signal_mv
        assert np.abs(read.p_signal.T - again).max() < 0.0016


def test_shipped_catalogue_says_what_was_planted_and_that_it_is_simulated():
    catalogue = pd.read_csv(DEMO / "ptbxl_database.csv", index_col="ecg_id")
    statements = pd.read_csv(DEMO / "scp_statements.csv", index_col=0)
    truths = json.loads((DEMO / "truth.json").read_text())
    assert json.loads((DEMO / "dataset.json").read_text())["simulated"] is True
    assert sorted(catalogue.strat_fold.unique()) == list(range(1, 11)) and set(catalogue.sex) == {0, 1}
    assert catalogue.patient_id.is_unique and catalogue.age.std() > 5
    for ecg_id, row in catalogue.iterrows():
        truth = truths[str(ecg_id)]
        assert f"'{truth['code']}': 100.0" in row.scp_codes
        assert statements.diagnostic_class[truth["code"]] == truth["superclass"]
        assert row.device == "simulated" and row.report.startswith("simulated ECG")
