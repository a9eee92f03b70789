"""Jobs on this machine, as real processes on the demo cohort: the queue, stop, resume, kills, full disks, and what is told."""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imle import PtbXl, jobs, load_model, serving
from imle.assets import DEMO_COHORT, WEIGHTS
from imle.cli import app
from imle.errors import BadChoice, Refusal
from imle.jobs import JobRefused, Order, State, checks, pace, work
from imle.jobs.folder import JobFolder, all_folders, folder_of, jobs_folder, new_folder
from imle.jobs.job import Beat
from imle.jobs.local import set_slots, slots
from imle.model_folder import NotAModel, read_card, replacing, write_atomically
from imle.ptbxl import MissingData

PATIENCE_S = 180
QUICK = Order("mousavi", str(DEMO_COHORT), settings={"epochs": 2, "batch_size": 16, "precision": "float32"})
# Long enough to be caught at it on any machine.
LONG = Order("mousavi", str(DEMO_COHORT), settings={"epochs": 500, "batch_size": 8, "precision": "float32"})


@pytest.fixture(autouse=True)
def nothing_goes_on(own_state_folder):
    """Every process of a test ends with it."""
    yield
    for folder in all_folders():
        folder.leave_queue()
    for folder in all_folders():
        wait_until(lambda folder=folder: not folder.is_held())


def wait_until(condition, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"not so within {patience_s} s"
        time.sleep(0.05)


def wait_for(job_id: str, *states: State, patience_s: float = PATIENCE_S) -> jobs.Job:
    wait_until(lambda: jobs.find(job_id).state in states, patience_s)
    return jobs.find(job_id)


def wait_for_epochs(job_id: str, count: int) -> None:
    wait_until(lambda: len(jobs.metrics(job_id)) >= count)


def answers_of(folder: Path) -> np.ndarray:
    """What the run's model says of some records; raises where it is no valid model."""
    data = PtbXl(DEMO_COHORT)
    answers = load_model(folder).predict(data.signals(data.catalogue.index[:4]))
    assert np.isfinite(answers).all()
    return answers


def pid_of(job_id: str) -> int:
    return folder_of(job_id).beat().pid


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that came to its end, in a state folder of its own; tests read it."""
    state = tmp_path_factory.mktemp("finished")
    before = os.environ.get("IMLE_STATE_DIR")
    os.environ["IMLE_STATE_DIR"] = str(state)
    try:
        job = jobs.submit(QUICK, "ann@lab.org")
        wait_for(job.id, State.FINISHED, State.FAILED, State.KILLED)
    finally:
        os.environ.pop("IMLE_STATE_DIR") if before is None else os.environ.update(IMLE_STATE_DIR=before)
    return state


def test_a_run_ends_with_a_model_its_figures_and_its_card(finished, monkeypatch):
    """A job that trains but leaves nothing to use, or nothing to judge it by, has wasted a night."""
    monkeypatch.setenv("IMLE_STATE_DIR", str(finished))
    job = jobs.find("mousavi-1")
    assert (job.state, job.reason, job.owner, job.number) == (State.FINISHED, "", "ann@lab.org", 1)
    answers_of(job.folder)
    assert [row["epoch"] for row in jobs.metrics(job.id)] == [1, 2]
    assert jobs.steps(job.id)[-1]["epoch"] == 2
    assert jobs.report(job.id, 9)["records"] == 6
    assert jobs.report(job.id, 10) is None  # never unasked
    assert "# Mousavi et al." in (job.folder / "README.md").read_text()
    assert "finished" in jobs.log(job.id)
    assert "absl" not in jobs.log(job.id)
    for action in (jobs.stop, jobs.resume):
        with pytest.raises(JobRefused, match="mousavi-1 is finished and cannot be"):
            action(job.id)


def test_fold_10_is_read_once(finished, monkeypatch):
    """Whoever can read the test fold again and again will choose by it."""
    monkeypatch.setenv("IMLE_STATE_DIR", str(finished))
    jobs.read_test_fold("mousavi-1")
    assert wait_for("mousavi-1", State.FINISHED, State.FAILED).state is State.FINISHED
    assert jobs.report("mousavi-1", 10)["fold"] == 10
    assert len(jobs.metrics("mousavi-1")) == 2  # nothing was trained again
    with pytest.raises(JobRefused, match="it is read once a run"):
        jobs.read_test_fold("mousavi-1")


def test_a_model_serves_and_goes_back(finished, monkeypatch):
    """Without a way back, one click would replace everybody's model for good."""
    first, second = finished / "jobs" / "mousavi-1", WEIGHTS / "imle_net_plus"
    assert serving.served() is None
    serving.serve(first)
    serving.serve(second)
    assert (serving.served(), serving.before()) == (second, first)
    serving.withdraw(second)
    assert (serving.served(), serving.before()) == (first, None)
    serving.withdraw(first)
    assert serving.served() is None
    with pytest.raises(BadChoice, match="tells ASMI, IMI, NORM, and the pages show"):
        serving.serve(WEIGHTS / "imle_net_plus_mi")
    with pytest.raises(NotAModel):
        serving.serve(finished)


def test_the_shell_shows_and_uses_runs(finished, monkeypatch):
    """An engineer on a machine without a browser has the same runs."""
    monkeypatch.setenv("IMLE_STATE_DIR", str(finished))

    def imle(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["jobs", *words])
        return done.exit_code, done.output

    assert re.match(r"mousavi-1 +finished +fold 9 macro AUC 0\.\d{4}$", imle()[1].strip())
    assert "epoch 2:" in imle("log", "mousavi-1")[1]
    assert imle("use", "mousavi-1") == (0, "")
    assert "in use" in imle()[1]
    assert imle("delete", "mousavi-1") == (
        2,
        "imle: mousavi-1 serves on every page; go back to another model before it is deleted\n",
    )
    assert imle("back") == (0, "the usual model\n")
    assert imle("stop", "mousavi-1") == (2, "imle: mousavi-1 is finished and cannot be stopped\n")
    assert imle("resume", "mousavi-9") == (2, "imle: there is no run 'mousavi-9'; `imle jobs` lists them\n")
    assert imle("start", "--data-dir", "/nowhere")[0] == 2


def test_a_followed_log_tells_each_line_once(monkeypatch):
    """A log that had grown beyond --lines was printed whole every second."""
    folder = new_folder(QUICK, "")
    log = folder.path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(9)))
    ended, coming = jobs.find(folder.id), ["line 9\n", "line 10\nli", "ne 11\n", "", "end\n"]

    def find(job_id):
        if not coming:
            return ended
        with log.open("a") as file:
            file.write(coming.pop(0))
        return replace(ended, state=State.RUNNING)

    monkeypatch.setattr(jobs, "find", find)
    monkeypatch.setattr("imle.cli.jobs.FOLLOW_S", 0)
    printed = CliRunner().invoke(app, ["jobs", "log", folder.id, "--lines", "4", "--follow"]).output.splitlines()
    assert printed[:-1] == [*(f"line {number}" for number in range(5, 12)), "end"]
    assert printed[-1].startswith("mousavi-1: stopped")


