"""The `imle` command as a shell sees it: output, files, exit status, and one sentence for bad input."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pypdfium2
import pytest
import typer
from device_files import SMALL
from parity import weights
from typer.testing import CliRunner

from imle.assets import DEMO_COHORT
from imle.cli import app
from imle.cli.shell import refusals, telling_bar
from imle.labels import LABELS
from imle.leads import LEADS

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
    with subprocess.Popen(
        [*IMLE, "predict", "--model", "imle_net_plus", DEMO_COHORT], stdout=subprocess.PIPE, text=True
    ) as process:
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


@pytest.fixture(scope="module")
def device_files(tmp_path_factory):
    """One file of every format, by name; what an array does not say is said in HINTS."""
    folder = tmp_path_factory.mktemp("devices")
    for name in SMALL:
        (folder / name).mkdir()
    return {name: make().put(folder / name) for name, make in SMALL.items()}


HINTS = ["--fs-hz", "100", "--unit", "mV"]


def test_predict_takes_files_of_every_format(device_files):
    """A folder from a hospital holds what its devices wrote; one call answers for all, and hints serve those that need them."""
    done = imle("predict", "--json", *HINTS, *device_files.values())
    assert done.exit_code == 0, done.stderr
    assert [answer["path"] for answer in json.loads(done.stdout)] == [str(path) for path in device_files.values()]


def test_predict_counts_a_wfdb_record_once(device_files):
    """`imle predict folder/*` names the header and the signals; a record that appears twice counts twice in a study."""
    header = device_files["wfdb"]
    done = imle("predict", "--json", header.with_suffix(".dat"), header)
    assert [answer["path"] for answer in json.loads(done.stdout)] == [str(header)]
    assert len(json.loads(imle("predict", "--json", header.with_suffix(".dat")).stdout)) == 1


def test_what_a_file_leaves_unsaid_is_asked_for_by_its_options(device_files, tmp_path):
    """The sentence must name what can be typed; predict says it of one file and goes on, explain stops."""
    array = device_files["npy"]
    sentence = f"imle: {array}: the file does not state its sampling rate or unit; give them (--fs-hz, --unit)\n"
    predicted = imle("predict", "--json", array, device_files["edf"])
    assert (predicted.exit_code, predicted.stderr) == (2, sentence)
    assert [answer["path"] for answer in json.loads(predicted.stdout)] == [str(device_files["edf"])]
    explained = imle("explain", array, "--out", tmp_path)
    assert (explained.exit_code, explained.stderr) == (2, sentence)
    assert list(tmp_path.iterdir()) == []


def test_leads_that_a_file_does_not_name_are_given_in_its_order(device_files):
    """Leads given in another order must change the answer, or the option does nothing."""
    words = ["predict", "--json", *HINTS, device_files["npy"]]
    usual, by_commas, turned = (
        json.loads(imle(*words, *more).stdout)[0]["probabilities"]
        for more in ([], ["--leads", ",".join(LEADS)], ["--leads", " ".join(LEADS[::-1])])
    )
    assert usual == by_commas != turned


def test_raw_counts_and_channels_are_read_with_what_is_said_of_them(device_files, tmp_path):
    """A device's own export, in counts and with channels by number, would be refused whatever is typed."""
    mv = np.load(device_files["npy"])
    table = tmp_path / "export.csv"
    header = ",".join(f"CH{n}" for n in range(1, 13))
    np.savetxt(table, np.rint(mv.T * 1000), "%d", ",", header=header, comments="")
    words = ["predict", "--json", "--fs-hz", "100", table]
    assert imle(*words).stderr.endswith("; name each of its signals in their order (--leads)\n")
    words += ["--leads", ",".join(LEADS)]
    assert "200/mV (--unit)\n" in imle(*words, "--unit", "mV").stderr
    done = imle(*words, "--unit", "1000/mV")
    assert done.exit_code == 0, done.stderr
    expected = json.loads(imle("predict", "--json", *HINTS, device_files["npy"]).stdout)[0]["probabilities"]
    assert json.loads(done.stdout)[0]["probabilities"] == pytest.approx(expected, abs=2e-3)


def test_explain_takes_age_and_sex_of_an_array(device_files, tmp_path):
    """The report would not say what was known to whoever asked for it."""
    done = imle("explain", device_files["npy"], "--out", tmp_path, *HINTS, "--age", "63", "--sex", "F")
    assert done.exit_code == 0, done.stderr
    page = pypdfium2.PdfDocument(tmp_path / "report.pdf")[0]
    assert "F 63" in page.get_textpage().get_text_range()
    data = json.loads((tmp_path / "explanation.json").read_text())
    assert (data["age"], data["sex"]) == ("63", "F") and data["measurements"]["values"]["heart_rate"]["unit"] == "bpm"


