"""The waveform store: all records of a data set at 100 Hz in one memory-mapped array of ADC units.

PTB-XL keeps a record in two small files. Read through a WFDB library, each costs 2 ms, nearly all of it
Python. Here most are read by `imle.formats.plain_wfdb`, and the checksums of a whole block are verified at once.
A record that is written in any other way goes through the ordinary reader. Samples stay the 16-bit integers they
were, so nothing is lost.

The store lies in `.imle` within the data set, or in the user's cache where that cannot be written: `adc.i16` holds
the samples, `store.json` the digest of the source they came from. A build writes `adc.i16.partial` block by block
and keeps a diary of the blocks that are whole, from which the next build goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, UnreadableEcg
from imle.errors import Refusal
from imle.formats import read_ecg
from imle.formats.plain_wfdb import ADC_PER_MV, MISSING_ADC, checksums_agree, plain_header, read_samples
from imle.leads import LEADS

RECORD_SHAPE = (len(LEADS), MODEL_SAMPLES)
RECORD_BYTES = 2 * len(LEADS) * MODEL_SAMPLES

# Records read before they are written: few enough for the processor's cache.
BLOCK = 64


class NoRoom(Refusal, OSError):
    """No place that can be written, or not enough space in it, for the store."""


@dataclass(frozen=True)
class Store:
    """A finished store: adc (n, 12, 1000) int16, memory-mapped, a row a record; unreadable: row -> one-sentence reason."""

    adc: np.ndarray
    unreadable: dict[int, str]


def open_store(
    root: Path, names: list[str], progress: Callable[[int, int], None] | None = None, folder: Path | None = None
) -> Store:
    """The store of the records `names` (paths below `root`, no suffix), built first where it is missing or stale.

    An interrupted build goes on where it stopped. `progress(done, total)` is called after every block. `folder` puts
    the store elsewhere than usual. Raises NoRoom where it cannot be written.
    """
    fingerprint = _fingerprint(root, names)
    folders = [Path(folder)] if folder else _usual_folders(root)
    for place in folders:
        if (unreadable := _finished(place, fingerprint, len(names))) is not None:
            return _mapped(place, len(names), unreadable)
    with _held(folders) as place:
        unreadable = _finished(place, fingerprint, len(names))  # another process may have built it meanwhile
        if unreadable is None:
            unreadable = _build(root, names, place, fingerprint, progress)
    return _mapped(place, len(names), unreadable)


def _usual_folders(root: Path) -> list[Path]:
    """Where the store may lie: within the data set, or in the user's cache where that cannot be written."""
    root = Path(root).resolve()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [root / ".imle", cache / "imle" / hashlib.sha256(str(root).encode()).hexdigest()[:16]]


def _finished(folder: Path, fingerprint: str, n: int) -> dict[int, str] | None:
    """The unreadable rows of the finished store in `folder`; None where there is none, or one of another source."""
    try:
        stated = json.loads((folder / "store.json").read_text())
        # A power cut soon after a build leaves the file short.
        whole = (folder / "adc.i16").stat().st_size == n * RECORD_BYTES
    except (OSError, ValueError):
        return None
    return _by_row(stated["unreadable"]) if whole and stated["fingerprint"] == fingerprint else None


def _mapped(folder: Path, n: int, unreadable: dict[int, str]) -> Store:
    return Store(np.memmap(folder / "adc.i16", np.int16, "r", shape=(n, *RECORD_SHAPE)), unreadable)