def test_a_served_model_that_is_gone_serves_no_more(tmp_path):
    """A deleted folder would otherwise leave every page without a model."""
    gone = tmp_path / "gone"
    gone.mkdir()
    for name in ("model.json", "model.keras"):
        (gone / name).write_bytes((WEIGHTS / "imle_net" / name).read_bytes())
    serving.serve(gone)
    (gone / "model.json").unlink()
    assert serving.served() is None


def test_models_put_to_use_at_once_are_all_remembered(tmp_path):
    """Of two people who press Use at once, one's model would be gone from what can be gone back to."""
    folders = [tmp_path / f"model-{number}" for number in range(16)]
    for folder in folders:
        folder.mkdir()
        shutil.copyfile(WEIGHTS / "imle_net" / "model.json", folder / "model.json")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(serving.serve, folders))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(serving.withdraw, folders[1:]))
    assert serving.served() == folders[0]


def test_runs_wait_for_their_turn_in_order():
    """Two runs at once on one machine would each take twice as long, and the later one might go first."""
    first, second, third = (jobs.submit(LONG) for _ in range(3))
    wait_for(first.id, State.RUNNING)
    assert [jobs.find(job.id).state for job in (second, third)] == [State.QUEUED, State.QUEUED]
    jobs.stop(second.id)
    assert wait_for(second.id, State.STOPPED).reason == "stopped before the first epoch ended; resume begins it again"
    jobs.stop(first.id)
    wait_for(third.id, State.RUNNING)
    assert jobs.find(first.id).state is State.STOPPED


