"""`imle evaluate`: what a report holds, calibration against known temperatures, subgroups, and the files it keeps."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT, WEIGHTS
from imle.cli import app
from imle.errors import BadChoice
from imle.evaluation import results
from imle.evaluation.calibration import (
    calibrated,
    come_true,
    error_if_calibrated,
    expected_calibration_error,
    fit_temperature,
    reliability,
    shares_if_calibrated,
    uncalibrated,
)
from imle.evaluation.comparison import compare
from imle.evaluation.model_card import Kept, kept, lower_subgroups, model_card, reports_of
from imle.evaluation.report import Answers, answer, evaluate, figures, training_of
from imle.evaluation.scoring import score_model
from imle.evaluation.subgroups import attributes_of, subgroups
from imle.evaluation.views import OFFSETS, mean_logits, views
from imle.labels import INFARCTIONS, LABELS
from imle.model_folder import Card, NotAModel, read_card, save_model, write_card
from imle.models import build
from imle.tasks import EACH_ALONE, INFARCTION, ONE_OF_ALL, softmax

CARD = Card("imle_net", 0.0, 0.2, thresholds=dict.fromkeys(LABELS, 0.4), data={"title": "PTB-XL"})


MI_CARD = Card("imle_net", 0.0, 0.2, labels=INFARCTIONS, task="mi", thresholds=dict.fromkeys(INFARCTIONS, 0.4))


def drawn(n: int = 3000, temperature: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truths, and logits that are `temperature` times as large as those the truths were drawn from."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (n, 5))
    return (rng.random((n, 5)) < 1 / (1 + np.exp(-logits))).astype(np.float32), temperature * logits


def drawn_infarctions(n: int = 3000, temperature: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same where a record has exactly one of three labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 3))
    drawn = (softmax(logits).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return np.eye(3, dtype=np.float32)[drawn], temperature * logits


def people(n: int, **columns) -> pd.DataFrame:
    usual = {"sex": "F", "age_band": "40-59", "device": "CS-12", "validated": True}
    return pd.DataFrame({name: columns.get(name, [value] * n) for name, value in usual.items()})


def answers(n: int = 400, fold: int = 9) -> Answers:
    y, logits = drawn(n)
    sexes = ["F", "M"] * (n // 2)
    return Answers("mine", "Keras float32", "PTB-XL", fold, np.arange(n), logits, y, people(n, sex=sexes))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_overstated_logits_is_found(temperature):
    """Logits that were multiplied by T want T; another value would ship probabilities that do not come true."""
    y, logits = drawn(20_000, temperature)
    assert fit_temperature(y, logits, EACH_ALONE) == pytest.approx(temperature, rel=0.03)
    y, logits = drawn_infarctions(20_000, temperature)
    assert fit_temperature(y, logits, ONE_OF_ALL) == pytest.approx(temperature, rel=0.03)


def test_a_softmax_without_its_temperature_by_hand():
    """The inverse of a softmax at temperature T is p ** T, made to sum to 1; that of a sigmoid would not sum to 1."""
    p = np.array([[0.7, 0.2, 0.1], [0.98, 0.02, 0.0]])
    raised = p**2.5
    found = uncalibrated(p, 2.5, ONE_OF_ALL)
    np.testing.assert_allclose(found, raised / raised.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(uncalibrated(p[:1], 2.0, EACH_ALONE)[0, :2], [49 / 58, 4 / 68], rtol=1e-12)


def test_calibration_error_by_hand():
    """Bins of one label: three records told 0.9 of which two come true, one told 0.1 that does not."""
    y, p = np.array([[1], [1], [0], [0]], np.float32), np.array([[0.9], [0.9], [0.9], [0.1]])
    assert expected_calibration_error(y, p) == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.1)


def test_a_perfectly_calibrated_model_has_a_calibration_error_too():
    """An error of 0.02 reads as a fault where 0.018 of it is what chance gives the best model there could be."""
    found = error_if_calibrated(np.full((1000, 2), 0.5), exclusive=False)
    assert found.value == pytest.approx(np.sqrt(0.5 / (np.pi * 1000)), rel=0.08)  # mean |share - 0.5| of a binomial
    assert found.low < found.value < found.high
    y, logits = drawn(2000)
    p = 1 / (1 + np.exp(-logits))
    own = error_if_calibrated(p, exclusive=False)
    assert own.low < expected_calibration_error(y, p) < own.high
    assert expected_calibration_error(y, 1 / (1 + np.exp(-3 * logits))) > 2 * own.high


def test_the_band_of_a_reliability_diagram_holds_95_percent_of_what_is_calibrated():
    """Bins out of step with the diagram's, or too narrow a band, would call chance a fault."""
    p = np.repeat([0.03, 0.5, 0.97], [2000, 100, 50])
    band = shares_if_calibrated(p)
    assert len(band) == len(reliability(np.zeros(len(p)), p)) == 3
    half = 1.96 * np.sqrt(0.25 / 100)
    np.testing.assert_allclose(band.loc[1], [0.5 - half, 0.5 + half], atol=0.03)
    assert band.loc[0, "highest"] < 0.05 and band.loc[2, "highest"] == 1


