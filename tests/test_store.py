"""The waveform store: samples as wfdb reads them, builds that survive an interruption and notice a changed source."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import wfdb
from made_up import IDS, made_up_ecg, write_record, write_tiny_ptbxl

from imle import PtbXl, UnreadableEcg
from imle.ptbxl import store
from imle.ptbxl.store import NoRoom, open_store


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four records, so that 24 make six."""
    monkeypatch.setattr(store, "BLOCK", 4)


@pytest.fixture
def records_read(monkeypatch) -> list[str]:
    """The names of the records that builds read from here on."""
    names, read_block = [], store._read_block

    def noting(root, chunk, block):
        names.extend(chunk)
        return read_block(root, chunk, block)

    monkeypatch.setattr(store, "_read_block", noting)
    return names


def touch_later(path: Path) -> None:
    """Make `path` look changed a second later, however coarse the file system's clock."""
    then = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(then, then))


def by_wfdb(data: PtbXl, ids) -> np.ndarray:
    return np.array([wfdb.rdsamp(str(data.path(n)))[0].T for n in ids], np.float32)


def test_the_store_equals_wfdb(own_ptbxl, small_blocks):
    """Training on other samples than those published would make every figure ours alone."""
    data = PtbXl(own_ptbxl)
    found = data.signals(IDS)
    assert (found.dtype, found.shape) == (np.float32, (24, 12, 1000))
    np.testing.assert_array_equal(found, by_wfdb(data, IDS))


def test_signals_come_in_the_order_asked_for(own_ptbxl):
    """Sorted rows under unsorted labels would train on noise."""
    data = PtbXl(own_ptbxl)
    ids = [19, 3, 27, 3]
    np.testing.assert_array_equal(data.signals(ids), by_wfdb(data, ids))
    assert data.signals(5).shape == (1, 12, 1000)


def test_records_written_otherwise_go_in_too(own_ptbxl):
    """A hospital's own records in PTB-XL's layout: another gain, order, rate and length."""
    data = PtbXl(own_ptbxl)
    signal_mv = made_up_ecg(50, 250, seconds=12)
    names = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    write_record(data.path(8), signal_mv[::-1], 250, sig_name=names[::-1], adc_gain=[200.0] * 12)
    np.testing.assert_allclose(data.signals([8])[0], data.record(8).for_model(), atol=0.00051)
    np.testing.assert_array_equal(data.signals([9]), by_wfdb(data, [9]))


def test_unreadable_records_do_not_stop_the_others(own_ptbxl, small_blocks):
    """One damaged file among 21,799 must cost that record and no other, and say why when it is asked for."""
    data = PtbXl(own_ptbxl)
    data.path(2).with_suffix(".dat").unlink()
    data.path(9).with_suffix(".hea").write_text("nonsense\n")
    samples = bytearray(data.path(14).with_suffix(".dat").read_bytes())
    samples[0] ^= 1
    data.path(14).with_suffix(".dat").write_bytes(samples)
    missing = np.array(made_up_ecg(15, 100))
    missing[0, 5] = np.nan
    write_record(data.path(15), missing, 100)
    good = [n for n in IDS if n not in (2, 9, 14, 15)]
    np.testing.assert_array_equal(data.signals(good), by_wfdb(data, good))
    said = {
        2: "00002_lr.dat is missing; give both files of the record, the header and the signals",
        9: "this is not a WFDB header; its first line must give the record's name, leads, rate and length",
        14: "the checksum of lead I is wrong; the file is damaged, so copy it again",
        15: "lead I has missing samples (NaN); every sample of the 12 leads is needed",
    }
    for ecg_id, reason in said.items():
        with pytest.raises(UnreadableEcg) as caught:
            data.signals([1, ecg_id])
        assert str(caught.value) == f"{data.path(ecg_id)}: {reason}"
    finished = PtbXl(own_ptbxl).build_store()
    assert sorted(finished.unreadable) == [IDS.index(n) for n in said]
    assert not finished.adc[sorted(finished.unreadable)].any()  # and not another record's samples


def test_a_finished_store_is_not_built_again(own_ptbxl, records_read):
    """Half a second, not twenty, at every start."""
    PtbXl(own_ptbxl).build_store()
    assert len(records_read) == 24
    told = []
    PtbXl(own_ptbxl).build_store(lambda done, total: told.append(done))
    PtbXl(own_ptbxl).signals([1])
    assert len(records_read) == 24
    assert told == []


