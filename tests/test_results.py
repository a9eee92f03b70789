"""Every shipped result: its reports follow from its Parquet and truth.parquet, and its model card from its reports."""

import json

import numpy as np
import pytest

from imle.assets import WEIGHTS
from imle.errors import BadChoice
from imle.evaluation import results
from imle.evaluation.bootstrap import SAMPLES
from imle.evaluation.calibration import DECIMALS, fit_temperature
from imle.evaluation.comparison import compare
from imle.evaluation.metrics import best_thresholds
from imle.evaluation.model_card import README, kept, model_card, reports_of
from imle.evaluation.report import figures
from imle.model_folder import read_card
from imle.ptbxl import PtbXl
from imle.tasks import INFARCTION, TASKS

NAMES = [name for task in TASKS.values() for name in results.shipped(task)]
REPORTS = [(name, fold) for name in NAMES for fold in results.FOLDS]
WITH_WEIGHTS = [name for name in NAMES if (WEIGHTS / name).is_dir()]
ENDS = ("low", "high")
RECORDS = {"superclass": {9: 2146, 10: 2158}, "mi": {9: 918, 10: 935}, "mi-authors": {9: 356, 10: 624}}


def again(name: str, fold: int, samples: int) -> tuple[dict, dict]:
    """The figures of a shipped report, and the same computed from what is shipped beside it."""
    result = results.read_result(name)
    report, p = result.reports[fold], result.of_fold(fold)
    own = results.read_truth(result.task).loc[p.index]
    y = own[result.labels].to_numpy()
    computed = figures(y, p.to_numpy(), report["thresholds"], report["temperature"], own, samples, result.task)
    return {key: report[key] for key in computed}, json.loads(json.dumps(computed))


def without_intervals(report):
    """The same without the ends of intervals and the sentence on them."""
    if isinstance(report, dict):
        return {key: without_intervals(part) for key, part in report.items() if key not in (*ENDS, "interval")}
    return [without_intervals(part) for part in report] if isinstance(report, list) else report


def flat(report, path=()) -> dict:
    """Every figure of a report by its path."""
    if not isinstance(report, dict | list):
        return {path: report}
    pairs = report.items() if isinstance(report, dict) else enumerate(report)
    return {key: value for step, part in pairs for key, value in flat(part, (*path, step)).items()}


def test_the_published_network_is_among_the_results():
    """Without it every test of this file would pass over nothing."""
    assert "imle_net" in results.shipped()


@pytest.mark.parametrize(("name", "fold"), REPORTS)
def test_every_figure_follows_from_the_predictions(name, fold):
    """A figure that nobody can compute again is a claim; intervals of 200 draws must lie near those of 1000."""
    kept, computed = again(name, fold, samples=200)
    assert without_intervals(kept) == without_intervals(computed)
    kept, computed = flat(kept), flat(computed)
    for path in [path for path in kept if path[-1] in ENDS and kept[path] is not None]:
        whole = kept[(*path[:-1], "high")] - kept[(*path[:-1], "low")]
        assert computed[path] == pytest.approx(kept[path], abs=0.25 * whole + 1e-4), path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fold"), REPORTS)
def test_every_interval_follows_from_the_predictions(name, fold):
    """The same draws give the same intervals, on any machine, to the last digit that is shown."""
    kept, computed = (flat(part) for part in again(name, fold, SAMPLES))
    assert kept.keys() == computed.keys()
    for path, value in kept.items():
        assert computed[path] == (pytest.approx(value, abs=2e-5) if path[-1] in ENDS else value), path


