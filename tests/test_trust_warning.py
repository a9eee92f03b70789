"""The warning beside a heatmap that failed its checks, from the table of `imle trust`."""

import json
from functools import partial

import pytest

from dashboard import trust

warning = partial(trust.warning, is_of_model=lambda about: True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "FOLDER", tmp_path)
    rows = [
        {"method": method, "measure": f"sanity_{step}", "group": group, "value": value}
        for method, last in (("saliency", 0.8), ("occlusion", 0.1), ("attention", None))
        for step, group, value in ((1, "all", 0.9), (6, "all", last), (6, "MI", 0.9))
    ]
    (tmp_path / "sharp.json").write_text(json.dumps({"weights": "those of sharp", "rows": rows}))
    return tmp_path


def test_only_a_method_that_survives_randomisation_is_warned_of(folder):
    """The first steps leave most of the model as it is: likeness after the last one is what tells."""
    assert "rank correlation of 0.80" in warning("sharp", "saliency", "Saliency")
    assert warning("sharp", "occlusion", "Occlusion") is None
    assert warning("sharp", "attention", "Attention") is None


def test_without_a_table_nothing_is_said(folder):
    """A model of one's own has none; a damaged table must not take the page down."""
    assert warning("mine", "saliency", "Saliency") is None
    for damaged in ("{", "[]", '{"model": "bad"}', '{"rows": []}'):
        (folder / "bad.json").write_text(damaged)
        assert warning("bad", "saliency", "Saliency") is None
        trust._read.cache_clear()


def test_the_table_of_another_model_of_that_name_says_nothing(folder):
    """A model of one's own in a folder called imle_net_plus was never put to the checks that the shipped one failed."""
    asked = []
    assert trust.warning("sharp", "saliency", "Saliency", asked.append) is None
    assert asked == [{"weights": "those of sharp"}]
