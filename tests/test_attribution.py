"""Attributions against closed forms, on networks small enough to have one, and on every network of the registry."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from made_up import made_up_ecg
from scipy.stats import spearmanr

from imle import load_model, models
from imle.ecg import Ecg, InvalidEcg
from imle.errors import BadChoice
from imle.explain import gradients
from imle.explain.agreement import relevance
from imle.explain.attribution import METHODS, attribute, attribute_each, completeness_error, methods_of
from imle.explain.occlusion import hide
from imle.figures.heat import attributing
from imle.labels import INFARCTIONS, LABELS
from imle.model_folder import Card, read_card, save_model
from imle.scale import centred

MEAN_MV, SD_MV = 0.02, 0.25
GRADIENT_METHODS = ("saliency", "input_times_gradient", "integrated_gradients", "smoothgrad", "guided_grad_cam")
SMALL = {
    "ecgnet": {"blocks": 1, "filters": 4, "lstm_units": 4},
    "imle_net": {"windows": 5, "filters": (4, 8), "lstm_units": 4, "attention_units": 4},
    "imle_net_plus": {
        "filters": (4, 8),
        "strides": (2, 2),
        "blocks": (1, 1),
        "attention_units": 4,
        "head_units": 4,
    },
    "mousavi": {"windows": 5, "filters": (4, 8), "lstm_units": 4, "dense_units": 8},
    "rajpurkar": {"filters": 8, "blocks": 2},
    "resnet101": {"filters": 4, "blocks": (1, 1)},
}


@pytest.fixture(scope="module")
def signals_mv():
    """(3, 12, 1000) mV, ECG-like, centred, so that sums over the samples are what the models sum."""
    return centred(np.stack([made_up_ecg(seed, fs_hz=100) for seed in range(3)]))


def saved(folder, model, labels=LABELS, task="superclass", network="of the test", options=None):
    """The model as a folder's predictor, on the engine that needs no export."""
    save_model(folder, model, Card(network, MEAN_MV, SD_MV, options or {}, labels, task=task))
    return load_model(folder, "keras")


def linear(activation=None) -> tuple[keras.Model, np.ndarray]:
    """Five weighted sums of all samples, and the weights (5, 12, 1000)."""
    signal = keras.Input((12, 1000), name="signal")
    dense = layers.Dense(5, activation=activation, name="logits")
    model = keras.Model(signal, {"logits": dense(layers.Flatten()(signal))})
    weights = np.random.default_rng(1).normal(0, 0.005, (12_000, 5)).astype(np.float32)
    dense.set_weights([weights, np.arange(5, dtype=np.float32)])
    return model, weights.T.reshape(5, 12, 1000)


@pytest.fixture(scope="module")
def linear_model(tmp_path_factory):
    """A predictor whose logits are linear, and their derivatives a mV, (5, 12, 1000)."""
    model, weights = linear()
    return saved(tmp_path_factory.mktemp("linear"), model), weights / SD_MV


@pytest.mark.parametrize("label", LABELS)
def test_of_a_linear_model_every_gradient_method_is_its_weights(label, linear_model, signals_mv):
    """Millivolts or standard deviations mixed up, or another label's logit, would show nowhere else."""
    predictor, slopes = linear_model
    slope = slopes[LABELS.index(label)]
    expected = {
        "saliency": np.broadcast_to(np.abs(slope), signals_mv.shape),
        "input_times_gradient": slope * signals_mv,
        "integrated_gradients": slope * signals_mv,
        "smoothgrad": np.broadcast_to(slope, signals_mv.shape),
    }
    for method, truth in expected.items():
        found = attribute(predictor, signals_mv, label, method)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-6, err_msg=method)


def test_of_a_linear_model_occlusion_is_what_the_hidden_samples_added(linear_model, signals_mv):
    """A window shifted, a lead mixed up, or a loss counted a sample instead of a window would pass every picture."""
    predictor, slopes = linear_model
    found = attribute(predictor, signals_mv[0], "MI", "occlusion")
    for lead, window in ((0, 0), (4, 7), (11, 19)):
        first, stop = 50 * window, 50 * window + 50
        kept = np.r_[0:first, stop:1000]
        line_mv = np.interp(np.arange(first, stop), kept, signals_mv[0, lead, kept])
        loss = slopes[2, lead, first:stop] @ (signals_mv[0, lead, first:stop] - line_mv)
        np.testing.assert_allclose(found[lead, first:stop], loss / 50, atol=2e-6)


