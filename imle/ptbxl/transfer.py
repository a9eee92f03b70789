"""Files over HTTP that arrive whole or not at all: resumed, tried again, checked, several at once.

A file is received as `NAME.part`, checked against its SHA-256, and only then given its name. `requests` carries it,
for the proxies and certificates of the networks that hospitals have.
"""

from __future__ import annotations

import hashlib
import os
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import requests

from imle.errors import Refusal

TIMEOUT_S = (10, 30)  # to connect, and between two pieces of an answer
# What a broken connection can lose at most of what had come over it.
CHUNK_BYTES = 1 << 14
# Failures in a row that bring not a byte more; pauses of 0.5, 1, 2, 4 and 8 s let a server restart.
ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# How often a file may arrive whole and wrong before it is given up.
TIMES_WRONG = 3
AGAIN_LATER = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(Refusal, ValueError):
    """What could not be fetched, in one sentence. All that was fetched stays, and the next run goes on from there."""


class Lost(DownloadError):
    """One file that cannot be had; the others still can."""


class _Later(Exception):
    """A failure that may pass; `pause_s` is what the server asked to wait."""

    def __init__(self, what: str, pause_s: float = 0):
        super().__init__(what)
        self.pause_s = pause_s


class _Stopped(Exception):
    """The run is being ended, by another file's failure or by Ctrl-C."""


@dataclass(frozen=True)
class Arrival:
    """A file that is whole: its path below the folder, its size in bytes, whether it came over the network just now."""

    path: str
    size: int
    fetched: bool


def fetch_all(base_url: str, dest: Path, sums: dict[str, str], workers: int) -> Iterator[Arrival | Lost]:
    """Fetch the files of `sums` (path -> SHA-256) into `dest`, `workers` at once; yields them as they come.

    A file that is there and right is not fetched. Raises DownloadError where no file can be had any more.
    """
    todo, results, stop = queue.SimpleQueue(), queue.SimpleQueue(), threading.Event()
    for path in sums:
        todo.put(path)

    def work():
        with Fetcher(base_url, dest, stop) as fetcher:
            while not stop.is_set():
                try:
                    path = todo.get_nowait()
                    results.put(fetcher.fetch(path, sums[path]))
                except queue.Empty:
                    return
                except Lost as lost:
                    results.put(lost)
                except BaseException as error:  # whatever it is, the waiting side must hear of it
                    results.put(error)
                    return

    threads = [threading.Thread(target=work, daemon=True) for _ in range(max(1, min(workers, len(sums))))]
    for thread in threads:
        thread.start()
    try:
        for _ in sums:
            result = results.get()
            if isinstance(result, BaseException) and not isinstance(result, Lost):
                raise result
            yield result
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class Fetcher:
    """Fetches files below `base_url` into `dest` over one connection that stays open; `stop` ends it between two pieces."""

    def __init__(self, base_url: str, dest: Path, stop: threading.Event | None = None):
        self.base_url, self.dest, self.stop = base_url, dest, stop or threading.Event()
        self.session = requests.Session()
        self.session.headers.update({"User-Agent": "imle", "Accept-Encoding": "identity"})

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_) -> None:
        self.session.close()

    def fetch(self, path: str, sha256: str | None) -> Arrival:
        """Make the file `path` whole; None for `sha256` takes what comes. Raises Lost or DownloadError."""
        target = self.dest / path
        part = target.with_name(f"{target.name}.part")
        if sha256 and target.is_file() and sha256_of(target) == sha256:
            return Arrival(path, target.stat().st_size, fetched=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not sha256:
            part.unlink(missing_ok=True)  # nothing could tell whether an old beginning fits a new end
        wrong = 0
        self._receive(path, part)
        while sha256 and sha256_of(part) != sha256:
            part.unlink()
            wrong += 1
            if wrong == TIMES_WRONG:
                raise Lost(
                    f"{path} came with a wrong checksum {wrong} times from {self.base_url}; try again, or a mirror"
                )
            self._receive(path, part)
        os.replace(part, target)
        return Arrival(path, target.stat().st_size, fetched=True)

    def _receive(self, path: str, part: Path) -> None:
        """Receive the file into `part`, going on where it ends, through failures that may pass."""
        url = self.base_url + quote(path)
        failures, most = 0, size_of(part)
        while True:
            try:
                return self._receive_once(url, part)
            except _Later as later:
                held = size_of(part)
                failures = 1 if held > most else failures + 1
                most = max(most, held)
                if failures == ATTEMPTS:
                    raise DownloadError(
                        f"{url} cannot be fetched ({later}); check the connection and try again: it goes on where it stopped"
                    ) from None
                pause_s = min(max(FIRST_PAUSE_S * 2 ** (failures - 1), later.pause_s), LONGEST_PAUSE_S)
                if self.stop.wait(pause_s * random.uniform(0.75, 1.25)):  # workers must not all come back at once
                    raise _Stopped from None

    def _receive_once(self, url: str, part: Path) -> None:
        held = size_of(part)
        ask = {"Range": f"bytes={held}-"} if held else {}
        try:
            with self.session.get(url, headers=ask, stream=True, timeout=TIMEOUT_S) as answer:
                if held and answer.status_code == 416:
                    return  # the server has nothing beyond what is here; the checksum tells whether it is whole
                _require_content(url, answer)
                goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {held}-")
                with part.open("ab" if answer.status_code == 206 and goes_on else "wb") as file:
                    for chunk in answer.iter_content(CHUNK_BYTES):
                        if self.stop.is_set():
                            raise _Stopped
                        file.write(chunk)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Later(_brief(error)) from None
        except requests.RequestException as error:
            raise DownloadError(f"{url} cannot be fetched ({_brief(error)}); check the address") from None


def _require_content(url: str, answer: requests.Response) -> None:
    status = f"{answer.status_code} {answer.reason}".strip()
    if answer.status_code in AGAIN_LATER:
        asked = answer.headers.get("Retry-After", "")
        raise _Later(f"the server answers {status}", float(asked) if asked.isdigit() else 0)
    if answer.status_code in (404, 410):
        raise Lost(f"{url} is not there ({status}); give the address of a folder with PTB-XL 1.0.3")
    if answer.status_code not in (200, 206):
        raise Lost(f"{url} is refused ({status}); check the address, and the proxy if there is one")


def _brief(error: Exception) -> str:
    """What went wrong, in the few words at the end of the chain of causes that requests and urllib3 make of it."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    while isinstance(error.__context__ or error.__cause__, Exception):
        error = error.__context__ or error.__cause__
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
