"""Training on a small data set: the schedule, the augmentation, a run that is stopped, resumed and used."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from imle import PtbXl, load_model
from imle.errors import BadChoice
from imle.evaluation.report import training_of
from imle.labels import LABELS
from imle.model_folder import read_card
from imle.models import names
from imle.processor import has_bfloat16
from imle.scale import Scale, centred
from imle.tasks import INFARCTION
from imle.training.averaging import AveragedWeights
from imle.training.batches import augment, crop, epoch_batches, mix
from imle.training.devices import step_of
from imle.training.distillation import teacher_of
from imle.training.loop import TrainingError, mean_of_ranked, recipe_of_run, settings_of_run, train
from imle.training.losses import label_weights, weighted_binary, weighted_categorical
from imle.training.recipe import Recipe, read_settings, recipe_for, recipes
from imle.training.trackers import JsonLines

EVERYTHING = {"ema_decay": 0.5, "class_weighting": 0.5, "mixup": 0.4, "lead_dropout": 0.2, "max_crop": 0.1}
SMALL = Recipe(epochs=2, batch_size=4, precision="float32", seed=3)
SHIPPED = "imle_net"
NETWORK = "imle_net_plus"  # in small, as it has all that has a state: batch normalisation and dropout
# No fewer than 16 filters: oneDNN (TensorFlow 2.21) was seen to damage the heap with 8.
TINY = {"filters": (16,), "strides": (4,), "blocks": (1,), "attention_units": 16, "head_units": 16, "dropout": 0.5}


@pytest.fixture(scope="module")
def data(tiny_ptbxl):
    return PtbXl(tiny_ptbxl)


def rows_of(out) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights_of(out) -> list[np.ndarray]:
    with np.load(out / "checkpoint.npz") as saved:
        return [saved[name] for name in sorted(saved)]


def test_learning_rate_follows_one_cycle():
    """A schedule that starts at its peak or never falls was seen to cost accuracy."""
    recipe = Recipe(learning_rate=2e-3, warmup_share=0.25)
    rates = [recipe.rate_at(step, 400) for step in range(400)]
    assert np.argmax(rates) == pytest.approx(100, abs=1)
    assert max(rates) == pytest.approx(2e-3, rel=1e-3)
    assert rates[0] < 1e-4
    assert rates[-1] < 1e-5


def test_augmentation_moves_all_leads_together():
    """Leads shifted against each other would be an ECG that no heart makes."""
    rng = np.random.default_rng(0)
    signals = np.repeat(rng.standard_normal((6, 1, 1000), np.float32), 12, axis=1)
    out = augment(signals, Recipe(noise_sd=0.0), np.random.default_rng(1))
    np.testing.assert_allclose(out - out[:, :1], 0, atol=1e-6)
    assert not np.allclose(out, signals, atol=0.01)


def test_augmentation_stays_within_its_bounds():
    """A shift beyond half a second or a gain far from 1 would be another recipe than the one written down."""
    signals = np.zeros((200, 12, 1000), np.float32)
    signals[:, :, 500] = 1
    out = augment(signals, Recipe(noise_sd=0.0), np.random.default_rng(2))
    peaks = out[:, 0].argmax(axis=1)
    assert peaks.min() >= 450
    assert peaks.max() <= 550
    assert len(set(peaks)) > 50
    assert np.log(out.max(axis=(1, 2))).std() == pytest.approx(0.1, rel=0.3)


def test_an_epoch_shows_each_record_at_most_once_and_repeats_by_seed():
    """Duplicates would overweight records; another order on resume would make a run irreproducible."""
    signals = np.arange(10, dtype=np.float32)[:, None, None] * np.ones((1, 12, 1000), np.float32)
    plain = Recipe(batch_size=3, max_shift_s=0, gain_sd=0, noise_sd=0)
    seen = [x[:, 0, 0].astype(int).tolist() for x, _ in epoch_batches(signals, np.zeros((10, 5)), plain, epoch=0)]
    again = [x[:, 0, 0].astype(int).tolist() for x, _ in epoch_batches(signals, np.zeros((10, 5)), plain, epoch=0)]
    other = [x[:, 0, 0].astype(int).tolist() for x, _ in epoch_batches(signals, np.zeros((10, 5)), plain, epoch=1)]
    assert seen == again != other
    assert [len(batch) for batch in seen] == [3, 3, 3]
    assert len({record for batch in seen for record in batch}) == 9


def test_scale_is_one_mean_and_one_deviation():
    """A scale a lead would undo the amplitudes that the diagnosis of hypertrophy rests on."""
    signals = np.random.default_rng(0).normal(0.1, 0.3, (20, 12, 1000)).astype(np.float32)
    standardised = Scale.of(signals).standardise(signals)
    assert standardised.mean() == pytest.approx(0, abs=1e-4)
    assert standardised.std() == pytest.approx(1, abs=1e-4)


def test_a_run_leaves_a_model_that_loads(data, tmp_path):
    """The folder that training writes is the folder that every other command takes."""
    card = train(data, NETWORK, SMALL, tmp_path / "run", options=TINY)
    rows = rows_of(tmp_path / "run")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert card.metrics["fold9"]["macro_auc"] == max(row["fold9_macro_auc"] for row in rows)
    predictor = load_model(tmp_path / "run", "keras")
    assert predictor.predict(data.signals(data.ids(9))).shape == (len(data.ids(9)), 5)
    assert predictor.card.recipe["seed"] == 3


def test_an_interrupted_run_resumes_to_the_same_end(data, tmp_path):
    """Ctrl-C keeps the best epoch so far, and going on must end bit for bit where going through does.

    The network drops out and normalises, the weights are averaged: each has a state that a checkpoint can forget.
    """
    recipe = replace(SMALL, **EVERYTHING)
    train(data, NETWORK, recipe, tmp_path / "whole", options=TINY)

    def stop(progress):
        if progress.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, NETWORK, recipe, tmp_path / "halves", options=TINY, on_step=stop)
    stopped = load_model(tmp_path / "halves", "keras").card
    assert (stopped.recipe["best_epoch"], stopped.recipe["epochs_done"]) == (1, 1)
    train(data, NETWORK, recipe, tmp_path / "halves", options=TINY, resume=True)
    assert [row["epoch"] for row in rows_of(tmp_path / "halves")] == [1, 2]
    for ours, theirs in zip(weights_of(tmp_path / "halves"), weights_of(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_card_tells_how_many_epochs_were_done(data, tmp_path, monkeypatch):
    """The model folder is copied without its run's file; the best epoch alone would call a finished run cut off."""
    monkeypatch.setattr("imle.training.loop.mean_of_ranked", lambda areas: 0.5)  # no epoch is better
    card = train(data, NETWORK, SMALL, tmp_path, options=TINY)
    assert card.recipe == read_card(tmp_path).recipe
    assert (card.recipe["best_epoch"], card.recipe["epochs_done"]) == (1, 2)
    (tmp_path / "metrics.jsonl").unlink()
    assert training_of(card, tmp_path)["finished"] is True


