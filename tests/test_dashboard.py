"""The pages, run by Streamlit's AppTest on a small made-up data set and the shipped model."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import made_up_ecg, write_record, write_tiny_ptbxl
from streamlit.testing.v1 import AppTest

from dashboard import agreements, state
from dashboard.cohort import Filters, Place, matching, open_cohort, patient_text, place_of
from dashboard.widgets import guideline_panel
from dashboard.widgets.figure_table import NONE
from dashboard.widgets.frame import short_names
from imle import LABELS, PtbXl, load_model
from imle.assets import WEIGHTS
from imle.attention import LEVELS
from imle.errors import BadChoice
from imle.explain import trust_warnings
from imle.explain.cohort_agreement import read_agreement
from imle.explain.guidelines import read_guidelines
from imle.inference import shipped_models
from imle.measure.segments import SEGMENTS
from imle.model_folder import model_digest, read_card, write_card
from imle.tasks import INFARCTION, SUPERCLASS

ROOT = Path(__file__).parents[1]
APP = str(ROOT / "dashboard" / "app.py")
RECORDS, EXPLAIN = "../pages/records.py", "../pages/explain.py"
PAGES = (RECORDS, EXPLAIN)
TIMEOUT_S = 120


@pytest.fixture
def dashboard(tiny_ptbxl, monkeypatch):
    """Opens a page of the dashboard with its query as keywords, on the small data set or the one in `root`."""
    monkeypatch.delenv("IMLE_MODEL", raising=False)

    def open_page(page: str = RECORDS, root: Path = tiny_ptbxl, **query) -> AppTest:
        monkeypatch.setenv("IMLE_DATA_DIR", str(root))
        app = AppTest.from_file(APP, default_timeout=TIMEOUT_S)
        if page != RECORDS:
            app.run().switch_page(page)
        app.query_params = query
        return app.run()

    return open_page


def sentences(app: AppTest) -> list[str]:
    """What the page refuses, without Markdown's escapes; a page must never raise."""
    assert not app.exception
    return [warning.value.replace("\\", "") for warning in app.warning]


def texts(app: AppTest) -> str:
    return "\n".join(element.value.replace("\\", "") for element in [*app.markdown, *app.text])


def measured(app: AppTest) -> str:
    return "".join(html.proto.body for html in app.get("html") if "measurements" in html.proto.body)


def listed(app: AppTest) -> list[int]:
    return app.dataframe[0].value["Record"].tolist()


@pytest.mark.parametrize(
    ("page", "unwanted"), [(RECORDS, ("tensorflow", "keras", "openvino", "wfdb")), (EXPLAIN, ("tensorflow", "keras"))]
)
def test_a_page_imports_nothing_heavy_that_it_does_not_need(tiny_ptbxl, page, unwanted):
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({APP!r}, default_timeout={TIMEOUT_S}).run().switch_page({page!r}).run()\n"
        "assert not app.exception and not app.warning\n"
        f"print([name for name in {unwanted} if name in sys.modules])"
    )
    environment = {"IMLE_DATA_DIR": str(tiny_ptbxl), "PATH": "/usr/bin:/bin", "HOME": str(tiny_ptbxl.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_records_page_lists_all_records_by_number(dashboard):
    app = dashboard()
    assert listed(app) == sorted(listed(app)) and len(listed(app)) == 24
    assert "**24** of 24 records" in texts(app)
    assert app.dataframe[0].value.set_index("Record").at[2, "Age"] == "90+"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("superclass", ["HYP"], Filters(superclass=("HYP",))),
        ("superclass", ["MI", "CD"], Filters(superclass=("MI", "CD"))),
        ("sex", "F", Filters(sex="F")),
        ("fold", [9, 10], Filters(fold=(9, 10))),
        ("age", (40, 50), Filters(age=(40, 50))),
        ("report", "SINUS", Filters(report="SINUS")),
    ],
)
def test_a_filter_narrows_the_table_to_what_it_says(dashboard, tiny_ptbxl, key, value, expected):
    app = dashboard()
    widgets = [*app.pills, *app.slider, *app.text_input]
    next(widget for widget in widgets if widget.key == key).set_value(value)
    app.run()
    wanted = matching(open_cohort(tiny_ptbxl), expected).tolist()
    assert listed(app) == wanted
    assert f"**{len(wanted)}** of 24 records" in texts(app)


