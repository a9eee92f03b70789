"""Shards in, shards out: every record answered or named, a run that goes on, a worker that is killed while it works."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ray_head import children_of
from typer.testing import CliRunner

from imle import PtbXl, load_model
from imle.assets import DEMO_COHORT
from imle.cli import app
from imle.errors import BadChoice
from imle.explain.attribution import attribute
from imle.labels import LABELS
from imle.leads import LEADS
from imle.shards.answers import answer_shard, ask, basis, is_answered
from imle.shards.files import ID, SAMPLES, SIGNAL, UnreadableShard, export_shards, open_shard, shards_in, write_shard
from imle.shards.on_ray import ShardWorker

ENGINE = "exact"
PATIENCE_S = 240


@pytest.fixture(scope="module")
def data():
    return PtbXl(DEMO_COHORT)


@pytest.fixture(scope="module")
def signals_mv(data):
    return data.signals(data.catalogue.index)


@pytest.fixture(scope="module")
def shards(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    assert export_shards(data, folder, 25) == []
    return folder


def answered(question, shard: Path, target: Path):
    """The outcome and the answers as a frame."""
    checked, predictor = question.checked()
    outcome = answer_shard(checked, predictor, basis(checked, predictor), shard, target)
    return outcome, pd.read_parquet(target)


def test_a_data_set_becomes_shards_sample_by_sample(data, shards, signals_mv):
    """Leads in another order, or samples lost to a conversion, would pass unnoticed into millions of answers."""
    tables = [pq.read_table(path) for path in shards_in(shards)]
    assert [len(table) for table in tables] == [25, 25, 10]
    flat = np.concatenate([table[SIGNAL].combine_chunks().values.to_numpy() for table in tables])
    np.testing.assert_array_equal(flat.reshape(-1, len(LEADS), 1000), signals_mv)
    with pytest.raises(BadChoice, match="already"):
        export_shards(data, shards)


def test_answers_are_those_of_the_model(shards, signals_mv, tmp_path):
    """A record answered in another's place, or by another model, would be believed."""
    outcome, found = answered(ask("imle_net", ENGINE), shards_in(shards)[0], tmp_path / "out.parquet")
    assert (outcome.records, outcome.refused) == (25, ())
    expected = load_model("imle_net", ENGINE).predict(signals_mv[:25])
    np.testing.assert_allclose(found[list(LABELS)].to_numpy(), expected, atol=1e-6)
    assert found["refused"].isna().all()


