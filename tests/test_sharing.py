"""A batch shared among processes: the same step as one process takes, and what is known to differ."""

import keras
import numpy as np
import pytest

from imle.training.devices import single_step
from imle.training.loop import compiled_trainer
from imle.training.recipe import Recipe
from imle.training.sharing import part_of, shared_step, take_weights, weights_of

RECIPE = Recipe(precision="float32", learning_rate=1e-2, weight_decay=0.01, clip_norm=0.5)
# No batch normalisation, no dropout: all that a step of parts does otherwise.
SMALL = {"filters": (16,), "lstm_units": 8, "dense_units": 16, "classes": 5}
# It has both.
BOTH = {"filters": (16,), "strides": (4,), "blocks": (1,), "attention_units": 16, "head_units": 16, "dropout": 0.5}


class Beside:
    """A helper within this process, that does as those in others do."""

    def __init__(self, rank: int, *built_of):
        self.rank, self.trainer = rank, compiled_trainer(*built_of)[1]
        self.compute = part_of(self.trainer)

    def begin(self, weights, signals, targets):
        take_weights(self.trainer, weights, self.rank)
        found = self.compute(signals, targets)
        return lambda: found


def trainer_of(network: str, options: dict) -> tuple[keras.Model, tuple]:
    keras.utils.set_random_seed(1)
    built_of = network, options, RECIPE, "float32"
    return compiled_trainer(*built_of)[1], built_of


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((8, 12, 1000), np.float32), (rng.random((8, 5)) < 0.3).astype(np.float32)


@pytest.mark.parametrize("helpers", [1, 2])
def test_shared_steps_lead_to_the_weights_of_one_process(batch, helpers):
    """A mean of unequal parts, a gradient clipped part by part, or weights a step old would train another network."""
    alone, built_of = trainer_of("mousavi", SMALL)
    shared, _ = trainer_of("mousavi", SMALL)
    one = single_step(alone)
    several = shared_step(shared, [Beside(rank, *built_of) for rank in range(1, helpers + 1)])
    for _ in range(3):
        assert several(*batch) == pytest.approx(one(*batch), rel=1e-5)
    for mine, theirs in zip(shared.trainable_variables, alone.trainable_variables, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=2e-5)


def test_parts_draw_for_themselves_and_statistics_are_their_mean(batch):
    """Equal dropout in all parts would regularise less; statistics of one part alone would leave out the others."""
    trainer, built_of = trainer_of("imle_net_plus", {**BOTH, "classes": 5})
    helper = Beside(1, *built_of)
    weights = weights_of(trainer)
    same = batch[0][:4], batch[1][:4]
    take_weights(trainer, weights, 0)
    own, others = part_of(trainer)(*same), helper.begin(weights, *same)()
    assert own.loss != others.loss  # the same records: only the dropout differs
    take_weights(trainer, weights, 0)
    parts = []
    helper.begin = lambda *given, begin=helper.begin: keep(parts, begin(*given))
    shared_step(trainer, [helper])(*batch)
    before = dict(zip((v.path for v in trainer.non_trainable_variables), weights[len(own.gradients) :], strict=True))
    moved = [
        place
        for place, variable in enumerate(trainer.non_trainable_variables)
        if "moving_mean" in variable.path and not np.allclose(np.asarray(variable), before[variable.path])
    ]
    assert moved
    for place in moved:
        now = np.asarray(trainer.non_trainable_variables[place])
        assert not np.allclose(now, parts[0].others[place], atol=1e-7)


def keep(parts: list, wait):
    parts.append(wait())
    return lambda: parts[-1]


def test_a_batch_smaller_than_the_workers_is_shared_all_the_same(batch):
    """The last batches of a small data set would fail on an empty part."""
    shared, built_of = trainer_of("mousavi", SMALL)
    alone, _ = trainer_of("mousavi", SMALL)
    few = batch[0][:2], batch[1][:2]
    found = shared_step(shared, [Beside(rank, *built_of) for rank in (1, 2, 3)])(*few)
    assert found == pytest.approx(single_step(alone)(*few), rel=1e-5)


def test_another_backend_is_refused(monkeypatch):
    """A run would fail deep in TensorFlow's words, after it was submitted."""
    trainer, _ = trainer_of("mousavi", SMALL)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="TensorFlow"):
        part_of(trainer)
