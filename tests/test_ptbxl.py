"""`PtbXl`: labels and folds as published, records at both rates, and what a folder that is no data set gets."""

import numpy as np
import pandas as pd
import pytest
from made_up import FINDINGS, FOLDS, IDS, made_up_ecg, write_record

from dashboard.cohort import Filters, matching, open_cohort
from imle import LABELS, PtbXl, UnreadableEcg
from imle.ptbxl import MissingData
from imle.ptbxl.dataset import UnknownRecord

# Catalogue, labels, folds


def test_labels_by_hand(tiny_ptbxl):
    """CD HYP MI NORM STTC: a column out of place would swap two diagnoses everywhere."""
    data = PtbXl(tiny_ptbxl)
    expected = {
        "NORM": [0, 0, 0, 1, 0],  # a normal ECG in sinus rhythm
        "IMI": [0, 0, 1, 0, 0],  # inferior infarction, likelihood 80
        "LVH": [0, 1, 0, 0, 1],  # hypertrophy, and a T abnormality at likelihood 50
        "CLBBB": [1, 0, 0, 0, 0],
        "ASMI": [1, 0, 1, 0, 0],  # infarction, and a first degree block at likelihood 0, which counts
        "SR": [0, 0, 0, 0, 0],  # rhythm and form only: no superclass
    }
    for row, (ecg_id, codes) in enumerate(zip(IDS, data.catalogue["scp_codes"], strict=True)):
        assert codes == FINDINGS[row % len(FINDINGS)]
        first = next(iter(codes))
        assert data.labels[row].tolist() == expected[first], ecg_id
        assert data.catalogue.at[ecg_id, "superclasses"] == tuple(
            label for label, is_one in zip(LABELS, expected[first], strict=True) if is_one
        )


def test_codes_go_by_likelihood(tiny_ptbxl):
    """The likeliest statement is shown first; the file's order is alphabetical or by chance."""
    data = PtbXl(tiny_ptbxl)
    assert data.catalogue.at[IDS[2], "codes"] == ("LVH", "NDT", "SR")
    assert data.catalogue.at[IDS[0], "sex"] == "F"
    assert data.catalogue.at[2, "sex"] == "M"


def test_folds_and_their_labelled_records(tiny_ptbxl):
    """A fold that leaks into another, or an unlabelled record in a metric, falsifies every figure."""
    data = PtbXl(tiny_ptbxl)
    assert data.fold.tolist() == FOLDS
    assert data.ids([9]).tolist() == [ecg_id for ecg_id, fold in zip(IDS, FOLDS, strict=True) if fold == 9]
    unlabelled = IDS[5]
    assert unlabelled in data.ids([6], labelled=False)
    assert unlabelled not in data.ids([6])
    parts = [data.ids(folds, labelled=False) for folds in (range(1, 9), [9], [10])]
    assert sorted(np.concatenate(parts)) == IDS
    np.testing.assert_array_equal(data.labels_of([5, 1]), data.labels[[IDS.index(5), IDS.index(1)]])


def test_records_at_both_rates(tiny_ptbxl):
    """The sheet takes 500 Hz where there is one, the model 100 Hz; both must be the same heart."""
    data = PtbXl(tiny_ptbxl)
    slow, fast = data.record(5), data.record(5, 500)
    assert (slow.fs_hz, fast.fs_hz, slow.id) == (100, 500, "5")
    assert slow.meta["strat_fold"] == data.catalogue.at[5, "strat_fold"]
    np.testing.assert_allclose(fast.for_model()[:, 20:-20], slow.signal_mv[:, 20:-20], atol=0.003)
    assert data.has(5, 500)


def test_a_longer_file_of_the_data_set_says_how_long_it_is(own_ptbxl):
    """A laboratory's own long recordings in this layout would be shown as if ten seconds were all."""
    data = PtbXl(own_ptbxl)
    assert data.record(IDS[0]).part_text == ""
    write_record(data.path(IDS[0]), made_up_ecg(1, 100, seconds=25), 100)
    assert data.record(IDS[0]).part_text == "first 10 s of 25 s"