def test_of_a_linear_model_a_hidden_wave_is_lost_in_all_beats(linear_model, signals_mv, monkeypatch):
    """Beats hidden one at a time leave the diagnosis in the others; samples of no known segment are not explained."""
    kinds = np.tile(np.repeat([0, 2, -1, 4], 25), 10).astype(np.int8)
    monkeypatch.setattr("imle.explain.occlusion.segments_of_signal", lambda signal_mv: kinds)
    predictor, slopes = linear_model
    found = attribute(predictor, signals_mv[1], "CD", "occlusion_waves")
    assert (found[:, kinds == -1] == 0).all()
    for kind in (0, 2, 4):
        hidden = kinds == kind
        at = np.flatnonzero(hidden)
        line_mv = np.interp(at, np.flatnonzero(~hidden), signals_mv[1, 3, ~hidden])
        loss = slopes[0, 3, hidden] @ (signals_mv[1, 3, hidden] - line_mv)
        np.testing.assert_allclose(found[3, hidden], loss / 250, atol=2e-6)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "attention"])
def test_an_offset_changes_no_attribution(method, signals_mv, small_plus):
    """The answer does not change with it; a heatmap that did would explain the electrode."""
    expected, found = (attribute(small_plus, signals_mv[0] + mv, "MI", method) for mv in (0, 5))
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_hidden_stretches_become_lines():
    """A step at a stretch's end reads as a deflection of its own; a lead without any sample left has no level but 0."""
    signal_mv = np.arange(2 * 12 * 10, dtype=np.float32).reshape(2, 12, 10) ** 2
    hidden = np.zeros(signal_mv.shape, bool)
    hidden[0, 0, 3:6] = hidden[0, 1, :4] = hidden[0, 2, 7:] = hidden[1, 5] = True
    found = hide(signal_mv, hidden)
    np.testing.assert_allclose(found[0, 0, 2:7], np.linspace(4, 36, 5))
    assert (found[0, 1, :4] == 14**2).all()
    assert (found[0, 2, 7:] == 26**2).all()
    assert (found[1, 5] == 0).all()
    np.testing.assert_array_equal(found[~hidden], signal_mv[~hidden])


def test_integrated_gradients_follow_the_midpoint_rule_and_tell_their_error(tmp_path, signals_mv):
    """End points instead of midpoints, or another baseline, change little in a picture and all in the sum."""
    model, weights = linear(activation="tanh")
    predictor = saved(tmp_path, model)
    slope, start = weights[1] / SD_MV, 1 - weights[1].sum() * MEAN_MV / SD_MV
    ways = (slope * signals_mv).sum(axis=(1, 2))
    points = (np.arange(32) + 0.5) / 32
    mean_slopes = (1 / np.cosh(start + np.outer(ways, points)) ** 2).mean(axis=1)
    found = attribute(predictor, signals_mv, "HYP", "integrated_gradients")
    np.testing.assert_allclose(found, mean_slopes[:, None, None] * slope * signals_mv, rtol=1e-3, atol=1e-6)
    truth = np.tanh(start + ways) - np.tanh(start)
    errors = np.abs(mean_slopes * ways - truth)
    np.testing.assert_allclose(completeness_error(predictor, signals_mv, "HYP"), errors, atol=1e-5)


def test_integrated_gradients_add_up_to_the_change_of_the_logit(tmp_path, signals_mv):
    """Completeness is what sets the method apart; the logits here come from another engine than the gradients."""
    predictor = saved(tmp_path, per_lead_network("gelu"))
    flat = predictor.run(np.zeros((1, 12, 1000))).logits
    change = (predictor.run(signals_mv).logits - flat)[:, 2]
    shared = attribute(predictor, signals_mv, "MI", "integrated_gradients").sum(axis=(1, 2))
    assert np.abs(change).min() > 0.03
    np.testing.assert_allclose(shared, change, rtol=0.01)


def per_lead_network(activation, kernel: int = 7) -> keras.Model:
    """One convolution for all leads, averaged over leads and time: no lead differs from another."""
    keras.utils.set_random_seed(2)
    signal = keras.Input((12, 1000), name="signal")
    rows = layers.Reshape((12, 1000, 1))(signal)
    features = layers.Conv2D(6, (1, kernel), padding="same", bias_initializer="random_normal")(rows)
    features = activation(features) if isinstance(activation, layers.Layer) else layers.Activation(activation)(features)
    return keras.Model(
        signal,
        {"logits": layers.Dense(5, name="logits")(layers.GlobalAveragePooling2D()(features))},
    )


