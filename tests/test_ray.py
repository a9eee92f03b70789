"""Jobs on a real Ray cluster on loopback: they end, stop, go on and survive a kill; and what is told of a cluster that is away."""

import contextlib
import os
import random
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from ray_head import ray_head
from typer.testing import CliRunner

from imle import PtbXl, jobs, load_model
from imle.assets import DEMO_COHORT
from imle.cli import app
from imle.jobs import Order, State
from imle.jobs import ray_cluster as cluster_module
from imle.jobs import ray_errand as errand_module
from imle.jobs import ray_runner as runner_module
from imle.jobs.folder import folder_of, new_folder
from imle.jobs.job import LOCAL, RAY, Beat
from imle.jobs.ray_cluster import ADDRESS, GONE, NotThere, Unanswered
from imle.jobs.ray_runner import OWN_SUBMISSION, SUBMISSION, RayRunner, held_alone, latest_start
from imle.shards.files import export_shards, shards_in

EPOCHS, MANY = 15, 60
SMALL = {"filters": [16], "lstm_units": 8, "dense_units": 16}
SETTINGS = {"epochs": EPOCHS, "batch_size": 8, "precision": "float32"}
PATIENCE_S = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "cohort"
    shutil.copytree(DEMO_COHORT, root, ignore=shutil.ignore_patterns("records500"))
    PtbXl(root).build_store()
    return root


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("ray", reason="Ray is not installed; pip install -e .[ray]")
    with ray_head(cpus=2) as found:
        yield found


@pytest.fixture
def cluster(address, monkeypatch):
    monkeypatch.setenv(ADDRESS, address)
    monkeypatch.setenv("IMLE_RAY_CPUS", "2")  # all there are: one job at a time
    return address


def order(root, workers: int = 1, **settings) -> Order:
    return Order("mousavi", str(root), settings=SETTINGS | settings, options=SMALL, runner=RAY, workers=workers)


def wait_for(job_id: str, *states: State, patience_s: float = PATIENCE_S) -> jobs.Job:
    """The job once it is in one of these states; looked at as the page looks."""
    return wait_until(job_id, lambda job: job.state in states, patience_s)


def wait_until(job_id: str, condition, patience_s: float = PATIENCE_S) -> jobs.Job:
    end = time.monotonic() + patience_s
    while True:
        job = next(one for one in jobs.jobs() if one.id == job_id)
        if condition(job):
            return job
        assert time.monotonic() < end, f"{job.state}, {job.beat}, {job.reason}: {jobs.log(job_id, 20)}"
        time.sleep(0.2)


def trains(job: jobs.Job) -> bool:
    return job.state is State.RUNNING and job.beat.what == "training"


def kill(job: jobs.Job) -> None:
    os.kill(job.beat.pid, signal.SIGKILL)


def assert_whole(job: jobs.Job, root) -> None:
    """It has a row an epoch, and a model that answers."""
    assert [row["epoch"] for row in jobs.metrics(job.id)] == list(range(1, job.order.settings["epochs"] + 1))
    data = PtbXl(root)
    answers = load_model(job.folder, "exact").predict(data.signals(data.catalogue.index[:2]))
    assert answers.shape == (2, 5)
    assert ((answers > 0) & (answers < 1)).all()


@pytest.mark.slow
def test_a_run_is_stopped_resumed_killed_and_ends_whole(cluster, demo):
    """The states that a job on this machine has are those on a cluster, and neither a stop nor a kill -9 loses a run.

    A second job meanwhile waits for the cluster's two CPUs, and is stopped before it ever began.
    """
    job = jobs.submit(order(demo, epochs=MANY))
    assert job.state is State.QUEUED
    wait_until(job.id, trains)
    second = jobs.submit(order(demo))  # by now, since a cluster may take those that wait in any order
    assert jobs.find(second.id).state is State.QUEUED
    jobs.stop(second.id)
    assert jobs.find(second.id).state is State.STOPPED

    jobs.stop(job.id)
    assert wait_for(job.id, State.STOPPED).reason.startswith("stopped")
    jobs.resume(job.id)
    kill(wait_until(job.id, trains))
    killed = wait_for(job.id, State.KILLED, patience_s=10)
    assert "ended from outside" in killed.reason
    jobs.resume(job.id)
    finished = wait_for(job.id, State.FINISHED)
    assert_whole(finished, demo)
    assert f"epoch {MANY}" in jobs.log(job.id)
    # It had room by now, found itself stopped, and left all as it was.
    assert jobs.find(second.id).state is State.STOPPED
    assert not jobs.find(second.id).beat or jobs.find(second.id).beat.what == "starting"


