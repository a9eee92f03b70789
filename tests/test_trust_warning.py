"""The warning beside a heatmap that failed its checks, from the table of `imle trust`."""

import json

import pytest

from imle.explain import trust_warnings as trust
from imle.labels import LABELS


def warning(model: str, method: str, label: str = "MI") -> str:
    return "\n".join(trust.trust_warnings(model, method, label, is_of_model=lambda about: True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(trust, "FOLDER", tmp_path)
    rows = [
        {"method": method, "measure": f"sanity_{step}", "group": group, "value": value}
        for method, last in (("saliency", 0.8), ("occlusion", 0.1), ("attention", None))
        for step, group, value in ((1, "all", 0.9), (6, "all", last), (6, "MI", 0.9))
    ]
    for label, low, high in (("MI", -0.3, -0.1), ("CD", -0.3, 0.1), ("HYP", None, None)):
        gain = {"value": -0.2, "low": low, "high": high, "records": 12}
        rows.append({"method": "attention", "measure": "deletion_gain", "group": label, **gain})
    for method, low in (("saliency", -0.1), ("occlusion", 0.3), ("average_attention", 0.3)):
        gain = {"value": 0.4, "low": low, "high": 0.5, "records": 12}
        rows.append({"method": method, "measure": "deletion_gain", "group": "MI", **gain})
    (tmp_path / "sharp.json").write_text(json.dumps({"weights": "those of sharp", "rows": rows}))
    return tmp_path


def test_only_a_method_that_survives_randomisation_is_warned_of(folder):
    """The first steps leave most of the model as it is: likeness after the last one is what tells."""
    assert "rank correlation of 0.80" in warning("sharp", "saliency")
    assert warning("sharp", "occlusion") == ""
    assert warning("sharp", "attention", "CD") == ""


def test_a_mean_over_draws_counts_before_one_draw(folder):
    """One draw of random weights may agree by chance, in however many records; the cascade before the last step is no verdict."""
    rows = [{"method": "saliency", "measure": name, "group": "all", "value": value} for name, value in
            (("sanity", 0.1), ("sanity_5", 0.9))]  # fmt: skip
    (folder / "sharp-sanity.json").write_text(json.dumps({"weights": "those of sharp", "draws": 5, "rows": rows}))
    assert warning("sharp", "saliency") == ""
    rows[0]["value"] = 0.7
    (folder / "sharp-sanity.json").write_text(json.dumps({"weights": "those of sharp", "draws": 5, "rows": rows}))
    trust._read.cache_clear()
    assert "rank correlation of 0.70" in warning("sharp", "saliency")


def test_without_a_table_nothing_is_said(folder):
    """A model of one's own has none; a damaged table must not take the page down."""
    assert warning("mine", "saliency") == ""
    no_group = '{"rows": [{"measure": "sanity_1"}]}'
    no_interval = '{"rows": [{"method": "saliency", "group": "MI", "measure": "deletion_gain", "value": 1}]}'
    for damaged in ("{", "[]", '{"model": "bad"}', '{"rows": []}', no_group, no_interval):
        (folder / "bad.json").write_text(damaged)
        assert warning("bad", "saliency") == ""
        trust._read.cache_clear()


def test_the_table_of_another_model_of_that_name_says_nothing(folder):
    """A model of one's own in a folder called imle_net_plus was never put to the checks that the shipped one failed."""
    asked = []
    assert trust.trust_warnings("sharp", "saliency", "MI", asked.append) == []
    assert asked == [{"weights": "those of sharp"}]


def test_a_heatmap_that_names_what_the_label_does_not_rest_on_is_warned_of(folder):
    """Attention that lies where nothing counts looks like any other; only hiding it tells. A doubtful one is not accused."""
    found = warning("sharp", "attention")
    assert found == (
        "Attention does not show what MI rests on: in 12 records with it, hiding what it names lowered the probability by 0.20 "
        "(0.10 to 0.30) less than hiding places at random. Hiding what occlusion names lowered it by 0.40 more than places at random."
    )
    assert warning("sharp", "attention", "HYP") == warning("sharp", "attention", "NORM") == ""


def test_more_records_say_it_better(folder):
    """Ten records made a warning that thirty took back; the file of one method lies beside that of all."""
    gain = {"method": "attention", "measure": "deletion_gain", "group": "MI", "value": 0.0, "low": -0.1, "high": 0.1}
    for records, wanted in ((11, True), (30, False)):
        rows = [gain | {"records": records // 5}]
        (folder / f"sharp-attention{records}.json").write_text(json.dumps({"records": records, "rows": rows}))
        (folder / "sharp.json").write_text(
            json.dumps(json.loads((folder / "sharp.json").read_text()) | {"records": 20})
        )
        trust._read.cache_clear()
        assert bool(warning("sharp", "attention")) == wanted


def test_shipped_attention_of_imle_net_is_warned_of_for_infarctions_alone():
    """What docs/findings.md says of it must be said where it is looked at."""
    told = {label: warning("imle_net", "attention", label) for label in LABELS}
    assert [label for label, sentence in told.items() if sentence] == ["MI"]