@pytest.mark.parametrize("name", NAMES)
def test_choices_were_made_on_fold_9(name):
    """Thresholds or a temperature fitted elsewhere, on fold 10 above all, would make its figures worthless."""
    result = results.read_result(name)
    choices = [(report["temperature"], report["thresholds"]) for report in result.reports.values()]
    assert choices == [choices[0]] * len(results.FOLDS)
    temperature, thresholds = choices[0]
    p = result.of_fold(9)
    y = results.read_truth(result.task).loc[p.index, result.labels].to_numpy()
    assert list(thresholds.values()) == pytest.approx(best_thresholds(y, p.to_numpy()), abs=10**-DECIMALS)
    link = result.task.link
    logits = temperature * link.logits_of(p.to_numpy())
    assert fit_temperature(y, logits, link) == pytest.approx(temperature, abs=2 * 10**-DECIMALS)


@pytest.mark.parametrize("name", NAMES)
def test_predictions_cover_the_labelled_records_of_both_folds(name):
    """A model judged on records of its own choice could not be compared with another."""
    result = results.read_result(name)
    predictions, truth = result.predictions, results.read_truth(result.task)
    assert predictions.index.equals(truth.index)
    assert predictions[results.FOLD].equals(truth[results.FOLD])
    assert set(predictions.dtypes.iloc[1:].astype(str)) == {"float32"}


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_the_shipped_model_is_the_one_that_was_judged(name):
    """Weights replaced, or thresholds changed, after the figures were made would leave figures of another model."""
    card, reports = read_card(WEIGHTS / name), results.read_result(name).reports
    for report in reports.values():
        assert (report["task"], report["shifts"]) == (card.task, 1)
        assert (report["temperature"], report["thresholds"]) == (card.temperature, card.thresholds)
        assert (report["network"], report["trained_by_commit"]) == (card.network, card.commit)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_the_model_card_says_what_the_reports_say(name):
    """A typed figure in a README goes stale; this page is what the reports and the card make."""
    folder = WEIGHTS / name
    reports = reports_of(folder, results.RESULTS)
    assert list(reports) == list(results.FOLDS)
    assert (folder / README).read_text() == model_card(name, read_card(folder), reports, kept(folder))


def test_a_result_compared_with_itself_differs_by_nothing():
    """The comparison of shipped results must align their records and use the same draws."""
    result = results.read_result("imle_net")
    assert tuple(compare(result, result, 10, samples=20)) == (0, 0, 0)


def test_unknown_results_and_folds_are_refused():
    """A typing error must name what there is."""
    with pytest.raises(BadChoice, match=r"there is no result of 'imlenet'; choose one of .*imle_net"):
        results.read_result("imlenet")
    with pytest.raises(BadChoice, match="imle_net has no answers on fold 3; choose one of 9, 10"):
        results.read_result("imle_net").of_fold(3)


def test_a_result_whose_reports_cannot_be_read_counts_among_the_superclasses(tmp_path, monkeypatch):
    """A page lists results before it reads them: a damaged report must not hide all the others behind a traceback."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    for name in ("damaged.parquet", "truth.parquet", "truth-mi.parquet", "truth-mi-authors.parquet"):
        (tmp_path / name).write_text("")
    (tmp_path / "damaged-fold9.json").write_text("{")
    (tmp_path / "damaged-fold10.json").write_text("[]")
    assert results.shipped() == ("damaged",)
    assert results.shipped(INFARCTION) == ()


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_truth_has_what_a_figure_needs(task):
    """A missing column or a foreign value would show only on the page that draws it."""
    truth = results.read_truth(task)
    assert list(truth) == ["fold", *task.labels, "sex", "age_band", "device", "validated"]
    assert truth.groupby("fold").size().to_dict() == RECORDS[task.name]
    assert set(np.unique(truth[list(task.labels)])) == {0, 1}
    assert set(truth[list(task.labels)].sum(axis=1)) == ({1} if task.exclusive else {1, 2, 3, 4})
    assert set(truth["sex"]) == {"F", "M"}
    assert truth["validated"].dtype == bool


@pytest.mark.ptbxl
@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_truth_is_that_of_ptbxl(task, ptbxl_root):
    """Every figure rests on this file; a wrong label or fold in it would be nowhere else to be seen."""
    assert results.read_truth(task).equals(results.truth_of(PtbXl(ptbxl_root, task)))