def test_the_url_sets_the_filters(dashboard):
    app = dashboard(superclass="MI", scp="IMI", fold=["9", "10"])
    table = app.dataframe[0].value
    assert set(table["Fold"]) == {9, 10} and all("IMI" in text for text in table["Statements"])


def test_an_impossible_combination_gets_a_sentence_and_a_way_back(dashboard):
    app = dashboard(report="nobody wrote this")
    assert sentences(app) == ["No record passes all of these filters; take one away, or reset them."]
    next(button for button in app.button if button.label == "Reset filters").click().run()
    assert not sentences(app) and len(listed(app)) == 24


def test_a_clicked_row_opens_its_explanation(dashboard):
    app = dashboard(superclass="HYP")
    wanted = listed(app)[1]
    app.session_state[app.dataframe[0].key] = {"selection": {"rows": [], "columns": [], "cells": [(1, "Report")]}}
    app.run()
    assert app.number_input(key="record_box").value == wanted
    assert app.query_params["record"] == str(wanted)
    assert "2 of 4 · HYP" in texts(app)


def test_a_model_of_other_labels_is_not_offered_and_refused_where_it_is_named(dashboard, monkeypatch):
    """Its answers would be drawn under the superclasses' names."""
    app = dashboard(EXPLAIN, record="7", reveal="yes")
    assert app.selectbox(key="model").options[0] == state.DEFAULT_MODEL
    assert sorted(app.selectbox(key="model").options) == shipped_models(SUPERCLASS)
    (other,) = shipped_models(INFARCTION)
    monkeypatch.setenv("IMLE_MODEL", other)
    assert any(
        f"{other} tells ASMI, IMI, NORM" in found for found in sentences(dashboard(EXPLAIN, record="7", reveal="yes"))
    )


@pytest.mark.parametrize("name", shipped_models(SUPERCLASS))
def test_every_shipped_model_explains_a_record_about_each_label(dashboard, name):
    """A model has a choice of label where its heatmap differs by that: its attention, or without any an attribution."""
    app = dashboard(EXPLAIN, record="7", reveal="yes")
    app.session_state["model"] = name
    app.run()
    assert f"{name} on OpenVINO" in texts(app) and not sentences(app)
    whose = [menu for menu in app.main.selectbox if menu.key == "label"]
    predictor = load_model(name)
    assert len(whose) == bool(predictor.attended_labels or not predictor.has_attention)
    heatmap = "combined attention to" if predictor.has_attention else "occlusion of waves for"
    for label in LABELS if whose else ():
        app.selectbox(key="label").set_value(label).run()
        assert f"{heatmap} {label}, share of the record" in app.get("plotly_chart")[0].proto.spec
        assert (f"attention shown is that for {label}" in texts(app)) == predictor.has_attention


def sheets(app: AppTest) -> list[str]:
    """The specifications of the charts that are sheets, from the top."""
    return [
        chart.proto.spec for chart in app.get("plotly_chart") if "share of the record's maximum" in chart.proto.spec
    ]


def test_an_attribution_lies_over_the_sheet_and_another_heatmap_below(dashboard):
    """An attribution titled as attention, or of another label than the menu says, is read as the wrong reason."""
    app = dashboard(EXPLAIN, record="7", reveal="yes", level="occlusion_waves", label="STTC", other="channel")
    first, second = sheets(app)
    assert "occlusion of waves for STTC, share" in first and "channel attention, share" in second
    assert [menu.key for menu in app.main.selectbox].count("label") == 1  # an attribution is always one label's
    app.selectbox(key="other").set_value("none").run()
    assert len(sheets(app)) == 1 and "other" not in app.query_params