def test_an_epoch_is_chosen_by_the_labels_that_fold_9_can_rank():
    """A small data set, whose fold 9 lacks a label, would otherwise keep its first epoch, whatever the others are."""
    assert mean_of_ranked(np.array([0.9, np.nan, 0.7])) == pytest.approx(0.8)
    assert mean_of_ranked(np.array([np.nan, np.nan])) == 0


def test_an_epoch_whose_loss_was_no_number_begins_anew(data, tmp_path, monkeypatch):
    """Hours of training were lost to one bad step; weights that it spoilt must not live on either."""
    whole = train(data, NETWORK, SMALL, tmp_path / "whole", options=TINY)
    spoilt = []

    def step_of_once(trainer, strategy):
        step = step_of(trainer, strategy)

        def spoils_once(signals, targets):
            loss = step(signals, targets)
            if trainer.optimizer.iterations.numpy() == steps + 1 and not spoilt:
                spoilt.append(True)
                trainer.trainable_variables[0].assign(np.nan * np.asarray(trainer.trainable_variables[0]))
                return np.nan
            return loss

        return spoils_once

    steps = len(data.ids(range(1, 9))) // SMALL.batch_size
    monkeypatch.setattr("imle.training.loop.step_of", step_of_once)
    assert train(data, NETWORK, SMALL, tmp_path / "spoilt", options=TINY).metrics == whole.metrics
    assert spoilt
    for ours, theirs in zip(weights_of(tmp_path / "spoilt"), weights_of(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_runs_that_cannot_start_say_why(data, tmp_path):
    """Overwriting a run, resuming none, or resuming another recipe would lose work in silence."""
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="holds no run to resume"):
        train(data, NETWORK, SMALL, out, options=TINY, resume=True)
    one = Recipe(**{**SMALL.__dict__, "epochs": 1})
    train(data, NETWORK, one, out, options=TINY)
    with pytest.raises(TrainingError, match="already holds a run; resume it, or give another folder"):
        train(data, NETWORK, one, out, options=TINY)
    with pytest.raises(TrainingError, match=r"was started with another epochs \(1, now 2\)"):
        train(data, NETWORK, SMALL, out, options=TINY, resume=True)
    with pytest.raises(ValueError, match="there is no network 'imlenet'; did you mean 'imle_net'"):
        train(data, "imlenet", SMALL, tmp_path / "other")


def test_a_model_is_never_trained_over(data, tmp_path):
    """A shipped, imported or halved model has no checkpoint; nothing could bring it back, nor the rows of its training."""
    out = tmp_path / "model"
    out.mkdir()
    for name in ("model.json", "metrics.jsonl"):
        (out / name).write_text("kept")
    with pytest.raises(TrainingError, match="holds a model and no run to resume; give another folder, or remove that"):
        train(data, NETWORK, SMALL, out, options=TINY)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"model.json": "kept", "metrics.jsonl": "kept"}