def test_as_many_runs_at_once_as_set():
    """A machine that could take two runs must not idle, and the number must hold for those that wait already."""
    first, second = jobs.submit(LONG), jobs.submit(LONG)
    wait_for(first.id, State.RUNNING)
    assert (slots(), jobs.find(second.id).state) == (1, State.QUEUED)
    set_slots(2)
    wait_for(second.id, State.RUNNING)
    assert jobs.find(first.id).state is State.RUNNING


def test_two_people_who_press_start_at_once_get_two_jobs_in_order():
    """Two orders with one number would share a folder, and one of them would be lost."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_folder(QUICK, "").number, range(24)))
    assert sorted(made) == list(range(1, 25))
    assert [folder.number for folder in all_folders()] == list(range(1, 25))


def test_a_deleted_number_is_not_given_again():
    """A link or a note to run 1 must not come to mean another run."""
    folder = new_folder(QUICK, "")
    jobs.delete(folder.id)
    assert not folder.path.exists()
    assert new_folder(QUICK, "").number == 2


def test_a_run_that_is_killed_or_stopped_goes_on_from_its_last_whole_epoch():
    """A kill that is not seen is waited for in vain; a stop or a resume that loses epochs costs hours."""
    job = jobs.submit(LONG)
    wait_until(lambda: "epoch 1:" in jobs.log(job.id))
    os.kill(pid_of(job.id), signal.SIGKILL)
    assert "ended from outside" in wait_for(job.id, State.KILLED, patience_s=10).reason
    assert "epoch 1:" in jobs.log(job.id)
    done = len(jobs.metrics(job.id))
    jobs.resume(job.id)
    wait_for_epochs(job.id, done + 1)
    jobs.stop(job.id)
    stopped = wait_for(job.id, State.STOPPED)
    assert "keeps epoch" in stopped.reason
    answers_of(stopped.folder)
    epochs = [row["epoch"] for row in jobs.metrics(job.id)]
    assert epochs == list(range(1, len(epochs) + 1))
    rows = [row["epoch"] for row in jobs.steps(job.id)]
    assert rows == sorted(rows)


def test_a_waiting_run_that_lost_its_process_gets_another():
    """After a restart of the machine the queue would otherwise stand still for good."""
    first, second = jobs.submit(LONG), jobs.submit(LONG)
    wait_for(first.id, State.RUNNING)
    wait_until(lambda: folder_of(second.id).beat().what == "waiting")
    os.kill(pid_of(second.id), signal.SIGKILL)
    wait_until(lambda: jobs.find(second.id).state is State.QUEUED and folder_of(second.id).is_held())
    jobs.stop(first.id)
    wait_for(second.id, State.RUNNING)


def test_a_run_outlives_who_started_it():
    """A run that ends with the browser, or with the dashboard, is lost every evening."""
    start = "from imle import jobs; from tests.test_jobs import LONG; import time; jobs.submit(LONG); time.sleep(600)"
    root = Path(__file__).parents[1]
    starter = subprocess.Popen([sys.executable, "-c", start], cwd=root)
    wait_until(lambda: jobs.jobs() and jobs.jobs()[0].state is State.RUNNING)
    starter.kill()
    starter.wait()
    wait_for_epochs("mousavi-1", 1)
    assert jobs.find("mousavi-1").state is State.RUNNING


def test_what_fails_says_why(tmp_path):
    """A stack trace in a log that nobody opens is a silent failure."""
    job = jobs.submit(Order("mousavi", str(tmp_path), settings={"epochs": 1}))
    failed = wait_for(job.id, State.FAILED)
    assert "ptbxl_database.csv" in failed.reason
    assert State.FAILED.can_resume


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.slow
def test_a_full_disk_gets_one_sentence_and_loses_nothing(tmp_path, monkeypatch):
    """A full disk must not cost the epochs that were whole before it was full."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        monkeypatch.setenv("IMLE_STATE_DIR", str(small))
        job = jobs.submit(LONG)
        wait_for_epochs(job.id, 1)
        fill = small / "fill"
        with fill.open("wb") as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(2**20))
                file.flush()
        ended = wait_for(job.id, State.FAILED, State.KILLED)
        assert "cannot be written" in ended.reason or "is full" in ended.reason
        fill.unlink()
        answers_of(ended.folder)
        done = len(jobs.metrics(job.id))
        jobs.resume(job.id)
        wait_for_epochs(job.id, done + 1)
        jobs.stop(job.id)
        wait_for(job.id, State.STOPPED)
        wait_until(lambda: not folder_of(job.id).is_held())
    finally:
        monkeypatch.undo()
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_folder_that_cannot_be_written_gets_one_sentence(tmp_path, monkeypatch):
    """Pressing Start must not end in a stack trace where the state folder is somebody else's."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("IMLE_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(JobRefused, match=r"cannot be written .*IMLE_STATE_DIR"):
        jobs.submit(QUICK)
    with pytest.raises(JobRefused, match="cannot be written"):
        checks.check(QUICK)
    assert jobs.jobs() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"network": "imlenet"}, "there is no network 'imlenet'"),
        ({"data_dir": "/nowhere"}, "ptbxl_database.csv"),
        ({"data_dir": "/" + "x" * 300}, r"cannot be read \(File name too long\); give the folder"),
        ({"start": "/" + "x" * 300}, r"cannot be read \(File name too long\); give a model folder"),
        ({"task": "sex"}, "there is no task 'sex'"),
        ({"settings": {"epochs": 0}}, "at least 1 is needed"),
        ({"settings": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"settings": {"seed": -1}}, "seed is -1; at least 0 is needed"),
        ({"settings": {"seed": 2**32}}, "seed is 4294967296; at most 4294967295 is possible"),
        ({"start": str(WEIGHTS / "imle_net")}, "holds imle_net; to start mousavi"),
        ({"workers": 2}, "2 workers share a batch on a cluster alone"),
        ({"trackers": ("no_such_tracker",)}, "is not installed"),
    ],
)
def test_what_cannot_work_is_refused_before_it_starts(change, sentence):
    """A run that fails at midnight for a reason that was plain at noon."""
    with pytest.raises(Refusal, match=sentence):
        checks.check(Order(**{**QUICK.as_json(), "trackers": (), **change}))


def test_no_room_is_refused_before_it_starts(monkeypatch):
    """Out of memory or disk after hours is the dearest way to learn of it."""
    monkeypatch.setattr(checks, "available_mb", lambda: 300.0)
    with pytest.raises(JobRefused, match=r"needs 1,500 MB of memory, and 300 MB are free"):
        checks.check(QUICK)
    checks.check(Order(**{**QUICK.as_json(), "runner": "ray"}))  # not in this machine's memory
    monkeypatch.setattr(checks, "available_mb", lambda: 1e6)
    checks.check(QUICK)
    monkeypatch.setattr(checks, "expected", lambda order, found: pace.Estimate(1, 1, 1e9))
    with pytest.raises(JobRefused, match=r"needs 1,000,000,000 MB on the disk"):
        checks.check(QUICK)
    with pytest.raises(JobRefused, match="on the disk of"):
        checks.check_disk_for(10**15)


def test_pace_is_measured_once_for_what_costs_the_same():
    """An estimate that nobody measured, or that is of another batch size, is worse than none."""
    assert pace.known_pace(QUICK) is None
    pace.start_measuring(QUICK)
    assert pace.measuring(QUICK).running
    wait_until(lambda: not pace.measuring(QUICK).running)
    measured = pace.known_pace(QUICK)
    assert measured.parameters == 2_382_565
    assert measured.memory_mb > 200
    same = Order(**{**QUICK.as_json(), "settings": {**QUICK.settings, "epochs": 50, "seed": 9, "learning_rate": 1e-5}})
    assert pace.known_pace(same) == measured
    other = Order(**{**QUICK.as_json(), "settings": {**QUICK.settings, "batch_size": 32}})
    assert pace.known_pace(other) is None
    few, many = (pace.estimate(same, measured, n, 100) for n in (1_000, 10_000))
    assert many.seconds - few.seconds == pytest.approx(50 * 9_000 / measured.records_per_s)


def test_a_measurement_that_fails_says_why():
    """Else the page would offer the same button again and again without a word."""
    order = Order(**{**QUICK.as_json(), "options": {"no_such_option": 1}})
    pace.start_measuring(order)
    wait_until(lambda: not pace.measuring(order).running)
    assert "has no option 'no_such_option'" in pace.measuring(order).trouble


@pytest.fixture
def ends_by(monkeypatch):
    """Does a job within this process, its work ended by `error`; what is told of it then."""
    monkeypatch.setattr(work, "_listen", lambda: None)  # pytest has signals of its own

    def end(folder: JobFolder, step: str, error: BaseException) -> jobs.Job:
        def ended(*words):
            raise error

        monkeypatch.setattr(work, step, ended)
        folder.join_queue()
        work.work(folder)
        return jobs.find(folder.id)

    return end


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AssertionError(), "AssertionError; see the log"),
        (ValueError("no\nsuch"), "ValueError: no; see the log"),
        (PermissionError(errno.EACCES, "Permission denied", "/records"), "/records cannot be read or written (permission"),
        (ConnectionError("no route"), "ConnectionError: no route; see the log"),
        (OSError(errno.ENOSPC, "Can't write data (time = Monday\n, ...)", "/runs"), "/runs cannot be written (no space left on device)"),
    ],
)  # fmt: skip
def test_whatever_ends_a_job_it_is_said(ends_by, error, sentence):
    """An error without a word left a job that seemed to wait for ever; a network's failure was called a full disk."""
    job = ends_by(new_folder(QUICK, ""), "train_model", error)
    assert (job.state, job.reason[: len(sentence)]) == (State.FAILED, sentence)


