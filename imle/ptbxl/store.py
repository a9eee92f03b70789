"""The waveform store: all records of a data set at 100 Hz in one memory-mapped array of ADC units.

PTB-XL keeps a record in two small files. Read through a WFDB library, each costs 2 ms, nearly all of it
Python. Here a .dat file goes straight into its row of a block, a header is matched by one regular expression,
and the checksums of a whole block are verified at once. A record that is written in any other way goes
through the ordinary reader. Samples stay the 16-bit integers they were, so nothing is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imle.ecg import MODEL_SAMPLES, InvalidEcg
from imle.formats import read_ecg
from imle.leads import LEADS

ADC_PER_MV = 1000
BLOCK = 512
RECORD_SHAPE = (len(LEADS), MODEL_SAMPLES)
RECORD_BYTES = 2 * len(LEADS) * MODEL_SAMPLES

_SIGNAL_LINE = r"(?P<file>\S+) 16 1000(?:\.0)?(?:\(0\))?/mV 16 0 -?\d+ (-?\d+) 0 {lead}\s*\n"
_PTBXL_HEADER = re.compile(
    (
        r"\S+ 12 100 1000\s*\n"
        + _SIGNAL_LINE.format(lead=LEADS[0])
        + "".join(_SIGNAL_LINE.replace(r"(?P<file>\S+)", "(?P=file)").format(lead=lead) for lead in LEADS[1:])
    ).encode(),
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Store:
    """A finished store: adc (n, 12, 1000) int16, memory-mapped, a row a record; unreadable: row -> one-sentence reason."""

    adc: np.ndarray
    unreadable: dict[int, str]


def open_store(root: Path, names: list[str], progress: Callable[[int, int], None] | None = None) -> Store:
    """The store of the records `names` (paths below `root`, no suffix), built first where it is missing or stale.

    An interrupted build goes on where it stopped. `progress(done, total)` is called after every block.
    """
    fingerprint = _fingerprint(root, names)
    folder = _folder(root)
    try:
        stated = json.loads((folder / "store.json").read_text())
    except (OSError, ValueError):
        stated = {}
    if stated.get("fingerprint") != fingerprint:
        stated = _build(root, names, folder, fingerprint, progress)
    adc = np.memmap(folder / "adc.i16", np.int16, "r", shape=(len(names), *RECORD_SHAPE))
    return Store(adc, {int(row): reason for row, reason in stated["unreadable"].items()})


def _build(root: Path, names: list[str], folder: Path, fingerprint: str, progress) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    half, diary = folder / "adc.i16.partial", folder / "partial.json"
    done, unreadable = _resume_point(diary, half, fingerprint)
    free = shutil.disk_usage(folder).free
    needed = (len(names) - done) * RECORD_BYTES
    if free < needed:
        raise OSError(f"{folder} has {free >> 20} MiB free; the waveform store needs {needed >> 20} MiB")
    with half.open("r+b" if half.exists() else "w+b") as file:
        file.truncate(done * RECORD_BYTES)
        file.seek(0, os.SEEK_END)
        for block, reasons in _blocks(root, names, done):
            file.write(block.tobytes())
            file.flush()
            unreadable |= {done + row: reason for row, reason in reasons.items()}
            done += len(block)
            diary.write_text(json.dumps({"fingerprint": fingerprint, "done": done, "unreadable": unreadable}))
            if progress:
                progress(done, len(names))
    os.replace(half, folder / "adc.i16")
    stated = {"fingerprint": fingerprint, "unreadable": unreadable}
    (folder / "store.json").write_text(json.dumps(stated))
    diary.unlink(missing_ok=True)
    return stated


def _resume_point(diary: Path, half: Path, fingerprint: str) -> tuple[int, dict]:
    """How many records an interrupted build of the same source has on disk, and which of them were unreadable."""
    try:
        noted = json.loads(diary.read_text())
        if noted["fingerprint"] == fingerprint and half.stat().st_size >= noted["done"] * RECORD_BYTES:
            return noted["done"], {int(row): reason for row, reason in noted["unreadable"].items()}
    except (OSError, ValueError, KeyError):
        pass
    return 0, {}


def _blocks(root: Path, names: list[str], start: int) -> Iterator[tuple[np.ndarray, dict[int, str]]]:
    """From row `start` on: blocks of (up to 512, 12, 1000) int16 ADC units with the reasons of the unreadable rows."""
    for first in range(start, len(names), BLOCK):
        chunk = names[first : first + BLOCK]
        samples = np.zeros((len(chunk), MODEL_SAMPLES, len(LEADS)), "<i2")
        stated = np.zeros((len(chunk), len(LEADS)), np.int64)
        plain = np.array([_read_plain(f"{root}/{name}", samples[i], stated[i]) for i, name in enumerate(chunk)])
        found = samples.sum(axis=1, dtype=np.int64)
        plain &= ((found - stated) & 0xFFFF == 0).all(axis=1)
        block = samples.transpose(0, 2, 1).copy()
        reasons = {}
        for row in np.flatnonzero(~plain):
            try:
                signal_mv = read_ecg(Path(root) / chunk[row]).for_model()
                block[row] = np.clip(np.rint(signal_mv * ADC_PER_MV), -32768, 32767)
            except InvalidEcg as error:
                block[row] = 0
                reasons[int(row)] = str(error)
        yield block, reasons


def _read_plain(stem: str, samples: np.ndarray, stated: np.ndarray) -> bool:
    """Fill `samples` (1000, 12) and the `stated` checksums (12,) of a record written as PTB-XL writes; False otherwise."""
    try:
        with open(f"{stem}.hea", "rb", buffering=0) as file:
            header = _PTBXL_HEADER.match(file.read())
        if header is None or header["file"].decode() != f"{os.path.basename(stem)}.dat":
            return False
        with open(f"{stem}.dat", "rb", buffering=0) as file:
            whole = file.readinto(samples.data.cast("B")) == RECORD_BYTES and not file.read(1)
    except OSError:
        return False
    stated[:] = [int(number) for number in header.groups()[1:]]
    return whole


def _fingerprint(root: Path, names: list[str]) -> str:
    """A digest of every record's name, size and time of change: equal while the source is the same."""
    digest = hashlib.sha256(f"store 1 {len(names)}".encode())
    digest.update("\n".join(names).encode())
    for folder in sorted({os.path.dirname(name) for name in names}):
        try:
            entries = [(e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(os.path.join(root, folder))]
        except OSError:
            continue
        digest.update(repr(sorted(entries)).encode())
    return digest.hexdigest()


def _folder(root: Path) -> Path:
    """Where the store lies: within the data set, or in the user's cache where that cannot be written."""
    root = Path(root).resolve()
    if os.access(root, os.W_OK):
        return root / ".imle"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "imle" / hashlib.sha256(str(root).encode()).hexdigest()[:16]
