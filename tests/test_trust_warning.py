"""The warning beside a heatmap that failed its checks, from the table of `imle trust`."""

import json

import pytest

from dashboard import trust


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "FOLDER", tmp_path)
    rows = [
        {"method": method, "measure": f"sanity_{step}", "group": group, "value": value}
        for method, last in (("saliency", 0.8), ("occlusion", 0.1), ("attention", None))
        for step, group, value in ((1, "all", 0.9), (6, "all", last), (6, "MI", 0.9))
    ]
    (tmp_path / "sharp.json").write_text(json.dumps({"rows": rows}))
    return tmp_path


def test_only_a_method_that_survives_randomisation_is_warned_of(folder):
    """The first steps leave most of the model as it is: likeness after the last one is what tells."""
    assert "rank correlation of 0.80" in trust.warning("sharp", "saliency", "Saliency")
    assert trust.warning("sharp", "occlusion", "Occlusion") is None
    assert trust.warning("sharp", "attention", "Attention") is None


def test_without_a_table_nothing_is_said(folder):
    """A model of one's own has none; a damaged table must not take the page down."""
    assert trust.warning("mine", "saliency", "Saliency") is None
    (folder / "bad.json").write_text("{")
    assert trust.warning("bad", "saliency", "Saliency") is None