@pytest.mark.parametrize(
    ("error", "why"), [(AssertionError(), "AssertionError; see the log"), (KeyboardInterrupt(), "it was stopped")]
)
def test_a_finished_run_stays_so_where_fold_10_cannot_be_read(ends_by, error, why):
    """Its owner could not use the model any more, and could only repeat what failed."""
    folder = new_folder(QUICK, "")
    folder.report_path(9).write_text("{}")
    folder.wish_test()
    job = ends_by(folder, "score", error)
    assert (job.state, job.reason) == (State.FINISHED, f"fold 10 was not read: {why}")
    assert not folder.wants_test()


def test_a_finished_run_stays_so_where_the_reading_of_fold_10_is_killed(monkeypatch):
    """As where it fails: the model is whole, and fold 10 can be asked for again."""
    folder = folder_with(Beat("evaluating", time.time(), 0, os.uname().nodename), ticket=True)
    folder.report_path(9).write_text("{}")
    folder.wish_test()
    job = jobs.find(folder.id)
    assert (job.state, job.reason[:38]) == (State.FINISHED, "fold 10 was not read: the process was ")
    monkeypatch.setattr("imle.jobs.local.LocalRunner.launch", lambda self, folder: None)
    jobs.read_test_fold(folder.id)
    assert jobs.find(folder.id).state is State.QUEUED


