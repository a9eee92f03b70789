"""`download` against a real HTTP server: what arrives, what a second run does, and what cannot be right from the start."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from faulty_server import BIG, files_in, refusal, wanted

from imle.ptbxl import download as downloading
from imle.ptbxl import transfer
from imle.ptbxl.download import download

# What arrives


def test_the_100_hz_data_set_is_fetched(server, tmp_path):
    """The default must be what training needs, whole, and nothing of the 2.6 GB that it does not."""
    told = []
    done = download(tmp_path / "new" / "ptbxl", base_url=server.url, on_progress=lambda *now: told.append(now))
    assert files_in(tmp_path / "new" / "ptbxl") == wanted(server, "records100/")
    assert (done.files, done.fetched) == (16, 16)
    assert [now[:2] for now in told] == [(n, 16) for n in range(17)]
    assert told[-1][2] == sum(len(content) for content in wanted(server, "records100/").values()) - len(
        server.tree["SHA256SUMS.txt"]
    )


def test_500_hz_on_request(server, tmp_path):
    """What was fetched before at 100 Hz must not come again with the 500 Hz records."""
    download(tmp_path, base_url=server.url)
    server.asked.clear()
    assert download(tmp_path, fs_hz=(100, 500), base_url=server.url).fetched == 12
    assert files_in(tmp_path) == wanted(server, "records100/", "records500/")
    assert all(path.startswith("records500/") for path in server.asked)


def test_files_come_in_parallel_over_connections_that_stay(server, tmp_path):
    """43,600 files one by one, each with its own handshake, would take a day."""
    slow = server.answer
    server.answer = lambda handler: (time.sleep(0.05), slow(handler))
    download(tmp_path, base_url=server.url, workers=4)
    assert server.most_at_once == 4
    assert server.connections == 5  # one for the list of sums, one a worker


# Running again


def test_a_second_run_asks_nothing_and_reads_nothing(server, tmp_path, monkeypatch):
    """A glance at size and time must do: hashing 500 MB at every call would be a minute on a slow disk."""
    download(tmp_path, base_url=server.url)
    server.close()
    monkeypatch.setattr(transfer, "sha256_of", lambda path: pytest.fail(f"{path} was read"))
    told = []
    done = download(tmp_path, base_url=server.url, on_progress=lambda *now: told.append(now))
    assert (done.files, done.fetched) == (16, 0)
    assert told == [(16, 16, told[0][2])]


@pytest.mark.parametrize("damage", ["content", "cut", "gone"])
def test_a_damaged_file_is_found_and_fetched_again(server, tmp_path, damage):
    """A disk error or an editor's save must not survive until training."""
    download(tmp_path, base_url=server.url)
    path = tmp_path / "records100/00000/00002_lr.hea"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"?" * 700 if damage == "content" else b"")
        os.utime(path, ns=(0, 10**18))
    server.asked.clear()
    assert download(tmp_path, base_url=server.url).fetched == 1
    assert files_in(tmp_path) == wanted(server, "records100/")
    assert list(server.asked) == ["records100/00000/00002_lr.hea"]


def test_verify_finds_what_size_and_time_hide(server, tmp_path):
    """A flipped bit on the disk changes neither; that is what --verify is for."""
    download(tmp_path, base_url=server.url)
    path = tmp_path / BIG
    stat, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert download(tmp_path, base_url=server.url).fetched == 0
    assert download(tmp_path, base_url=server.url, verify=True).fetched == 1
    assert path.read_bytes() == content


def test_files_put_there_by_hand_are_checked_not_fetched(server, tmp_path):
    """Whoever has the data set already, by wget or from a colleague, must not fetch it again."""
    for path, content in wanted(server, "records100/").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "RECORDS").write_bytes(b"wrong")
    assert download(tmp_path, base_url=server.url).fetched == 1
    assert set(server.asked) == {"SHA256SUMS.txt", "RECORDS"}


