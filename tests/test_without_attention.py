"""A model without attention, as four of the six networks are: every page and command must still give what there is of it."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboard.widgets import upload
from dashboard.widgets.view_controls import ATTRIBUTIONS
from imle import PtbXl, load_model, models
from imle.assets import DEMO_COHORT
from imle.cli import app as command
from imle.errors import BadChoice
from imle.explain import explain
from imle.explain.attribution import METHODS, attribute, methods_of
from imle.explain.guidelines import read_guidelines
from imle.explain.score_cohort import score_cohort
from imle.labels import LABELS
from imle.model_folder import Card, save_model

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
RECORD = sorted((DEMO_COHORT / "records100").rglob("*.hea"))[0]
# Each network as small as its constructor allows, so that every method is soon through.
SMALL = {
    "mousavi": {},
    "rajpurkar": {"blocks": 4, "filters": 8},
    "ecgnet": {"blocks": 4},
    "resnet101": {"blocks": (1, 1, 1, 1), "filters": 4},
}


def saved(folder: Path, network: str, **options) -> Path:
    keras.utils.set_random_seed(0)
    model = models.build(network, **options)
    save_model(folder, model, Card(network, 0.0, 0.23, options, LABELS, dict.fromkeys(LABELS, 0.5)))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An untrained mousavi."""
    return saved(tmp_path_factory.mktemp("models") / "mousavi", "mousavi")


@pytest.fixture
def dashboard(tiny_ptbxl, folder, monkeypatch):
    """Opens a page with its query as keywords, on the small data set and with the model without attention."""
    monkeypatch.setenv("IMLE_DATA_DIR", str(tiny_ptbxl))
    monkeypatch.setenv("IMLE_MODEL", str(folder))

    def open_page(page: str, **query) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=180).run()
        app.switch_page(f"../pages/{page}.py")
        app.query_params = query
        app.run()
        assert not app.exception
        return app

    return open_page


def texts(app: AppTest) -> str:
    return "\n".join(part.value.replace("\\", "") for part in app.markdown)


def specs(app: AppTest) -> list[str]:
    return [chart.proto.spec for chart in app.get("plotly_chart")]


def test_the_explain_page_shows_all_but_attention(dashboard):
    """A refusal in place of everything would hide the model's answer, which it has."""
    app = dashboard("explain", record="2", reveal="yes")
    assert not app.warning
    shown = texts(app)
    assert shown.count("This network has no attention") == 1
    assert "mousavi on OpenVINO" in shown and "mousavi: " in shown and "attention is highest" not in shown
    sheet, probabilities, leads = specs(app)
    assert "occlusion of waves for" in sheet and "share of the record's maximum" in sheet
    assert "threshold" in probabilities and "share of occlusion of waves" in leads
    assert "Measurements" in "".join(html.proto.body for html in app.get("html"))
    assert any("beside the guidelines" in html.proto.body for html in app.get("html"))
    assert "Share of the occlusion of waves" in shown
    assert app.selectbox(key="level").options == list(ATTRIBUTIONS.values())
    assert "level" not in app.query_params


def test_another_method_and_a_second_one_can_be_chosen(dashboard):
    """The methods are all that explains such a model; a warning that its attention says otherwise would be made up."""
    app = dashboard("explain", record="2", reveal="yes", level="saliency", other="occlusion_waves", label="MI")
    sheets = [spec for spec in specs(app) if "share of the record's maximum" in spec]
    assert "saliency for MI" in sheets[0] and "occlusion of waves for MI" in sheets[1]
    assert not app.warning and "point at different places" not in texts(app)


def test_a_link_to_a_level_of_attention_shows_what_there_is(dashboard):
    """A colleague's link, made with imle_net, must open here; a level that is not there cannot be drawn."""
    app = dashboard("explain", record="2", reveal="yes", level="rhythm", other="channel")
    assert not app.warning and app.selectbox(key="level").value == "occlusion_waves"
    assert app.selectbox(key="other").value == "none"


def test_to_and_fro_between_a_model_with_attention_and_one_without(dashboard, folder):
    """The menus hold the choices of the model before; one that this model lacks would stop the page."""
    app = dashboard("explain", record="2", reveal="yes")
    app.session_state["model"] = "imle_net_plus"
    app.run()
    assert not app.exception and "imle_net_plus on OpenVINO" in texts(app)
    app.selectbox(key="level").set_value("rhythm").run()
    app.session_state["model"] = str(folder)
    app.run()
    assert not app.exception and not app.warning
    assert app.selectbox(key="level").value == "occlusion_waves" and "mousavi on OpenVINO" in texts(app)