def test_two_runs_never_share_a_folder(data, tmp_path):
    """Each would write over the other's rows, model and checkpoint, and what is left would be of neither."""
    out, refused = tmp_path / "run", set()

    def meanwhile(progress):
        resume = progress.epoch > 0  # there is nothing to resume before
        with pytest.raises(
            TrainingError, match=r"another run is training in .*; wait for it, stop it, or give another"
        ):
            train(data, NETWORK, SMALL, out, options=TINY, resume=resume)
        refused.add(resume)

    train(data, NETWORK, SMALL, out, options=TINY, on_step=meanwhile)
    assert refused == {False, True}
    assert [row["epoch"] for row in rows_of(out)] == [1, 2]
    train(data, NETWORK, SMALL, out, options=TINY, resume=True)  # the folder is free again


@pytest.mark.parametrize("network", names())
def test_every_network_has_its_recipe(network):
    """A network without one would be trained by another's settings unnoticed."""
    assert set(recipes()) == set(names())
    assert recipe_for(network, epochs=1).epochs == 1


def test_the_shipped_networks_recipe_stands():
    """What the shipped weights were trained with must not drift when another network's defaults change."""
    assert recipe_for("imle_net") == Recipe(
        epochs=9, batch_size=32, learning_rate=2e-3, weight_decay=0.01, teacher="imle_net_plus", teacher_share=0.7
    )
    plus = recipe_for("imle_net_plus")
    assert (plus.epochs, plus.batch_size, plus.learning_rate, plus.weight_decay) == (18, 64, 3e-3, 0.05)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epoch": 3}, "a recipe has no setting 'epoch'; did you mean 'epochs'"),
        ({"epochs": 2.5}, "epochs is 2.5; a value like 9 is needed"),
        ({"epochs": 0}, "epochs is 0; at least 1 is needed"),
        ({"noise_sd": "much"}, "noise_sd is 'much'; a value like 0.03 is needed"),
        ({"noise_sd": float("nan")}, "noise_sd is nan; a finite number like 0.03 is needed"),
        ({"learning_rate": float("inf")}, "learning_rate is inf; a finite number like 0.002 is needed"),
        ({"precision": "float64"}, "precision is 'float64'; auto, float32 or bfloat16 can be chosen"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(changes, sentence):
    """A misspelt setting that is ignored would be believed to have been tried."""
    with pytest.raises(BadChoice, match=re.escape(sentence)):
        recipe_for("imle_net", **changes)


def test_settings_are_read_from_texts():
    """`--set` must give numbers where the recipe has numbers, and say so where a text sets nothing."""
    assert read_settings(["noise-sd=0.1", "batch_size = 8", "precision=float32"]) == {
        "noise_sd": 0.1,
        "batch_size": 8,
        "precision": "float32",
    }
    with pytest.raises(BadChoice, match="'fast' sets nothing; write NAME=VALUE"):
        read_settings(["fast"])


def test_a_run_tells_the_recipe_to_resume_with(data, tmp_path):
    """`--resume` without options goes on as the run began, whatever the recipes have become since."""
    one = Recipe(**{**SMALL.__dict__, "epochs": 1, "noise_sd": 0.01})
    train(data, NETWORK, one, tmp_path, options=TINY)
    assert recipe_of_run(tmp_path) == one


def test_what_is_off_changes_no_batch():
    """Runs of before these settings existed must resume and reproduce bit for bit."""
    signals = np.random.default_rng(5).standard_normal((8, 12, 1000), np.float32)
    targets = np.eye(8, 5, dtype=np.float32)
    rng = np.random.default_rng((0, 2))  # the draws of an epoch as they were: order, then shift, gain and noise a batch
    order = rng.permutation(8)
    for x, y in epoch_batches(signals, targets, Recipe(batch_size=4), epoch=2):
        rows, order = np.sort(order[:4]), order[4:]
        shifts = rng.integers(-50, 51, 4)
        expected = np.stack([np.roll(signal, shift, -1) for signal, shift in zip(signals[rows], shifts, strict=True)])
        expected *= np.exp(rng.normal(0, 0.1, (4, 1, 1))).astype(np.float32)
        expected += rng.standard_normal(expected.shape, np.float32) * np.float32(0.03)
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(y, targets[rows])


def test_lead_dropout_silences_whole_leads_at_its_rate():
    """Silencing samples, or a lead of all records at once, would be another augmentation."""
    out = augment(np.ones((200, 12, 1000), np.float32), Recipe(lead_dropout=0.3), np.random.default_rng(0))
    silent = (out == 0).all(axis=-1)
    np.testing.assert_array_equal(silent, (out == 0).any(axis=-1))
    assert silent.mean() == pytest.approx(0.3, abs=0.03)
    assert 0 < silent[0].sum() < 12


def test_crop_stretches_time_alike_in_all_leads():
    """A ramp stays a ramp, within the record, less steep by the share that was cut away."""
    ramp = np.arange(1000, dtype=np.float32) * np.ones((50, 12, 1), np.float32)
    out = crop(ramp, 0.2, np.random.default_rng(0))
    slopes = np.diff(out, axis=-1)
    np.testing.assert_allclose(slopes, slopes[:, :1, :1] * np.ones_like(slopes), atol=1e-3)
    assert slopes.min() >= 0.799
    assert slopes.max() <= 1.001
    assert slopes[:, 0, 0].std() > 0.03
    assert out.min() >= 0
    assert out.max() <= 999


def test_mixing_gives_records_and_labels_the_same_shares():
    """Labels mixed by other shares than the signals would teach what is not there."""
    targets = np.eye(6, dtype=np.float32)
    signals = targets[:, :, None] * np.ones((1, 1, 1000), np.float32)
    x, y = mix(signals, targets, Recipe(mixup=0.4), np.random.default_rng(0))
    np.testing.assert_allclose(x[:, :, 0], y, atol=1e-6)
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    assert (np.diag(y) >= 0.5).all()
    assert (np.diag(y) < 1).any()


def test_class_weighting_lifts_the_rare():
    """A weight on the wrong side would make the rare label rarer still."""
    targets = np.array([[1, 1], [0, 1], [0, 1], [0, 0]], np.float32)
    np.testing.assert_allclose(label_weights(targets, 1.0), [3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(label_weights(targets, 0.5), np.sqrt([3, 1 / 3]), rtol=1e-6)
    logits = np.array([[0.5, -1.0]], np.float32)
    weights, p = np.array([3, 0.5], np.float32), 1 / (1 + np.exp(-logits[0]))
    binary = keras.ops.convert_to_numpy(weighted_binary(weights)(np.array([[1, 0]], np.float32), logits))
    np.testing.assert_allclose(binary, [(-3 * np.log(p[0]) - np.log(1 - p[1])) / 2], rtol=1e-5)
    share = np.exp(logits[0]) / np.exp(logits[0]).sum()
    categorical = keras.ops.convert_to_numpy(weighted_categorical(weights)(np.array([[0, 1]], np.float32), logits))
    np.testing.assert_allclose(categorical, [-0.5 * np.log(share[1])], rtol=1e-5)


def test_a_teacher_answers_what_the_student_sees():
    """Labels of the plain record for a shifted or scaled one would teach that these do not matter at all."""
    scale = Scale(0.1, 0.5)
    signals_mv = np.random.default_rng(0).normal(0, 0.3, (3, 12, 1000)).astype(np.float32)
    targets = np.eye(5, dtype=np.float32)[:3]
    ((seen, taught),) = teacher_of(SHIPPED, 0.75, scale, LABELS).teach([(scale.standardise(signals_mv), targets)])
    np.testing.assert_allclose(scale.to_mv(seen), centred(signals_mv), atol=1e-6)
    answers = load_model(SHIPPED).predict(signals_mv)
    np.testing.assert_allclose(taught, 0.25 * targets + 0.75 * answers, atol=2e-2 if has_bfloat16() else 1e-5)


def test_a_teacher_of_other_labels_is_refused():
    """Its answers would be taken for those of the labels that stand in the same column."""
    with pytest.raises(BadChoice, match="tells CD, HYP, MI, NORM, STTC; one that tells ASMI, IMI, NORM is needed"):
        teacher_of(SHIPPED, 0.7, Scale(0, 1), INFARCTION.labels)


def test_a_run_is_taught_by_its_teacher(data, tmp_path):
    """A teacher that is named in the recipe and not asked would leave a card that tells a falsehood."""
    alone = train(data, NETWORK, replace(SMALL, epochs=1), tmp_path / "alone", options=TINY)
    recipe = replace(SMALL, epochs=1, teacher=SHIPPED)
    taught = train(data, NETWORK, recipe, tmp_path / "taught", options=TINY)
    assert (taught.recipe["teacher"], alone.recipe["teacher"]) == (SHIPPED, "")
    assert rows_of(tmp_path / "taught")[0]["loss"] != rows_of(tmp_path / "alone")[0]["loss"]


def test_averaged_weights_follow_their_rule_and_give_way_again():
    """An average that starts at the initial weights, leaves out the running statistics, or stays in the model, is none."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.BatchNormalization()])
    averaged = AveragedWeights(model, decay=0.9)
    expected = [np.array(weight) for weight in model.weights]
    for step in range(1, 4):
        model.set_weights([np.full(weight.shape, step, np.float32) for weight in model.weights])
        averaged.update()
        keep = min(0.9, (1 + step) / (10 + step))
        expected = [keep * mean + (1 - keep) * step for mean in expected]
    with averaged.in_place():
        for weight, mean in zip(model.weights, expected, strict=True):
            np.testing.assert_allclose(np.array(weight), mean, rtol=1e-6, err_msg=weight.path)
    assert all((np.array(weight) == 3).all() for weight in model.weights)


def test_the_kept_model_is_the_averaged_one(data, tmp_path):
    """Fold 9 scored with averaged weights and another model saved would be a figure of no model."""
    train(data, NETWORK, replace(SMALL, epochs=1, ema_decay=0.9), tmp_path, options=TINY)
    kept = keras.saving.load_model(tmp_path / "model.keras", compile=False).get_weights()
    with np.load(tmp_path / "checkpoint.npz") as saved:
        for index, weight in enumerate(kept):
            np.testing.assert_array_equal(weight, saved[f"a{index}"])
        assert any((saved[f"a{index}"] != saved[f"v{index}"]).any() for index in range(len(kept)))


def test_a_run_of_before_a_setting_existed_resumes(data, tmp_path):
    """An upgrade in the middle of a night's run must not end it."""
    with pytest.raises(KeyboardInterrupt):
        train(data, NETWORK, SMALL, tmp_path, options=TINY, on_epoch=stop_after_first)
    settings = json.loads((tmp_path / "recipe.json").read_text())
    for name in (*EVERYTHING, "guideline_share", "task", "start"):
        del settings[name]
    (tmp_path / "recipe.json").write_text(json.dumps(settings))
    train(data, NETWORK, recipe_of_run(tmp_path), tmp_path, options=TINY, resume=True)
    assert [row["epoch"] for row in rows_of(tmp_path)] == [1, 2]


def test_a_run_that_started_from_a_model_resumes(data, tmp_path, monkeypatch):
    """The run's own file tells its start as a text; the first better epoch after a resume ended in a stack trace."""
    train(data, NETWORK, replace(SMALL, epochs=1), tmp_path / "first", options=TINY)
    run = tmp_path / "second"
    with pytest.raises(KeyboardInterrupt):
        train(data, NETWORK, SMALL, run, start=tmp_path / "first", on_epoch=stop_after_first)
    monkeypatch.setattr("imle.training.loop.mean_of_ranked", lambda areas: 1.0)  # the second epoch is better
    begun = settings_of_run(run)
    card = train(data, NETWORK, SMALL, run, options=begun["options"], start=begun["start"], resume=True)
    assert (card.recipe["best_epoch"], card.data["started_from"]) == (2, "first")


def stop_after_first(row):
    raise KeyboardInterrupt


def test_tensorboard_reads_the_events(data, tmp_path):
    """TensorBoard drops a record whose length or checksum is wrong without a word."""
    import tensorflow as tf

    train(data, NETWORK, replace(SMALL, epochs=1), tmp_path, options=TINY)
    (file,) = tmp_path.glob("events.out.tfevents.*")
    first, *events = tf.compat.v1.train.summary_iterator(str(file))  # raises where a checksum is wrong
    assert first.file_version == "brain.Event:2"
    (row,) = rows_of(tmp_path)
    told = {value.tag: value.simple_value for event in events for value in event.summary.value}
    assert [event.step for event in events] == [1]
    expected = {"loss": row["loss"], "learning_rate": row["learning_rate"], "fold9_macro_auc": row["fold9_macro_auc"]}
    expected |= {f"fold9_auc/{label}": value for label, value in row["fold9_auc"].items()}
    assert told == pytest.approx(expected, rel=1e-6)


def test_rows_that_the_checkpoint_does_not_know_are_told_again(data, tmp_path):
    """A run cut off between its row and its checkpoint would else have that epoch twice."""
    with pytest.raises(KeyboardInterrupt):
        train(data, NETWORK, SMALL, tmp_path, options=TINY, on_epoch=stop_after_first)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 2, "loss": 99.0}) + "\n")
    train(data, NETWORK, SMALL, tmp_path, options=TINY, resume=True)
    assert [row["epoch"] for row in rows_of(tmp_path)] == [1, 2]
    assert rows_of(tmp_path)[1]["loss"] < 9


