"""Training on a small data set: the schedule, the augmentation, a run that is stopped, resumed and used."""

import json
import re

import numpy as np
import pytest

from imle import PtbXl, load_model
from imle.errors import BadChoice
from imle.models import names
from imle.scale import Scale
from imle.training.batches import augment, epoch_batches
from imle.training.loop import TrainingError, recipe_of_run, train
from imle.training.recipe import Recipe, read_settings, recipe_for, recipes

SMALL = Recipe(epochs=2, batch_size=4, precision="float32", seed=3)
NETWORK = "imle_net_plus"  # in small, as it has all that has a state: batch normalisation and dropout
TINY = {"filters": (8,), "strides": (4,), "blocks": (1,), "attention_units": 8, "head_units": 8, "dropout": 0.5}


@pytest.fixture(scope="module")
def data(tiny_ptbxl):
    return PtbXl(tiny_ptbxl)


def rows_of(out) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights_of(out) -> list[np.ndarray]:
    with np.load(out / "checkpoint.npz") as saved:
        return [saved[name] for name in sorted(saved) if name.startswith("v")]


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
    """Ctrl-C keeps the best epoch so far, and going on must not end elsewhere than going through."""
    train(data, NETWORK, SMALL, tmp_path / "whole", options=TINY)

    def stop(progress):
        if progress.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, NETWORK, SMALL, tmp_path / "halves", options=TINY, on_step=stop)
    assert load_model(tmp_path / "halves", "keras").card.recipe["best_epoch"] == 1
    train(data, NETWORK, SMALL, tmp_path / "halves", options=TINY, resume=True)
    assert [row["epoch"] for row in rows_of(tmp_path / "halves")] == [1, 2]
    for ours, theirs in zip(weights_of(tmp_path / "halves"), weights_of(tmp_path / "whole"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


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


@pytest.mark.parametrize("network", names())
def test_every_network_has_its_recipe(network):
    """A network without one would be trained by another's settings unnoticed."""
    assert set(recipes()) == set(names())
    assert recipe_for(network, epochs=1).epochs == 1


def test_the_shipped_networks_recipe_stands():
    """What the shipped weights were trained with must not drift when another network's defaults change."""
    assert recipe_for("imle_net") == Recipe(epochs=9, batch_size=32, learning_rate=2e-3, weight_decay=0.01)
    plus = recipe_for("imle_net_plus")
    assert (plus.epochs, plus.batch_size, plus.learning_rate, plus.weight_decay) == (18, 64, 3e-3, 0.05)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epoch": 3}, "a recipe has no setting 'epoch'; did you mean 'epochs'"),
        ({"epochs": 2.5}, "epochs is 2.5; a value like 9 is needed"),
        ({"epochs": 0}, "epochs is 0; at least 1 is needed"),
        ({"noise_sd": "much"}, "noise_sd is 'much'; a value like 0.03 is needed"),
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