@pytest.mark.parametrize("method", [method for method in [*GRADIENT_METHODS, "occlusion"] if method != "smoothgrad"])
def test_leads_that_are_alike_to_the_network_are_explained_alike(method, tmp_path, signals_mv):
    """An attribution that prefers a lead by its place would be read as a finding in that lead. (SmoothGrad's noise does differ.)"""
    predictor = saved(tmp_path, per_lead_network("relu"))
    same_mv = signals_mv[:1].copy()
    same_mv[0, 8] = same_mv[0, 1]
    found = attribute(predictor, same_mv, "NORM", method)
    assert np.abs(found[0, 1]).max() > 0
    np.testing.assert_allclose(found[0, 8], found[0, 1], atol=1e-3 * np.abs(found).max())


def pointwise_network(relu_inside: bool) -> tuple[keras.Model, list[np.ndarray]]:
    """relu(c x + b) of every sample, six of them, averaged and weighed: all its derivatives can be written down."""
    signal = keras.Input((12, 1000), name="signal")
    rows = layers.Reshape((12, 1000, 1))(signal)
    features = layers.Conv2D(6, 1, activation="relu" if relu_inside else None, name="features")(rows)
    features = features if relu_inside else layers.ReLU()(features)
    logits = layers.Dense(5, name="logits")(layers.GlobalAveragePooling2D()(features))
    model = keras.Model(signal, {"logits": logits})
    rng = np.random.default_rng(3)
    numbers = [rng.normal(0, 1, shape).astype(np.float32) for shape in ((1, 1, 1, 6), (6,), (6, 5), (5,))]
    model.set_weights(numbers)
    return model, numbers


@pytest.mark.parametrize("relu_inside", [True, False])
def test_guided_grad_cam_follows_its_definition_and_leaves_other_methods_alone(relu_inside, tmp_path, signals_mv):
    """A ReLU that is missed lets negative gradients through; one that stays guided would falsify every other method."""
    model, (slopes, offsets, weights, _) = pointwise_network(relu_inside)
    predictor = saved(tmp_path, model)
    x = (signals_mv[:2, ..., None] - MEAN_MV) / SD_MV
    maps = np.maximum(slopes[0, 0, 0] * x + offsets, 0)
    weight = weights[:, LABELS.index("STTC")] / 12_000
    activation = np.maximum(maps @ weight, 0)
    activation /= activation.max(axis=(1, 2), keepdims=True)
    guided = (maps > 0) @ (np.maximum(weight, 0) * slopes[0, 0, 0]) / SD_MV
    found = attribute(predictor, signals_mv[:2], "STTC", "guided_grad_cam")
    np.testing.assert_allclose(found, activation * guided, rtol=1e-3, atol=1e-4 * np.abs(guided).max())
    plain = np.abs((maps > 0) @ (weight * slopes[0, 0, 0]) / SD_MV)
    np.testing.assert_allclose(attribute(predictor, signals_mv[:2], "STTC", "saliency"), plain, rtol=1e-3, atol=1e-8)


def bump_network(copies: int) -> keras.Model:
    """The mean of all leads, smoothed by a ReLU'd convolution; its map runs `copies` times through the record."""
    keras.utils.set_random_seed(0)
    signal = keras.Input((12, 1000), name="signal")
    samples = layers.Permute((2, 1))(signal)
    ones = {"kernel_initializer": "ones", "activation": "relu"}
    parts = [layers.Conv1D(1, 5, padding="same", **ones)(samples) for _ in range(copies)]
    joined = layers.Concatenate(axis=1)(parts) if copies > 1 else parts[0]
    features = layers.Conv1D(1, 5, strides=5, padding="same", **ones)(joined)
    logits = layers.Dense(5, kernel_initializer="ones", name="logits")(layers.Flatten()(features))
    return keras.Model(signal, {"logits": logits})


@pytest.mark.parametrize("copies", [1, 4])
def test_grad_cam_of_merged_leads_lies_at_its_time_in_all_of_them(copies, tmp_path):
    """A map that is drawn once over branches joined along time would show a beat where there is none."""
    predictor = saved(tmp_path, bump_network(copies))
    signal_mv = np.full((1, 12, 1000), -1, np.float32)
    signal_mv[0, 3, 700:712] = 40
    found = gradients.grad_cam(predictor, signal_mv, 0)[0]
    np.testing.assert_array_equal(found, np.broadcast_to(found[0], found.shape))
    assert found.max() == pytest.approx(1)
    assert abs(np.average(np.arange(1000), weights=found[0]) - 705.5) < 4
    assert found[0, 740:].max() == found[0, :670].max() == 0