def test_both_sheets_show_the_ecg_as_filtered(dashboard):
    """Two heatmaps over two different signals cannot be compared."""
    first, second = sheets(dashboard(EXPLAIN, record="7", reveal="yes", other="channel", filter="40hz"))
    assert all("filter off" not in spec for spec in (first, second))


def test_an_attribution_that_cannot_be_made_gets_one_sentence(dashboard, monkeypatch):
    def refused(record, label, method):
        raise BadChoice("gradients need Keras on TensorFlow")

    monkeypatch.setattr(state, "attribution", refused)
    assert sentences(dashboard(EXPLAIN, record="7", reveal="yes", level="saliency")) == [
        "Gradients need Keras on TensorFlow."
    ]


def test_heatmaps_that_contradict_each_other_are_said_to(dashboard, monkeypatch):
    """Two pictures of one answer that point at different places explain it by neither."""
    elsewhere = np.zeros((12, 1000), np.float32)
    elsewhere[3, :] = 1  # aVR, at which the model hardly looks
    monkeypatch.setattr(state, "attribution", lambda record, label, method: elsewhere)
    found = sentences(dashboard(EXPLAIN, record="7", reveal="yes", level="occlusion"))
    assert len(found) == 1 and "Attention and occlusion point at different places" in found[0]
    assert not sentences(dashboard(EXPLAIN, record="7", reveal="yes"))


def panel(app: AppTest) -> str:
    return next(html.proto.body for html in app.get("html") if "beside the guidelines" in html.proto.body)


def test_the_guideline_panel_is_of_the_heatmaps_on_the_screen(dashboard, tiny_ptbxl, monkeypatch):
    """Figures of attention below a picture of occlusion would be read as those of what is seen."""
    codes = PtbXl(tiny_ptbxl).catalogue["codes"]
    record = str(next(number for number, own in codes.items() if "IMI" in own))
    elsewhere = np.zeros((12, 1000), np.float32)
    elsewhere[6] = 1 / 1000  # V1, where nobody looks for an inferior infarction
    monkeypatch.setattr(state, "attribution", lambda record, label, method: elsewhere)
    nowhere, attention, occlusion = "<b>0.00</b> <i>(0.25", "combined attention", "occlusion"
    app = dashboard(EXPLAIN, record=record, reveal="yes")
    assert nowhere not in panel(app) and f"Share of the {attention};" in texts(app)
    app = dashboard(EXPLAIN, record=record, reveal="yes", level="occlusion")
    assert nowhere in panel(app) and f"Share of the {occlusion} for MI" in texts(app)
    assert f"Share of the {attention};" not in texts(app) and "On these leads" in panel(app)
    app = dashboard(EXPLAIN, record=record, reveal="yes", level="occlusion", other="combined")
    assert "<th scope='col'>Occlusion</th><th scope='col'>Combined attention</th>" in panel(app)
    assert panel(app).count(nowhere) == 1 and f"Share of the {attention};" in texts(app)
    # Whatever label's attention the sheet shows, a diagnosis is held against that for its own label, and the page says so.
    app = dashboard(EXPLAIN, record=record, reveal="yes", model="imle_net_plus", label="NORM")
    assert "combined attention to NORM, share" in sheets(app)[0]
    assert f"Share of the {attention} to MI" in texts(app)


def test_a_model_that_only_has_a_shipped_ones_name_is_not_held_against_its_average(dashboard, monkeypatch, tmp_path):
    """Another model's average record would call this model's heatmaps its habit, or its own."""
    own = tmp_path / "imle_net"
    shutil.copytree(WEIGHTS / "imle_net", own)

    monkeypatch.setenv("IMLE_MODEL", str(own))
    same = dashboard(EXPLAIN, record="2", reveal="yes")
    assert "by chance, and of the average record's heatmap" in texts(
        same
    ) and "another model of that name" not in texts(same)
    assert re.search(r"\(\d\.\d\d, \d\.\d\d\)", panel(same))
    card = read_card(own)
    write_card(own, replace(card, temperature=2 * card.temperature))
    other = dashboard(EXPLAIN, record="2", reveal="yes")
    assert "for imle_net is of another model of that name" in texts(other) and not sentences(other)
    assert "in brackets by chance." in texts(other) and not re.search(r"\(\d\.\d\d, \d\.\d\d\)", panel(other))


