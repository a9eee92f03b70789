"""A model in half the room answers as the whole one does, and what is shipped stays small."""

import numpy as np
import pytest

from imle import PtbXl, load_model
from imle.assets import ASSETS, DEMO_COHORT, WEIGHTS
from imle.errors import BadChoice
from imle.half_precision import halve
from imle.model_folder import NotAModel


def test_half_the_room_and_the_same_answers(tmp_path):
    """Weights cut at the wrong place would be told by nothing but worse figures."""
    folder = WEIGHTS / "imle_net_plus"
    halve(folder, tmp_path / "half")
    for name in ("model.keras", "model.bin"):
        assert (tmp_path / "half" / name).stat().st_size < 0.62 * (folder / name).stat().st_size
    data = PtbXl(DEMO_COHORT)
    signals = data.signals(data.catalogue.index[:4])
    for engine in ("exact", "keras"):
        whole, half = (load_model(path, engine).predict(signals) for path in (folder, tmp_path / "half"))
        assert not np.array_equal(whole, half)
        np.testing.assert_allclose(half, whole, atol=4e-3)


def test_the_whole_model_is_never_written_over(tmp_path):
    """What float16 has lost cannot be had back."""
    with pytest.raises(BadChoice, match="give another folder"):
        halve(WEIGHTS / "imle_net", WEIGHTS / "imle_net")
    with pytest.raises(NotAModel, match="holds no model"):
        halve(tmp_path, tmp_path / "half")


def test_another_model_is_never_written_over(tmp_path):
    """A slip in --out would replace a model that took a night to train."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.json").write_text("kept")
    with pytest.raises(BadChoice, match="holds a model already; give another folder, or remove that model first"):
        halve(WEIGHTS / "imle_net", other)
    assert [(path.name, path.read_text()) for path in other.iterdir()] == [("model.json", "kept")]


def test_shipped_files_stay_small():
    """Whoever clones the repository downloads them all, every version of them."""
    sizes = {path: path.stat().st_size / 1e6 for path in ASSETS.rglob("*") if path.is_file()}
    assert max(sizes.values()) < 25
    assert sum(sizes.values()) < 120
