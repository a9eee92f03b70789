"""The published checkpoints: our networks answer as the originals do, and a wrong file is refused in one sentence."""

import sys

import h5py
import numpy as np
import pytest
from keras import ops
from parity import weights

from imle import published
from imle.errors import BadChoice
from imle.published import CHECKPOINTS, PYTORCH, BadCheckpoint, TorchMissing, import_checkpoint, load

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A function from a network's name to a file as published, filled by the fixed rule and written once."""
    folder, written = tmp_path_factory.mktemp("checkpoints"), {}

    def path(name: str):
        if name not in written:
            if CHECKPOINTS[name].kind == PYTORCH:
                pytest.importorskip("torch")
            written[name] = folder / f"{name}_weights"
            weights.write(name, written[name])
        return written[name]

    yield path
    for file in written.values():
        file.unlink(missing_ok=True)  # resnet101's has 600 MB, and pytest keeps the folders of three runs


# One of 157 million parameters, to write, to read and to run.
HEAVY = "resnet101"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == HEAVY else []) for name in CHECKPOINTS]
)
def test_answers_as_the_original(name, checkpoint):
    """A wrong order of tensors, padding, epsilon or gate shows as another answer than the published network's."""
    model = load(checkpoint(name), name)
    expected = np.load(weights.HERE / f"{name}.npz")
    answer = {key: ops.convert_to_numpy(value) for key, value in model(expected["x"], training=False).items()}
    logits = answer["logits"]
    output = logits if CHECKPOINTS[name].kind == PYTORCH else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(output, expected["output"], rtol=0, atol=TOLERANCE)
    for level in set(expected) - {
        "x",
        "output",
    }:  # imle_net's attention, published as (480, 13, 1), (24, 20, 1), (2, 12, 1)
        ours = answer[level].reshape(expected[level].shape)
        np.testing.assert_allclose(ours, expected[level], rtol=0, atol=TOLERANCE, err_msg=level)


def test_checkpoint_table_holds_every_network_of_the_manifest():
    """A wrong count in the table would refuse the real file, or call it another network's."""
    for name, entry in weights.MANIFEST.items():
        assert CHECKPOINTS[name].tensors == sum("num_batches" not in tensor for tensor, _ in entry["tensors"]), name


def test_keras_layer_names_do_not_matter(checkpoint, tmp_path):
    """Keras numbers layers by what was built before, so a reader by names would refuse the authors' own files."""
    path = rewrite(checkpoint("mousavi"), tmp_path / "renamed.h5")
    for ours, theirs in zip(load(path, "mousavi").weights, weights.values("mousavi").values(), strict=True):
        assert ops.convert_to_numpy(ours).size == theirs.size
        np.testing.assert_array_equal(ops.convert_to_numpy(ours).ravel(), theirs.ravel())


def test_mousavi_is_loaded_in_its_published_order(checkpoint):
    """In the right order of windows the published weights answer something else: the option must follow the file."""
    from imle.models import build

    right = build("mousavi")
    right.set_weights(load(checkpoint("mousavi"), "mousavi").get_weights())
    expected = np.load(weights.HERE / "mousavi.npz")
    answer = 1 / (1 + np.exp(-ops.convert_to_numpy(right(expected["x"])["logits"])))
    assert np.abs(answer - expected["output"]).max() > 100 * TOLERANCE


def test_number_of_classes_comes_from_the_file(checkpoint, tmp_path):
    """The authors' networks for infarction subtypes end in three classes and would else be refused."""
    path = rewrite(checkpoint("mousavi"), tmp_path / "three.h5", lambda i, value: value[..., :3] if i > 13 else value)
    assert load(path, "mousavi").output["logits"].shape == (None, 3)


def test_whole_keras_model_file_is_read_too(checkpoint, tmp_path):
    """Keras 2's model.save puts the same groups under model_weights."""
    path = tmp_path / "model.h5"
    with h5py.File(checkpoint("mousavi")) as weights_file, h5py.File(path, "w") as model_file:
        weights_file.copy(weights_file["/"], model_file, "model_weights")
    assert load(path, "mousavi").count_params() == 2_382_565


@pytest.mark.parametrize(
    ("held", "asked", "sentence"),
    [
        (
            "imle_net",
            "mousavi",
            "holds 95 tensors, as imle_net has; mousavi needs a Keras HDF5 weights file of 16 tensors",
        ),
        ("mousavi", "ecgnet", "holds 16 tensors, as mousavi has; ecgnet needs a PyTorch state dict of 172 tensors"),
        (
            "ecgnet",
            "rajpurkar",
            "holds 172 tensors, as ecgnet has; rajpurkar needs a Keras HDF5 weights file of 200 tensors",
        ),
    ],
)
def test_file_of_another_network_is_named(held, asked, sentence, checkpoint):
    """A file mixed up must not be half loaded: the sentence says which network it fits."""
    assert refusal(checkpoint(held), asked) == sentence


@pytest.mark.parametrize("name", ["mousavi", "ecgnet"])
def test_truncated_file_is_refused(name, checkpoint, tmp_path):
    """A download that broke off must not end in a library's stack trace."""
    path = tmp_path / "truncated"
    path.write_bytes(checkpoint(name).read_bytes()[:100_000])
    kinds = {"mousavi": "the HDF5 file is truncated or damaged", "ecgnet": "damaged, or not a PyTorch state dict"}
    assert refusal(path, name).startswith(f"{kinds[name]}; {name} needs")


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", bytes(1000)])
def test_file_of_no_known_kind_is_refused(content, tmp_path):
    """Among them a web page saved in place of the checkpoint, the usual end of a link that asks for a login."""
    path = tmp_path / "imle_net.h5"
    path.write_bytes(content)
    needed = "imle_net needs a Keras HDF5 weights file of 95 tensors"
    assert refusal(path, "imle_net") == f"neither a Keras HDF5 weights file nor a PyTorch state dict; {needed}"


