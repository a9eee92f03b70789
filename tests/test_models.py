"""Every network of the registry, whichever it is: shapes, parameters, a training step, saving, precision, backends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS
from imle.models import build, names, network
from imle.models.mousavi import split_windows

# As published: the Keras originals were counted with the running statistics of batch normalisation, the PyTorch
# ones (`model.parameters()`) without, and with both biases of the LSTM.
PUBLISHED_PARAMETERS = {
    "imle_net": {"all": 748_517},
    "mousavi": {"all": 2_382_565},
    "rajpurkar": {"all": 10_483_621},
    "ecgnet": {"trainable": 1_031_949},
    "resnet101": {"trainable": 156_889_221},
}
ATTENTION = {
    "imle_net": {"beat": (12, 20, 13), "rhythm": (12, 20), "channel": (12,)},
    "imle_net_plus": {"beat": (5, 12, 25, 5), "rhythm": (5, 12, 25), "channel": (5, 12)},
}

# What is tested at less than full size, in the same structure: the whole takes minutes to save, to load and to train.
REDUCED = {"resnet101": {"blocks": (2, 1, 2, 1), "filters": 8}, "ecgnet": {"blocks": 4}}

OTHER_BACKENDS = ("jax", "torch")

ANSWER_ALL = """
import sys
from pathlib import Path
import keras, numpy as np
import imle.models
folder, answers = Path(sys.argv[1]), {}
for path in folder.glob("*.keras"):
    model = keras.saving.load_model(path)
    answer = model(np.load(folder / "x.npy"), training=False)
    answers |= {f"{path.stem}/{key}": keras.ops.convert_to_numpy(value) for key, value in answer.items()}
np.savez(folder / f"{keras.backend.backend()}.npz", **answers)
"""


@pytest.fixture(scope="module")
def signals():
    """(2, 12, 1000) float32, standardised."""
    return np.random.default_rng(1).standard_normal((2, len(LEADS), MODEL_SAMPLES)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, signals):
    """A folder with every network as NAME.keras, the signals, and TensorFlow's answers by NAME/OUTPUT."""
    folder, answers = tmp_path_factory.mktemp("networks"), {}
    for name in names():
        model = perturbed(name)
        model.save(folder / f"{name}.keras")
        answers |= {f"{name}/{key}": value for key, value in answer(model, signals).items()}
    np.save(folder / "x.npy", signals)
    yield folder, answers
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize("name", names())
def test_full_size_network_has_its_outputs_and_parameters(name, signals):
    """A layer too many, a wrong kernel or a missing bias changes the count; logits are what everything else reads."""
    model = build(name)
    assert model.input_shape == (None, len(LEADS), MODEL_SAMPLES)
    expected = {"logits": (5,), **ATTENTION.get(name, {})}
    assert {key: output.shape[1:] for key, output in model.output.items()} == expected
    answers = answer(model, signals)
    assert {key: value.shape for key, value in answers.items()} == {key: (2, *shape) for key, shape in expected.items()}
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in answers.values())
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    counts = {"all": model.count_params(), "trainable": trainable}
    published = PUBLISHED_PARAMETERS.get(name, {})
    assert {how: counts[how] for how in published} == published


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_is_shares(name, signals):
    """Weights that do not sum to 1 over their last axis could not be read as shares."""
    answers = answer(perturbed(name), signals)
    for level in ATTENTION[name]:
        assert (answers[level] >= 0).all(), level
        np.testing.assert_allclose(answers[level].sum(-1), 1, atol=1e-5, err_msg=level)


def test_plus_weighs_each_lead_by_itself():
    """A lead's vector that held other leads would make its weight say nothing about that lead."""
    model = perturbed("imle_net_plus")
    vectors = keras.Model(model.input, model.get_layer("time_att").output[0])
    x = np.random.default_rng(5).standard_normal((1, 12, 1000)).astype(np.float32)
    changed = x.copy()
    changed[0, 4] += 1
    before, after = (keras.ops.convert_to_numpy(vectors(signal, training=False)) for signal in (x, changed))
    moved = np.abs(after - before).max(axis=(0, 1, 3))
    assert moved[4] > 1e-3 and (np.delete(moved, 4) == 0).all()


@pytest.mark.parametrize("name", names())
def test_number_of_classes_is_free_and_the_network_is_cited(name):
    """A head for the three infarction classes is the same network; a page shows its title and source."""
    assert build(name, classes=3, **REDUCED.get(name, {})).output["logits"].shape == (None, 3)
    assert network(name).title
    assert network(name).source.startswith("doi:")