def test_unknown_records_are_named(tiny_ptbxl):
    """4 is a gap in the ids; the record after it must not come in its place."""
    data = PtbXl(tiny_ptbxl)
    with pytest.raises(UnknownRecord, match=r"^PTB-XL has no record 4; choose one on the records page"):
        data.record(4)
    with pytest.raises(UnknownRecord, match=r"^PTB-XL has no record 4; choose ids of its catalogue$"):
        data.signals([1, 4])
    with pytest.raises(UnknownRecord, match=r"^PTB-XL has no records at 250 Hz; choose 100 or 500$"):
        data.record(1, 250)


@pytest.mark.parametrize("name", ["ptbxl_database.csv", "scp_statements.csv"])
def test_a_folder_without_its_csv(own_ptbxl, name):
    (own_ptbxl / name).unlink()
    with pytest.raises(MissingData) as caught:
        PtbXl(own_ptbxl)
    assert str(caught.value) == f"{own_ptbxl} has no {name}; give the folder that `imle download` filled"


def test_tables_that_are_none(own_ptbxl):
    """A download's error page, a table of something else, a code column in another spelling."""
    table = own_ptbxl / "ptbxl_database.csv"
    whole = table.read_text()
    table.write_text("<html><body>502 Bad Gateway</body></html>\n")
    with pytest.raises(MissingData, match=r"ptbxl_database\.csv is not PTB-XL's table \(.*\); download it again$"):
        PtbXl(own_ptbxl)
    table.write_text("")
    with pytest.raises(MissingData, match="is not PTB-XL's table"):
        PtbXl(own_ptbxl)
    table.write_text(whole.replace("strat_fold", "fold"))
    with pytest.raises(MissingData, match="has no column strat_fold; it should have those of PTB-XL's"):
        PtbXl(own_ptbxl)
    table.write_text(whole.replace("{'NORM': 100.0, 'SR': 0.0}", "NORM 100", 1))
    with pytest.raises(
        MissingData, match=r"has scp_codes 'NORM 100' at record 1; it should be like \{'NORM': 100\.0\}$"
    ):
        PtbXl(own_ptbxl)


def test_what_a_data_set_need_not_state_is_unknown(own_ptbxl):
    """The records page ended in a stack trace on a data set without ages, reports or a mark of who validated it."""
    table = own_ptbxl / "ptbxl_database.csv"
    pd.read_csv(table, index_col="ecg_id").drop(columns=["age", "report", "validated_by_human"]).to_csv(table)
    cohort = open_cohort(own_ptbxl)
    assert set(cohort.table["Age"]) == {"   "} and set(cohort.table["Report"]) == {""}
    for filters, found in (({"age": (20, 30)}, 0), ({"validated": "yes"}, 0), ({"validated": "no"}, len(IDS))):
        assert len(matching(cohort, Filters(**filters))) == found


def test_a_record_that_stands_twice_is_refused(own_ptbxl):
    """Which of the two a number means nobody knows; pandas ended the page with its own words."""
    table = own_ptbxl / "ptbxl_database.csv"
    rows = pd.read_csv(table, index_col="ecg_id")
    pd.concat([rows, rows.loc[[7]]]).to_csv(table)
    with pytest.raises(MissingData, match=r"ptbxl_database\.csv has record 7 twice; every ecg_id must be another$"):
        PtbXl(own_ptbxl)


@pytest.mark.parametrize(
    ("text", "why"),
    [('{"title": "Ours', "JSONDecodeError"), ('{"title": "Ours"}', "KeyError: 'simulated'"), ("[]", "TypeError")],
)
def test_a_damaged_description_is_refused(own_ptbxl, text, why):
    """Whoever made a data set of their own with a slip in this file would get a stack trace from every command."""
    (own_ptbxl / "dataset.json").write_text(text)
    with pytest.raises(
        MissingData, match=rf"dataset\.json does not describe the data set \({why}.*\); it should be like"
    ):
        PtbXl(own_ptbxl)