def test_answers_of_an_engine_that_the_records_page_does_not_use_say_so(tmp_path, monkeypatch):
    """Whoever waited for them would look for them there."""
    monkeypatch.setenv("IMLE_STATE_DIR", str(tmp_path))
    words = ["predict-all", "--data-dir", DEMO_COHORT, "--model", "imle_net_plus"]
    unused = "The records page shows the answers of the"
    done = imle(*words, "--engine", "int8")
    assert done.exit_code == 0 and "60 records" in done.stdout and unused in done.stdout
    assert unused not in imle(*words).stdout


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
            "imle: there is no engine 'gpu'; choose one of fast, exact, int8, keras",
        ),
        (
            ["predict", "--engine", "int8", "--model", "imle_net_plus_mi", RECORDS[0]],
            "imle: imle_net_plus_mi has no int8 form; `imle int8` makes one",
        ),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--level", "lead"],
            "imle: there is no heatmap 'lead'; choose an attention level",
        ),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--layout", "4x3"],
            "imle: there is no sheet layout '4x3'; choose one of",
        ),
        (["predict", "--unit", "mmHg", RECORDS[0]], "imle: there is no unit 'mmHg'; choose one of mV, uV, nV, V"),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--fs-hz", "4"],
            "imle: the sampling rate is 4 Hz; 50 Hz to 2000 Hz",
        ),
        (
            ["explain", RECORDS[0], "--out", "{tmp}", "--age", "430"],
            "imle: the age is 430 years; 0 to 130 can be given",
        ),
        (
            ["explain", "{tmp}/record.scp", "--out", "{tmp}"],
            "record.scp: SCP-ECG files cannot be read; export the record",
        ),
        (["explain", "{tmp}", "--out", "{tmp}"], "this is a folder; give one record's file"),
        (
            ["evaluate", "--data-dir", "{tmp}", "--out", "{tmp}/o.json"],
            "has no ptbxl_database.csv; give the folder that",
        ),
        (["train", "--data-dir", "{tmp}", "--out", "{tmp}/run"], "has no ptbxl_database.csv; give the folder that"),
        (["train", "--data-dir", DEMO_COHORT, "--out", "{tmp}/run", "--model", "imlenet"], "did you mean 'imle_net'?"),
        (
            ["train", "--data-dir", DEMO_COHORT, "--out", "{tmp}/record.scp", "--model", "mousavi"],
            "record.scp cannot be read or written (file exists); choose another place",
        ),
        (
            ["import-weights", RECORDS[0], "--model", "imle_net", "--out", "{tmp}/m"],
            "neither a Keras HDF5 weights file nor",
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(words, sentence, tmp_path):
    """A stack trace tells a clinician nothing, and status 0 tells a script that all is well."""
    (tmp_path / "record.scp").write_bytes(bytes(100))
    done = imle(*[str(word).replace("{tmp}", str(tmp_path)) for word in words])
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOENT, errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_the_system_does_not_give_gets_one_sentence(number, capsys):
    """A read-only or full disk, or a file where a folder should be, is of every day; a stack trace helps nobody there."""
    with pytest.raises(typer.Exit) as ended, refusals():
        raise OSError(number, os.strerror(number), "/some/where")
    assert ended.value.exit_code == 2
    reason = os.strerror(number).lower()
    assert capsys.readouterr().err == f"imle: /some/where cannot be read or written ({reason}); choose another place\n"


def test_progress_is_said_in_lines_where_no_bar_can_be_drawn(monkeypatch, capsys):
    """Minutes of work into a file or through ssh would look like a hang; a line a record would bury what matters."""
    with telling_bar() as tell:
        tell("reading", 2, 2)
    assert capsys.readouterr().err == ""  # it took no time
    monkeypatch.setattr("imle.cli.shell.QUIET_S", 0)
    with telling_bar() as tell:
        for done in range(101):
            tell("reading", done, 1000)
        tell("scoring", 1, 2)
    assert capsys.readouterr().err == "... reading: 100 of 1,000\n... scoring: 1 of 2\n"


def test_a_full_disk_is_told_without_a_name_and_no_other_error_is(capsys):
    """Python does not say which file was being written; what is no file's fault must keep its traceback."""
    with pytest.raises(typer.Exit), refusals():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "a file cannot be read or written (no space left on device)" in capsys.readouterr().err
    with pytest.raises(ConnectionResetError), refusals():
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


@pytest.mark.parametrize("name", ["dicom", "npy"])
def test_explain_writes_json_png_and_page(name, device_files, tmp_path):
    """The three files are what a paper, a slide and a colleague get, whatever device the ECG came from."""
    done = imle("explain", device_files[name], "--out", tmp_path, *HINTS)
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


def hear_ctrl_c() -> None:
    """As a shell in the foreground starts a process; one that was started in the background, or after Ray, hears none."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def test_ctrl_c_keeps_the_best_epoch(tmp_path):
    """An evening's training must survive the impatience of its owner."""
    out = tmp_path / "run"
    words = ["train", "--data-dir", DEMO_COHORT, "--model", "mousavi", "--epochs", "500", "--out", out]
    with subprocess.Popen(
        [*IMLE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stdout.readline().startswith("epoch 1: loss ")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"imle: stopped; {out} keeps epoch " in stderr
    assert imle("predict", "--model", out, "--engine", "keras", RECORDS[0]).exit_code == 0


def test_import_weights_makes_a_model_that_answers(tmp_path):
    """The authors' checkpoint must end up usable by every command, not only readable."""
    checkpoint = tmp_path / "mousavi.h5"
    weights.write("mousavi", checkpoint)
    done = imle("import-weights", checkpoint, "--model", "mousavi", "--out", tmp_path / "model")
    assert done.exit_code == 0, done.stderr
    assert imle("predict", "--model", tmp_path / "model", RECORDS[0]).exit_code == 0
