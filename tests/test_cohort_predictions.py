"""A model's answers for a whole data set: computed once, gone on with after a crash, and never those of something else."""

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from made_up import write_long_ptbxl

from imle.assets import WEIGHTS
from imle.errors import BadChoice
from imle.evaluation import predict_in_background
from imle.evaluation.cohort_predictions import (
    PARTIAL,
    RESULT,
    STEP,
    AlreadyRunning,
    held,
    predict_cohort,
    predictions_folder,
    read_predictions,
)
from imle.evaluation.predict_in_background import standing, start
from imle.inference import ENGINES, default_engine, load_model
from imle.labels import LABELS
from imle.model_folder import CARD_FILE, KERAS_FILE
from imle.ptbxl import PtbXl
from imle.ptbxl.catalogue import DATABASE

MODEL = WEIGHTS / "imle_net_plus"  # a fifth of imle_net's work
ENGINE = default_engine()
WAIT_S = 120


class Counting:
    """A predictor that answers what the signal alone decides, counts its records, and stops where it is told to."""

    labels = LABELS

    def __init__(self, stop_after: int | None = None):
        self.seen, self.stop_after = 0, stop_after

    def predict(self, signals_mv):
        if self.stop_after is not None and self.seen >= self.stop_after:
            raise KeyboardInterrupt
        self.seen += len(signals_mv)
        return np.abs(signals_mv[:, :5, :].mean(axis=2)).clip(0, 1)


@pytest.fixture(scope="module")
def long_root(tmp_path_factory, tiny_ptbxl):
    """Four steps and a part of one."""
    root = tmp_path_factory.mktemp("long_ptbxl")
    write_long_ptbxl(root, tiny_ptbxl, 4 * STEP + 7)
    return root


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "predictions"


@pytest.fixture
def started(monkeypatch):
    """The processes that were started in the background; none of them outlives the test."""
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            processes.append(self)

    monkeypatch.setattr("imle.background.subprocess.Popen", Noted)
    monkeypatch.setattr("imle.background.NICENESS", 0)  # the test waits for it
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def wait_until(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_the_second_time_no_record_is_predicted_again(tiny_ptbxl, folder):
    data, first, second = PtbXl(tiny_ptbxl), Counting(), Counting()
    answers = predict_cohort(first, data, folder)
    again = predict_cohort(second, data, folder)
    assert (first.seen, second.seen) == (24, 0)
    pd.testing.assert_frame_equal(answers, again)
    assert answers.index.equals(data.catalogue.index) and list(answers.columns) == list(LABELS)
    assert answers.dtypes.eq("float32").all()
    np.testing.assert_array_equal(answers.to_numpy(), Counting().predict(data.signals(data.catalogue.index)))


def test_a_stopped_run_goes_on_with_the_step_it_was_in(long_root, folder):
    """A half-written step, or one answered twice, would put every later answer under the wrong record."""
    data, stopped, resumed = PtbXl(long_root), Counting(stop_after=3 * STEP), Counting()
    with pytest.raises(KeyboardInterrupt):
        predict_cohort(stopped, data, folder)
    assert read_predictions(folder) is None
    with (folder / PARTIAL).open("ab") as file:
        file.write(b"torn off")
    answers = predict_cohort(resumed, data, folder)
    assert stopped.seen + resumed.seen == len(data)
    pd.testing.assert_frame_equal(answers, predict_cohort(Counting(), data, folder.with_name("at once")))


def test_a_killed_process_is_followed_to_its_end_and_the_next_one_goes_on(long_root, tmp_path, started):
    data = PtbXl(long_root)
    folder = predictions_folder(data, MODEL, ENGINE)
    start(folder, long_root, MODEL, ENGINE)
    start(folder, long_root, MODEL, ENGINE)
    assert len(started) == 1 and standing(folder).running
    with pytest.raises(AlreadyRunning, match="another process"):
        predict_cohort(Counting(), data, folder)
    wait_until(lambda: standing(folder).what == "predicting" and standing(folder).done >= STEP)
    os.kill(started[0].pid, signal.SIGKILL)
    wait_until(lambda: not standing(folder).running)
    ended = standing(folder)
    assert ended.ended is not None and STEP <= ended.done < ended.total == len(data)
    assert read_predictions(folder) is None

    told = []
    answers = predict_cohort(load_model(MODEL, ENGINE), data, folder, lambda *now: told.append(now))
    assert next(done for what, done, _ in told if what == "predicting") >= ended.done
    at_once = predict_cohort(load_model(MODEL, ENGINE), data, tmp_path / "at once")
    pd.testing.assert_frame_equal(answers, at_once)
    assert standing(folder) == predict_in_background.Standing(running=False)


def test_the_background_process_fills_the_folder_that_the_page_reads(tiny_ptbxl, started):
    """The page and the process each work out where the answers lie; were they to differ, the page would wait for ever."""
    data = PtbXl(tiny_ptbxl)
    expected = predictions_folder(data, MODEL, ENGINE)
    start(expected, tiny_ptbxl, MODEL, ENGINE)
    wait_until(lambda: not standing(expected).running)
    answers = read_predictions(expected)
    signals_mv = data.signals(data.catalogue.index)
    np.testing.assert_allclose(answers, load_model(MODEL, ENGINE).predict(signals_mv), atol=1e-6)


def test_a_process_that_fails_leaves_its_sentence(tmp_path, folder, started):
    start(folder, tmp_path, MODEL, ENGINE)
    wait_until(lambda: not standing(folder).running)
    assert DATABASE in standing(folder).ended and "Traceback" not in (folder / "log").read_text()


def test_the_lock_is_free_again_after_the_work(folder):
    with held(folder), pytest.raises(AlreadyRunning), held(folder):
        pass
    with held(folder):
        pass


def test_a_record_that_cannot_be_read_has_no_answer_and_stops_no_other(own_ptbxl, folder):
    next(own_ptbxl.glob("records100/*/00003_lr.dat")).unlink()
    answers = predict_cohort(Counting(), PtbXl(own_ptbxl), folder)
    assert answers.loc[3].isna().all() and answers.drop(index=3).notna().all(axis=None)


def test_a_damaged_result_counts_as_none_and_is_computed_again(tiny_ptbxl, folder):
    data = PtbXl(tiny_ptbxl)
    whole = predict_cohort(Counting(), data, folder)
    (folder / RESULT).write_bytes((folder / RESULT).read_bytes()[:100])
    assert read_predictions(folder) is None
    pd.testing.assert_frame_equal(predict_cohort(Counting(), data, folder), whole)


def _other_weights(root, model):
    with (model / KERAS_FILE).open("ab") as file:
        file.write(b"trained on")


def _other_scale(root, model):
    card = json.loads((model / CARD_FILE).read_text())
    (model / CARD_FILE).write_text(json.dumps(card | {"sd_mv": card["sd_mv"] * 2}))


def _other_signal(root, model):
    path = next(root.glob("records100/*/00005_lr.dat"))
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, (1, 1))