def test_a_data_set_without_500_hz(own_ptbxl):
    """One in its layout may have 100 Hz alone; an empty name is no path, and took down page and store."""
    table = own_ptbxl / "ptbxl_database.csv"
    rows = pd.read_csv(table, index_col="ecg_id")
    rows.assign(filename_hr=np.nan).to_csv(table)
    data = PtbXl(own_ptbxl)
    assert not data.has(7, 500) and data.has(7, 100)
    with pytest.raises(UnknownRecord, match="names no file of record 7 at 500 Hz; choose the other rate"):
        data.record(7, 500)
    rows.loc[7, "filename_lr"] = np.nan
    rows.to_csv(table)
    with pytest.raises(MissingData, match="names no file of record 7 under filename_lr; every record needs one"):
        PtbXl(own_ptbxl)


def test_a_record_whose_files_are_gone(own_ptbxl):
    data = PtbXl(own_ptbxl)
    data.path(7).with_suffix(".dat").unlink()
    with pytest.raises(UnreadableEcg, match=r"00007_lr: 00007_lr\.dat is missing; give both files of the record"):
        data.record(7)


# The real data set


@pytest.mark.ptbxl
def test_real_folds(ptbxl_root):
    """The sizes by which our figures can be set beside others'."""
    data = PtbXl(ptbxl_root)
    assert len(data) == 21_799
    assert [len(data.ids(folds)) for folds in (range(1, 9), [9], [10])] == [17_084, 2_146, 2_158]
    assert data.catalogue["patient_id"].nunique() == 18_869
    assert data.catalogue.groupby("patient_id")["strat_fold"].nunique().max() == 1


@pytest.mark.ptbxl
def test_real_labels(ptbxl_root):
    """Records read by hand, and the counts that the data set's authors publish."""
    data = PtbXl(ptbxl_root)
    by_hand = {
        1: ("NORM",),  # NORM 100, LVOLT, SR
        8: ("MI",),  # IMI 35, ABQRS (form only), SR
        41: ("CD",),  # LAFB 100, SR
        50: ("CD", "MI"),  # LMI 15, IVCD 100, SR
        4827: ("CD", "MI"),  # IMI 100, 3AVB 100
    }
    assert data.catalogue.loc[list(by_hand), "superclasses"].to_dict() == by_hand
    assert data.labels.sum(axis=0).astype(int).tolist() == [4_898, 2_649, 5_469, 9_514, 5_235]


@pytest.mark.ptbxl
def test_real_record_with_a_lead_that_fell_off(ptbxl_root):
    """Record 12722 has nothing in V5; the store keeps it, as the published training data does, and the sheet refuses it."""
    data = PtbXl(ptbxl_root)
    with pytest.raises(UnreadableEcg) as caught:
        data.record(12722)
    assert caught.value.reason == "lead V5 has no signal (a flat line); all 12 leads must be recorded"
    assert data.signals([12722])[0, 10].max() == 0


@pytest.mark.ptbxl
def test_real_records_at_500_hz_resample_to_those_at_100(ptbxl_root):
    """The sheet at 500 Hz and the heatmap at 100 Hz must lie on each other.

    Seen below 40 Hz, over 100 records: the same gain within 1 %, coherence 1, and the published 100 Hz records
    1.25 ms early, an eighth of a sample.
    """
    data = PtbXl(ptbxl_root)
    ids = [n for n in data.catalogue.index[:300] if data.has(n, 500)][:20]
    if not ids:
        pytest.skip("no records at 500 Hz")
    ours = np.array([spectrum(data.record(n, 500).for_model()) for n in ids])
    theirs = np.array([spectrum(data.record(n).signal_mv) for n in ids])
    band = slice(10, 400)  # 1 to 40 Hz
    cross = (ours.conj() * theirs).sum(axis=(0, 1))[band]
    power = (np.abs(ours) ** 2).sum(axis=(0, 1))[band]
    np.testing.assert_allclose(np.abs(cross / power), 1, atol=0.03)
    delay_s = np.angle(cross) / (2 * np.pi * np.arange(10, 400) / 10)
    assert np.abs(delay_s).max() < 0.002


def spectrum(signal_mv: np.ndarray) -> np.ndarray:
    return np.fft.rfft((signal_mv - signal_mv.mean(axis=1, keepdims=True)) * np.hanning(1000))
