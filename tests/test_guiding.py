"""Attention guided by the guidelines while a network trains: the term of the loss, whose leads it takes, and what it does."""

import keras
import numpy as np
import pytest

from imle import PtbXl, jobs, load_model, models
from imle.assets import DEMO_COHORT
from imle.errors import BadChoice
from imle.explain.guidelines import read_guidelines
from imle.jobs import pace
from imle.labels import LABELS
from imle.leads import LEADS
from imle.training.guiding import guided_loss, guided_output, guideline_leads, with_leads
from imle.training.loop import compiled_trainer, train
from imle.training.recipe import Recipe

TINY = {"filters": (16,), "strides": (4,), "blocks": (1,), "attention_units": 16, "head_units": 16}
QUICK = {"epochs": 1, "batch_size": 8, "precision": "float32", "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def data():
    return PtbXl(DEMO_COHORT)


def test_a_record_s_leads_are_those_of_its_diagnoses(data):
    """Leads of another record or label would teach the network to look where nothing is."""
    ids, table = data.catalogue.index.to_numpy(), read_guidelines()
    found = guideline_leads(data, ids, LABELS, table)
    assert found.shape == (60, 5, 12)
    inferior = [row for row, codes in enumerate(data.catalogue["scp_codes"]) if set(codes) & set(table) == {"IMI"}]
    assert inferior
    expected = np.isin(LEADS, ("II", "III", "aVF")).astype(np.float32)
    for row in inferior:
        np.testing.assert_array_equal(found[row, LABELS.index("MI")], expected)
    told = data.labels_of(ids).astype(bool)
    assert not found[~told].any()  # a label that the record has not has no leads
    assert not found[:, LABELS.index("NORM")].any()


def test_the_term_is_the_logarithm_of_the_share_on_the_leads():
    """A term that a label without a diagnosis adds to, or that sees another label's attention, pulls at random."""
    leads = np.zeros((2, 3, 12), np.float32)
    leads[0, 1, [2, 5]] = 1  # the second record has none
    attention = np.random.default_rng(0).dirichlet(np.ones(12), (2, 3)).astype(np.float32)
    targets, logits = np.float32([[0, 1, 0], [1, 0, 0]]), np.float32([[0.3, -1, 2], [1, 1, 0]])
    own = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    loss = guided_loss(own, 3, share=0.5)(with_leads(targets, leads), with_leads(logits, attention))
    plain = np.asarray(own(targets, logits))
    expected = plain - 0.5 * np.array([np.log(attention[0, 1, 2] + attention[0, 1, 5]), 0])
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-5)


@pytest.mark.parametrize("network", ["imle_net", "mousavi"])
def test_a_network_without_attention_a_label_is_refused(network):
    """It would otherwise train for hours as if nothing had been asked."""
    with pytest.raises(BadChoice, match=f"{network} has no attention to leads for each label"):
        guided_output(models.build(network))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_attention_follows_where_it_is_guided_and_only_there(data, share):
    """A term of the wrong sign, or one that no gradient reaches, would leave attention where it was or drive it away."""
    keras.utils.set_random_seed(0)
    ids = data.ids(range(1, 9))[:16]
    leads = guideline_leads(data, ids, LABELS, read_guidelines())
    recipe = Recipe(**QUICK, guideline_share=share)
    model, trainer = compiled_trainer("imle_net_plus", TINY, recipe, "float32")
    x, y = data.signals(ids) / 0.23, data.labels_of(ids)
    for _ in range(30):
        trainer.train_on_batch(x, with_leads(y, leads) if share else y)
    on_leads = (leads * np.asarray(model(x)["channel"])).sum(axis=-1)[leads.any(axis=-1)].mean()
    by_chance = leads.sum() / 12 / leads.any(axis=-1).sum()
    assert (on_leads > by_chance + 0.4) == bool(share)


def test_a_guided_run_ends_as_any_other(data, tmp_path):
    """Targets that carry leads go through mixing, a teacher and averaging, and fold 9 is scored by the logits alone."""
    recipe = Recipe(**QUICK, guideline_share=0.5, mixup=0.2, teacher="imle_net_plus", ema_decay=0.5)
    card = train(data, "imle_net_plus", recipe, tmp_path, options=TINY)
    assert card.recipe["guideline_share"] == 0.5
    assert load_model(tmp_path, "keras").predict(data.signals(data.ids([9]))).shape == (6, 5)


def test_the_estimate_takes_a_guided_recipe():
    """The training page measures every run before it starts; a recipe that it cannot measure could not be started."""
    settings = QUICK | {"guideline_share": 0.5}
    measured = pace.measure(jobs.Order("imle_net_plus", str(DEMO_COHORT), settings=settings, options=TINY))
    assert measured.records_per_s > 0
