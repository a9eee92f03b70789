"""Transfers from a server that fails, truncates, corrupts, hangs up and ignores what it is asked."""

import hashlib
import threading

import pytest
from faulty_server import BIG, files_in, refusal, wanted

from imle.ptbxl import transfer
from imle.ptbxl.download import download


@pytest.mark.parametrize("fault", [503, 500, 429, "hang up", "truncate"])
def test_passing_failures_are_tried_again(server, tmp_path, fault):
    """Every file fails twice; a night's download must not end at the first hiccup."""
    server.fault = lambda path, nth: fault if nth <= 2 else None
    download(tmp_path, base_url=server.url)
    assert files_in(tmp_path) == wanted(server, "records100/")


def test_a_truncated_file_goes_on_from_its_middle(server, tmp_path):
    server.fault = lambda path, nth: "truncate" if path == BIG and nth == 1 else None
    download(tmp_path, base_url=server.url)
    whole_chunks = 300_000 - 300_000 % transfer.CHUNK_BYTES
    assert server.ranges == [(BIG, f"bytes={whole_chunks}-")]
    assert (tmp_path / BIG).read_bytes() == server.tree[BIG]


def test_a_server_that_ignores_ranges(server, tmp_path):
    """Appending a whole file to its own half would never match."""
    server.accepts_ranges = False
    server.fault = lambda path, nth: "truncate" if nth == 1 else None
    download(tmp_path, base_url=server.url)
    assert files_in(tmp_path) == wanted(server, "records100/")
    assert server.asked[BIG] == 2


def test_progress_within_a_file_forgives_failures(server, tmp_path, monkeypatch):
    """A line that drops every few seconds still gets there, as long as each time brings something."""
    monkeypatch.setattr(transfer, "ATTEMPTS", 3)
    server.fault = lambda path, nth: "truncate" if path == BIG and nth <= 6 else None
    download(tmp_path, base_url=server.url)
    assert server.asked[BIG] == 7


def test_content_that_is_wrong_once_is_fetched_again(server, tmp_path):
    server.fault = lambda path, nth: "corrupt" if nth == 1 and path != "SHA256SUMS.txt" else None
    download(tmp_path, base_url=server.url)
    assert files_in(tmp_path) == wanted(server, "records100/")


def test_content_that_stays_wrong_is_named_and_the_rest_is_fetched(server, tmp_path):
    """One bad file on a mirror must cost neither the other 43,599 nor an endless loop."""
    server.fault = lambda path, nth: "corrupt" if path == BIG else None
    said = refusal(tmp_path, base_url=server.url)
    assert said == f"{BIG} came with a wrong checksum 3 times from {server.url}; try again, or a mirror"
    assert server.asked[BIG] == 3
    assert files_in(tmp_path) == {k: v for k, v in wanted(server, "records100/").items() if k != BIG}
    server.fault = lambda path, nth: None
    assert download(tmp_path, base_url=server.url).fetched == 1


def test_a_wrong_list_of_sums_is_not_kept_for_ever(server, tmp_path):
    """If the list itself was damaged on its way, the next run must be able to get out of it."""
    good = server.tree["SHA256SUMS.txt"]
    server.tree["SHA256SUMS.txt"] = good.replace(hashlib.sha256(server.tree[BIG]).hexdigest().encode(), b"0" * 64)
    assert refusal(tmp_path, base_url=server.url).startswith(f"{BIG} came with a wrong checksum")
    server.tree["SHA256SUMS.txt"] = good
    assert download(tmp_path, base_url=server.url).fetched == 1


def test_a_missing_file_is_named(server, tmp_path):
    del server.tree["records100/00000/00004_lr.dat"]
    said = refusal(tmp_path, base_url=server.url)
    assert said == (
        f"{server.url}records100/00000/00004_lr.dat is not there (404 Not Found); "
        "give the address of a folder with PTB-XL 1.0.3"
    )
    assert len(files_in(tmp_path)) == 16


def test_many_missing_files_end_the_run(server, tmp_path):
    """A mirror with the list but not the records would be asked 43,600 times in vain."""
    for path in [path for path in server.tree if path.startswith("records")]:
        del server.tree[path]
    assert "(10 more files could not be had either)" in refusal(tmp_path, base_url=server.url, fs_hz=(100, 500))


def test_a_server_that_is_down_ends_the_run(server, tmp_path):
    server.fault = lambda path, nth: 503 if path.startswith("records") else None
    said = refusal(tmp_path, base_url=server.url)
    assert "cannot be fetched (the server answers 503 Service Unavailable); check the connection and try again" in said
    assert server.asked[said.split()[0].removeprefix(server.url)] == transfer.ATTEMPTS


def test_no_server_at_all(server, tmp_path):
    server.close()
    assert refusal(tmp_path, base_url=server.url) == (
        f"{server.url}SHA256SUMS.txt cannot be fetched (Connection refused); "
        "check the connection and try again: it goes on where it stopped"
    )


def test_a_refusing_server(server, tmp_path):
    server.fault = lambda path, nth: 403
    assert refusal(tmp_path, base_url=server.url) == (
        f"{server.url}SHA256SUMS.txt is refused (403 Forbidden); check the address, and the proxy if there is one"
    )


def test_a_server_may_ask_for_patience(server, tmp_path, monkeypatch):
    """PhysioNet limits its load; a client that hammers on is shut out."""
    waited = []
    monkeypatch.setattr(transfer.random, "uniform", lambda low, high: 1)
    monkeypatch.setattr(threading.Event, "wait", lambda self, s=None: waited.append(s) and False)
    pauses = iter(["7", "3600", "soon"])
    plain = server.send

    def busy(handler, status, content, *more, **how):
        asked = next(pauses, None)
        if asked is None:
            return plain(handler, status, content, *more, **how)
        handler.send_response(503)
        handler.send_header("Retry-After", asked)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return None

    server.send = busy
    transfer.Fetcher(server.url, tmp_path).fetch("RECORDS", None)
    assert [s for s in waited if s] == [7, transfer.LONGEST_PAUSE_S, 0.004]