def test_of_labels_that_exclude_each_other_one_is_drawn():
    """Drawn each for itself, a record of an infarction model would have two labels or none, which none has."""
    p = np.repeat([[0.25, 0.5, 0.25]], 4000, axis=0)
    true = np.array(list(come_true(p, True, 1, np.random.default_rng(0))))
    assert (true.sum(axis=0) == 1).all()
    np.testing.assert_allclose(true.mean(axis=(1, 2)), p[0], atol=0.03)
    assert error_if_calibrated(np.ones((9, 1)), exclusive=True).high == 0


def test_the_calibration_error_is_the_gap_of_the_reliability_diagram():
    """A diagram with other bins than the figure beside it would contradict it."""
    y, logits = drawn(500)
    p = 1 / (1 + np.exp(-logits))
    errors = []
    for k in range(5):
        rows = reliability(y[:, k], p[:, k])
        assert ((rows["low"] <= rows["mean_probability"]) & (rows["mean_probability"] < rows["high"])).all()
        errors.append((rows["records"] * (rows["mean_probability"] - rows["true_share"]).abs()).sum() / 500)
    assert expected_calibration_error(y, p) == pytest.approx(np.mean(errors))


@pytest.mark.parametrize(
    ("card", "draw", "link"), [(CARD, drawn, EACH_ALONE), (MI_CARD, drawn_infarctions, ONE_OF_ALL)]
)
def test_a_calibrated_card_answers_at_its_temperature_and_thresholds(card, draw, link):
    """Thresholds chosen before the temperature would belong to other probabilities."""
    y, logits = draw(2000, temperature=2.0)
    card = calibrated(card, y, logits)
    raw = link.answers(logits)
    assert expected_calibration_error(y, card.probabilities(logits)) < expected_calibration_error(y, raw)
    np.testing.assert_allclose(uncalibrated(card.probabilities(logits), card.temperature, link), raw, atol=1e-6)
    told = card.probabilities(logits) >= np.array(list(card.thresholds.values()))
    assert told.any(axis=0).all() and not told.all(axis=0).any()


def test_a_predictor_applies_its_cards_temperature(tmp_path):
    """A temperature that is kept but not applied would leave every page with the old probabilities."""
    signals_mv = np.random.default_rng(0).normal(0, 0.3, (2, 12, 1000)).astype(np.float32)
    shutil.copytree(WEIGHTS / "imle_net", tmp_path / "model")
    write_card(tmp_path / "model", Card(**{**vars(read_card(tmp_path / "model")), "temperature": 2.5}))
    found = load_model(tmp_path / "model", "exact").run(signals_mv)
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(-found.logits / 2.5)), rtol=1e-5)
    np.testing.assert_allclose(found.logits, load_model("imle_net", "exact").run(signals_mv).logits, rtol=1e-5)


def test_an_old_card_has_temperature_1_and_a_bad_one_is_refused(tmp_path):
    """Models trained before there was a temperature must still load; a temperature of 0 would divide by nothing."""
    old = {key: value for key, value in vars(CARD).items() if key != "temperature"}
    (tmp_path / "model.json").write_text(json.dumps(old))
    assert read_card(tmp_path).temperature == 1.0
    (tmp_path / "model.json").write_text(json.dumps(old | {"temperature": 0}))
    with pytest.raises(NotAModel, match="has temperature 0; it should be a number above 0"):
        read_card(tmp_path)


