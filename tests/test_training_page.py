"""The training page, run by Streamlit's AppTest on the demo cohort; no run here is more than its folder."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.util import build_mock_config_get_option

from dashboard import training_actions as actions
from dashboard import training_form as form
from dashboard.words import duration, megabytes
from imle import jobs, serving
from imle.assets import DEMO_COHORT, WEIGHTS
from imle.jobs import Order, State, checks, pace
from imle.jobs.folder import JobFolder, new_folder
from imle.jobs.job import Beat
from imle.model_folder import read_card
from imle.models import names
from imle.training.recipe import recipe_for, recipes

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
TRAINING = "../pages/training.py"
ORDER = Order(
    "mousavi", str(DEMO_COHORT), settings={"epochs": 3, "seed": 7, "ema_decay": 0.9}, options={"lstm_units": 64}
)
FIGURE = {"value": 0.9, "low": 0.88, "high": 0.92}


@pytest.fixture
def page(monkeypatch):
    """Opens the page; `address` is where the server would listen."""
    monkeypatch.delenv("IMLE_MODEL", raising=False)
    monkeypatch.setenv("IMLE_DATA_DIR", str(DEMO_COHORT))

    def open_page(address: str = "127.0.0.1", **query) -> AppTest:
        monkeypatch.setattr(config, "get_option", build_mock_config_get_option({"server.address": address}))
        app = AppTest.from_file(APP, default_timeout=120)
        app.run().switch_page(TRAINING)
        app.query_params = query
        return app.run()

    return open_page


def sentences(app: AppTest) -> list[str]:
    assert not app.exception
    return [warning.value.replace("\\", "") for warning in app.warning]


def texts(app: AppTest) -> str:
    return "\n".join(element.value.replace("\\", "") for element in app.markdown)


def buttons(app: AppTest) -> dict[str, bool]:
    """Whether each button can be pressed, by what stands on it."""
    return {button.label: not button.disabled for button in app.button}


def made_up_run(state: State, model: str | None = None, order: Order = ORDER) -> JobFolder:
    """A run without a process that ended in `state`, with two epochs and, where named, a shipped model's files."""
    folder = new_folder(order, "ann@lab.org")
    rows = [{"epoch": n, "loss": 0.5 / n, "fold9_macro_auc": 0.8 + 0.01 * n} for n in (1, 2)]
    (folder.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = [{"epoch": n / 4, "loss": 1 / n, "records_per_s": 9} for n in range(1, 9)]
    (folder.path / "steps.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    for path in (WEIGHTS / model).iterdir() if model else ():
        (folder.path / path.name).write_bytes(path.read_bytes())
    if state is State.FINISHED:
        metrics = dict.fromkeys(("macro_auc", "mean_accuracy", "macro_f1"), FIGURE)
        folder.report_path(9).write_text(json.dumps({"records": 6, "fold": 9, "metrics": metrics}))
    folder.say(Beat("training", time.time(), 0, "here", 2, 3, 4, 4))
    folder.end(state, "" if state is State.FINISHED else "the reason")
    return folder


@pytest.mark.parametrize("network", names())
def test_the_form_begins_with_the_recipe_of_the_network(page, network):
    """A field left at another network's value trains with a rate that suits neither."""
    app = page()
    app.selectbox("train_network").set_value(network).run()
    recipe = recipe_for(network)
    shown = {name: form_value(app, name) for name in form.SETTINGS}
    assert shown == {name: getattr(recipe, name) for name in form.SETTINGS}
    assert buttons(app)["Start"]
    assert sentences(app) == []


def form_value(app: AppTest, name: str):
    return (app.selectbox if name == "precision" else app.number_input)(f"train_{name}").value


def test_what_cannot_work_is_said_and_cannot_be_started(page):
    """Each in one sentence before anything is started, and nothing typed is lost."""
    app = page()
    app.text_area("train_more").set_value("epoch = 3").run()
    assert any("did you mean 'epochs'" in sentence for sentence in sentences(app))
    assert not buttons(app)["Start"]
    app.text_area("train_more").set_value("epochs = 3").run()
    assert any("pochs has a field of its own" in sentence for sentence in sentences(app))
    app.text_area("train_more").set_value("weight_decay = 0.1\noption.no_such = 1").run()
    assert buttons(app)["Start"]


@pytest.mark.parametrize("field", ["data_dir", "start"])
def test_a_path_that_cannot_be_looked_at_is_said(page, field):
    """A name that is too long, as of a text pasted into the wrong field, once ended the page in a traceback."""
    app = page()
    app.session_state[form.TO_CLONE] = replace(ORDER, **{field: "/" + "x" * 300})
    app.run()
    (sentence,) = sentences(app)
    assert "cannot be read (File name too long)" in sentence
    assert not buttons(app)["Start"]


def test_a_shipped_model_can_be_started_from(page):
    """The form offers them by name, and the name alone was once taken for a folder that is not there."""
    app = page()
    app.selectbox("train_start").set_value("imle_net").run()
    assert sentences(app) == [] and buttons(app)["Start"]
    assert read_card(form_order(app).start).network == "imle_net"


def form_order(app: AppTest) -> Order:
    """What Start would submit."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "start", asked.append)
        app.run()
        app.button("train_start_button").click().run()
    return asked[0]


def test_no_data_is_said_before_the_start(page, tmp_path, monkeypatch):
    """The commonest reason of all, on a machine where nothing was downloaded yet."""
    monkeypatch.setattr("dashboard.training_form.state.data_root", lambda: tmp_path)
    app = page()
    assert any("ptbxl_database.csv" in sentence for sentence in sentences(app))
    assert not buttons(app)["Start"]


def test_no_memory_is_said_before_the_start(page, monkeypatch):
    """A machine that begins to swap takes every page down with it."""
    monkeypatch.setattr(checks, "available_mb", lambda: 100.0)
    app = page()
    assert any("MB of memory, and 100 MB are free" in sentence for sentence in sentences(app))
    assert not buttons(app)["Start"]


def test_the_estimate_is_of_what_the_form_says(page, monkeypatch):
    """An estimate of other settings sends somebody home for the wrong night."""
    monkeypatch.setattr(checks, "known_pace", lambda order: pace.Pace(10.0, 100.0, 5.0, 1000.0, 1_000_000))
    monkeypatch.setattr(pace, "known_pace", lambda order: pace.Pace(10.0, 100.0, 5.0, 1000.0, 1_000_000))
    app = page()
    app.number_input("train_epochs").set_value(20).run()
    expected = 5 + 20 * (48 / 10 + 6 / 100) + pace.SCORING_S
    assert f"About {duration(expected)} on this machine (10 records/s" in texts(app)


def test_start_submits_what_the_form_says(page, monkeypatch):
    """The order must be the form's, with only what differs from the recipe."""
    asked = []

    def submit(order, owner):
        asked.append((order, owner))
        return jobs.find(made_up_run(State.FAILED).id)

    monkeypatch.setattr(jobs, "submit", submit)
    app = page()
    app.selectbox("train_network").set_value("ecgnet").run()
    app.number_input("train_epochs").set_value(2)
    app.text_area("train_more").set_value("ema_decay = 0.99\noption.lstm_units = 16").run()
    app.button("train_start_button").click().run()
    assert sentences(app) == ["The reason."]
    ((order, owner),) = asked
    assert owner == ""
    assert (order.network, order.data_dir) == ("ecgnet", str(DEMO_COHORT))
    assert (order.settings, order.options) == ({"epochs": 2, "ema_decay": 0.99}, {"lstm_units": 16})


def test_each_state_offers_what_can_be_done(page):
    """A button that cannot work, or one that is missing, leaves a run where it is."""
    made_up_run(State.STOPPED)
    assert {"Resume", "Clone", "Delete it"} <= set(buttons(page()))
    made_up_run(State.FINISHED, "imle_net_plus")
    offered = buttons(page(run="mousavi-2"))
    assert {"Use on every page", "Read fold 10", "Clone", "Delete it"} <= set(offered)
    assert not {"Stop", "Resume"} & set(offered)
    assert "macro ROC-AUC 0.9000 (0.8800 to 0.9200)" in texts(page(run="mousavi-2"))


def test_a_run_is_put_to_use_and_taken_back(page):
    """What serves must be said on this page, and there must be a way back."""
    folder = made_up_run(State.FINISHED, "imle_net_plus")
    app = page()
    app.button("run_use").click().run()
    assert serving.served() == folder.path
    assert "in use: mousavi-1" in texts(app)
    assert app.selectbox("model").value == str(folder.path)
    app.button("run_delete").click().run()
    assert any("serves on every page; go back" in sentence for sentence in sentences(app))
    assert folder.path.is_dir()
    app.button("run_go_back").click().run()
    assert serving.served() is None
    assert app.selectbox("model").value == "imle_net"


def test_clone_fills_the_form(page):
    """Whoever repeats a run with one change must not have to copy the rest by hand."""
    made_up_run(State.FINISHED)
    app = page()
    app.button("run_clone").click().run()
    assert app.selectbox("train_network").value == "mousavi"
    assert (form_value(app, "epochs"), form_value(app, "seed")) == (3, 7)
    assert app.text_area("train_more").value == "ema_decay = 0.9\noption.lstm_units = 64"
    app.text_area("train_more").set_value(app.text_area("train_more").value).run()
    assert sentences(app) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 2000, "batch_size": 5000, "learning_rate": 5e-7, "seed": 2**32 - 1},
        {"learning_rate": 2.0},
        {"learning_rate": 1},
    ],
)
def test_clone_keeps_every_setting_that_a_recipe_can_have(page, settings):
    """A field sets what lies beyond its bounds to its least, without a word: 2,000 epochs became one, and Start trained that."""
    made_up_run(State.FINISHED, order=replace(ORDER, settings=settings))
    app = page()
    app.button("run_clone").click().run()
    assert {name: form_value(app, name) for name in settings} == settings
    assert sentences(app) == []
    assert form_order(app).settings == settings