def test_an_interrupted_run_goes_on(server, tmp_path):
    """Ctrl-C after an hour must cost seconds: no finished file again, the half file from its middle."""

    def interrupt(done, total, n_bytes):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(tmp_path, base_url=server.url, on_progress=interrupt, workers=2)
    finished = {path for path in files_in(tmp_path) if not path.endswith(".part")} - {"SHA256SUMS.txt"}
    assert len(finished) >= 5
    unfinished = next(path for path in wanted(server, "records100/") if path not in finished | {"SHA256SUMS.txt"})
    (tmp_path / unfinished).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / f"{unfinished}.part").write_bytes(server.tree[unfinished][:300])
    server.asked.clear()
    told = []
    download(tmp_path, base_url=server.url, on_progress=lambda *now: told.append(now[0]))
    assert files_in(tmp_path) == wanted(server, "records100/")
    assert set(server.asked) == set(wanted(server, "records100/")) - finished - {"SHA256SUMS.txt"}
    assert (unfinished, "bytes=300-") in server.ranges
    assert told[0] >= 5


KILLED = """
import sys
from imle.ptbxl.download import download
download(sys.argv[1], base_url=sys.argv[2], workers=2, on_progress=lambda *now: print(*now, flush=True))
"""


def test_a_killed_run_goes_on(server, tmp_path, monkeypatch):
    """A closed laptop or a killed process leaves no time to tidy up."""
    stop, slow = threading.Event(), server.answer

    def stall_at_the_big_one(handler):
        if BIG in handler.path and not stop.is_set():
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(server.tree[BIG])))
            handler.end_headers()
            handler.wfile.write(server.tree[BIG][:400_000])
            handler.wfile.flush()
            stop.wait(30)
            handler.close_connection = True
        else:
            slow(handler)

    server.answer = stall_at_the_big_one
    command = [sys.executable, "-c", KILLED, str(tmp_path), server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(16)]  # all but the big one
        assert lines[-1].startswith("15 16 ")
        deadline = time.monotonic() + 20
        while transfer.size_of(tmp_path / f"{BIG}.part") < 300_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    stop.set()
    held = transfer.size_of(tmp_path / f"{BIG}.part")
    with (tmp_path / ".imle" / "downloaded").open("a") as journal:
        journal.write("24000 17")  # and a line of the journal cut off
    server.asked.clear()
    server.ranges.clear()
    assert download(tmp_path, base_url=server.url).fetched == 1
    assert files_in(tmp_path) == wanted(server, "records100/")
    assert server.asked == {BIG: 1}
    assert server.ranges == [(BIG, f"bytes={held}-")]
    monkeypatch.setattr(transfer, "sha256_of", lambda path: pytest.fail(f"{path} was not noted in the journal"))
    assert download(tmp_path, base_url=server.url).fetched == 0


def test_a_part_that_is_already_whole(server, tmp_path):
    """Killed between the last byte and the renaming: the server has nothing more to give."""
    (tmp_path / "records100/00000").mkdir(parents=True)
    (tmp_path / f"{BIG}.part").write_bytes(server.tree[BIG])
    download(tmp_path, base_url=server.url)
    assert files_in(tmp_path) == wanted(server, "records100/")
    assert server.asked[BIG] == 1


def test_a_part_of_something_else_is_dropped(server, tmp_path):
    """A beginning from another version must not be believed because it has a plausible length."""
    (tmp_path / "records100/00000").mkdir(parents=True)
    (tmp_path / f"{BIG}.part").write_bytes(b"x" * 1000)
    download(tmp_path, base_url=server.url)
    assert (tmp_path / BIG).read_bytes() == server.tree[BIG]


# What cannot be right from the start


def test_a_login_page_is_no_list_of_sums(server, tmp_path):
    """Hotels and hospitals answer every address with a page of their own."""
    good = server.tree["SHA256SUMS.txt"]
    server.tree["SHA256SUMS.txt"] = b"<html>Please log in</html>"
    assert refusal(tmp_path, base_url=server.url) == (
        f"{server.url}SHA256SUMS.txt lists no ptbxl_database.csv; give the address of a folder with PTB-XL 1.0.3"
    )
    server.tree["SHA256SUMS.txt"] = good
    assert download(tmp_path, base_url=server.url).files == 16