def test_subgroups_are_those_that_were_agreed(tiny_ptbxl):
    """Age 300 means over 89; a device of few records says nothing by itself; PTB-XL pads device names with blanks."""
    data = PtbXl(tiny_ptbxl)
    data.catalogue.loc[1, ["age", "sex", "device"]] = [39, None, "CS-12   E"]
    data.catalogue.loc[3, "age"] = 40
    found = attributes_of(data, np.array([1, 2, 3]))
    assert found["age_band"].tolist() == ["under 40", "80 and over", "40-59"]
    assert found["sex"].tolist() == ["unknown", "M", "F"]
    assert found["device"].tolist() == ["CS-12 E", "CS-12", "CS-12"]
    devices = ["CS-12"] * 100 + ["AT-6 C"] * 99 + ["AT-60 3"]
    groups = subgroups(people(200, device=devices))
    assert [(own.value, own.rows.sum()) for own in groups if own.group == "device"] == [("CS-12", 100), ("other", 100)]
    for group in ("sex", "age", "device", "validated"):
        assert np.sum([own.rows for own in groups if own.group == group], axis=0).tolist() == [1] * 200


def test_a_report_holds_every_figure_with_interval_and_definition():
    """A figure without its interval or definition must never leave the house."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=50)
    names = {"macro_auc", "macro_ap", "mean_accuracy", "published_max_f1", "macro_f1", "brier", "ece"}
    assert set(report["metrics"]) == names
    assert all(row["definition"] for row in report["metrics"].values())
    rows = [*report["metrics"].values(), *report["uncalibrated"].values(), *report["auc_by_label"].values()]
    rows += [*report["perfectly_calibrated"].values()]
    rows += [*report["average_precision_by_label"].values(), *(own["macro_auc"] for own in report["subgroups"])]
    rows += [
        own[rate] for own in report["confusion"].values() for rate in ("sensitivity", "specificity", "precision", "f1")
    ]
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert all(sum(own[cell] for cell in ("tp", "fp", "fn", "tn")) == 400 for own in report["confusion"].values())
    assert json.loads(json.dumps(report)) == report


def test_a_group_without_both_kinds_of_a_label_has_no_figure():
    """A mean over four labels would pass for one over five."""
    own = answers()
    own.truth[own.attributes["sex"] == "M", 2] = 0
    report = evaluate(own, CARD, {}, samples=20)
    figure = {row["value"]: row["macro_auc"] for row in report["subgroups"] if row["group"] == "sex"}
    assert figure["M"] == {"value": None, "low": None, "high": None}
    assert figure["F"]["value"] > 0.5
    assert report["metrics"]["macro_auc"]["value"] > 0.5


def test_an_unfinished_run_says_so(tmp_path):
    """A figure of a third of a run, unmarked, would be taken for the network's."""
    card = Card("imle_net", 0.0, 0.2, recipe={"epochs": 3, "best_epoch": 1, "seed": 7})
    assert training_of(card, tmp_path)["finished"] is False
    (tmp_path / "metrics.jsonl").write_text("{}\n{}\n{}\n")
    expected = {"epochs": 3, "epochs_done": 3, "best_epoch": 1, "finished": True, "seed": 7}
    assert training_of(card, tmp_path) == expected
    assert training_of(CARD, tmp_path / "none")["finished"] is None
    told = Card("imle_net", 0.0, 0.2, recipe={"epochs": 3, "epochs_done": 3, "best_epoch": 1, "seed": 7})
    assert training_of(told, tmp_path / "none") == expected
    training = expected | {"epochs_done": 2, "finished": False}
    report = evaluate(answers(), card, training, samples=20)
    assert "**The run was not finished: 2 of 3 epochs were done.**" in model_card("mine", card, {9: report})


def test_the_model_card_says_what_a_run_started_from():
    """Four epochs from another model's weights would pass for four from nothing."""
    data = {"title": "PTB-XL", "train_records": 9, "train_folds": [1, 2]}
    report = evaluate(answers(), CARD, training_of(CARD, Path("none")), samples=20)
    fresh, tuned = (Card("imle_net", 0.0, 0.2, data=data | more) for more in ({}, {"started_from": "teacher"}))
    assert "Started from" not in model_card("mine", fresh, {9: report})
    assert "Started from the weights of `teacher`" in model_card("mine", tuned, {9: report})