def test_a_start_that_is_cut_off_keeps_the_rows(tmp_path, monkeypatch):
    """A kill in the instant when a resumed run opens its figures lost those of all epochs."""
    rows = "".join(f'{{"epoch": {epoch}}}\n' for epoch in (1, 2, 3))
    (tmp_path / "metrics.jsonl").write_text(rows)

    def killed(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        JsonLines(tmp_path, done=2)
    assert (tmp_path / "metrics.jsonl").read_text() == rows


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_says_how(name, data, tmp_path, monkeypatch):
    """The sentence comes before the reading of the records, and the run leaves nothing behind."""
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadChoice, match=rf"{name} is not installed; `pip install -e '.\[{name}\]'`"):
        train(data, NETWORK, SMALL, tmp_path / "run", options=TINY, trackers=[name])
    assert not (tmp_path / "run").exists()


def test_wandb_offline(data, tmp_path, monkeypatch):
    """Weights & Biases changes its calls; offline it writes the run into its folder."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    train(data, NETWORK, replace(SMALL, epochs=1), tmp_path / "run", options=TINY, trackers=["wandb"])
    (log,) = (tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb")
    assert b"fold9_macro_auc" in log.read_bytes()


def test_mlflow(data, tmp_path, monkeypatch):
    """What MLflow holds after a run is what the run's own rows say."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    train(data, NETWORK, replace(SMALL, epochs=1), tmp_path / "run", options=TINY, trackers=["mlflow"])
    (run,) = mlflow.search_runs(experiment_names=["imle"], output_format="list")
    (row,) = rows_of(tmp_path / "run")
    assert run.data.metrics["fold9_macro_auc"] == pytest.approx(row["fold9_macro_auc"])
    assert run.data.params["network"] == NETWORK


