"""A cohort's heatmaps held against the guidelines: which records count, what a row holds, a run that is stopped."""

import shutil

import numpy as np
import pandas as pd
import pytest

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT
from imle.errors import BadChoice
from imle.evaluation.subgroups import AGE_BANDS
from imle.explain import score_cohort as module
from imle.explain.agreement import lead_segment_shares, relevance, relevance_mass, spread_over
from imle.explain.attribution import attribute
from imle.explain.cohort_agreement import CELLS, SCORE_NAMES, read_agreement
from imle.explain.guidelines import read_guidelines
from imle.explain.score_cohort import diagnoses, score_cohort
from imle.explain.steps import Steps
from imle.labels import LABELS
from imle.measure.segments import segments_of_signal
from imle.tasks import INFARCTION

FOLDS = (1, 2, 3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "cohort"
    shutil.copytree(DEMO_COHORT, root)
    return PtbXl(root)


@pytest.fixture(scope="module")
def table():
    return read_guidelines()


@pytest.fixture(scope="module")
def predictor():
    return load_model("imle_net_plus", "exact")


@pytest.fixture(scope="module")
def found(data, table, predictor, tmp_path_factory):
    return score_cohort(predictor, data, FOLDS, "attention", table, tmp_path_factory.mktemp("out") / "plus.parquet")


def test_every_diagnosis_with_a_place_is_a_row(found, data, table):
    """A normal record has no place to agree with; a record with two diagnoses must be scored for both."""
    expected = {
        (ecg_id, code)
        for ecg_id in data.ids(FOLDS)
        for code in data.catalogue.at[ecg_id, "scp_codes"]
        if code in table and code != "NORM"
    }
    assert set(zip(found.rows["ecg_id"], found.rows["code"], strict=True)) == expected
    assert (found.rows["label"] == [table[code].superclass for code in found.rows["code"]]).all()


def test_a_row_is_what_one_record_gives_by_hand(found, data, table, predictor):
    """Each label's own attention, over the record's own waves; another label's would score another question."""
    row = found.rows[found.rows["code"] == "IMI"].iloc[0]
    signal_mv = data.signals([row["ecg_id"]])
    answer = predictor.run(signal_mv)
    heatmap = answer.attention.heatmap("combined", 0, "MI").astype(float)
    segments = segments_of_signal(signal_mv[0])
    mask = table["IMI"].mask(segments)
    assert row["mass"] == pytest.approx(relevance_mass(heatmap / heatmap.sum(), mask), abs=1e-5)
    assert row["lead_mass"] == pytest.approx(answer.attention.of("MI").channel[0][[1, 2, 5]].sum(), abs=5e-3)
    assert row["chance"] == pytest.approx(mask.mean()) and row["lead_chance"] == 0.25
    assert row["probability"] == pytest.approx(answer.probabilities[0, predictor.labels.index("MI")], abs=1e-4)
    control = spread_over(found.averages["MI"], segments)
    assert row["average_mass"] == pytest.approx(relevance_mass(control, mask), abs=1e-4)
    np.testing.assert_allclose(
        row[CELLS].to_numpy(float), lead_segment_shares(heatmap / heatmap.sum(), segments).ravel(), atol=1e-5
    )


def test_the_average_is_that_of_all_records(found, data, predictor):
    """An average over the diagnosis's own records would be the heatmap itself, and hide that it is everybody's."""
    shares = []
    for signal_mv in data.signals(data.ids(FOLDS)):
        heatmap = predictor.attend(signal_mv[None]).heatmap("combined", 0, "CD").astype(float)
        shares.append(lead_segment_shares(heatmap / heatmap.sum(), segments_of_signal(signal_mv)))
    np.testing.assert_allclose(found.averages["CD"], np.mean(shares, axis=0), atol=1e-4)


def test_a_run_that_is_stopped_goes_on_to_the_same_end(found, data, table, predictor, tmp_path, monkeypatch):
    """Attributions of a fold take an hour; a run that begins anew after Ctrl-C would never be finished."""
    monkeypatch.setattr(module, "STEP", 4)
    asked = []

    def stop(what: str, done: int, total: int) -> None:
        asked.append((what, done))
        if what == "scoring" and done >= 8:
            raise KeyboardInterrupt

    out = tmp_path / "plus.parquet"
    with pytest.raises(KeyboardInterrupt):
        score_cohort(predictor, data, FOLDS, "attention", table, out, tell=stop)
    assert not out.exists()
    attributed = []
    monkeypatch.setattr(module, "attribute_each", lambda *given: attributed.append(given) or attribute_each(*given))
    again = score_cohort(predictor, data, FOLDS, "attention", table, out)
    pd.testing.assert_frame_equal(again.rows, found.rows, atol=1e-5)
    assert sum(len(given[1]) for given in attributed) == len(found.rows) - 8  # not once more what was done
    assert [path.name for path in tmp_path.iterdir()] == ["plus.parquet"]
    pd.testing.assert_frame_equal(read_agreement(out).rows, again.rows)


attribute_each = module.attribute_each


def test_a_run_that_is_stopped_at_the_averages_keeps_those_it_has(data, table, predictor, tmp_path, monkeypatch):
    """They are most of what attributions of a fold take."""
    asked = []
    monkeypatch.setattr(module, "attribute_each", lambda *given: asked.extend(given[2]) or attribute_each(*given))

    def stop(what: str, done: int, total: int) -> None:
        if what == "averaging" and len(set(asked)) == 3:
            raise KeyboardInterrupt

    out = tmp_path / "plus.parquet"
    with pytest.raises(KeyboardInterrupt):
        score_cohort(predictor, data, FOLDS[:1], "saliency", table, out, tell=stop)
    assert set(asked) == set(predictor.labels[:3])
    asked.clear()

    def stop_scoring(what: str, done: int, total: int) -> None:
        if what == "scoring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_cohort(predictor, data, FOLDS[:1], "saliency", table, out, tell=stop_scoring)
    assert set(asked) == set(predictor.labels[3:])


def test_a_record_with_two_codes_of_a_label_is_explained_once(data, table, predictor, tmp_path, monkeypatch):
    """An eighth of PTB-XL's rows have a record and label in common with another, and an attribution takes a third of a second."""
    cohort = module._Cohort(predictor, data, "attention")
    averages = dict.fromkeys(predictor.labels, np.full((12, 6), 1 / 72))
    first, other = data.ids(FOLDS)[:2]
    cases = pd.DataFrame(
        {"ecg_id": [first, other, first], "code": ["IMI", "ASMI", "ASMI"], "label": ["MI", "MI", "MI"]}, index=[4, 5, 6]
    )
    asked = []
    monkeypatch.setattr(module, "attribute_each", lambda *given: asked.append(len(given[1])) or attribute_each(*given))
    found = cohort.score(cases, table, averages)
    assert asked == [2]
    alone = cohort.score(cases.iloc[2:], table, averages)
    pd.testing.assert_series_equal(found.loc[6], alone.loc[6])
    assert found.loc[4, "lead_mass"] != found.loc[6, "lead_mass"]


@pytest.mark.parametrize("model", ["imle_net", "imle_net_plus"])
def test_labels_told_at_once_are_asked_for_once(model, data, table, tmp_path, monkeypatch):
    """Asked for each label anew, an average takes five times as long; the shares must stay each label's own."""
    predictor = load_model(model, "exact")
    asked = []
    monkeypatch.setattr(module, "attribute_each", lambda *given: asked.extend(given[1]) or attribute_each(*given))
    cohort, ids = module._Cohort(predictor, data, "attention"), data.ids(FOLDS)
    monkeypatch.setattr(module, "SUREST_RECORDS", 3)
    p = cohort.probabilities(ids, lambda *told: None)
    averages, surest = cohort.means(ids, p, 0, Steps(tmp_path / "net.parquet", {}), lambda *told: None)
    assert len(asked) == len(ids)
    assert (averages["MI"] == averages["CD"]).all() == (not predictor.attended_labels)
    for k, label in enumerate(LABELS):
        own = ids[np.argsort(-p[:, k])[:3]]
        heatmaps = relevance(attribute(predictor, data.signals(own), label, "attention"))
        shares = list(map(lead_segment_shares, heatmaps, cohort.segments(own)))
        np.testing.assert_allclose(surest[label], np.mean(shares, axis=0), atol=1e-6)
    asked.clear()
    cases = pd.DataFrame({"ecg_id": [ids[0], ids[0]], "code": ["IMI", "LVH"], "label": ["MI", "HYP"]})
    rows = cohort.score(cases, table, {"MI": averages["MI"], "HYP": np.full((12, 6), 1 / 72)})
    assert len(asked) == 1
    segments = segments_of_signal(data.signals(ids[:1])[0])
    for row, average in zip(rows.itertuples(), (averages["MI"], np.full((12, 6), 1 / 72)), strict=True):
        by_hand = relevance_mass(spread_over(average, segments), table[row.code].mask(segments))
        assert row.average_mass == pytest.approx(by_hand, abs=1e-5)


def test_the_steps_of_another_run_are_not_gone_on_with(data, table, predictor, tmp_path):
    """Rows of two methods in one file would be told as one."""
    out = tmp_path / "plus.parquet"
    folder = tmp_path / "plus.parquet.steps"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    with pytest.raises(BadChoice, match="holds the steps of another run; delete it, or give another --out"):
        score_cohort(predictor, data, FOLDS, "attention", table, out)


def test_what_cannot_be_scored_is_refused(data, table, predictor, tmp_path):
    with pytest.raises(BadChoice, match="there is no method 'atention'; choose one of"):
        score_cohort(predictor, data, FOLDS, "atention", table, tmp_path / "a.parquet")
    with pytest.raises(BadChoice, match="no record of fold 1 has a diagnosis that imle_net_plus tells"):
        score_cohort(predictor, data, [1], "attention", {"NORM": table["NORM"]}, tmp_path / "a.parquet")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadChoice, match="cannot be written"):
        score_cohort(predictor, data, FOLDS, "attention", table, tmp_path / "file" / "a.parquet")