@pytest.mark.parametrize("change", ["content", "time", "csv", "size"])
def test_a_changed_source_is_read_again(own_ptbxl, records_read, change):
    """Old samples under new labels would never be noticed."""
    data = PtbXl(own_ptbxl)
    data.build_store()
    records_read.clear()
    if change == "content":
        write_record(data.path(12), made_up_ecg(99, 100), 100)
        touch_later(data.path(12).with_suffix(".dat"))
    elif change == "time":
        touch_later(data.path(12).with_suffix(".hea"))
    elif change == "size":
        stat = data.path(12).with_suffix(".dat").stat()
        data.path(12).with_suffix(".dat").write_bytes(b"short")
        os.utime(data.path(12).with_suffix(".dat"), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        table = own_ptbxl / "ptbxl_database.csv"
        table.write_text("".join(line for line in table.read_text().splitlines(True) if not line.startswith("12,")))
    again = PtbXl(own_ptbxl)
    ids = [n for n in IDS if n != 12]
    np.testing.assert_array_equal(again.signals(ids), by_wfdb(again, ids))
    assert records_read


def test_an_interrupted_build_goes_on(own_ptbxl, small_blocks, records_read):
    """Ctrl-C after most of the work must not throw that work away, nor the reasons found in it."""
    data = PtbXl(own_ptbxl)
    data.path(2).with_suffix(".dat").unlink()

    def interrupt(done, total):
        assert total == 24
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.build_store(interrupt)
    records_read.clear()
    told = []
    finished = PtbXl(own_ptbxl).build_store(lambda done, total: told.append(done))
    assert told == [20, 24]
    assert records_read == data.catalogue["filename_lr"].tolist()[16:]
    assert list(finished.unreadable) == [IDS.index(2)]
    good = [n for n in IDS if n != 2]
    np.testing.assert_array_equal(data.signals(good), by_wfdb(data, good))
    assert sorted(path.name for path in (own_ptbxl / ".imle").iterdir()) == ["adc.i16", "lock", "store.json"]


def test_an_interrupted_build_of_another_source_is_dropped(own_ptbxl, small_blocks, records_read):
    """Half of the old data set and half of the new would be the worst of both."""
    data = PtbXl(own_ptbxl)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.build_store(interrupt)
    write_record(data.path(1), made_up_ecg(77, 100), 100)
    touch_later(data.path(1).with_suffix(".dat"))
    records_read.clear()
    np.testing.assert_array_equal(data.signals(IDS), by_wfdb(data, IDS))
    assert len(records_read) == 24


KILLED = """
import sys, time
from imle import PtbXl
from imle.ptbxl import store
store.BLOCK = 4
def stop(done, total):
    if done == 12:
        print("halfway", flush=True)
        time.sleep(60)
PtbXl(sys.argv[1]).build_store(stop)
"""


def test_a_killed_build_goes_on(own_ptbxl, small_blocks, records_read):
    """The machine's out-of-memory killer leaves no time to tidy up."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(own_ptbxl)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "halfway\n"
        process.send_signal(signal.SIGKILL)
    # What such an end can leave: a block without its note, a note cut within its line.
    with (own_ptbxl / ".imle" / "adc.i16.partial").open("ab") as half:
        half.write(b"half a block")
    with (own_ptbxl / ".imle" / "partial.jsonl").open("a") as diary:
        diary.write('{"records": 4, "unre')
    data = PtbXl(own_ptbxl)
    np.testing.assert_array_equal(data.signals(IDS), by_wfdb(data, IDS))
    assert records_read == data.catalogue["filename_lr"].tolist()[12:]


def test_a_diary_without_its_samples_is_not_believed(own_ptbxl, small_blocks):
    """After a power cut the note may be on disk and the block not."""
    data = PtbXl(own_ptbxl)

    def interrupt(done, total):
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.build_store(interrupt)
    with (own_ptbxl / ".imle" / "adc.i16.partial").open("r+b") as half:
        half.truncate(100_000)
    np.testing.assert_array_equal(data.signals(IDS), by_wfdb(data, IDS))


def test_a_store_that_lost_its_end_is_built_again(own_ptbxl):
    data = PtbXl(own_ptbxl)
    data.build_store()
    with (own_ptbxl / ".imle" / "adc.i16").open("r+b") as whole:
        whole.truncate(100_000)
    again = PtbXl(own_ptbxl)
    np.testing.assert_array_equal(again.signals(IDS), by_wfdb(again, IDS))


def test_two_processes_build_it_once(own_ptbxl):
    """Training and the dashboard start together; two writers in one file would mix their blocks."""
    wait = KILLED.replace("time.sleep(60)", "time.sleep(1)")
    with subprocess.Popen([sys.executable, "-c", wait, str(own_ptbxl)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "halfway\n"
        told = []
        data = PtbXl(own_ptbxl)
        data.build_store(lambda done, total: told.append(done))
        assert told == []
    assert process.returncode == 0
    np.testing.assert_array_equal(data.signals(IDS), by_wfdb(data, IDS))


def test_an_open_store_outlives_its_rebuilding(own_ptbxl):
    """A training run keeps its samples while another process builds anew."""
    data = PtbXl(own_ptbxl)
    before = data.signals(IDS)
    touch_later(data.path(1).with_suffix(".hea"))
    PtbXl(own_ptbxl).build_store()
    np.testing.assert_array_equal(data.signals(IDS), before)


def test_a_data_folder_that_cannot_be_written(own_ptbxl, monkeypatch, tmp_path):
    """Data sets are often mounted read-only; the store then belongs into the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (own_ptbxl / ".imle").write_text("no folder can be made here")
    data = PtbXl(own_ptbxl)
    np.testing.assert_array_equal(data.signals(IDS), by_wfdb(data, IDS))
    assert [path.name for path in (tmp_path / "cache").glob("imle/*/adc.i16")] == ["adc.i16"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_ptbxl / ".imle"))
    with pytest.raises(
        NoRoom, match="cannot be written; set XDG_CACHE_HOME to a folder where the waveform store may lie"
    ):
        data.build_store()