def test_the_model_card_says_what_its_heatmaps_do_not_tell():
    """Attention that was taught, or that a network does not have, would be taken for what the model found by itself."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20)
    taught = Card("imle_net", 0.0, 0.2, recipe={"guideline_share": 0.1})
    not_taught = Card("imle_net", 0.0, 0.2, recipe={"guideline_share": 0.0})
    assert "agreement with them is no evidence" in model_card("mine", taught, {9: report})
    assert "no evidence" not in model_card("mine", not_taught, {9: report})
    assert "where the model looked" in model_card("mine", not_taught, {9: report})
    without = model_card("mine", not_taught, {9: report}, Kept(attention=False))
    assert "It has no attention" in without and "where the model looked" not in without


def test_the_model_card_says_of_which_weights_its_figures_are():
    """Figures of the full weights beside halved ones would be taken for theirs."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20)
    half = Kept(weights="float16")
    assert "those of the full weights" in model_card("mine", CARD, {9: report}, half)
    assert "those of these" in model_card("mine", CARD, {9: report | {"weights_type": "float16"}}, half)
    assert "float16" not in model_card("mine", CARD, {9: report})


def test_a_models_files_say_what_its_card_does_not(tmp_path):
    """The two lines above rest on it; a form without a Keras file must not be said to lack attention."""
    assert kept(WEIGHTS / "imle_net") == Kept(attention=True, weights="float32")
    assert kept(WEIGHTS / "ecgnet") == Kept(attention=False, weights="float16")
    shutil.copyfile(WEIGHTS / "imle_net_plus" / "model.xml", tmp_path / "model.xml")
    assert kept(tmp_path).attention
    (tmp_path / "model.keras").write_text("not a model")
    with pytest.raises(NotAModel, match="copy the model folder again"):
        kept(tmp_path)


def test_the_model_card_names_groups_that_fare_worse():
    """A group that the model fails must be said in words, not only stand in a table; a doubtful one must not."""
    own = answers(2000)
    women = (own.attributes["sex"] == "F").to_numpy()
    own.logits[women] = np.random.default_rng(1).normal(0, 1, own.logits[women].shape)
    report = evaluate(own, CARD, training_of(CARD, WEIGHTS), samples=50)
    assert [(row["group"], row["value"]) for row in lower_subgroups(report)] == [("sex", "F")]
    text = model_card("mine", CARD, {9: report})
    assert "\n- sex F: " in text
    assert "\n- sex M" not in text
    assert "Research use only" in text


def test_the_model_card_says_what_error_a_perfectly_calibrated_model_has():
    """Beside 0 an error that is all chance looks like a fault; a report of old has no such figure and still makes a card."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20)
    row = report["perfectly_calibrated"]["ece"]
    text = model_card("mine", CARD, {9: report})
    assert f"| {row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f}) |" in text
    del report["perfectly_calibrated"]
    assert "| n/a |" in model_card("mine", CARD, {9: report})


def test_predictions_of_another_model_are_not_overwritten(tmp_path):
    """A slip in a file's name must not cost another model its answers."""
    path, fresh = tmp_path / "mine.parquet", pd.DataFrame(np.full((2, 5), 0.25), [3, 4], list(LABELS))
    fresh.index.name = "ecg_id"
    own = {"model": "mine", "data": "PTB-XL", "task": "superclass", "shifts": 1, "fold": 9}
    results.keep_predictions(path, own, fresh)
    results.keep_predictions(path, own | {"fold": 10}, fresh.set_axis([1, 9]))
    results.keep_predictions(path, own, fresh / 2)
    kept = pd.read_parquet(path)
    assert kept["fold"].to_dict() == {1: 10, 3: 9, 4: 9, 9: 10}
    assert kept["CD"].to_dict() == {1: 0.25, 3: 0.125, 4: 0.125, 9: 0.25}
    for other, said in (
        ({"model": "yours"}, r"yours on PTB-XL \(task superclass, shifts 1\); give another file, or delete this one"),
        ({"task": "mi"}, r"mine on PTB-XL \(task mi, shifts 1\)"),
        ({"shifts": 4}, r"mine on PTB-XL \(task superclass, shifts 4\)"),
    ):
        with pytest.raises(BadChoice, match=f"holds no predictions of {said}"):
            results.keep_predictions(path, own | other, fresh)
    assert pd.read_parquet(path).equals(kept)
    (tmp_path / "notes.txt").write_text("not a table")
    with pytest.raises(BadChoice, match="holds no predictions of mine"):
        results.check_predictions(tmp_path / "notes.txt", own, list(LABELS))