def test_records_of_a_diagnosis_are_drawn_alike_every_time(data, table):
    """The first so many would be the oldest recordings."""
    ids, labels = data.ids(range(1, 11)), ("CD", "HYP", "MI", "NORM", "STTC")
    one, other = (diagnoses(data, ids, labels, table, 3, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    assert one["code"].value_counts().max() == 3
    assert not one.equals(diagnoses(data, ids, labels, table, 3, seed=2))


def test_a_model_that_tells_the_code_itself_is_asked_for_it(data, table):
    """The infarction model has a heatmap for IMI, that for MI is another model's; and only its task's records count."""
    of_task = PtbXl(data.root, INFARCTION)
    ids = of_task.ids(range(1, 11))
    cases = diagnoses(of_task, ids, INFARCTION.labels, table, None, 0)
    assert (cases["code"] == cases["label"]).all()
    infarctions = of_task.labels_of(ids)[:, :2].sum(axis=0)
    assert cases["code"].value_counts()[["ASMI", "IMI"]].tolist() == infarctions.tolist()


def test_a_record_with_a_flat_lead_has_no_segments():
    """Such a record is refused as an ECG; the cohort's run must not end with it."""
    assert (segments_of_signal(np.zeros((12, 1000), np.float32)) == -1).all()


def test_a_row_says_whose_it_is(found, data):
    """Without them the page cannot tell women from men, and a file made today would have to be made again."""
    row = found.rows.iloc[0]
    own = data.catalogue.loc[row["ecg_id"]]
    assert row["sex"] == own["sex"] and row["validated"] == bool(own["validated_by_human"])
    assert row["age_band"] in AGE_BANDS


def test_scores_have_names_of_columns(found):
    assert {*SCORE_NAMES, *(f"average_{name}" for name in SCORE_NAMES), *CELLS, "overlap"} <= set(found.rows)
    assert found.about["method"] == "attention" and set(found.surest) == set(found.averages)
