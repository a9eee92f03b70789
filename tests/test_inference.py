"""The Predictor over its engines: same answers, stated engine, refusals in one sentence."""

import json
import shutil

import numpy as np
import pytest

from imle import load_model
from imle.assets import WEIGHTS
from imle.ecg import InvalidEcg
from imle.inference import ENGINES, export_openvino, shipped_models
from imle.model_folder import NotAModel
from imle.tasks import task

SHIPPED = shipped_models()
# Shipped with float16 weights, which each engine's form of the model rounds at its own places.
IN_HALF = ("ecgnet", "mousavi", "rajpurkar")


@pytest.fixture(scope="module")
def signals_mv():
    rng = np.random.default_rng(0)
    beats = np.exp(-(((np.arange(1000) % 80) - 30) ** 2) / 6)
    return (rng.normal(0, 0.05, (3, 12, 1000)) + rng.normal(0, 1, (3, 12, 1)) * beats).astype(np.float32)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"int8"}))  # which rounds on purpose: test_int8.py
def test_every_engine_gives_the_same_answer(name, engine, signals_mv):
    """An engine that answers otherwise would make a result depend on the machine it ran on."""
    tolerance = 2e-2 if engine == "fast" else 1e-3 if name in IN_HALF else 1e-4
    exact, other = load_model(name, "exact").run(signals_mv), load_model(name, engine).run(signals_mv)
    np.testing.assert_allclose(other.probabilities, exact.probabilities, atol=tolerance)
    if exact.attention is not None:
        np.testing.assert_allclose(other.attention.channel, exact.attention.channel, atol=tolerance)
        np.testing.assert_allclose(other.attention.beat, exact.attention.beat, atol=tolerance)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_predictor_tells_what_it_is(name):
    """Labels, thresholds, scale and engine stand beside every result; a missing one could not be reported."""
    predictor = load_model(name, "exact")
    assert predictor.labels == task(predictor.card.task).labels
    assert set(predictor.thresholds) == set(predictor.labels)
    assert all(0 < threshold < 1 for threshold in predictor.thresholds.values())
    assert predictor.engine == "OpenVINO float32"
    assert 0.1 < predictor.card.sd_mv < 0.5


@pytest.mark.parametrize("name", SHIPPED)
def test_an_electrode_s_offset_changes_no_answer(name, signals_mv):
    """Recordings without a high-pass filter have them, the sheet does not show them, and 1 mV made normal ECGs abnormal."""
    offsets_mv = np.random.default_rng(1).normal(0, 20, (3, 12, 1)).astype(np.float32)
    predictor = load_model(name, "exact")
    expected, found = (predictor.run(some_mv) for some_mv in (signals_mv, signals_mv + offsets_mv))
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)


def test_attention_sums_to_one_over_its_last_axis(signals_mv):
    """Weights that do not sum to 1 could not be read as shares."""
    attention = load_model("imle_net").attend(signals_mv)
    assert attention.beat.shape == (3, 12, 20, 13)
    assert attention.rhythm.shape == (3, 12, 20)
    assert attention.channel.shape == (3, 12)
    for part in (attention.beat, attention.rhythm, attention.channel):
        np.testing.assert_allclose(part.sum(-1), 1, atol=1e-5)


def test_a_record_is_answered_alike_alone_and_in_a_batch(signals_mv):
    """An answer that depended on its neighbours in the batch would not be reproducible."""
    predictor = load_model("imle_net", "exact")
    many = np.concatenate([signals_mv] * 12)  # more than one batch
    np.testing.assert_allclose(predictor.predict(many)[-1], predictor.predict(signals_mv[-1:])[0], atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda x: x[:, :11], r"the signals have shape \(3, 11, 1000\); records x 12 leads x 1000 samples are needed"),
        (lambda x: x[0], r"the signals have shape \(12, 1000\); records x 12 leads"),
        (lambda x: np.where(x > 0.5, np.nan, x), r"the signals have missing samples \(NaN\)"),
    ],
)
def test_unfit_signals_are_refused(spoil, sentence, signals_mv):
    """A wrong shape or NaN would otherwise surface deep in an engine, or as NaN probabilities."""
    with pytest.raises(InvalidEcg, match=sentence):
        load_model("imle_net").predict(spoil(signals_mv))


def test_unknown_names_are_refused(tmp_path):
    """A typing error must name what there is."""
    with pytest.raises(
        NotAModel, match=r"there is no model 'imel_net'; give a model folder or a shipped model \(.*imle_net"
    ):
        load_model("imel_net")
    with pytest.raises(NotAModel, match=r"holds no model \(no model.json\)"):
        load_model(tmp_path)
    with pytest.raises(ValueError, match="there is no engine 'gpu'; choose one of fast, exact, int8, keras"):
        load_model("imle_net", "gpu")


def test_a_damaged_model_is_refused(tmp_path):
    """A half-copied folder must say so rather than show a parser's trace."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS / "imle_net", folder)
    (folder / "model.xml").write_text("<net")
    with pytest.raises(NotAModel, match=r"model.xml cannot be loaded .*; delete it, and it is made again"):
        load_model(folder)
    (folder / "model.xml").unlink()
    (folder / "model.keras").write_bytes(b"PK")
    with pytest.raises(NotAModel, match=r"model.keras cannot be loaded .*; copy the model folder again"):
        load_model(folder)
    (folder / "model.json").write_text(json.dumps({"network": "imle_net"}))
    with pytest.raises(NotAModel, match=r"model.json is damaged"):
        load_model(folder)


def test_an_openvino_form_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """Half a form in its place would be what every page loads; a folder that cannot be written ended in a traceback."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS / "imle_net", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def breaks(model, path, **how):
        path.write_text("<net")
        raise RuntimeError("Check failed:\nCan't open bin file.")

    monkeypatch.setattr("openvino.save_model", breaks)
    with pytest.raises(NotAModel, match=r"model.xml cannot be written \(Can't open bin file.\); copy the model to"):
        export_openvino(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_without_openvino_form_gets_one(tmp_path, signals_mv):
    """A model straight from training, or whose weights were replaced, must still be served."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS / "imle_net", folder, ignore=shutil.ignore_patterns("model.xml", "model.bin"))
    fresh = load_model(folder, "exact").predict(signals_mv)
    assert (folder / "model.xml").is_file()
    np.testing.assert_allclose(fresh, load_model("imle_net", "exact").predict(signals_mv), atol=1e-5)