def test_a_model_of_ones_own_can_be_told_from_the_shipped_one_of_its_name():
    """Two lines that read alike are one choice to a browser, and one of the two models could not be chosen."""
    assert short_names(["runs/imle_net", "imle_net", "imle_net_plus"]) == {
        "runs/imle_net": "runs/imle_net", "imle_net": "imle_net", "imle_net_plus": "imle_net_plus",
    }  # fmt: skip
    assert short_names(["runs/mine", "imle_net"])["runs/mine"] == "mine"


def test_results_are_of_the_model_in_use_by_digest_else_by_network(monkeypatch):
    """A file written before digests were kept is all that there is; one of another network is surely not of this model."""
    monkeypatch.setenv("IMLE_MODEL", "imle_net")
    assert state.is_of_model_in_use({"weights": model_digest(WEIGHTS / "imle_net"), "network": "any"})
    assert not state.is_of_model_in_use({"weights": "others", "network": "imle_net"})
    assert state.is_of_model_in_use({"network": "imle_net"}) and state.is_of_model_in_use({})
    assert not state.is_of_model_in_use({"network": "mousavi"})
    monkeypatch.setenv("IMLE_MODEL", "no such model")
    assert not state.is_of_model_in_use({})


@pytest.mark.parametrize("path", sorted(agreements.FOLDER.glob("*.parquet")), ids=lambda path: path.stem)
def test_what_is_shipped_of_a_model_is_of_the_weights_that_are_shipped(path):
    """Weights that are trained anew without it would be held against the average of those before."""
    about = read_agreement(path).about
    assert about["weights"] == model_digest(WEIGHTS / about["model"])