def test_grad_cam_of_separate_leads_lies_in_its_lead(tmp_path):
    """imle_net's map holds 240 windows, lead after lead; read as one time axis it would light up the wrong leads."""
    predictor = small("imle_net", tmp_path)
    assert gradients.network_of(predictor).leads_apart
    assert not gradients.network_of(small("mousavi", tmp_path / "merged")).leads_apart
    signal_mv = np.zeros((1, 12, 1000), np.float32)
    signal_mv[0, 7, 500:508] = 3
    heat = np.stack([gradients.grad_cam(predictor, signal_mv, k)[0] for k in range(5)])
    windows = heat.reshape(5, 12, 5, 200)
    differs = np.abs(windows - windows[:, :1, :1]).max(axis=(0, 3)) > 1e-3
    assert np.argwhere(differs).tolist() == [[7, 2]]


def small(name: str, folder, labels=LABELS, task="superclass"):
    keras.utils.set_random_seed(5)
    model = models.build(name, classes=len(labels), **SMALL[name])
    return saved(folder, model, labels, task, name, SMALL[name])


@pytest.fixture(scope="module")
def small_plus(tmp_path_factory):
    return small("imle_net_plus", tmp_path_factory.mktemp("plus"))


@pytest.mark.parametrize("name", models.names())
def test_every_network_has_every_gradient(name, tmp_path, signals_mv):
    """A network with a layer that no gradient passes, or a head of another task, could not be explained."""
    predictor = small(name, tmp_path, INFARCTIONS, "mi")
    for method in GRADIENT_METHODS:
        found = attribute(predictor, signals_mv[0], "IMI", method)
        assert found.shape == (12, 1000)
        assert np.isfinite(found).all(), method
        assert (found != 0).any() or method == "guided_grad_cam", method
    k = INFARCTIONS.index("IMI")
    slope = gradients.gradient(predictor, signals_mv[:1], k)
    length = np.sqrt(np.square(slope, dtype=np.float64).sum())
    step_mv = (slope / length * 0.02).astype(np.float32)
    up, down = (predictor.run(signals_mv[:1] + way * step_mv).logits[0, k] for way in (1, -1))
    assert (up - down) / 0.04 == pytest.approx(length, rel=0.1)


@pytest.mark.parametrize("method", [*GRADIENT_METHODS, "occlusion", "attention"])
def test_a_record_alone_is_explained_as_in_a_batch(method, small_plus, signals_mv):
    """Noise or a scale taken over the batch would make an explanation depend on who else was asked about."""
    together = attribute(small_plus, signals_mv[:2], "HYP", method)
    alone = attribute(small_plus, signals_mv[1], "HYP", method)
    assert together.shape == (2, 12, 1000)
    np.testing.assert_allclose(together[1], alone, atol=1e-3 * np.abs(alone).max())


@pytest.mark.parametrize("method", METHODS)
def test_labels_asked_for_together_have_the_attributions_they_have_alone(method, small_plus, signals_mv):
    """In another order, or summed, they would be drawn under another label's name."""
    labels = ("STTC", "CD")
    together = attribute_each(small_plus, signals_mv[:1], labels, method)
    assert tuple(together) == labels
    for label in labels:
        alone = attribute(small_plus, signals_mv[:1], label, method)
        np.testing.assert_allclose(together[label], alone, atol=1e-3 * np.abs(alone).max())


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.at_once])
def test_the_next_label_of_a_record_costs_nothing_where_the_first_told_it(method, small_plus, signals_mv, monkeypatch):
    """Occlusion by imle_net takes seconds a record; another label, and each guideline's, would take them again."""
    asked, run = [], small_plus.run_centred
    monkeypatch.setattr(small_plus, "run_centred", lambda given: asked.append(len(given)) or run(given))
    find = attributing(small_plus, Ecg(signals_mv[0], 100))
    first, once = find("MI", method), len(asked)
    second = find("HYP", method)
    assert len(asked) == once > 0
    for label, found in (("MI", first), ("HYP", second)):
        np.testing.assert_allclose(found, relevance(attribute(small_plus, signals_mv[0], label, method)), atol=1e-6)
    with pytest.raises(BadChoice, match="no label"):
        find("AFIB", method)