def _one_record_less(root, model):
    pd.read_csv(root / DATABASE).iloc[:-1].to_csv(root / DATABASE, index=False)


@pytest.mark.parametrize("change", [_other_weights, _other_scale, _other_signal, _one_record_less])
def test_answers_are_forgotten_when_what_they_rest_on_changes(own_ptbxl, tmp_path, change):
    """Yesterday's probabilities under today's model would be believed."""
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    before = predictions_folder(PtbXl(own_ptbxl), model, ENGINE)
    assert predictions_folder(PtbXl(own_ptbxl), model, ENGINE) == before
    assert predictions_folder(PtbXl(own_ptbxl), model, next(other for other in ENGINES if other != ENGINE)) != before
    change(own_ptbxl, model)
    assert predictions_folder(PtbXl(own_ptbxl), model, ENGINE) != before


def test_a_thresholds_change_keeps_the_answers(own_ptbxl, tmp_path):
    """Probabilities do not rest on them; a minute's work would be thrown away."""
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    before = predictions_folder(PtbXl(own_ptbxl), model, ENGINE)
    card = json.loads((model / CARD_FILE).read_text())
    (model / CARD_FILE).write_text(json.dumps(card | {"thresholds": {}}))
    assert predictions_folder(PtbXl(own_ptbxl), model, ENGINE) == before


def test_a_model_of_other_labels_gets_one_sentence(own_ptbxl, tmp_path):
    model = tmp_path / "sub_diagnosis"
    shutil.copytree(MODEL, model)
    card = json.loads((model / CARD_FILE).read_text())
    (model / CARD_FILE).write_text(json.dumps(card | {"labels": ["ASMI", "IMI", "NORM"]}))
    with pytest.raises(BadChoice, match="sub_diagnosis answers ASMI, IMI, NORM; choose a model of CD"):
        predictions_folder(PtbXl(own_ptbxl), model, ENGINE)


def test_a_state_folder_that_cannot_be_written_gets_one_sentence(tiny_ptbxl, tmp_path):
    blocked = tmp_path / "a file"
    blocked.touch()
    for attempt in (
        lambda: predict_cohort(Counting(), PtbXl(tiny_ptbxl), blocked / "predictions"),
        lambda: start(blocked / "predictions", tiny_ptbxl, MODEL, ENGINE),
    ):
        with pytest.raises(BadChoice, match="set IMLE_STATE_DIR to a folder that can"):
            attempt()