@pytest.mark.parametrize("path", sorted(trust_warnings.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_shipped_trust_is_of_the_weights_that_are_shipped(path):
    """A warning that the shipped model did not earn, or none where it did."""
    about = json.loads(path.read_text())
    assert about["weights"] == model_digest(WEIGHTS / about["model"])


def test_silenced_leads_change_the_answer(dashboard, tiny_ptbxl):
    """The table must be the model's answer to the silenced ECG, not to the one that was recorded."""
    app = dashboard(EXPLAIN, record="7", reveal="yes")
    app.pills(key="silent_leads").set_value(["I", "II"]).run()
    shown = next(html.proto.body for html in app.get("html") if "parts silenced" in html.proto.body)
    signal_mv = PtbXl(tiny_ptbxl).record(7).for_model().copy()
    signal_mv[:2] = 0
    for label, p in zip(LABELS, load_model("imle_net").predict(signal_mv[None])[0], strict=True):
        assert f"<i>{label}</i>" in shown and f"<b>{p:.2f}</b>" in shown
    for before, after, change in re.findall(r">(\d\.\d\d)<.*?<b>(\d\.\d\d)</b>.*?<b>([+−]?\d\.\d\d)</b>", shown):
        assert float(change.replace("−", "-")) == pytest.approx(float(after) - float(before))
    assert not sentences(app)
    linked = dashboard(EXPLAIN, record="7", reveal="yes", silent_leads=["I", "II"])
    assert shown in [html.proto.body for html in linked.get("html")]
    assert next(box for box in linked.expander if box.label == "What if").proto.expanded


def test_the_places_of_a_diagnosis_are_framed_on_the_sheet(dashboard, tiny_ptbxl):
    codes = PtbXl(tiny_ptbxl).catalogue["codes"]
    record, code = next((number, "IMI") for number, own in codes.items() if "IMI" in own)
    app = dashboard(EXPLAIN, record=str(record), reveal="yes")
    app.pills(key="outline").set_value(code).run()
    assert f"framed: where cardiologists look for {code}" in sheets(app)[0]
    table = next(html.proto.body for html in app.get("html") if "beside the guidelines" in html.proto.body)
    assert f"{code} <i>" in table


def test_a_diagnosis_that_nobody_stated_can_be_held_against(dashboard):
    """Where the model says infarction and the report does not, and in an upload, the criteria are wanted most."""
    app = dashboard(EXPLAIN, record="1", reveal="yes")
    assert not any("beside the guidelines" in html.proto.body for html in app.get("html"))
    assert "choose one to hold its criteria" in texts(app)
    app.selectbox(key="against").set_value("LVH").run()
    assert "LVH <i>Left ventricular hypertrophy, not stated</i>" in panel(app) and "met" in panel(app)
    app.pills(key="outline").set_value("LVH").run()
    assert "framed: where cardiologists look for LVH" in sheets(app)[0]
    assert "✓ a lead that the guidelines name" not in texts(app)  # of its diagnoses, and this is none
    linked = dashboard(EXPLAIN, record="1", reveal="yes", against="LVH", outline="LVH")
    assert "framed: where cardiologists look for LVH" in sheets(linked)[0]
    assert app.query_params["against"] == app.query_params["outline"] == "LVH"


def test_places_that_the_record_does_not_have_have_no_share():
    """In complete AV block no P wave is found; `0.00 of the heatmap` there would say that the model looked past it."""
    held = SimpleNamespace(of=lambda label: np.full((12, 1000), 1 / 12_000), average=lambda label: None)
    place, segments = read_guidelines()["3AVB"], np.full(1000, SEGMENTS.index("TP"))
    on_leads, in_places = guideline_panel._shares(place, held, segments)
    assert "<b>0.17</b>" in on_leads and in_places == NONE
    segments[100:110] = SEGMENTS.index("P")
    assert "<b>0.00</b> <i>(0.00)</i>" in guideline_panel._shares(place, held, segments)[1]


def test_a_link_restores_the_frame_on_the_sheet(dashboard, tiny_ptbxl):
    """Who is sent a link to a framed wave would look at a sheet without the frame."""
    codes = PtbXl(tiny_ptbxl).catalogue["codes"]
    record = str(next(number for number, own in codes.items() if "IMI" in own))
    app = dashboard(EXPLAIN, record=record, reveal="yes", outline="IMI")
    assert "framed: where cardiologists look for IMI" in sheets(app)[0] and app.query_params["outline"] == "IMI"
    app.pills(key="outline").set_value(None).run()
    assert "framed" not in sheets(app)[0] and "outline" not in app.query_params
    app = dashboard(EXPLAIN, record=record, reveal="yes", outline="no code")
    assert "framed" not in sheets(app)[0] and "outline" not in app.query_params and not sentences(app)


def test_a_link_restores_its_model_or_says_that_it_cannot(dashboard):
    """A link to one model's opinion that shows another's is taken for the first."""
    app = dashboard(EXPLAIN, record="2", reveal="yes")
    assert app.query_params["model"] == "imle_net" and not sentences(app)
    app = dashboard(EXPLAIN, record="2", reveal="yes", model="imle_net_plus")
    assert "imle_net_plus on OpenVINO" in texts(app) and app.query_params["model"] == "imle_net_plus"
    app.selectbox(key="model").set_value("imle_net").run()
    assert "imle_net on OpenVINO" in texts(app) and app.query_params["model"] == "imle_net"
    app = dashboard(EXPLAIN, record="2", reveal="yes", model="no_such")
    assert sentences(app)[0] == "The link asks for the model no_such, which is not offered here; this is imle_net."
    assert "imle_net on OpenVINO" in texts(app)


def test_a_model_that_was_deleted_is_not_asked_for_by_the_page_itself(dashboard, monkeypatch, tmp_path):
    """The page writes the model into its own link; when that one goes, it must not be told as a link's mistake."""
    own = tmp_path / "mine"
    shutil.copytree(WEIGHTS / "imle_net", own)
    app = dashboard(EXPLAIN, record="2")
    monkeypatch.setenv("IMLE_MODEL", str(own))
    app.button(key="reveal").click().run()
    assert "mine on OpenVINO" in texts(app)
    monkeypatch.delenv("IMLE_MODEL")
    app.run()
    assert not sentences(app) and "imle_net on OpenVINO" in texts(app) and app.query_params["model"] == "imle_net"


def test_nothing_on_the_page_is_of_a_heatmap_that_is_hidden(dashboard):
    """A sentence and bars of occlusion beside an ECG alone, and another's in its report."""
    app = dashboard(EXPLAIN, record="2", reveal="yes", level="occlusion", overlay="off")
    assert "attention is highest on" in texts(app) and "occlusion for" not in texts(app)
    assert not sheets(app) and not any(menu.key == "other" for menu in app.selectbox)


def test_a_link_to_the_next_record_says_that_the_model_is_revealed(dashboard):
    """Its receiver would be shown another page than its sender."""
    app = dashboard(EXPLAIN, record="2", reveal="yes")
    app.switch_page(RECORDS).run()
    app.query_params = {}
    app.switch_page(EXPLAIN).run()
    assert len(app.get("plotly_chart")) == 3 and app.query_params["reveal"] == "yes"


def test_the_label_chosen_outlives_a_visit_to_another_page(dashboard):
    """The next record's heatmap would be another label's than the one that is being looked for."""
    app = dashboard(EXPLAIN, record="2", reveal="no", label="STTC", level="occlusion_waves", opacity="30")
    app.switch_page(RECORDS).run()
    app.query_params = {}
    app.switch_page(EXPLAIN).run()
    app.button(key="reveal").click().run()
    assert "occlusion of waves for STTC, share" in sheets(app)[0]
    assert app.selectbox(key="opacity").value == "30"


def test_median_beats_have_no_controls_of_the_sheets_paper(dashboard):
    """A menu that says 25 mm/s over paper at 50 mm/s is a wrong scale."""
    app = dashboard(EXPLAIN, record="2", layout="median", speed="25", gain="20", filter="40hz")
    assert [menu.key for menu in app.main.selectbox] == ["layout"] and not app.get("button_group")
    app.selectbox(key="layout").set_value("3x4").run()
    assert app.selectbox(key="gain").value == "20" and app.get("button_group")[0].value == ["40hz"]


def test_previous_and_next_walk_through_the_filtered_list(dashboard):
    app = dashboard(superclass="HYP")
    numbers = listed(app)
    app.switch_page(EXPLAIN).run()
    assert app.number_input(key="record_box").value == numbers[0]
    previous, following = (
        next(button for button in app.button if button.label == name) for name in ("Previous", "Next")
    )
    assert previous.disabled
    following.click().run()
    assert app.number_input(key="record_box").value == numbers[1]


def test_a_typed_number_opens_that_record(dashboard):
    app = dashboard(EXPLAIN, record="1")
    app.number_input(key="record_box").set_value(13).run()
    assert app.query_params["record"] == "13" and not sentences(app)


def test_a_deep_link_restores_record_level_overlay_and_layout(dashboard):
    asked = {"layout": "12x1", "speed": "50", "gain": "10/5", "overlay": "trace", "level": "rhythm", "opacity": "45"}
    app = dashboard(EXPLAIN, record="7", reveal="yes", filter="mains60,40hz", **asked)
    assert {menu.key: menu.value for menu in app.main.selectbox} == asked | {"other": "none", "against": None}
    assert app.get("button_group")[0].value == ["mains60", "40hz"]
    assert app.number_input(key="record_box").value == 7
    assert "10 mm/mV (chest 5 mm/mV)" in str(app.get("plotly_chart")[0].proto)
    assert not sentences(app)


def test_the_mains_filter_pressed_last_takes_the_place_of_the_other(dashboard):
    """No mains has two frequencies, and a notch that is not needed takes its part of the QRS complex."""
    app = dashboard(EXPLAIN, record="2", filter="mains,baseline")
    app.get("button_group")[0].set_value(["mains", "baseline", "mains60"]).run()
    assert app.get("button_group")[0].value == ["baseline", "mains60"]
    assert app.query_params["filter"] == "baseline,mains60"
    assert "filter from 0.5 Hz, mains 60 Hz," in str(app.get("plotly_chart")[0].proto)


def test_the_sheet_shows_first_and_the_opinions_after_reveal_which_is_remembered(dashboard):
    """Who reads an ECG with the answer in sight reads the answer."""
    app = dashboard(EXPLAIN, record="2")
    assert len(app.get("plotly_chart")) == 1
    assert "share of the record's maximum" not in app.get("plotly_chart")[0].proto.spec
    assert "IMI" not in texts(app) and "attention" not in texts(app)
    app.button(key="reveal").click().run()
    assert len(app.get("plotly_chart")) == 3 and "inferior myocardial infarction" in texts(app)
    next(button for button in app.button if button.label == "Next").click().run()
    assert app.number_input(key="record_box").value == 3 and len(app.get("plotly_chart")) == 3


def test_the_measurements_stand_under_the_sheet_with_reasons_for_what_is_missing(dashboard):
    line = measured(dashboard(EXPLAIN, record="2"))
    for title in ("HR", "PR", "QRS", "QT", "QTc B", "QTc F", "axis"):
        assert title in line
    assert all("<i>" in shown for shown in line.split("<span>") if "n/a" in shown)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_draws_its_own_heatmap(dashboard, level):
    app = dashboard(EXPLAIN, record="7", reveal="yes", level=level)
    sheet = app.get("plotly_chart")[0].proto.spec
    assert f"{level} attention, share of the record" in sheet


def test_the_page_names_what_answered_and_whom_the_attention_belongs_to(dashboard):
    text = texts(dashboard(EXPLAIN, record="7", reveal="yes"))
    assert "imle_net on OpenVINO" in text
    assert "attention of this network is shared by all labels" in text
    assert "Research use only" in text


def test_likelihood_and_description_stand_beside_each_statement(dashboard):
    text = texts(dashboard(EXPLAIN, record="2", reveal="yes"))
    assert "**IMI** inferior myocardial infarction :gray[80 %]" in text
    assert "**SR** sinus rhythm :gray[likelihood not given]" in text


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("999", "PTB-XL has no record 999; type another number above."),
        ("abc", "The link asks for record “abc”, which is not a record's number; type one above."),
        ("1" * 5000, f"The link asks for record “{'1' * 12}”, which is not a record's number; type one above."),
        ("-3", "The link asks for record “-3”, which is not a record's number; type one above."),
    ],
)
def test_a_bad_record_in_the_link_gets_one_sentence_and_the_page_goes_on(dashboard, asked, sentence):
    app = dashboard(EXPLAIN, record=asked)
    assert sentences(app) == [sentence]
    app.number_input(key="record_box").set_value(1).run()
    assert not sentences(app)