def test_a_relative_state_folder_is_the_same_for_jobs_and_measurements(tmp_path, monkeypatch):
    """Their processes have working folders of their own: none found its order, and no run began."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMLE_STATE_DIR", "state")
    job = jobs.submit(Order("mousavi", str(tmp_path), settings={"epochs": 1}))
    wrong = Order("mousavi", str(DEMO_COHORT), options={"no_such_option": 1})
    pace.start_measuring(wrong)
    assert "ptbxl_database.csv" in wait_for(job.id, State.FAILED).reason
    wait_until(lambda: pace.measuring(wrong).trouble)
    assert "has no option 'no_such_option'" in pace.measuring(wrong).trouble
    assert not list(tmp_path.glob("state/*/*/state"))


def folder_with(beat: Beat | None, ticket: bool) -> JobFolder:
    """A job without a process."""
    folder = new_folder(QUICK, "")
    if ticket:
        folder.join_queue()
    if beat:
        folder.say(beat)
    return folder


def test_a_run_that_a_restart_of_the_machine_ended_says_so():
    """“Killed” alone would send somebody looking for who did it."""
    folder = folder_with(Beat("training", 1.0, 1, os.uname().nodename), ticket=True)
    job = jobs.find(folder.id)
    assert (job.state, job.reason[:29]) == (State.KILLED, "the machine was restarted; re")


def test_a_process_that_never_began_shows_what_it_said_last():
    """Such a job would otherwise be started anew for ever, or be said to wait."""
    folder = folder_with(Beat("starting", time.time(), 0, os.uname().nodename), ticket=True)
    (folder.path / "log").write_text("Traceback\nImportError: no keras\n")
    job = jobs.find(folder.id)
    assert (job.state, job.reason) == (State.KILLED, "the process ended before it began: ImportError: no keras")


def test_half_written_files_of_a_killed_process_are_swept():
    """Each kill in the middle of a checkpoint would otherwise leave its size on the disk."""
    folder = new_folder(QUICK, "")
    (folder.path / ".4711.checkpoint.npz").write_bytes(b"half")
    with replacing(folder.path / "checkpoint.npz") as fresh:
        fresh.write_bytes(b"half")
        folder.sweep()
        assert [path.name for path in folder.path.iterdir()] == ["job.json"]
        fresh.write_bytes(b"whole")
    assert (folder.path / "checkpoint.npz").read_bytes() == b"whole"


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    """The beat of a job and its loop, or two visitors of a page, write at once: under one name, one's file was the other's."""
    texts = [letter * 20_000 for letter in "abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: [write_atomically(tmp_path / "one", text) for _ in range(20)], texts))
    assert (tmp_path / "one").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """After a power cut the name would otherwise stand for an empty file, and the one it replaced be gone."""
    done, fsync, replace_file = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: done.append("fsync") or fsync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("replace") or replace_file(*paths))
    write_atomically(tmp_path / "one", "text")
    assert done == ["fsync", "replace"]


def test_a_file_that_cannot_be_written_is_told_by_its_own_name(tmp_path):
    """The name that stands beside it for an instant means nothing to anybody, and a full disk tells none at all."""
    path = tmp_path / "no such folder" / "report.json"
    with pytest.raises(FileNotFoundError) as told:
        write_atomically(path, "text")
    assert told.value.filename == str(path)
    with pytest.raises(OSError, match="No space left") as told, replacing(tmp_path / "one"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told.value.filename == str(tmp_path / "one")


@pytest.mark.parametrize(
    "content",
    ["", '{"number": 2, "ord', "null", '{"number": 2}', '{"number": 2, "order": {"x": 1}}',
     '{"number": 2, "order": {"network": "imle_net", "data_dir": "."}}'],
)  # fmt: skip
def test_one_order_that_cannot_be_read_hides_no_other_job(content):
    """A full disk or a cut-off copy in one folder made every page and command of all jobs fail."""
    kept, damaged = new_folder(QUICK, ""), new_folder(QUICK, "")
    (damaged.path / "job.json").write_text(content)
    assert [job.id for job in jobs.jobs()] == [kept.id]
    assert list(jobs.runners()) == ["local"]
    assert new_folder(QUICK, "").number == 3
    with pytest.raises(JobRefused, match=r"job.json cannot be read; put it back, or take what the run made"):
        jobs.find(damaged.id)


def test_a_job_that_is_deleted_while_all_are_looked_at_hides_no_other(monkeypatch):
    """One person's Delete must not end in an error on another's page."""
    kept, gone = new_folder(QUICK, ""), new_folder(QUICK, "")
    for folder in (kept, gone):
        folder.join_queue()
        folder.say(Beat("training", time.time(), 1, os.uname().nodename))
    usage = shutil.disk_usage

    def deleted_meanwhile(path):
        if path == gone.path:
            shutil.rmtree(path)
        return usage(path)

    monkeypatch.setattr("imle.jobs.runner.shutil.disk_usage", deleted_meanwhile)
    assert [(job.id, job.state) for job in jobs.jobs()] == [(kept.id, State.KILLED)]


def test_a_waiting_job_that_can_have_no_process_is_listed_with_the_reason(monkeypatch):
    """On a full disk the list of all runs, and with it the page, ended in a traceback."""

    def full(self, folder):
        raise JobRefused("the disk is full")

    folder = new_folder(QUICK, "")
    folder.join_queue()
    monkeypatch.setattr("imle.jobs.local.LocalRunner.launch", full)
    assert [(job.state, job.reason) for job in jobs.jobs()] == [(State.QUEUED, "the disk is full")]


def test_a_job_of_a_runner_that_is_not_known_here_hides_no_other():
    """A folder shared with a machine of a newer version."""
    kept, other = new_folder(QUICK, ""), new_folder(QUICK, "")
    about = json.loads((other.path / "job.json").read_text())
    about["order"]["runner"] = "slurm"
    (other.path / "job.json").write_text(json.dumps(about))
    kept.end(State.STOPPED)
    assert [job.id for job in jobs.jobs()] == [kept.id]


def test_a_run_goes_on_with_the_recipe_that_it_began_with(monkeypatch):
    """An order holds differences; once recipes.toml changed, the run was refused its last epochs for good."""
    folder, begun = new_folder(QUICK, ""), replace(QUICK.recipe(), learning_rate=0.25)
    told = []
    monkeypatch.setattr("imle.training.loop.train", lambda *words, **how: told.append((words[2], how["resume"])))
    monkeypatch.setattr("imle.inference.export_openvino", lambda folder: None)
    monkeypatch.setattr(work, "_listen", lambda: None)  # the signals are those of the tests
    work.train_model(folder, work.Pulse(folder))
    (folder.path / "recipe.json").write_text(json.dumps({"network": "mousavi", **asdict(begun)}))
    (folder.path / "checkpoint.npz").touch()
    work.train_model(folder, work.Pulse(folder))
    assert told == [(QUICK.recipe(), False), (begun, True)]


def test_a_first_epoch_that_was_cut_off_before_its_checkpoint_begins_again():
    """Its model lies in the folder already, and training never writes over a model: the job could not be resumed."""
    folder = new_folder(QUICK, "")
    card = folder.path / "model.json"
    card.touch()
    work.forget_cut_off(folder)
    assert not card.exists()
    card.touch()
    (folder.path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    work.forget_cut_off(folder)
    assert card.exists()  # somebody took the checkpoint of a longer run away


def test_a_job_that_is_not_there_is_refused():
    for name in ("mousavi-7", "../jobs", ""):
        with pytest.raises(JobRefused, match="there is no run"):
            jobs.find(name)


def test_looking_at_jobs_loads_no_framework():
    """The training page would show seconds later, and each run that waits for its turn would take memory from the one that runs."""
    look = (
        "import sys; from imle import jobs; from imle.jobs import checks, work; jobs.jobs(); jobs.runners();"
        "print([name for name in ('tensorflow', 'keras', 'torch', 'openvino', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_orders_come_back_as_they_were():
    order = Order("imle_net", "data", settings={"seed": 3}, options={"dropout": 0.1}, trackers=("wandb",), start="x")
    assert Order.from_json(json.loads(json.dumps(order.as_json()))) == order


def test_a_folder_without_data_is_refused_with_its_name(tmp_path):
    with pytest.raises(MissingData, match=str(tmp_path)):
        checks.records_of(tmp_path, "superclass")


@pytest.mark.parametrize("step", ["is_file", "stat", "read"])
def test_data_that_may_not_be_read_are_refused_with_their_name(step, tmp_path, monkeypatch):
    """Somebody else's folder is a mistake in the input like any other, and no traceback."""

    def denied(*words, **how):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    (tmp_path / "ptbxl_database.csv").write_text("ecg_id\n")
    where, name = (checks, "PtbXl") if step == "read" else (Path, step)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, denied)
        with pytest.raises(MissingData, match=rf"{tmp_path} cannot be read \(Permission denied\)"):
            checks.records_of(tmp_path, "superclass")