def test_a_learning_rate_of_nothing_is_refused(page):
    """The field takes 0, since it would make any other least of what lies below that."""
    app = page()
    app.number_input("train_learning_rate").set_value(0.0).run()
    assert sentences(app) == ["Learning_rate is 0.0; more than 0 is needed."]
    assert not buttons(app)["Start"]


def test_a_run_keeps_the_recipe_that_it_was_started_with(page, monkeypatch):
    """A recipe that is changed later would be shown for what old figures were reached with, and cloned as theirs."""
    monkeypatch.setattr("imle.jobs.runner._start", lambda folder: folder.end(State.STOPPED, "never begun"))
    before = recipe_for("mousavi")
    jobs.submit(replace(ORDER, settings={"seed": 7}))
    changed = recipes()
    changed["mousavi"] |= {"epochs": 77, "batch_size": 7, "weight_decay": 0.7}
    monkeypatch.setattr("imle.training.recipe.recipes", lambda: changed)
    app = page()
    row = app.dataframe[0].value.iloc[0]
    assert (row["Epochs"], row["Batch"], row["Seed"]) == (f"0 of {before.epochs}", before.batch_size, 7)
    app.button("run_clone").click().run()
    assert (form_value(app, "epochs"), form_value(app, "batch_size")) == (before.epochs, before.batch_size)
    assert app.text_area("train_more").value == f"weight_decay = {before.weight_decay}\noption.lstm_units = 64"
    assert form_order(app).recipe() == replace(before, seed=7)