def test_predictions_from_before_there_were_tasks_are_gone_on_with(tmp_path):
    """A shipped file says neither task nor views; another fold's answers must still find their place in it."""
    path, fresh = tmp_path / "mine.parquet", pd.DataFrame(np.full((1, 5), 0.25), [3], list(LABELS))
    fresh.insert(0, "fold", np.int8(9))
    fresh.attrs = {"model": "mine", "data": "PTB-XL"}
    fresh.to_parquet(path)
    own = {"model": "mine", "data": "PTB-XL", "task": "superclass", "shifts": 1}
    assert len(results.check_predictions(path, own, list(LABELS))) == 1


def test_views_are_averaged_as_by_hand():
    """A mean of probabilities, a view left out or one lead moved against another would be another model's answer."""
    signals_mv = np.random.default_rng(0).normal(0, 0.3, (3, 12, 1000)).astype(np.float32)
    predictor = load_model("imle_net", "exact")
    by_hand = [
        predictor.run(np.concatenate([signals_mv[:, :, 1000 - by :], signals_mv[:, :, : 1000 - by]], axis=2)).logits
        for by in (0, 25, 988)
    ]
    assert not np.allclose(by_hand[0], by_hand[1], atol=1e-3)
    expected = (by_hand[0] + by_hand[1] + by_hand[2]) / 3
    np.testing.assert_allclose(mean_logits(predictor, signals_mv, 3), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(mean_logits(predictor, signals_mv, 1), predictor.run(signals_mv).logits)


def test_no_two_views_are_the_same_and_none_is_far():
    """A view given twice would count double; one moved by more than training moved records is one it never saw."""
    assert len(set(OFFSETS)) == len(OFFSETS) and OFFSETS[0] == 0
    assert max(map(abs, OFFSETS)) <= 50
    assert len({offset % 50 for offset in OFFSETS}) == len(OFFSETS)
    with pytest.raises(BadChoice, match="17 views a record cannot be had; choose 1"):
        views(np.zeros((1, 12, 1000), np.float32), 17)


def test_the_model_card_states_its_views():
    """Figures of eight views, unmarked, would be taken for what the model answers in use."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20)
    text = model_card("mine", CARD, {9: report, 10: report | {"fold": 10, "shifts": 8}})
    assert "fold 9 (n = 400)" in text and "fold 10 (n = 400, 8 views)" in text
    assert "the mean of the logits over as many views" in text
    assert " views" not in model_card("mine", CARD, {9: report})


def test_the_model_card_is_of_the_data_just_evaluated(tmp_path):
    """A report on the demo cohort that lies in the folder too would stand in the card as fold 10 of PTB-XL."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20) | {"model": tmp_path.name}
    write_card(tmp_path, CARD)
    (tmp_path / "mine-fold9.json").write_text(json.dumps(report))
    (tmp_path / "zz-demo.json").write_text(json.dumps(report | {"data": "Demo cohort (simulated)"}))
    assert reports_of(tmp_path, tmp_path, report)[9]["data"] == report["data"]
    assert f"engine on {report['data']}." in model_card("mine", CARD, {9: report})


def test_a_report_that_lacks_what_it_is_of_is_passed_over(tmp_path):
    """One of an earlier version in the same folder kept every new card from being written."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20) | {"model": tmp_path.name}
    write_card(tmp_path, CARD)
    (tmp_path / "mine-fold9.json").write_text(json.dumps(report))
    for lacking in ("task", "fold", "engine", "data"):
        older = {key: value for key, value in report.items() if key != lacking}
        (tmp_path / f"without-{lacking}.json").write_text(json.dumps(older))
    assert list(reports_of(tmp_path, tmp_path, report)) == [9]


def test_an_imported_model_has_a_card_too(tmp_path):
    """Its thresholds were never chosen; a report states those that it was held to."""
    imported = replace(CARD, thresholds={})
    report = evaluate(answers(), imported, training_of(imported, WEIGHTS), samples=20) | {"model": tmp_path.name}
    write_card(tmp_path, imported)
    (tmp_path / "mine-fold9.json").write_text(json.dumps(report))
    assert list(reports_of(tmp_path, tmp_path)) == [9]


def test_the_model_card_prefers_figures_of_one_view(tmp_path):
    """Of two reports on one fold, that of several views must not take the place of what the model answers in use."""
    report = evaluate(answers(), CARD, training_of(CARD, WEIGHTS), samples=20)
    write_card(tmp_path, CARD)
    own = report | {"model": tmp_path.name}
    (tmp_path / "a-fold9.json").write_text(json.dumps(own))
    (tmp_path / "b-fold9.json").write_text(json.dumps(own | {"shifts": 8}))
    assert reports_of(tmp_path, tmp_path)[9]["shifts"] == 1
    (tmp_path / "a-fold9.json").unlink()
    assert reports_of(tmp_path, tmp_path)[9]["shifts"] == 8


def command(*words, data_dir=DEMO_COHORT):
    return CliRunner().invoke(app, ["evaluate", "--data-dir", str(data_dir), *map(str, words)])


@pytest.fixture(scope="module")
def infarctions(tmp_path_factory):
    """A small untrained model of the task mi, as training leaves one. Shared: tests copy it."""
    folder = tmp_path_factory.mktemp("infarctions") / "tiny_mi"
    options = {"filters": (16,), "strides": (4,), "blocks": (1,), "attention_units": 16, "head_units": 16}
    network = build("imle_net_plus", classes=len(INFARCTIONS), **options)
    save_model(folder, network, Card(**{**vars(MI_CARD), "network": "imle_net_plus", "options": options}))
    return folder


def test_a_model_of_infarctions_is_evaluated_on_its_own_task(infarctions, tiny_ptbxl, tmp_path, monkeypatch):
    """Its labels, records and answers are the task's: each step from the command to the README must ask the task."""
    folder, out = tmp_path / "tiny_mi", tmp_path / "results"
    shutil.copytree(infarctions, folder)
    kept = ("--engine", "keras", "--model", folder, "--predictions", out / "tiny_mi.parquet")
    for words in (("--fold", 9, "--calibrate"), ("--fold", 10, "--card")):
        done = command(*kept, *words, "--out", out / f"tiny_mi-fold{words[1]}.json", data_dir=tiny_ptbxl)
        assert done.exit_code == 0, done.output
    data, card = PtbXl(tiny_ptbxl, INFARCTION), read_card(folder)
    reports = [json.loads((out / f"tiny_mi-fold{fold}.json").read_text()) for fold in (9, 10)]
    assert [(report["task"], report["shifts"]) for report in reports] == [("mi", 1)] * 2
    assert {report["weights_type"] for report in reports} == {"float32"}
    assert [list(report["auc_by_label"]) for report in reports] == [list(INFARCTIONS)] * 2
    assert [report["records"] for report in reports] == [len(data.ids(fold)) for fold in (9, 10)]
    own = answer(load_model(folder, "keras"), data, 9)
    assert card.temperature == pytest.approx(fit_temperature(own.truth, own.logits, ONE_OF_ALL), abs=1e-3)
    raw = ((softmax(own.logits.astype(float)) - own.truth) ** 2).mean()
    assert reports[0]["uncalibrated"]["brier"]["value"] == pytest.approx(raw, abs=2e-5)
    text = (folder / "README.md").read_text()
    assert "a record has exactly one of them" in text and "may have several" not in text
    assert "changes no order" not in text and "superclass" not in text
    monkeypatch.setattr(results, "RESULTS", out)
    results.write_truth(data)
    assert (results.shipped(), results.shipped(INFARCTION)) == ((), ("tiny_mi",))
    result = results.read_result("tiny_mi")
    assert result.task is INFARCTION and result.title == reports[0]["title"]
    np.testing.assert_allclose(result.predictions[list(INFARCTIONS)].sum(axis=1), 1, rtol=1e-5)
    assert result.predictions.index.equals(results.read_truth(INFARCTION).index)
    assert compare(result, result, 10, samples=5).value == 0


def test_several_views_are_evaluated_and_never_fitted(infarctions, tiny_ptbxl, tmp_path):
    """The report must say over how many views it averaged, and the model's own temperature stay that of one view."""
    out = tmp_path / "report.json"
    words = ("--engine", "keras", "--model", infarctions, "--fold", 9, "--shifts", 2, "--out", out)
    done = command(*words, data_dir=tiny_ptbxl)
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["shifts"] == 2
    done = command(*words, "--calibrate", data_dir=tiny_ptbxl)
    assert done.exit_code == 2
    assert "fitted to one view a record, as the model is used; leave out --shifts with --calibrate" in done.stderr
    assert command(*words[:-4], "--shifts", 0, "--out", out, data_dir=tiny_ptbxl).exit_code == 2


def test_a_model_of_another_task_is_refused(infarctions, tiny_ptbxl):
    """Three answers compared with five truths would give figures of nothing."""
    with pytest.raises(BadChoice, match="tiny_mi answers ASMI, IMI, NORM; give a model of CD, HYP, MI, NORM, STTC"):
        answer(load_model(infarctions, "keras"), PtbXl(tiny_ptbxl), 9)


def test_evaluate_calibrates_and_keeps_everything(tmp_path):
    """The one command that makes a shipped result: card, report, predictions and README must all be of one model."""
    folder, out = tmp_path / "mine", tmp_path / "results"
    shutil.copytree(WEIGHTS / "imle_net", folder)
    (folder / "README.md").unlink(missing_ok=True)
    kept = ("--model", folder, "--predictions", out / "mine.parquet")
    done = command(*kept, "--fold", 9, "--calibrate", "--out", out / "mine-fold9.json")
    assert done.exit_code == 0, done.output
    done = command(*kept, "--fold", 10, "--card", "--out", out / "mine-fold10.json")
    assert done.exit_code == 0, done.output
    card = read_card(folder)
    reports = [json.loads((out / f"mine-fold{fold}.json").read_text()) for fold in (9, 10)]
    assert card.temperature != read_card(WEIGHTS / "imle_net").temperature
    assert [report["temperature"] for report in reports] == [card.temperature] * 2
    assert [report["thresholds"] for report in reports] == [card.thresholds] * 2
    data = PtbXl(DEMO_COHORT)
    predictions = pd.read_parquet(out / "mine.parquet")
    assert predictions.index.tolist() == sorted(data.ids((9, 10)))
    own = answer(load_model(folder), data, 10)
    np.testing.assert_allclose(predictions.loc[own.ids, list(LABELS)], card.probabilities(own.logits), atol=1e-6)
    computed = figures(own.truth, card.probabilities(own.logits), card.thresholds, card.temperature, own.attributes, 10)
    assert computed["metrics"]["brier"]["value"] == pytest.approx(reports[1]["metrics"]["brier"]["value"], abs=1e-4)
    text = (folder / "README.md").read_text()
    assert "fold 9 (n = 6)" in text and f"{card.temperature:.4f}" in text


@pytest.mark.parametrize("out", ["there", "there/model.json/report.json"])
def test_nothing_is_calibrated_for_a_report_that_cannot_be_written(out, tmp_path):
    """The model's card would have changed, and the report that tells how well it is calibrated now be lost."""
    folder = tmp_path / "there"
    shutil.copytree(WEIGHTS / "imle_net", folder)
    before = (folder / "model.json").read_text()
    done = command("--model", folder, "--fold", 9, "--calibrate", "--out", tmp_path / out)
    assert done.exit_code == 2
    assert re.search(r"cannot be (read or )?written.*; (give a file in a folder|choose another place)", done.stderr)
    assert (folder / "model.json").read_text() == before


def test_a_report_is_written_after_what_it_vouches_for(tmp_path, monkeypatch):
    """A job's fold counts as answered once its report is there; killed in between, its predictions were lost for good."""

    def killed(*words):
        raise KeyboardInterrupt

    out = tmp_path / "fold10.json"
    monkeypatch.setattr("imle.evaluation.scoring.keep_predictions", killed)
    with pytest.raises(KeyboardInterrupt):
        score_model("imle_net", DEMO_COHORT, 10, out, predictions=tmp_path / "predictions.parquet")
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--fold", 10, "--calibrate"],
            "temperature and thresholds are chosen on fold 9 alone, not on fold 10; give --fold",
        ),
        (["--fold", 9, "--predictions", "{out}"], "holds no predictions of imle_net on Demo cohort"),
    ],
)
def test_a_wrong_evaluation_is_refused_before_anything_is_written(words, sentence, tmp_path):
    """A choice made on the test fold, or a file overwritten, cannot be undone."""
    out = tmp_path / "kept.json"
    out.write_text("kept")
    card = (WEIGHTS / "imle_net" / "model.json").read_text()
    done = command(*[str(word).replace("{out}", str(out)) for word in words], "--out", out)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert out.read_text() == "kept"
    assert (WEIGHTS / "imle_net" / "model.json").read_text() == card