@pytest.mark.slow
def test_two_workers_share_a_run_and_one_of_them_is_killed(cluster, demo, monkeypatch):
    """A machine of the cluster that goes would end, or hang, the run of all the others."""
    monkeypatch.setenv("IMLE_RAY_CPUS", "1")
    job = jobs.submit(order(demo, workers=2))
    wait_until(job.id, trains)
    helpers = [number for number in processes_of(b"ray::Worker") if number != os.getpid()]
    assert len(helpers) == 1
    os.kill(helpers[0], signal.SIGKILL)
    finished = wait_for(job.id, State.FINISHED)
    assert_whole(finished, demo)
    too_many = wait_for(jobs.submit(order(demo, workers=9)).id, State.FAILED)
    assert too_many.reason == "9 workers need 9 CPUs, and the cluster has 2; take fewer"


def processes_of(name: bytes) -> list[int]:
    """The processes whose command begins so."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(name):
                found.append(int(path.parent.name))
    return found


def test_two_looks_at_once_start_a_job_once_and_it_can_be_stopped(cluster, demo):
    """Two pages find the same queued job without a process, and both would start it."""
    folder = new_folder(order(demo, epochs=500), "")  # so many that it cannot end before it is stopped
    folder.join_queue()
    with ThreadPoolExecutor(4) as looks:
        list(looks.map(lambda _: RayRunner().launch(folder), range(4)))
    from ray.job_submission import JobSubmissionClient

    ours = [one for one in JobSubmissionClient(cluster).list_jobs() if str(folder.path) in one.entrypoint]
    assert [one.submission_id for one in ours] == [latest_start(folder).submission]
    wait_until(folder.id, trains)
    jobs.stop(folder.id)
    assert wait_for(folder.id, State.STOPPED).reason.startswith("stopped")


def test_a_process_that_cannot_begin_says_why(cluster, demo, monkeypatch):
    """A cluster without the package, or without the state folder, would otherwise restart the job for ever and say nothing."""
    monkeypatch.setenv("IMLE_RAY_PYTHON", "/nowhere/python")
    job = wait_for(jobs.submit(order(demo)).id, State.KILLED)
    assert "before it began" in job.reason
    assert "/nowhere/python" in job.reason


def test_a_command_runs_on_the_cluster_and_prints_here(cluster, demo, tmp_path):
    """Millions of records would be answered by the machine of whoever typed the command, or its refusals be lost."""
    data = PtbXl(demo)
    export_shards(data, tmp_path / "in", 40)
    (tmp_path / "in" / "stray.parquet").write_text("no shard")
    run = ["predict-shards", str(tmp_path / "in"), str(tmp_path / "out"), "--engine", "exact"]
    found = CliRunner().invoke(app, run)
    assert found.exit_code == 2, found.output
    assert "stray.parquet is no Parquet file" in found.stdout
    assert "60 records answered now, 1 refusals" in found.stdout
    answers = pd.concat([pd.read_parquet(path) for path in shards_in(tmp_path / "out")])
    assert answers["ecg_id"].tolist() == data.catalogue.index.tolist()


def test_only_the_latest_start_may_run_and_only_once(demo, monkeypatch):
    """A start that the cluster kept back, or that lost its answer, would train beside its successor into one folder."""
    monkeypatch.setattr(runner_module, "HANDOVER_S", 0.1)
    folder = new_folder(order(demo), "")
    folder.join_queue()
    (folder.path / SUBMISSION).write_text('{"id": "second", "address": "http://127.0.0.1:1"}')
    monkeypatch.setenv(OWN_SUBMISSION, "first")
    with held_alone(folder) as mine:
        assert not mine
    monkeypatch.setenv(OWN_SUBMISSION, "second")
    with held_alone(folder) as mine, held_alone(folder) as again:
        assert mine
        assert not again
    folder.leave_queue()
    with held_alone(folder) as mine:
        assert not mine


@pytest.fixture
def silent(monkeypatch):
    """The address of what takes a connection and never answers."""
    monkeypatch.setattr(cluster_module, "ANSWER_S", 0.5)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def running_at(address: str, demo, seconds_ago: float):
    """The folder of a job that was started at `address` and gave its last sign of life some seconds ago."""
    folder = new_folder(order(demo), "")
    folder.join_queue()
    (folder.path / SUBMISSION).write_text(f'{{"id": "one", "address": "{address}"}}')
    folder.say(Beat("training", time.time() - seconds_ago, 1, "elsewhere"))
    return folder


def test_an_unreachable_cluster_neither_freezes_the_page_nor_kills_what_lives(silent, demo):
    """The page would hang on a cluster that does not answer, or call a run dead that it merely cannot ask about."""
    fresh, quiet, lost = (running_at(silent, demo, ago) for ago in (1, 20, 300))
    begun = time.monotonic()
    states = {job.id: job.state for job in jobs.jobs()}
    assert states == {fresh.id: State.RUNNING, quiet.id: State.RUNNING, lost.id: State.KILLED}
    assert time.monotonic() - begun < 3
    begun = time.monotonic()
    jobs.jobs()
    assert time.monotonic() - begun < 0.2


def test_a_command_whose_cluster_forgets_it_ends_in_one_sentence(monkeypatch):
    """A cluster that was started anew while a million records were answered left a stack trace."""

    class Forgetful:
        def submit(self, *words, **room): ...

        def status(self, submission):
            return GONE

        def log(self, submission):
            raise NotThere

    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:1")
    monkeypatch.setattr(errand_module, "why_unusable", lambda address: None)
    monkeypatch.setattr(errand_module, "cluster_at", lambda address: Forgetful())
    with pytest.raises(
        Unanswered, match=r"127\.0\.0\.1:1 knows imle-predict-shards-\w+ no more, .*; give the command again"
    ):
        errand_module.run_there(["predict-shards", "in", "out"])


def test_a_fresh_heartbeat_is_believed_without_asking(demo, monkeypatch):
    """Every look at the page would cost a question a job; clocks that differ would make a dead job live for hours."""
    monkeypatch.setattr(cluster_module.Cluster, "status", lambda *_: pytest.fail("asked"))
    assert jobs.find(running_at("http://127.0.0.1:1", demo, 1).id).state is State.RUNNING
    monkeypatch.setattr(cluster_module.Cluster, "status", lambda *_: "FAILED")
    assert jobs.find(running_at("http://127.0.0.1:1", demo, -300).id).state is State.KILLED


def test_a_queued_job_outlasts_a_cluster_that_is_away(demo, silent, monkeypatch):
    """A list of jobs that cannot be shown while the cluster restarts, or a job dropped from its queue."""
    monkeypatch.setenv(ADDRESS, silent)
    folder = new_folder(order(demo), "")
    folder.join_queue()
    assert [job.state for job in jobs.jobs()] == [State.QUEUED]
    jobs.stop(folder.id)
    assert jobs.find(folder.id).state is State.STOPPED


def test_why_not_is_one_sentence(demo, silent, monkeypatch):
    """The page offers a cluster that cannot be used, or does not say what is missing."""
    monkeypatch.delenv(ADDRESS, raising=False)
    assert ADDRESS in RayRunner().why_not()
    assert list(jobs.runners()) == [LOCAL]
    with pytest.raises(jobs.JobRefused, match=ADDRESS):
        jobs.submit(order(demo))
    assert jobs.jobs() == []
    monkeypatch.setenv(ADDRESS, silent)
    assert list(jobs.runners()) == [LOCAL, RAY]
    assert "does not answer" in RayRunner().why_not()
    monkeypatch.setenv(ADDRESS, "ray://127.0.0.1:1")
    assert "http://" in RayRunner().why_not()
    monkeypatch.setenv(ADDRESS, "127.0.0.1:1")
    monkeypatch.setattr(cluster_module, "find_spec", lambda name: None)
    assert "pip install -e .[ray]" in RayRunner().why_not()
    monkeypatch.setenv("IMLE_RAY_CPUS", "many")
    assert "IMLE_RAY_CPUS" in RayRunner().why_not()


def test_a_job_of_the_cluster_keeps_its_runner_listed(demo, monkeypatch):
    """A page without the address would fail on, or hide, the jobs that were once sent to a cluster."""
    monkeypatch.delenv(ADDRESS, raising=False)
    folder = running_at("http://127.0.0.1:1", demo, 300)
    assert list(jobs.runners()) == [LOCAL, RAY]
    assert jobs.find(folder.id).state is State.KILLED
    with pytest.raises(jobs.JobRefused, match=ADDRESS):
        jobs.resume(folder.id)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(cluster, demo):
    """A kill between two files of a checkpoint would leave a run that cannot go on, or a model that cannot be read."""
    rng = random.Random(0)
    job = jobs.submit(order(demo, epochs=40))
    for kill_number in range(20):
        running = wait_until(job.id, lambda one: one.state is State.RUNNING and one.beat.pid)
        time.sleep(rng.uniform(0, 20))
        running = jobs.find(job.id)
        if not running.state.is_active:
            break
        kill(running)
        killed = wait_for(job.id, State.KILLED, patience_s=10)
        print(
            f"kill {kill_number + 1}: {killed.beat.what}, epoch {killed.beat.epoch}, {len(jobs.metrics(job.id))} rows"
        )
        jobs.resume(job.id)
    finished = wait_for(job.id, State.FINISHED, patience_s=600)
    assert [row["epoch"] for row in jobs.metrics(finished.id)] == list(range(1, 41))
    assert load_model(finished.folder, "exact").card.recipe["epochs_done"] == 40
    assert not [path for path in folder_of(job.id).path.iterdir() if path.name.startswith(".")]