@contextmanager
def _held(folders: list[Path]) -> Iterator[Path]:
    """The first folder that can be written, held against other processes that would build in it. NoRoom otherwise."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("w")
        except OSError:
            continue
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
        return
    places = " and ".join(map(str, folders))
    raise NoRoom(f"{places} cannot be written; set XDG_CACHE_HOME to a folder where the waveform store may lie")


def _build(root: Path, names: list[str], folder: Path, fingerprint: str, progress) -> dict[int, str]:
    """Write the store into `folder`, from where an interrupted build stopped; the unreadable rows with their reasons."""
    half, diary = folder / "adc.i16.partial", folder / "partial.jsonl"
    done, unreadable = _whole_blocks(diary, fingerprint)
    if not half.exists() or half.stat().st_size < done * RECORD_BYTES:
        done, unreadable = 0, {}
    _require_space(folder, len(names) - done)
    with half.open("r+b" if done else "wb") as file, diary.open("w") as notes:
        file.truncate(done * RECORD_BYTES)
        file.seek(0, os.SEEK_END)
        _note(notes, {"fingerprint": fingerprint}, {"records": done, "unreadable": unreadable})
        for block, reasons in _blocks(root, names, done):
            file.write(block.data)
            file.flush()
            new = {done + row: reason for row, reason in reasons.items()}
            unreadable |= new
            done += len(block)
            _note(notes, {"records": len(block), "unreadable": new})
            if progress:
                progress(done, len(names))
    (folder / "store.json").unlink(missing_ok=True)
    os.replace(half, folder / "adc.i16")
    (folder / "store.new").write_text(json.dumps({"fingerprint": fingerprint, "unreadable": unreadable}))
    os.replace(folder / "store.new", folder / "store.json")
    diary.unlink()
    return unreadable


def _require_space(folder: Path, records: int) -> None:
    free, needed = shutil.disk_usage(folder).free, records * RECORD_BYTES
    if free < needed:
        raise NoRoom(f"{folder} has {free / 1e6:.0f} MB free; the waveform store needs {needed / 1e6:.0f} MB")


def _note(diary, *entries: dict) -> None:
    diary.writelines(json.dumps(entry) + "\n" for entry in entries)
    diary.flush()


def _whole_blocks(diary: Path, fingerprint: str) -> tuple[int, dict[int, str]]:
    """How many records an interrupted build of the same source has written, and which of them were unreadable."""
    done, unreadable = 0, {}
    try:
        first, *lines = diary.read_text().splitlines()
        if json.loads(first)["fingerprint"] == fingerprint:
            for line in lines:
                noted = json.loads(line)
                done += noted["records"]
                unreadable |= _by_row(noted["unreadable"])
    except (OSError, ValueError):  # no diary, or one that ends within a line
        pass
    return done, unreadable


def _by_row(reasons: dict[str, str]) -> dict[int, str]:
    return {int(row): reason for row, reason in reasons.items()}


def _blocks(root: Path, names: list[str], start: int) -> Iterator[tuple[np.ndarray, dict[int, str]]]:
    """From row `start` on: blocks of (up to 64, 12, 1000) int16 ADC units with the reasons of the unreadable rows.

    All blocks share one memory, so each must be done with before the next. One thread: the system calls are so short
    that several would wait for each other more than for the disk.
    """
    memory = np.empty((BLOCK, *RECORD_SHAPE), np.int16)
    for first in range(start, len(names), BLOCK):
        chunk = names[first : first + BLOCK]
        block = memory[: len(chunk)]
        yield block, _read_block(str(root), chunk, block)


def _read_block(root: str, names: list[str], block: np.ndarray) -> dict[int, str]:
    """Fill `block` (n, 12, 1000) with the records `names`; the reasons of the unreadable rows, which are zero."""
    samples = np.empty((MODEL_SAMPLES, len(LEADS)), "<i2")
    checksums = np.zeros((len(names), len(LEADS)), np.int64)
    plain = np.zeros(len(names), bool)
    for row, name in enumerate(names):
        stem = f"{root}/{name}"
        header = plain_header(stem)
        if header and (header.fs_hz, header.samples) == (MODEL_FS_HZ, MODEL_SAMPLES) and read_samples(stem, samples):
            plain[row], checksums[row], block[row] = True, header.checksums, samples.T
    plain &= checksums_agree(block, checksums, axis=2) & (block.min(axis=(1, 2)) > MISSING_ADC)
    reasons = {}
    for row in np.flatnonzero(~plain):
        try:
            signal_mv = read_ecg(Path(root) / names[row]).for_model()
            block[row] = np.clip(np.rint(signal_mv * ADC_PER_MV), MISSING_ADC + 1, -(MISSING_ADC + 1))
        except UnreadableEcg as error:
            block[row] = 0
            reasons[int(row)] = error.reason
    return reasons


def _fingerprint(root: Path, names: list[str]) -> str:
    """A digest of every record's name, size and time of change: equal while the source is the same."""
    digest = hashlib.sha256(f"store 1 {len(names)}".encode())
    digest.update("\n".join(names).encode())
    for folder in sorted({os.path.dirname(name) for name in names}):
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                seen = sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries)
        except OSError:
            continue
        digest.update(repr(seen).encode())
    return digest.hexdigest()
