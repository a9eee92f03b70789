"""The int8 form of a model: near enough to the exact answer, never not a number, refused where it cannot be had."""

import shutil
import sys

import keras
import numpy as np
import openvino as ov
import pytest

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT, WEIGHTS
from imle.errors import BadChoice
from imle.int8 import to_int8
from imle.model_folder import INT8_FILE, Card, NotAModel, load_keras, read_card, save_model

SHIPPED = sorted(path.parent.name for path in WEIGHTS.glob(f"*/{INT8_FILE}"))


@pytest.fixture(scope="module")
def data():
    return PtbXl(DEMO_COHORT)


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    """imle_net_plus with an int8 form made anew."""
    folder = tmp_path_factory.mktemp("int8") / "imle_net_plus"
    shutil.copytree(WEIGHTS / "imle_net_plus", folder, ignore=shutil.ignore_patterns("model-int8.*"))
    assert to_int8(folder, data, records=24) == folder / INT8_FILE
    return folder


def check_near(name_or_path, data: PtbXl) -> None:
    signals_mv = data.signals(data.ids((8, 9, 10)))
    exact, fast = (load_model(name_or_path, engine).run(signals_mv) for engine in ("exact", "int8"))
    away = np.abs(fast.probabilities - exact.probabilities)
    assert 0 < away.mean() < 0.02 and np.quantile(away, 0.95) < 0.08
    for level in ("beat", "rhythm", "channel"):
        weights = getattr(fast.attention, level)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-3)
        assert np.corrcoef(weights.ravel(), getattr(exact.attention, level).ravel())[0, 1] > 0.95


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_near_the_exact_answer(name, data):
    """A form of older weights, or of ranges taken from something else, would answer quickly and wrongly."""
    check_near(name, data)


def test_both_networks_that_explain_themselves_have_one():
    assert {"imle_net", "imle_net_plus"} <= set(SHIPPED)


def test_one_made_anew_is_near_too(made, data):
    check_near(made, data)


def test_attention_stays_in_floating_point(made):
    """With 8 bits in it, imle_net_plus gave NaN for a lead whose attention lay almost nowhere in a window."""
    model = ov.Core().read_model(made / INT8_FILE)
    todo = [op for op in model.get_ops() if op.get_type_name() == "Convolution"]
    before = set()
    while todo:
        op = todo.pop()
        if op.get_friendly_name() not in before:
            before.add(op.get_friendly_name())
            todo += [value.get_node() for value in op.input_values()]
    rounded = {op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == "FakeQuantize"}
    assert len(rounded) > 20 and rounded <= before


def test_weights_trained_anew_have_no_form_of_the_old_ones(made, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(made, folder)
    save_model(folder, load_keras(folder), read_card(folder))
    with pytest.raises(BadChoice, match="model has no int8 form; `imle int8` makes one, or choose another engine"):
        load_model(folder, "int8")


def test_a_damaged_form_is_refused(made, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(made, folder)
    (folder / INT8_FILE).write_text("<net")
    with pytest.raises(NotAModel, match=r"model-int8.xml cannot be loaded .*; make it again with `imle int8`"):
        load_model(folder, "int8")


def test_what_cannot_be_made_is_refused(made, data, tmp_path, monkeypatch):
    signal = keras.Input((12, 1000), name="signal")
    logits = keras.layers.Dense(5, name="logits")(keras.layers.Flatten()(signal))
    save_model(tmp_path / "dense", keras.Model(signal, {"logits": logits}), Card("imle_net", 0.0, 0.2))
    with pytest.raises(BadChoice, match="this network has no convolutions"):
        to_int8(tmp_path / "dense", data)
    with pytest.raises(NotAModel, match="there is no model 'nothing'"):
        to_int8("nothing", data)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(BadChoice, match=r"nncf is not installed; `pip install -e '.\[int8\]'`"):
        to_int8(made, data)
    data = PtbXl(DEMO_COHORT)
    monkeypatch.setattr(data, "ids", lambda folds: np.array([], int))
    with pytest.raises(BadChoice, match="has no record of folds 1 to 8"):
        to_int8(made, data)