def test_a_record_with_a_flat_lead_gets_one_sentence_and_keeps_its_report(dashboard, tmp_path):
    write_tiny_ptbxl(tmp_path, ids=(1, 2, 3))
    flat_mv = made_up_ecg(seed=2, fs_hz=500)
    flat_mv[3] = 0
    for folder, fs_hz in (("records500/00000/00002_hr", 500), ("records100/00000/00002_lr", 100)):
        write_record(tmp_path / folder, flat_mv[:, :: 500 // fs_hz], fs_hz)
    app = dashboard(EXPLAIN, tmp_path, record="2")
    assert len(sentences(app)) == 1
    assert sentences(app)[0].startswith("Record 2 cannot be shown: lead aVR has no signal (a flat line)")
    assert "inferior myocardial infarction" in texts(app)
    assert app.number_input(key="record_box").value == 2


def test_a_damaged_500_hz_file_falls_back_to_100_hz(tmp_path, monkeypatch):
    write_tiny_ptbxl(tmp_path, ids=(1,))
    next(tmp_path.glob("records500/*/00001_hr.dat")).unlink()
    monkeypatch.setenv("IMLE_DATA_DIR", str(tmp_path))
    assert state.ecg_for_the_eye(1).fs_hz == 100


def test_records_at_500_hz_show_as_soon_as_they_arrive(tiny_ptbxl, own_ptbxl, monkeypatch):
    """The catalogue stays as it was: the table, its filter and the sheet told of none until the server was restarted."""
    monkeypatch.setenv("IMLE_DATA_DIR", str(own_ptbxl))
    assert set(state.cohort().table["500 Hz"]) == {"no"}
    shutil.copytree(tiny_ptbxl / "records500", own_ptbxl / "records500")
    assert set(state.cohort().table["500 Hz"]) == {"yes"}
    next(own_ptbxl.glob("records500/*/*.hea")).unlink()
    assert state.cohort().table["500 Hz"].value_counts()["no"] == 1


def test_an_uploaded_ecg_is_explained_anew_by_a_model_that_was_trained_anew(monkeypatch, tmp_path):
    """Its answers, and its thresholds, would stay those of the weights that lay in the folder before."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS / "imle_net", folder)
    monkeypatch.setenv("IMLE_MODEL", str(folder))
    monkeypatch.setattr(state, "predictor", lambda: read_card(folder))
    monkeypatch.setattr(state, "explain", lambda card, ecg: card.commit)
    ecg = object()  # whatever was read
    before = state.upload_explanation(ecg)
    write_card(folder, replace(read_card(folder), commit="another"))
    assert before != "another"
    assert state.upload_explanation(ecg) == "another"


def test_without_weights_the_ecg_stays_and_one_sentence_says_what_is_missing(dashboard, monkeypatch, tmp_path):
    monkeypatch.setenv("IMLE_MODEL", str(tmp_path / "no_such_model"))
    app = dashboard()
    app.switch_page(EXPLAIN).run()
    assert not sentences(app)
    app.button(key="reveal").click().run()
    assert len(sentences(app)) == 1 and sentences(app)[0].startswith("There is no model")
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_data_every_page_says_so_in_one_sentence(dashboard, tmp_path, page):
    app = dashboard(page, tmp_path)
    assert len(sentences(app)) == 1 and "imle download" in sentences(app)[0]


@pytest.mark.parametrize("page", PAGES)
def test_simulated_data_is_marked_on_every_page(dashboard, tmp_path, page):
    write_tiny_ptbxl(tmp_path, ids=(1, 2))
    (tmp_path / "dataset.json").write_text('{"title": "Made up", "simulated": true}')
    assert "Simulated ECGs, not patients" in texts(dashboard(page, tmp_path))


def test_filters_survive_a_visit_to_the_explain_page(dashboard):
    app = dashboard(superclass="HYP")
    before = listed(app)
    app.switch_page(EXPLAIN).run()
    app.query_params = {}
    app.switch_page(RECORDS).run()
    assert listed(app) == before


def test_a_record_outside_the_list_has_the_neighbours_it_would_have():
    assert place_of(5, [3, 7]) == Place(previous=3, next=7, position=None)
    assert place_of(7, [3, 7]) == Place(previous=3, next=None, position=2)


def test_patient_line_leaves_out_what_is_unknown(tiny_ptbxl):
    row = open_cohort(tiny_ptbxl).data.catalogue.loc[2].copy()
    assert patient_text(row) == "M 90+ · 1990 · fold 2"
    row["age"] = float("nan")
    assert patient_text(row) == "M · 1990 · fold 2"


def test_data_set_is_the_one_asked_for_else_ptbxl_else_the_demo(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMLE_DATA_DIR", raising=False)
    assert state.data_root() == state.DEMO_COHORT
    (tmp_path / "data" / "ptbxl").mkdir(parents=True)
    assert state.data_root() == Path("data/ptbxl")
    monkeypatch.setenv("IMLE_DATA_DIR", "elsewhere")
    assert state.data_root() == Path("elsewhere")