def test_a_mirror_without_500_hz(server, tmp_path):
    lines = server.tree["SHA256SUMS.txt"].decode().splitlines(True)
    server.tree["SHA256SUMS.txt"] = "".join(line for line in lines if "records500" not in line).encode()
    assert "lists no records500/;" in refusal(tmp_path, base_url=server.url, fs_hz=(100, 500))


def test_sums_in_the_style_of_sha256sum(server, tmp_path):
    """Two blanks, or a blank and a star, stand between sum and name where the tool wrote the list."""
    server.tree["SHA256SUMS.txt"] = server.tree["SHA256SUMS.txt"].replace(b" ", b"  ").replace(b"  r", b" *r")
    assert download(tmp_path, base_url=server.url).files == 16


def test_paths_cannot_leave_the_folder(server, tmp_path):
    """A hostile list must not write to the user's home."""
    server.tree["SHA256SUMS.txt"] += b"0" * 64 + b" records100/../../evil\n"
    assert "lists records100/../../evil, which lies outside" in refusal(tmp_path / "in", base_url=server.url)
    assert not (tmp_path.parent / "evil").exists()


def test_wrong_addresses_and_rates(tmp_path):
    for address in ("physionet.org/files", "ftp://physionet.org/", "/data/mirror"):
        assert refusal(tmp_path, base_url=address) == (
            f"'{address}' is no web address; give one like https://physionet.org/files/ptb-xl/1.0.3/"
        )
    assert refusal(tmp_path, fs_hz=(250,)) == "PTB-XL has no records at 250 Hz; choose 100, 500 or both"


def test_too_little_disk_space_is_told_before(server, tmp_path, monkeypatch):
    """A download that fills the disk takes every other program with it."""
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    assert refusal(tmp_path, base_url=server.url) == (
        f"{tmp_path} has 1 MB free and what is missing of PTB-XL needs 16 MB; make room"
    )
    assert not (tmp_path / "records100").exists()


def test_verify_needs_no_room_for_what_is_there(server, tmp_path, monkeypatch):
    """Whoever has all files on an almost full disk could otherwise never have them checked."""
    download(tmp_path, base_url=server.url)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    assert download(tmp_path, base_url=server.url, verify=True).files == 16
    (tmp_path / "ptbxl_database.csv").unlink()
    assert "1 MB free and what is missing of PTB-XL needs 8 MB" in refusal(tmp_path, base_url=server.url, verify=True)


def test_a_destination_that_is_a_file(server, tmp_path):
    (tmp_path / "notes").write_text("mine")
    said = refusal(tmp_path / "notes", base_url=server.url)
    assert said.endswith("cannot be written (not a directory); choose another place")
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_disk_that_fills_up_meanwhile(server, tmp_path, monkeypatch):
    """Another program may take the room that was there at the start."""

    def full(*_):
        raise OSError(28, "No space left on device", str(tmp_path / BIG))

    monkeypatch.setattr(transfer.os, "replace", full)
    assert refusal(tmp_path, base_url=server.url) == (
        f"{tmp_path / BIG} cannot be written (no space left on device); choose another place"
    )


def test_two_downloads_into_one_folder(server, tmp_path):
    """Two writers in one half file would spoil it for both."""
    said = []

    def meanwhile(done, total, n_bytes):
        if done == 3:
            said.append(refusal(tmp_path, base_url=server.url))

    download(tmp_path, base_url=server.url, on_progress=meanwhile)
    assert said == [f"another download into {tmp_path} is running; wait for it, or stop it"]


def test_the_store_and_the_journal_share_a_folder(server, tmp_path):
    """Both keep their notes in .imle; neither may tidy the other's away."""
    download(tmp_path, base_url=server.url)
    names = sorted(path.name for path in (tmp_path / ".imle").iterdir())
    assert names == ["download.lock", "downloaded"]
    shutil.rmtree(tmp_path / ".imle")
    assert download(tmp_path, base_url=server.url).fetched == 0