def test_an_infarction_model_from_a_superclass_model(data, tmp_path):
    """Fine-tuning must take over all that fits, keep the scale, and answer with shares that sum to 1."""
    one = replace(SMALL, epochs=1)
    options = {**TINY, "dropout": 0.0}
    first = train(data, NETWORK, one, tmp_path / "five", options=options)
    mi = PtbXl(data.root, INFARCTION)
    still = replace(one, learning_rate=1e-12, warmup_share=0.0, weight_decay=0.0)
    card = train(mi, NETWORK, still, tmp_path / "three", start=tmp_path / "five")
    assert (card.task, card.labels, card.scale) == ("mi", ("ASMI", "IMI", "NORM"), first.scale)
    assert (card.data["started_from"], first.data.get("started_from")) == ("five", None)
    five, three = (keras.saving.load_model(tmp_path / name / "model.keras") for name in ("five", "three"))
    pairs = [(a, b) for a, b in zip(five.weights, three.weights, strict=True) if a.shape == b.shape]
    assert len(pairs) > len(five.weights) / 2
    for before, after in pairs:
        if "moving" not in after.path:
            np.testing.assert_allclose(np.array(after), np.array(before), atol=1e-6, err_msg=after.path)
    predictor = load_model(tmp_path / "three", "keras")
    answers = predictor.predict(data.signals(data.ids(9)))
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    with pytest.raises(BadChoice, match="holds imle_net_plus; to start mousavi from a model, give one of mousavi"):
        train(mi, "mousavi", one, tmp_path / "other", start=tmp_path / "five")