def test_a_bad_row_is_named_and_the_others_are_answered(signals_mv, tmp_path):
    """One broken record among millions would end the run, or be answered as if it were an ECG."""
    rows = [signals_mv[place].ravel() for place in range(6)]
    rows[1], rows[2] = rows[1][:-1], None
    rows[4] = np.where(np.arange(SAMPLES) == 5, np.nan, rows[4])
    rows[5] = rows[5] * 1000
    kind = pa.list_(pa.float64())
    pq.write_table(pa.table({ID: list("abcdef"), SIGNAL: pa.array(rows, kind)}), tmp_path / "in.parquet")
    outcome, found = answered(ask("imle_net", ENGINE), tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert found[ID].tolist() == list("abcdef")
    assert found["refused"].notna().tolist() == [False, True, True, False, True, True]
    assert found[list(LABELS)].notna().all(axis=1).tolist() == [True, False, False, True, False, False]
    assert [reason.split(": ")[1] for reason in outcome.refused] == [
        f"record {place} ({ID} {name})" for place, name in ((2, "b"), (3, "c"), (5, "e"), (6, "f"))
    ]
    for reason, words in zip(outcome.refused, ("11999", "no signal", "NaN", "unit"), strict=True):
        assert words in reason
    expected = load_model("imle_net", ENGINE).predict(signals_mv[[0, 3]])
    np.testing.assert_allclose(found[list(LABELS)].dropna().to_numpy(), expected, atol=1e-6)


def test_lead_importance_of_attention_and_of_an_attribution(shards, signals_mv, tmp_path):
    """Shares that do not add up, or stand under another label, would be compared over a cohort."""
    shard = tmp_path / "in.parquet"
    write_shard(shard, [7, 8], signals_mv[:2])
    _, shared = answered(ask("imle_net", ENGINE, "attention"), shard, tmp_path / "shared.parquet")
    channel = load_model("imle_net", ENGINE).attend(signals_mv[:2]).channel
    np.testing.assert_allclose(shared[list(LEADS)], channel, atol=1e-6)
    assert shared["label"].isna().all()

    _, own = answered(ask("imle_net_plus", ENGINE, "attention", ["MI", "CD"]), shard, tmp_path / "own.parquet")
    assert list(zip(own[ID], own["label"], strict=True)) == [(7, "MI"), (7, "CD"), (8, "MI"), (8, "CD")]
    predictor = load_model("imle_net_plus", ENGINE)
    channel = predictor.attend(signals_mv[:2]).of("MI").channel
    np.testing.assert_allclose(own.loc[own["label"] == "MI", list(LEADS)], channel, atol=1e-6)

    write_shard(shard, [7], signals_mv[:1])
    _, lost = answered(ask("imle_net_plus", ENGINE, "occlusion_waves", ["MI"]), shard, tmp_path / "lost.parquet")
    size = np.abs(attribute(predictor, signals_mv[0], "MI", "occlusion_waves")).sum(axis=1)
    np.testing.assert_allclose(lost[list(LEADS)].to_numpy()[0], size / size.sum(), rtol=1e-4)


def test_answers_to_another_question_are_not_overwritten(shards, tmp_path):
    """A second model into the same folder would leave shards of both, or destroy the first's."""
    shard, target = shards_in(shards)[2], tmp_path / "out.parquet"
    question, predictor = ask("imle_net", ENGINE).checked()
    made_of = basis(question, predictor)
    assert not is_answered(made_of, shard, target)
    answer_shard(question, predictor, made_of, shard, target)
    assert is_answered(made_of, shard, target)
    for other in (ask("imle_net", "fast"), ask("imle_net_plus", ENGINE), ask("imle_net", ENGINE, "attention")):
        with pytest.raises(BadChoice, match="another folder"):
            is_answered(basis(*other.checked()), shard, target)
    again = tmp_path / shard.name
    again.write_bytes(shard.read_bytes())
    assert not is_answered(made_of, again, target)  # the source was written anew


def test_what_is_no_shard_gets_one_sentence(tmp_path):
    """A stray file in the folder would end a run of days with a stack trace."""
    (tmp_path / "text.parquet").write_text("no")
    pq.write_table(pa.table({ID: [1]}), tmp_path / "half.parquet")
    pq.write_table(pa.table({ID: [1], SIGNAL: ["abc"]}), tmp_path / "words.parquet")
    for name, words in (("text", "damaged"), ("half", SIGNAL), ("words", "list")):
        with pytest.raises(UnreadableShard, match=words):
            open_shard(tmp_path / f"{name}.parquet")


def test_a_shard_that_ends_every_worker_is_left_out(shards, tmp_path):
    """Ray gives a lost worker's shard to the next, which a shard that is too large would end too, and so on for ever."""
    worker = ShardWorker(ask("imle_net", ENGINE), str(tmp_path))
    shard = shards_in(shards)[2]
    (tmp_path / f".{shard.name}.tried").write_bytes(b".....")
    found = worker({"item": [str(shard)]})
    assert found["records"] == [0]
    assert "left out" in found["refused"][0][0]
    assert worker({"item": [str(shard)]})["records"] == [10]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict-shards", "IN", "OUT", "--model", "nothing"], "no model"),
        (["predict-shards", "OUT", "OUT"], "no Parquet"),
        (["explain-shards", "IN", "OUT", "--label", "MI"], "every label"),
        (["explain-shards", "IN", "OUT", "--method", "guess"], "no method"),
        (["predict-shards", "IN", "IN"], "another folder"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_before_any_work(shards, tmp_path, arguments, words):
    """A cluster would be started, and fail on each shard, for a word that was mistyped."""
    places = {"IN": str(shards), "OUT": str(tmp_path)}
    found = CliRunner().invoke(app, [places.get(argument, argument) for argument in arguments])
    assert found.exit_code == 2
    assert words in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def workers_of(command: subprocess.Popen) -> list[int]:
    """The processes of the command's shard workers."""
    named = ((number, Path(f"/proc/{number}/cmdline")) for number in children_of(command.pid))
    return [number for number, line in named if line.exists() and b"ShardWorker" in line.read_bytes()]


@pytest.mark.slow
def test_a_killed_worker_is_started_again_and_nothing_is_lost(signals_mv, tmp_path):
    """A machine that goes would take its shard with it, or the whole run. Run again, only what is missing is answered."""
    pytest.importorskip("ray", reason="Ray is not installed; pip install -e .[ray]")
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(12):
        write_shard(source / f"{number:02}.parquet", number * 30 + np.arange(30), signals_mv[:30])
    (source / "stray.parquet").write_text("no shard")
    run = [sys.executable, "-c", "from imle.cli import main; main()", "predict-shards", str(source), str(out)]
    run += ["--engine", ENGINE]
    environment = {name: value for name, value in os.environ.items() if name != "IMLE_RAY_ADDRESS"}
    command = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    end = time.monotonic() + PATIENCE_S
    while len(list(out.glob("[!.]*.parquet"))) < 1:
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    os.kill(workers_of(command)[0], signal.SIGKILL)
    missing = 12 - len(list(out.glob("[!.]*.parquet")))
    printed, complaints = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 2, complaints
    own = [line for line in complaints.splitlines() if line.startswith("imle: ")]
    assert own == [f"imle: {source / 'stray.parquet'} is no Parquet file, or damaged; write it again"]
    assert missing > 3, "the worker was killed too late to tell"
    assert "360 records" in printed
    found = pd.concat([pd.read_parquet(path) for path in shards_in(out)])
    assert found[ID].tolist() == list(range(360))
    expected = load_model("imle_net", ENGINE).predict(signals_mv[:30])
    np.testing.assert_allclose(found[list(LABELS)].to_numpy(), np.tile(expected, (12, 1)), atol=1e-6)
    assert not list(out.glob(".*"))

    (source / "stray.parquet").unlink()
    written = {path: path.stat().st_mtime_ns for path in shards_in(out)}
    found = CliRunner().invoke(app, ["predict-shards", str(source), str(out), "--engine", ENGINE])
    assert found.exit_code == 0
    assert "12 shards were there" in found.stdout
    assert written == {path: path.stat().st_mtime_ns for path in shards_in(out)}