def test_bfloat16_keeps_the_order(signals_mv):
    """The two methods that average gradients run in bfloat16 where that is fast; it may not change what they rank."""
    predictor = load_model("imle_net_plus", "keras")
    points_mv = np.linspace(0, 1, 8, dtype=np.float32)[:, None, None] * signals_mv[0]
    exact, rough = (
        gradients.gradient(predictor, points_mv, 1, precision).mean(axis=0) * signals_mv[0]
        for precision in ("float32", "bfloat16")
    )
    assert (exact != rough).any()
    assert spearmanr(exact.ravel(), rough.ravel())[0] > 0.98


def test_attention_is_that_of_the_label_and_refused_where_there_is_none(tmp_path, signals_mv, linear_model, small_plus):
    """Another label's attention under this one's name explains the wrong diagnosis."""
    found = attribute(small_plus, signals_mv, "HYP", "attention")
    np.testing.assert_allclose(found[1], small_plus.attend(signals_mv).heatmap("combined", 1, "HYP"), rtol=1e-4)
    shared = small("imle_net", tmp_path)
    np.testing.assert_array_equal(*(attribute(shared, signals_mv, label, "attention") for label in ("MI", "CD")))
    assert "attention" in methods_of(shared) and "attention" not in methods_of(linear_model[0])
    with pytest.raises(BadChoice, match="has no attention; choose one of saliency, "):
        attribute(linear_model[0], signals_mv, "MI", "attention")


def test_wrong_names_and_signals_get_one_sentence(linear_model, signals_mv):
    """A typing error in a link or a script must say what there is to choose."""
    predictor, _ = linear_model
    with pytest.raises(BadChoice, match="there is no method 'gradcam'; choose one of saliency, input_times_gradient"):
        attribute(predictor, signals_mv, "MI", "gradcam")
    with pytest.raises(BadChoice, match=r"has no label 'IMI'; choose one of CD, HYP, MI, NORM, STTC$"):
        attribute(predictor, signals_mv, "IMI", "saliency")
    with pytest.raises(BadChoice, match="needs a network with convolutions"):
        attribute(predictor, signals_mv, "MI", "guided_grad_cam")
    with pytest.raises(InvalidEcg, match="missing samples"):
        attribute(predictor, np.full((12, 1000), np.nan), "MI", "saliency")


def test_a_changed_model_is_loaded_again(tmp_path, signals_mv):
    """A training run that replaces the folder's model must not be explained by the gradients of the old one."""
    predictor = saved(tmp_path, linear()[0])
    before = attribute(predictor, signals_mv[0], "MI", "saliency")
    model, _ = linear()
    model.set_weights([2 * weight for weight in model.get_weights()])
    save_model(tmp_path, model, read_card(tmp_path))
    after = attribute(load_model(tmp_path, "keras"), signals_mv[0], "MI", "saliency")
    np.testing.assert_allclose(after, 2 * before, rtol=1e-4)


def test_the_registry_of_methods_tells_what_pages_show():
    """A page lists title, sentence, source and unit of each; an empty one would be drawn as an empty line."""
    for name, method in METHODS.items():
        assert method.title and method.unit, name
        assert method.description.endswith(".") and method.description.count(".") >= 1, name
        assert method.source.startswith("doi:10."), name


def test_importing_attributions_imports_no_tensorflow():
    """A page that only lists the methods must open without waiting for TensorFlow."""
    code = "import sys, imle.explain.attribution; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "openvino"} & set(json.loads(done.stdout))


@pytest.mark.ptbxl
def test_completeness_on_real_records(ptbxl_root):
    """With 32 steps the shares of a shipped model must still add up to most of the logit's change."""
    from imle import PtbXl

    data, predictor = PtbXl(ptbxl_root), load_model("imle_net_plus")
    signals_mv = data.signals(data.ids(9)[:2])
    change = predictor.run(signals_mv).logits[:, 2] - predictor.run(np.zeros((1, 12, 1000))).logits[:, 2]
    assert (completeness_error(predictor, signals_mv, "MI") < 0.15 * np.abs(change) + 0.1).all()


@pytest.mark.slow
def test_the_largest_network_at_full_size_has_gradients(tmp_path, signals_mv):
    """157 million weights: what fits at a small size may not fit here."""
    predictor = saved(tmp_path, models.build("resnet101"), network="resnet101")
    for method in GRADIENT_METHODS:
        assert np.isfinite(attribute(predictor, signals_mv[0], "MI", method)).all()