def test_a_read_only_data_folder_uses_the_cache(monkeypatch):
    """The same with real permissions, as a user who is not root sees them."""
    with tempfile.TemporaryDirectory() as place:
        root, cache = Path(place) / "ptbxl", Path(place) / "cache"
        root.mkdir()
        cache.mkdir()
        write_tiny_ptbxl(root, ids=(1, 2))
        for folder in (Path(place), root, cache):
            folder.chmod(0o777 if folder == cache else 0o555)
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        as_nobody = os.geteuid() == 0
        try:
            if as_nobody:
                os.seteuid(65534)
            data = PtbXl(root)
            np.testing.assert_array_equal(data.signals([1, 2]), by_wfdb(data, [1, 2]))
        finally:
            if as_nobody:
                os.seteuid(0)
            for folder in (Path(place), root):
                folder.chmod(0o755)
        assert not (root / ".imle").exists()
        assert list(cache.glob("imle/*/store.json"))


def test_a_read_only_folder_with_a_store_uses_that(own_ptbxl, monkeypatch, tmp_path, records_read):
    """A group's shared copy is built once by whoever may; the others must not each build their own."""
    PtbXl(own_ptbxl).build_store()
    records_read.clear()
    monkeypatch.setattr(store, "_held", None)  # a place to write must not even be looked for
    PtbXl(own_ptbxl).signals([1])
    assert records_read == []


def test_too_little_disk_space_is_told_before(own_ptbxl, monkeypatch):
    """A build that fills the disk takes every other program with it."""
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**5))
    with pytest.raises(NoRoom, match=r"\.imle has 0 MB free; the waveform store needs 1 MB$"):
        PtbXl(own_ptbxl).build_store()


def test_the_store_may_lie_elsewhere(own_ptbxl, tmp_path):
    names = PtbXl(own_ptbxl).catalogue["filename_lr"].tolist()
    found = open_store(own_ptbxl, names, folder=tmp_path / "elsewhere")
    assert found.adc.shape == (24, 12, 1000)
    assert not (own_ptbxl / ".imle").exists()
    assert json.loads((tmp_path / "elsewhere" / "store.json").read_text())["unreadable"] == {}


@pytest.mark.ptbxl
def test_real_store_equals_wfdb(ptbxl_root):
    data = PtbXl(ptbxl_root)
    ids = np.random.default_rng(0).choice(data.catalogue.index, 50, replace=False)
    np.testing.assert_array_equal(data.signals(ids), by_wfdb(data, ids))
