"""Finding records, run by Streamlit's AppTest: search, filters, named cohorts, the model's answers, thousands of rows."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import with_reports, write_long_ptbxl, write_tiny_ptbxl
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.cohort import Filters
from dashboard.named_cohorts import cohorts_file, named_cohorts
from dashboard.widgets.records_table import PAGE_ROWS
from imle.assets import WEIGHTS
from imle.evaluation.cohort_predictions import RESULT, predict_cohort, read_predictions
from imle.evaluation.disagreement import disagreement
from imle.evaluation.predict_in_background import standing
from imle.inference import load_model
from imle.labels import LABELS
from imle.model_folder import CARD_FILE
from imle.ptbxl import PtbXl
from imle.ptbxl.catalogue import DATABASE

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
TIMEOUT_S = 120
N_PTBXL = 21_799
REPORTS = {
    1: "sinusrhythmus normales ekg",
    2: "vorhofflimmern inferiorer INFARKT, ischÄmie",
    3: "Ueberdrehter linkstyp, kein infarkt",
    6: "alter infarkt moeglich",
}


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """24 records, four of which have a report of their own."""
    root = tmp_path_factory.mktemp("reported")
    write_tiny_ptbxl(root)
    with_reports(root, REPORTS, otherwise="sinusrhythmus").to_csv(root / DATABASE)
    return root


@pytest.fixture(scope="module")
def as_long_as_ptbxl(tmp_path_factory, tiny_ptbxl):
    root = tmp_path_factory.mktemp("long_ptbxl")
    write_long_ptbxl(root, tiny_ptbxl, N_PTBXL)
    return root


@pytest.fixture
def session(reported, monkeypatch):
    """Opens the records page in a browser session of its own, with its query as keywords."""
    monkeypatch.delenv("IMLE_MODEL", raising=False)

    def open_page(root: Path = reported, **query) -> AppTest:
        monkeypatch.setenv("IMLE_DATA_DIR", str(root))
        app = AppTest.from_file(APP, default_timeout=TIMEOUT_S)
        app.query_params = query
        return app.run()

    return open_page


@pytest.fixture(scope="module")
def answers_folder(reported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    predict_cohort(load_model("imle_net"), PtbXl(reported), folder)
    return folder


@pytest.fixture
def answered(answers_folder, session):
    """The model's real answers for every record, put where the page looks for them."""
    session()
    shutil.copytree(answers_folder, state.predictions_folder())
    return read_predictions(answers_folder)


def sentences(app: AppTest) -> list[str]:
    assert not app.exception
    return [warning.value.replace("\\", "") for warning in app.warning]


def listed(app: AppTest) -> list[int]:
    return app.dataframe[0].value["Record"].tolist()


def counted(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "records" in text.value and "**" in text.value)


def widget(app: AppTest, key: str):
    kinds = (app.text_input, app.pills, app.multiselect, app.slider, app.selectbox, app.toggle, app.pagination)
    return next(found for kind in kinds for found in kind if found.key == key)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def save(app: AppTest, name: str) -> AppTest:
    widget(app, "cohort_name").set_value(name)
    return press(app, "Save")


def offered(app: AppTest) -> list[str]:
    """The cohorts in the list; there is no list while there are none."""
    return [name for box in app.selectbox if box.key == "cohort" for name in box.options]


@pytest.mark.parametrize(
    ("words", "records"),
    [("INFARKT", [2, 3, 6]), ("infarkt kein", [3]), ("ischämie", [2]), ("ISCHAEMIE", [2]), ("überdreht", [3])],
)
def test_words_of_the_german_report_find_their_records_with_the_statements_beside_them(session, words, records):
    app = session()
    widget(app, "report").set_value(words).run()
    assert listed(app) == records and f"**{len(records)}** of 24" in counted(app)
    table = app.dataframe[0].value.set_index("Record")
    assert (table["Report"] == [" ".join(REPORTS[record].split()) for record in records]).all()
    assert all(text.split(" ")[1].islower() for text in table["Statements"])  # code, then English


def test_filters_combine_and_each_narrows_what_the_others_leave(session):
    app = session()
    narrowed = []
    for key, value in [("report", "infarkt"), ("superclass", ["MI", "CD"]), ("sex", "M"), ("validated", "yes")]:
        widget(app, key).set_value(value).run()
        narrowed.append(listed(app))
    assert narrowed == [[2, 3, 6], [2, 6], [2, 6], [2]]
    widget(app, "age").set_value((0, 89)).run()
    assert sentences(app) == ["No record passes all of these filters; take one away, or reset them."]
    assert len(listed(press(app, "Reset filters"))) == 24