TRAIN_ELSEWHERE = """
import json, sys
from imle import PtbXl
from imle.training.loop import train
from imle.training.recipe import Recipe
root, out, options, devices = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]
if devices:
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * len(devices)
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
train(PtbXl(root), "mousavi", Recipe(epochs=2, batch_size=4, precision="float32", seed=3), out,
      options=options, devices=devices)
"""
SMALL_MOUSAVI = {"windows": 5, "filters": [16, 16, 16], "lstm_units": 8, "dense_units": 16}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_training_runs_on_other_backends(backend, data, tmp_path):
    """Keras's backends differ in what a step returns and where variables live; the loop must not care."""
    pytest.importorskip(backend)
    train_elsewhere(data, tmp_path, KERAS_BACKEND=backend)
    assert [row["epoch"] for row in rows_of(tmp_path)] == [1, 2]
    assert (tmp_path / "model.keras").is_file()


@pytest.mark.slow
def test_two_devices_train_as_one(data, tmp_path):
    """Each device must get its own half of a batch, and the update must be that of the whole batch."""
    train(data, "mousavi", SMALL, tmp_path / "one", options=SMALL_MOUSAVI)
    train_elsewhere(data, tmp_path / "two", "CPU:0", "CPU:1")
    for one, two in zip(rows_of(tmp_path / "one"), rows_of(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=2e-4)
    for one, two in zip(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"), strict=True):
        np.testing.assert_allclose(two, one, atol=2e-3)


def train_elsewhere(data, out, *devices, **environment) -> None:
    command = [sys.executable, "-c", TRAIN_ELSEWHERE, data.root, out, json.dumps(SMALL_MOUSAVI), *devices]
    home = str(Path(__file__).parents[1])
    path = os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])
    child = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr[-2000:]