def test_a_run_whose_settings_no_recipe_can_have_is_listed_and_not_cloned(page):
    """An old run, from before a setting was renamed or bounded, would otherwise take the whole page with it."""
    made_up_run(State.FAILED, order=replace(ORDER, settings={"epochs": 5, "seed": -1}))
    app = page()
    row = app.dataframe[0].value.iloc[0]
    assert (row["Epochs"], row["Seed"]) == ("2 of 5", -1)
    app.button("run_clone").click().run()
    assert sentences(app)[0] == "Seed is -1; at least 0 is needed."
    assert form_value(app, "seed") == 0


def test_all_runs_stand_in_the_table(page):
    """Without what was trained with what, a figure cannot be compared with another."""
    made_up_run(State.STOPPED)
    made_up_run(State.FINISHED)
    table = page().dataframe[0].value
    assert table["Run"].tolist() == ["mousavi-2", "mousavi-1"]
    assert table["State"].tolist() == ["finished", "stopped"]
    assert table["Fold 9 ROC-AUC"].tolist() == pytest.approx([0.82, 0.82])
    assert table["Epochs"].tolist() == ["2 of 3", "2 of 3"]
    assert table["By"].tolist() == ["ann@lab.org"] * 2


@pytest.mark.parametrize(("gone", "told"), [("steps", []), ("log", ["There is no run."])])
def test_a_run_that_is_deleted_while_it_is_watched_breaks_no_page(page, monkeypatch, gone, told):
    """Another session's Delete gave an error box every two seconds; of a run beside, only its curve should go."""
    watched, beside = (made_up_run(State.STOPPED).id for _ in range(2))
    whole = getattr(jobs, gone)

    def deleted(job_id, *words):
        if job_id == beside or gone == "log":
            raise jobs.JobRefused("there is no run")
        return whole(job_id, *words)

    monkeypatch.setattr(jobs, gone, deleted)
    app = page(run=watched, beside_runs=[beside])
    assert app.multiselect("beside_runs").value == [beside]
    assert sentences(app) == told