def test_a_link_restores_every_filter_and_the_order(session, answered):
    app = session(
        report="infarkt", superclass=["MI", "HYP"], scp=["IMI", "LVH"], sex="M", age=["40", "90"], fold=["2", "3"],
        validated="yes", hz500="yes", model_label="MI", probability=["0.0", "0.99"], sort="Report", reverse="true",
    )  # fmt: skip
    # A cell has a widget only where the compare page asked for one.
    drawn = {*state.FILTER_KEYS, *state.ORDER_KEYS} - {"cell"}
    assert {key: widget(app, key).value for key in drawn} == {
        "report": "infarkt", "superclass": ["MI", "HYP"], "scp": ["IMI", "LVH"], "sex": "M", "age": (40, 90), "fold": [2, 3],
        "validated": "yes", "hz500": "yes", "model_label": "MI", "probability": (0.0, 0.99), "sort": "Report", "reverse": True,
    }  # fmt: skip
    assert "**1** of 24" in counted(app) and listed(app) == [2]


def test_a_saved_cohort_is_there_in_a_new_session_and_gone_from_the_next_after_it_was_deleted(session):
    saved = Filters(report="infarkt", superclass=("MI", "CD"), age=(0, 89))
    first = session(report="infarkt", superclass=["MI", "CD"], age=["0", "89"])
    wanted = listed(first)
    assert wanted == [6] and offered(first) == []
    save(first, "  Old infarction ")
    assert offered(first) == ["Old infarction"] and widget(first, "cohort").value == "Old infarction"

    second = session()
    assert len(listed(second)) == 24 and offered(second) == ["Old infarction"]
    widget(second, "cohort").set_value("Old infarction").run()
    assert listed(second) == wanted and named_cohorts() == {"Old infarction": saved}
    linked = session(cohort="Old infarction")
    assert listed(linked) == wanted and widget(linked, "report").value == "infarkt"

    press(second, "Delete")
    assert offered(second) == [] and listed(second) == wanted  # the filters stay
    assert offered(session()) == [] and named_cohorts() == {}


def test_a_changed_filter_is_no_longer_the_cohort_until_it_replaces_it(session):
    """A list named 'Old infarction' that holds something else would be reported as such."""
    app = save(session(report="infarkt"), "Old infarction")
    widget(app, "sex").set_value("M").run()
    assert widget(app, "cohort").value is None
    press(app, "Replace by these filters")
    assert widget(app, "cohort").value == "Old infarction"
    assert named_cohorts() == {"Old infarction": Filters(report="infarkt", sex="M")}
    widget(app, "other_cohort_name").set_value("Men")
    press(app, "Rename")
    assert offered(session()) == ["Men"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("   ", "The cohort has no name; give it one"),
        ("old INFARCTION", "There is a cohort “Old infarction” already"),
        ("two\u2028lines", "The cohort's name has letters that cannot be printed"),
    ],
)
def test_a_bad_name_gets_one_sentence_and_saves_nothing(session, name, sentence):
    app = save(session(report="infarkt"), "Old infarction")
    widget(app, "report").set_value("kein").run()
    save(app, name)
    assert len(sentences(app)) == 1 and sentences(app)[0].startswith(sentence)
    assert list(named_cohorts()) == ["Old infarction"]


@pytest.mark.parametrize("content", ["{", "[]", '{"cohorts": {"a": {"sex": "X"}}}', '{"cohorts": {"a": {"new": 1}}}'])
def test_a_damaged_file_of_cohorts_gets_one_sentence_and_is_never_written_over(session, content):
    cohorts_file().parent.mkdir(parents=True)
    cohorts_file().write_text(content)
    app = session()
    assert len(sentences(app)) == 1 and "the file was left as it is" in sentences(app)[0]
    assert len(listed(app)) == 24 and cohorts_file().read_text() == content


def test_a_link_to_a_cohort_that_is_not_there_says_so(session):
    assert sentences(session(cohort="Gone")) == ["There is no cohort “Gone” here; choose one of the list."]


def test_sorted_by_each_probability_the_surest_come_first(session, answered):
    app = session()
    for label in LABELS:
        widget(app, "sort").set_value(f"{label} probability").run()
        wanted = answered[label].sort_values(ascending=False, kind="stable")
        assert listed(app) == wanted.index.tolist()
        np.testing.assert_array_equal(app.dataframe[0].value[f"{label} probability"], wanted.to_numpy())
    widget(app, "reverse").set_value(True).run()
    assert listed(app) == answered[LABELS[-1]].sort_values(kind="stable").index.tolist()


def test_sorted_by_disagreement_the_plainest_contradiction_comes_first_within_the_filters(session, answered, reported):
    data = PtbXl(reported)
    apart = pd.Series(disagreement(answered.to_numpy(), data.labels)[0], data.catalogue.index)
    app = session(sort="Disagreement")
    shown = apart[listed(app)]
    assert shown.iloc[0] == apart.max() and shown.dropna().is_monotonic_decreasing
    assert shown.isna().to_numpy().nonzero()[0].tolist() == list(range(20, 24))  # rhythm alone cannot be contradicted
    widget(app, "superclass").set_value(["MI"]).run()
    mi = data.catalogue.index[data.labels[:, LABELS.index("MI")] > 0]
    assert set(listed(app)) == set(mi) and apart[listed(app)].is_monotonic_decreasing


def test_the_probability_filter_keeps_what_the_table_shows(session, answered):
    app = session(model_label="NORM", probability=["0.5", "1.0"])
    assert listed(app) == answered.index[answered["NORM"].round(2) >= 0.5].tolist()