@pytest.mark.parametrize("name", names())
def test_saved_network_answers_the_same(name, saved, signals):
    """A layer that forgets a setting in its configuration answers otherwise after loading."""
    folder, answers = saved
    for key, value in answer(keras.saving.load_model(folder / f"{name}.keras"), signals).items():
        np.testing.assert_array_equal(value, answers[f"{name}/{key}"], err_msg=key)


@pytest.mark.parametrize("name", names())
def test_training_step_reaches_every_layer(name, signals):
    """A layer cut off from the loss, or running statistics that stand still, would train to nothing unnoticed."""
    model = perturbed(name)
    before = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    loss = {"logits": keras.losses.BinaryCrossentropy(from_logits=True)}
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)  # compiling would take longer than the step
    labels = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0]], np.float32)
    assert np.isfinite(model.train_on_batch(signals, {"logits": labels}))
    for weight, old in zip(model.weights, before, strict=True):
        new = keras.ops.convert_to_numpy(weight)
        assert np.isfinite(new).all(), weight.path
        if len(weight.shape) > 1 or "moving" in weight.path:  # a bias before normalisation has no gradient
            assert (new != old).any(), weight.path


@pytest.mark.parametrize("name", names())
def test_bfloat16_network_answers_in_float32(name, saved, signals):
    """NumPy cannot read bfloat16, and some convolutions in it are wrong on some processors (see rajpurkar.py)."""
    model = under_policy("mixed_bfloat16", name)
    model.set_weights(keras.saving.load_model(saved[0] / f"{name}.keras").get_weights())
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    for key, value in answer(model, signals).items():
        assert value.dtype == np.float32, key
        exact = saved[1][f"{name}/{key}"]
        np.testing.assert_allclose(value, exact, rtol=0, atol=0.05 * np.abs(exact).max(), err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_backend_answers_as_tensorflow(backend, saved):
    """Keras's three backends differ in padding, epsilon and layout where a network goes past keras.ops."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder, answers = saved
    home = str(Path(__file__).parents[1])
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": home}
    command = [sys.executable, "-c", ANSWER_ALL, folder]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    theirs = np.load(folder / f"{backend}.npz")
    assert set(theirs) == set(answers)
    for key, value in answers.items():
        np.testing.assert_allclose(theirs[key], value, rtol=0, atol=1e-4 * max(1, np.abs(value).max()), err_msg=key)


def test_mousavi_windows_hold_consecutive_samples_of_each_lead():
    """Each column of a window is half a second of one lead."""
    windows = keras.ops.convert_to_numpy(split_windows(numbered(), 20))
    assert windows.shape == (1, 20, 50, 12)
    for lead in range(12):
        np.testing.assert_array_equal(windows[0, :, :, lead].ravel(), 1000 * lead + np.arange(1000))


def test_mousavi_published_order_mixes_leads_and_time():
    """The checkpoint's order: numbers as they lie in memory, so a window is 600 samples of one lead or two."""
    windows = keras.ops.convert_to_numpy(split_windows(numbered(), 20, published_order=True))
    np.testing.assert_array_equal(windows.ravel(), np.arange(12_000))
    np.testing.assert_array_equal(windows[0, 0, 0], np.arange(12))  # a place holds 12 samples of lead I, not 12 leads
    assert set((windows[0, 1] // 1000).ravel()) == {0, 1}  # the second window runs from lead I into lead II


def numbered() -> np.ndarray:
    """(1, 12, 1000), each sample being 1000 x lead + time."""
    return np.arange(12_000, dtype=np.float32).reshape(1, 12, 1000)


def perturbed(name: str) -> keras.Model:
    """Network `name` at the size that tests use, its biases and statistics moved off zero and one, where errors hide."""
    keras.utils.set_random_seed(3)
    model = build(name, **REDUCED.get(name, {}))
    random = np.random.default_rng(4)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(keras.ops.convert_to_numpy(weight) + 0.1 * np.abs(random.standard_normal(weight.shape)))
    return model


def under_policy(policy: str, name: str) -> keras.Model:
    keras.config.set_dtype_policy(policy)
    try:
        return perturbed(name)
    finally:
        keras.config.set_dtype_policy("float32")


def answer(model: keras.Model, signals: np.ndarray) -> dict[str, np.ndarray]:
    return {key: keras.ops.convert_to_numpy(value) for key, value in model(signals, training=False).items()}