@pytest.mark.parametrize("step", ["is_file", "read_bytes"])
def test_a_model_that_may_not_be_read_is_refused_with_its_name(step, monkeypatch):
    """As of data: the page and the shell show what is refused, and end in a traceback on anything else."""

    def denied(*words):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, denied)
        with pytest.raises(NotAModel, match=r"imle_net cannot be read \(Permission denied\)"):
            read_card(WEIGHTS / "imle_net")


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing():
    """Whatever the moment, the run goes on from its last whole epoch and ends with a valid model."""
    order = Order("mousavi", str(DEMO_COHORT), settings={"epochs": 90, "batch_size": 8, "precision": "float32"})
    rng, job = random.Random(4), jobs.submit(order)
    kills = 0
    while kills < 20:
        time.sleep(rng.uniform(0.2, 12))
        beat, state = folder_of(job.id).beat(), jobs.find(job.id).state
        if state is State.FINISHED:
            break
        if beat is None or not beat.pid or state is not State.RUNNING:
            continue
        before = len(jobs.metrics(job.id))
        os.kill(beat.pid, signal.SIGKILL)
        kills += 1
        wait_for(job.id, State.KILLED, patience_s=10)
        jobs.resume(job.id)
        assert len(jobs.metrics(job.id)) >= before
    assert wait_for(job.id, State.FINISHED, patience_s=900).state is State.FINISHED
    epochs = [row["epoch"] for row in jobs.metrics(job.id)]
    assert epochs == list(range(1, 91))
    answers_of(jobs_folder() / job.id)
    assert kills == 20