@pytest.mark.parametrize(
    "query",
    [{"sort": "MI probability"}, {"sort": "Disagreement"}, {"model_label": "MI", "probability": ["0.5", "1.0"]}],
)
def test_before_the_model_was_asked_the_page_says_so_and_lists_all(session, query):
    app = session(**query)
    assert len(sentences(app)) == 1 and "press Predict all records" in sentences(app)[0]
    assert listed(app) == sorted(listed(app)) and len(listed(app)) == 24


def test_predict_all_works_in_the_background_once_and_a_changed_model_is_asked_again(session, monkeypatch, tmp_path):
    """Press, wait, sort; another session finds the same answers; another model finds none."""
    monkeypatch.setattr("imle.background.NICENESS", 0)  # the test waits for it
    model = tmp_path / "model"
    shutil.copytree(WEIGHTS / "imle_net", model)
    monkeypatch.setenv("IMLE_MODEL", str(model))
    app = session()
    press(app, "Predict all records")
    folder = state.predictions_folder()
    deadline = time.monotonic() + TIMEOUT_S
    while standing(folder).running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked = (folder / RESULT).stat().st_mtime_ns
    for again in (app.run(), session()):
        assert not sentences(again) and "MI probability" in again.dataframe[0].value
        assert "Predict all records" not in [button.label for button in again.button]
    assert (folder / RESULT).stat().st_mtime_ns == asked and read_predictions(folder).notna().all(axis=None)

    card = json.loads((model / CARD_FILE).read_text())
    (model / CARD_FILE).write_text(json.dumps(card | {"mean_mv": card["mean_mv"] + 0.01}))
    app.run()
    assert "MI probability" not in app.dataframe[0].value
    assert "Predict all records" in [button.label for button in app.button]


def test_a_run_that_ended_says_where_it_stopped_and_offers_to_go_on(session):
    session()
    folder = state.predictions_folder()
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text('{"what": "predicting", "done": 16, "total": 24}')
    (folder / "log").write_text("... predicting: 16 of 24\n")
    app = session()
    assert sentences(app) == [
        "Predicting all records stopped at 16 of 24 records (the process was ended from outside); "
        "press Predict all records, and it goes on from there."
    ]
    assert "Predict all records" in [button.label for button in app.button]


def test_of_a_list_as_long_as_ptbxl_one_page_is_sent(session, as_long_as_ptbxl):
    """All of PTB-XL's rows are 5 MB, at each filter and each order anew."""
    app = session(as_long_as_ptbxl)
    assert f"**{N_PTBXL:,}** of {N_PTBXL:,} records" in counted(app)
    assert listed(app) == list(range(1, PAGE_ROWS + 1))
    assert len(app.dataframe[0].proto.arrow_data.data) < 200_000
    pages = app.pagination[0]
    pages.set_value(2).run()
    assert listed(app) == list(range(PAGE_ROWS + 1, 2 * PAGE_ROWS + 1))
    app.pagination[0].set_value(44).run()
    assert listed(app) == list(range(43 * PAGE_ROWS + 1, N_PTBXL + 1))


def test_another_page_neither_searches_nor_sorts_again(session, as_long_as_ptbxl, monkeypatch):
    calls = []
    matching = state.matching
    monkeypatch.setattr(state, "matching", lambda *args: calls.append(args) or matching(*args))
    app = session(as_long_as_ptbxl, report="nr", sort="Report")
    assert len(calls) == 1
    app.pagination[0].set_value(7).run()
    app.pagination[0].set_value(3).run()
    assert len(calls) == 1


def test_another_filter_or_order_starts_on_the_first_page_and_a_link_names_its_page(session, as_long_as_ptbxl):
    app = session(as_long_as_ptbxl, page="3")
    assert listed(app)[0] == 2 * PAGE_ROWS + 1
    widget(app, "reverse").set_value(True).run()
    assert listed(app)[0] == N_PTBXL and app.pagination[0].value == 1
    app.pagination[0].set_value(5).run()
    widget(app, "superclass").set_value(["HYP"]).run()
    assert app.pagination[0].value == 1 and len(listed(app)) == PAGE_ROWS
    assert listed(session(as_long_as_ptbxl, page="99"))[0] == 1
    assert not session(as_long_as_ptbxl, report="nr 77.", page="3").pagination


def test_a_row_of_a_later_page_opens_its_own_record_and_next_goes_on_past_the_page(session, as_long_as_ptbxl):
    app = session(as_long_as_ptbxl, page="2")
    app.session_state[app.dataframe[0].key] = {
        "selection": {"rows": [], "columns": [], "cells": [(PAGE_ROWS - 1, "Report")]}
    }
    app.run()
    assert app.number_input(key="record_box").value == 2 * PAGE_ROWS
    press(app, "Next")
    assert app.number_input(key="record_box").value == 2 * PAGE_ROWS + 1
    app.query_params = {}
    app.switch_page("../pages/records.py").run()
    assert app.pagination[0].value == 2