def test_before_the_reveal_the_model_is_not_asked(dashboard, monkeypatch):
    """To load a network before anybody wants its opinion makes the first sheet wait."""
    from dashboard import state

    monkeypatch.setattr(state, "predictor", lambda: pytest.fail("the model was loaded"))
    assert len(specs(dashboard("explain", record="2"))) == 1


def test_an_upload_is_explained_and_by_the_model_in_use(dashboard, monkeypatch, tiny_ptbxl):
    """An answer kept from the model before would stand under the other's name."""
    ecg = PtbXl(tiny_ptbxl).record(2)
    monkeypatch.setattr(upload, "uploaded", lambda: (ecg, st.container()))
    app = dashboard("upload", reveal="yes")
    assert not app.exception and not app.warning
    assert "This network has no attention" in texts(app) and "mousavi on OpenVINO" in texts(app)
    app.session_state["model"] = "imle_net_plus"
    app.run()
    assert not app.exception and "imle_net_plus on OpenVINO" in texts(app)


@pytest.mark.parametrize("page", ["records", "compare", "guidelines"])
def test_the_other_pages_do_not_mind(dashboard, page):
    """A page that loads the model for a word on its attention would fail for four of six models."""
    app = dashboard(page)
    of_the_heatmaps = "does not show what"  # which the guidelines page says of another model's attention, and rightly
    assert not app.exception and not [one for one in app.warning if of_the_heatmaps not in one.value]


@pytest.mark.slow
@pytest.mark.parametrize("network", SMALL)
def test_every_method_but_attention_explains_every_such_network(network, tmp_path):
    """A method that fails for one network would be found by the clinician who chooses it."""
    predictor = load_model(saved(tmp_path / network, network, **SMALL[network]))
    assert methods_of(predictor) == [name for name in METHODS if name != "attention"]
    signals_mv = PtbXl(DEMO_COHORT).signals([2])
    for method in methods_of(predictor):
        found = attribute(predictor, signals_mv, "MI", method)
        assert found.shape == (1, 12, 1000) and np.isfinite(found).all(), method
    with pytest.raises(BadChoice, match="has no attention; choose one of saliency"):
        attribute(predictor, signals_mv, "MI", "attention")


def test_the_explanation_says_what_there_is(folder):
    """A program that reads the explanation must be able to tell no attention from attention nowhere."""
    explanation = explain(load_model(folder), PtbXl(DEMO_COHORT).record(2))
    assert explanation.levels == () and explanation.lead_importance is None and explanation.label is None
    assert explanation.about("MI") is explanation
    said = json.loads(json.dumps(explanation.to_json(), allow_nan=False))
    assert said["attention"] is None and said["lead_importance"] is None and said["heatmaps"] == {}
    assert set(said["probabilities"]) == set(LABELS) and said["note"].startswith("This network has no attention")
    with pytest.raises(BadChoice, match="mousavi has no attention to show; choose a method of attribution"):
        explanation.heatmap("combined")


def run(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_the_shell_predicts_and_explains(folder, tmp_path):
    """The shell is where a model of one's own is tried first; it must say more than that it will not."""
    assert run("predict", RECORD, "--model", folder).exit_code == 0
    done = run("explain", RECORD, "--model", folder, "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    said = json.loads((tmp_path / "explanation.json").read_text())
    assert said["shown"]["method"] == "occlusion_waves" and said["shown"]["label"] in LABELS
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    done = run("explain", RECORD, "--model", folder, "--out", tmp_path, "--heatmap", "occlusion", "--label", "CD")
    said = json.loads((tmp_path / "explanation.json").read_text())
    assert (said["shown"]["method"], said["shown"]["label"]) == ("occlusion", "CD")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--level", "beat"], "mousavi has no attention to show; choose a method of attribution"),
        (["--heatmap", "lead"], "there is no heatmap 'lead'; choose an attention level"),
        (["--label", "XYZ"], "mousavi has no label 'XYZ'; choose one of CD"),
    ],
)
def test_the_shell_refuses_in_one_sentence(folder, tmp_path, words, sentence):
    done = run("explain", RECORD, "--model", folder, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2 and sentence in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_its_attention_is_not_held_against_guidelines(folder, tmp_path):
    """Refused only after all records were predicted, it would cost minutes and leave a folder of steps behind."""
    out = tmp_path / "mine.parquet"
    with pytest.raises(BadChoice, match="mousavi has no attention; choose one of saliency"):
        score_cohort(load_model(folder), PtbXl(DEMO_COHORT), [9], "attention", read_guidelines(), out)
    assert list(tmp_path.iterdir()) == []
