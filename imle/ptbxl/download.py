"""Fetches PTB-XL from PhysioNet, checked against its SHA256SUMS.txt, and goes on where it stopped.

`.imle/downloaded` in the destination lists the files that were checked, with size and time of change, so that the
next run asks the disk and not the network. A file that has changed since then, or was put there by someone else, is
checked anew and fetched again where it is wrong.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imle.ptbxl.catalogue import DATABASE, STATEMENTS
from imle.ptbxl.transfer import DownloadError, Fetcher, Lost, fetch_all

__all__ = ["PHYSIONET_URL", "DownloadError", "Downloaded", "download"]

PHYSIONET_URL = "https://physionet.org/files/ptb-xl/1.0.3/"
SUMS = "SHA256SUMS.txt"
TABLES = (DATABASE, STATEMENTS)
BESIDES = ("LICENSE.txt", "RECORDS")
FOLDER = {100: "records100/", 500: "records500/"}
# What a file takes on disk, in blocks of 4 KiB, by the end of its name.
ROOM_BYTES = {"_lr.dat": 24_576, "_hr.dat": 122_880, ".hea": 4_096, ".csv": 8_000_000}
# Files that may be given up before the rest is not tried any more.
LOST_AT_MOST = 10

_SUM_LINE = re.compile(r"([0-9a-fA-F]{64})\s+\*?(?:\./)?(\S+)")


@dataclass(frozen=True)
class Downloaded:
    """files: how many of the data set lie in the folder now. fetched: how many of them this run brought."""

    files: int
    fetched: int


def download(
    dest,
    fs_hz: tuple[int, ...] = (100,),
    base_url: str = PHYSIONET_URL,
    workers: int = 8,
    on_progress: Callable[[int, int, int], None] | None = None,
    verify: bool = False,
) -> Downloaded:
    """Fetch PTB-XL 1.0.3, with its records at each rate of `fs_hz` (100, 500), into the folder `dest`.

    `on_progress(done_files, total_files, done_bytes)` is called in this thread, at first for what is there already.
    `verify` reads and checks all files, also those that were checked before and have not changed since.
    Raises DownloadError in one sentence. After that, or after Ctrl-C, the same call goes on where it stopped.
    """
    base_url = _checked_address(base_url)
    for rate in fs_hz:
        if rate not in FOLDER:
            raise DownloadError(f"PTB-XL has no records at {rate:g} Hz; choose 100, 500 or both")
    dest = Path(dest)
    try:
        with _held(dest), Journal(dest) as journal:
            sums = _wanted(_sums(base_url, dest, journal, verify), fs_hz, base_url)
            journal.add(SUMS, base_url)
            return _fetch_missing(base_url, dest, sums, journal, workers, on_progress or (lambda *_: None), verify)
    except OSError as error:
        raise DownloadError(
            f"{error.filename or dest} cannot be written ({(error.strerror or str(error)).lower()}); choose another place"
        ) from None


def _fetch_missing(base_url, dest, sums, journal, workers, tell, verify) -> Downloaded:
    known = {} if verify else journal.unchanged(sums)
    missing = {path: sha256 for path, sha256 in sums.items() if path not in known}
    _require_space(dest, [path for path in missing if not (dest / path).is_file()])
    done, done_bytes, fetched, lost = len(known), sum(known.values()), 0, []
    tell(done, len(sums), done_bytes)
    for result in fetch_all(base_url, dest, missing, workers):
        if isinstance(result, Lost):
            lost.append(result)
            if len(lost) > LOST_AT_MOST:
                break
        else:
            journal.add(result.path, sums[result.path])
            done, done_bytes, fetched = done + 1, done_bytes + result.size, fetched + result.fetched
            tell(done, len(sums), done_bytes)
    if lost:
        journal.forget(SUMS)  # the fault may lie in our copy of the list
    if len(lost) > 1:
        raise DownloadError(f"{lost[0]} ({len(lost) - 1} more files could not be had either)")
    if lost:
        raise lost[0]
    return Downloaded(len(sums), fetched)


def _checked_address(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DownloadError(f"{base_url!r} is no web address; give one like {PHYSIONET_URL}")
    return base_url.rstrip("/") + "/"


@contextmanager
def _held(dest: Path) -> Iterator[None]:
    """`dest`, made where it is missing, held against a second download into it."""
    (dest / ".imle").mkdir(parents=True, exist_ok=True)
    with (dest / ".imle" / "download.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"another download into {dest} is running; wait for it, or stop it") from None
        yield


def _sums(base_url: str, dest: Path, journal: Journal, verify: bool) -> dict[str, str]:
    """All files below `base_url` with their SHA-256, from its SHA256SUMS.txt; fetched unless it came from there before."""
    if verify or SUMS not in journal.unchanged({SUMS: base_url}):
        with Fetcher(base_url, dest) as fetcher:
            fetcher.fetch(SUMS, None)
    lines = (dest / SUMS).read_text(errors="replace").splitlines()
    found = [_SUM_LINE.fullmatch(line.strip()) for line in lines]
    return {match[2]: match[1].lower() for match in found if match}


def _wanted(sums: dict[str, str], fs_hz: tuple[int, ...], base_url: str) -> dict[str, str]:
    """Of all files, the tables, what stands beside them, and the records at these rates."""
    folders = tuple(FOLDER[rate] for rate in fs_hz)
    wanted = {path: sha256 for path, sha256 in sums.items() if path in TABLES + BESIDES or path.startswith(folders)}
    lacking = [name for name in (*TABLES, *folders) if not any(path.startswith(name) for path in wanted)]
    if lacking:
        raise DownloadError(f"{base_url}{SUMS} lists no {lacking[0]}; give the address of a folder with PTB-XL 1.0.3")
    for path in wanted:
        if ".." in path.split("/"):
            raise DownloadError(
                f"{base_url}{SUMS} lists {path}, which lies outside; give an address that can be trusted"
            )
    return wanted


def _require_space(dest: Path, paths) -> None:
    needed = sum(next((room for end, room in ROOM_BYTES.items() if path.endswith(end)), 4_096) for path in paths)
    free = shutil.disk_usage(dest).free
    if free < needed:
        raise DownloadError(
            f"{dest} has {free / 1e6:.0f} MB free and what is missing of PTB-XL needs {needed / 1e6:.0f} MB; make room"
        )


class Journal:
    """The files of a folder that were seen to be right: a line each of size, time of change, mark and path.

    The mark is the SHA-256 that the file was checked against; that of SHA256SUMS.txt is the address it came from.
    """

    def __init__(self, dest: Path):
        self.dest, self.path = dest, dest / ".imle" / "downloaded"
        self.seen: dict[str, tuple[int, int, str]] = {}

    def __enter__(self) -> Journal:
        text = self.path.read_text() if self.path.is_file() else ""
        for line in text.splitlines():
            size, mtime_ns, mark, path = [*line.split(" ", 3), "", "", "", ""][:4]
            if path and size.isdigit() and mtime_ns.isdigit():
                self.seen[path] = (int(size), int(mtime_ns), mark)
        self._file = self.path.open("a", buffering=1)
        if text and not text.endswith("\n"):  # a run was killed while it wrote this line
            self._file.write("\n")
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def unchanged(self, marks: dict[str, str]) -> dict[str, int]:
        """Of the files of `marks`, those seen to be right under that mark and not changed since, with their sizes."""
        return {path: size for path, mark in marks.items() if (size := self._size_if_unchanged(path, mark)) is not None}

    def _size_if_unchanged(self, path: str, mark: str) -> int | None:
        if path not in self.seen:
            return None
        try:
            now = os.stat(f"{self.dest}/{path}")
        except OSError:
            return None
        return now.st_size if self.seen[path] == (now.st_size, now.st_mtime_ns, mark) else None

    def add(self, path: str, mark: str) -> None:
        """Note that `path` has just been seen to be right; nothing is written where that is known."""
        now = os.stat(f"{self.dest}/{path}")
        self._note(path, (now.st_size, now.st_mtime_ns, mark))

    def forget(self, path: str) -> None:
        """Have `path` checked by the next run, whether it changes or not."""
        self._note(path, (0, 0, "-"))

    def _note(self, path: str, entry: tuple[int, int, str]) -> None:
        if self.seen.get(path) != entry:
            self.seen[path] = entry
            size, mtime_ns, mark = entry
            self._file.write(f"{size} {mtime_ns} {mark} {path}\n")
