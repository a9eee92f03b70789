"""The `imle` command as a shell sees it: output, files, exit status, and one sentence for bad input."""

import json
import signal
import subprocess
import sys
import time

import pytest
from parity import weights
from typer.testing import CliRunner

from imle.assets import DEMO_COHORT
from imle.cli import app
from imle.labels import LABELS

RECORDS = sorted((DEMO_COHORT / "records100").rglob("*.hea"))
IMLE = [sys.executable, "-c", "from imle.cli import main; main()"]


def imle(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_predict_prints_a_line_a_record():
    """A person reads lines; the path must come first and all five labels with it."""
    done = imle("predict", *RECORDS[:2])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(path) for path in RECORDS[:2]]
    assert all(label in lines[0] for label in LABELS)


def test_predict_json_is_a_list_of_answers():
    """A program reads the list; a key renamed or a probability missing would break it."""
    done = imle("predict", "--json", RECORDS[0].with_suffix(""), RECORDS[1])
    answers = json.loads(done.stdout)
    assert [set(answer) for answer in answers] == [{"path", "model", "engine", "probabilities"}] * 2
    assert answers[0]["model"] == "imle_net"
    assert answers[0]["engine"].startswith("OpenVINO")
    assert list(answers[0]["probabilities"]) == list(LABELS)
    assert all(0 <= p <= 1 for p in answers[0]["probabilities"].values())


def test_predict_takes_a_folder_and_streams():
    """A thousand records must not wait for the last: the first answer comes while later files are still unread."""
    with subprocess.Popen([*IMLE, "predict", DEMO_COHORT], stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        assert process.poll() is None
        rest = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert len([first, *rest]) == len(list(DEMO_COHORT.rglob("*.hea")))


def test_predict_names_what_it_cannot_read_and_goes_on(tmp_path):
    """One bad file among a thousand must not cost the others their answers, nor pass unnoticed."""
    bad = tmp_path / "notes.txt"
    bad.write_text("not an ECG")
    done = imle("predict", "--json", RECORDS[0], bad, RECORDS[1])
    assert done.exit_code == 2
    assert len(json.loads(done.stdout)) == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"imle: {bad}: this is not an ECG file that can be read")


def test_predict_json_of_nothing_readable_is_an_empty_list(tmp_path):
    """An empty output would be no JSON."""
    done = imle("predict", "--json", tmp_path / "missing.hea")
    assert json.loads(done.stdout) == []
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["predict", "--model", "nope", RECORDS[0]],
            "imle: there is no model 'nope'; give a model folder or a shipped",
        ),
        (
            ["predict", "--engine", "gpu", RECORDS[0]],
            "imle: there is no engine 'gpu'; choose one of fast, exact, keras",
        ),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--level", "lead"],
            "imle: there is no attention level 'lead'; choose",
        ),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--layout", "4x3"],
            "imle: there is no sheet layout '4x3'; choose one of",
        ),
        (["explain", "{tmp}", "--out", "{tmp}"], "this is a folder; give one record's file"),
        (
            ["evaluate", "--data-dir", "{tmp}", "--out", "{tmp}/o.json"],
            "has no ptbxl_database.csv; give the folder that",
        ),
        (["train", "--data-dir", "{tmp}", "--out", "{tmp}/run"], "has no ptbxl_database.csv; give the folder that"),
        (["train", "--data-dir", DEMO_COHORT, "--out", "{tmp}/run", "--model", "imlenet"], "did you mean 'imle_net'?"),
        (
            ["import-weights", RECORDS[0], "--model", "imle_net", "--out", "{tmp}/m"],
            "neither a Keras HDF5 weights file nor",
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(words, sentence, tmp_path):
    """A stack trace tells a clinician nothing, and status 0 tells a script that all is well."""
    done = imle(*[str(word).replace("{tmp}", str(tmp_path)) for word in words])
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_explain_writes_json_png_and_page(tmp_path):
    """The three files are what a paper, a slide and a colleague get."""
    done = imle("explain", RECORDS[0], "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    explanation = json.loads((tmp_path / "explanation.json").read_text())
    assert set(explanation["heatmaps"]) == {"beat", "rhythm", "channel", "combined", "published"}
    assert len(explanation["heatmaps"]["combined"]) == 12
    assert sum(explanation["lead_importance"].values()) == pytest.approx(1, abs=1e-4)
    assert (tmp_path / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (tmp_path / "explanation.html").read_text()


def test_evaluate_writes_figures_with_intervals(tmp_path):
    """Every figure must say on which records, by which model and engine, and how sure it is."""
    out = tmp_path / "deep" / "report.json"
    done = imle("evaluate", "--data-dir", DEMO_COHORT, "--fold", 9, "--out", out)
    assert done.exit_code == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["fold"] == 9
    assert report["data"].startswith("Demo cohort")
    assert {"value", "low", "high", "definition"} <= set(report["metrics"]["macro_auc"])


def test_ctrl_c_keeps_the_best_epoch(tmp_path):
    """An evening's training must survive the impatience of its owner."""
    out = tmp_path / "run"
    words = ["train", "--data-dir", DEMO_COHORT, "--model", "mousavi", "--epochs", "500", "--out", out]
    with subprocess.Popen(
        [*IMLE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("epoch 1: loss ")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"imle: stopped; {out} keeps epoch " in stderr
    assert imle("predict", "--model", out, "--engine", "keras", RECORDS[0]).exit_code == 0


def test_import_weights_makes_a_model_that_answers(tmp_path):
    """The authors' checkpoint must end up usable by every command, not only readable."""
    checkpoint = tmp_path / "imle_net.h5"
    weights.write("imle_net", checkpoint)
    done = imle("import-weights", checkpoint, "--model", "imle_net", "--out", tmp_path / "model")
    assert done.exit_code == 0, done.stderr
    assert imle("predict", "--model", tmp_path / "model", RECORDS[0]).exit_code == 0