ACTIONS = {
    "start": (actions.start, lambda folder: ORDER),
    "stop": (actions.stop, lambda folder: folder.id),
    "resume": (actions.resume, lambda folder: folder.id),
    "read_test_fold": (actions.read_test_fold, lambda folder: folder.id),
    "delete": (actions.delete, lambda folder: folder.id),
    "use": (actions.use, lambda folder: folder.path),
    "go_back": (actions.go_back, lambda folder: folder.path),
    "measure": (actions.measure, lambda folder: ORDER),
    "let_run": (actions.let_run, lambda folder: 3),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_no_action_is_done_without_the_role(name, monkeypatch, own_state_folder):
    """A button that is not drawn stops nobody who can send what it would have sent."""
    monkeypatch.setattr(config, "get_option", build_mock_config_get_option({"server.address": "0.0.0.0"}))
    folder = made_up_run(State.FINISHED, "imle_net_plus")
    serving.serve(folder.path)
    before = {path: path.stat().st_mtime_ns for path in own_state_folder.rglob("*")}
    action, word = ACTIONS[name]
    with pytest.raises(actions.roles.NotAllowed, match="training, deleting and promoting are off"):
        action(word(folder))
    assert {path: path.stat().st_mtime_ns for path in own_state_folder.rglob("*")} == before


def test_every_action_is_among_those_tested():
    """An action added without asking for the role would otherwise go unnoticed."""
    public = {name for name, what in vars(actions).items() if callable(what) and what.__module__ == actions.__name__}
    assert public - {"act", "refusal", "draw_all_if_acted"} == set(ACTIONS)


def test_without_the_role_the_page_says_why_and_shows_all(page):
    """Whoever may not train may still look, and must not wonder why a button is grey."""
    made_up_run(State.FINISHED, "imle_net_plus")
    app = page(address="0.0.0.0")
    assert sentences(app)[0].startswith("Training, deleting and promoting are off, since this server can be reached")
    offered = buttons(app)
    assert not any(offered[name] for name in ("Start", "Use on every page", "Read fold 10", "Delete it"))
    assert offered["Clone"]


def test_without_the_role_no_file_is_looked_for(page, tmp_path, monkeypatch):
    """The form answers to any path: whoever may only look could ask it which data sets and models this machine has."""
    looked = []
    monkeypatch.setattr(checks, "records_of", lambda *words: looked.append(words))
    monkeypatch.setattr(checks, "read_card", looked.append)
    app = page(address="0.0.0.0")
    assert app.selectbox("train_data").disabled and app.selectbox("train_start").disabled
    assert app.text_area("train_more").disabled
    # What a browser sends need not come from a field that can be used.
    app.session_state[form.TO_CLONE] = replace(ORDER, data_dir=str(tmp_path), start=str(tmp_path))
    app.run()
    assert app.selectbox("train_data").value == str(tmp_path)
    assert len(sentences(app)) == 1  # that the role is needed
    assert "records train" not in texts(app) and looked == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (42, "42 s"), (700, "12 min"), (6900, "1 h 55 min"), (183_600, "2 d 3 h")]
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_room_in_words():
    assert (megabytes(87.2), megabytes(3120)) == ("87 MB", "3.1 GB")