def test_missing_file_is_refused(tmp_path):
    """A mistyped path gets a sentence, not a stack trace of h5py."""
    assert refusal(tmp_path / "none.h5", "mousavi").startswith("there is no such file; mousavi needs")


def test_hdf5_without_layers_is_refused(tmp_path):
    """Any HDF5 file, among them the weights file of Keras 3."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["signal"] = np.zeros(3)
    assert refusal(tmp_path / "other.h5", "mousavi").startswith("an HDF5 file, but without the layers of a Keras HDF5")


def test_values_that_are_not_finite_are_refused(checkpoint, tmp_path):
    """A model full of NaN would answer NaN for every record, and nobody would know why."""
    path = rewrite(checkpoint("mousavi"), tmp_path / "nan.h5", lambda i, value: value * np.nan if i == 3 else value)
    assert refusal(path, "mousavi").startswith("damaged: tensor_3:0 holds values that are no finite numbers;")


def test_tensor_of_another_shape_is_named(checkpoint, tmp_path):
    """As many tensors but another network: the sentence must name the first that does not fit."""
    path = rewrite(checkpoint("mousavi"), tmp_path / "wide.h5", lambda i, value: value[:, :6] if i == 0 else value)
    assert refusal(path, "mousavi").startswith("tensor_0:0 has shape (2, 6, 32), which does not fit conv2d")


def test_state_dict_with_a_foreign_name_is_refused(checkpoint, tmp_path):
    """As many tensors, but a module that the network does not have."""
    torch = pytest.importorskip("torch")
    state = torch.load(checkpoint("ecgnet"), weights_only=True)
    state["head.weight"] = state.pop("fc.weight")
    torch.save(state, tmp_path / "foreign.pt")
    assert refusal(tmp_path / "foreign.pt", "ecgnet").startswith("head.weight has no place in ecgnet;")


def test_pytorch_file_that_is_no_state_dict_is_refused(tmp_path):
    """Training runs often save a dict of more than weights."""
    torch = pytest.importorskip("torch")
    torch.save({"epoch": 3, "model": {}}, tmp_path / "run.pt")
    assert refusal(tmp_path / "run.pt", "ecgnet").startswith("a PyTorch file, but not a state dict (tensors by name);")


def test_pickled_code_is_never_run(tmp_path):
    """A whole model pickled by torch.save runs code when read; only tensors are let in."""
    torch = pytest.importorskip("torch")
    ran = tmp_path / "ran"
    torch.save(Trap(ran), tmp_path / "trap.pt")
    assert refusal(tmp_path / "trap.pt", "ecgnet").startswith("damaged, or not a PyTorch state dict;")
    assert not ran.exists()


def test_without_pytorch_the_sentence_says_how_to_get_it(checkpoint, monkeypatch):
    """PyTorch is an extra; who has not installed it should not meet a bare ImportError."""
    path = checkpoint("ecgnet")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TorchMissing) as caught:
        load(path, "ecgnet")
    assert str(caught.value) == f"{path}: reading a PyTorch state dict needs PyTorch; pip install torch provides it"


def test_unknown_and_unpublished_networks_are_refused(checkpoint, monkeypatch):
    """A name without a checkpoint must not reach the table as a KeyError."""
    with pytest.raises(ValueError, match="there is no network 'mousawi'; did you mean 'mousavi'"):
        load(checkpoint("mousavi"), "mousawi")
    monkeypatch.delitem(published.CHECKPOINTS, "mousavi")
    assert refusal(checkpoint("imle_net"), "mousavi").startswith(
        "no checkpoint of mousavi was published, only of imle_net,"
    )


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return type(self.folder).mkdir, (self.folder,)


def refusal(path, name: str) -> str:
    """The one sentence, without the path, with which `path` is refused as `name`'s checkpoint."""
    with pytest.raises(BadCheckpoint) as caught:
        load(path, name)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_checkpoint_of_other_classes_becomes_no_model_folder(checkpoint, tmp_path):
    """Three answers shown under the names of five superclasses would be wrong on every page."""

    def three_classes(index, value):
        return value[..., :3] if index >= 14 else value

    path = rewrite(checkpoint("mousavi"), tmp_path / "mi.h5", three_classes)
    with pytest.raises(BadCheckpoint, match="answers 3 classes; a model folder needs the 5 superclasses"):
        import_checkpoint(path, "mousavi", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_is_never_imported_over(tmp_path):
    """A slip in --out would replace a model that took a night to train."""
    out = tmp_path / "model"
    out.mkdir()
    (out / "model.json").write_text("kept")
    with pytest.raises(BadChoice, match="holds a model already; give another folder, or remove that model first"):
        import_checkpoint(tmp_path / "any.h5", "imle_net", out)
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("model.json", "kept")]


def rewrite(source, target, change=lambda index, value: value):
    """A copy of a Keras weights file under other names, each tensor changed, given its index."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        values = [
            old[layer][name][()] for layer in old.attrs["layer_names"] for name in old[layer].attrs["weight_names"]
        ]
        new.attrs["layer_names"] = [f"layer_{index}" for index in range(len(values))]
        for index, value in enumerate(values):
            group = new.create_group(f"layer_{index}")
            group.attrs["weight_names"] = [f"tensor_{index}:0"]
            group[f"tensor_{index}:0"] = change(index, value)
    return target
