"""A file a format; `read_ecg` picks the one that fits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from imle.ecg import Ecg, InvalidEcg, UnreadableEcg
from imle.formats import csv_format, dicom_format, edf_format, npy_format, wfdb_format, xml_format
from imle.formats.about import with_person
from imle.formats.hints import NO_HINTS, DoubtfulFact, Hints, MissingFacts

__all__ = ["DoubtfulFact", "Hints", "MissingFacts", "UnreadableEcg", "ecg_files", "read_ecg"]

# Each reader offers TITLE, SUFFIXES, recognises(head) -> bool and read(path, hints) -> Ecg.
READERS = (wfdb_format, dicom_format, edf_format, xml_format, csv_format, npy_format)
HEAD_BYTES = 4096
# In a folder: suffixes that mean an ECG, and those that other files have too, among them none at all.
OWN_SUFFIXES = {".hea", *dicom_format.SUFFIXES, *edf_format.SUFFIXES, *npy_format.SUFFIXES}
SHARED_SUFFIXES = {*xml_format.SUFFIXES, *csv_format.SUFFIXES, ""}


def read_ecg(path, hints: Hints | None = None) -> Ecg:
    """The ECG in a file of any format that a reader here knows, found by its content and its suffix.

    Returns the first ten seconds at the file's own sampling rate, leads in the order of LEADS, millivolts; of a longer
    recording `meta["source_s"]` tells the length in seconds. `hints` tells what the file itself does not, and
    `meta["leads_by_hand"]` that the leads' names are theirs. A WFDB record may be named by its .hea, .dat or .mat file,
    or by their stem.
    Raises MissingFacts where a hint is needed, DoubtfulFact where another hint may help, and UnreadableEcg(path, reason),
    the reason being one sentence, for everything else that cannot be read.
    """
    path, hints = Path(path), hints or NO_HINTS
    reader = _reader(path)
    if reader is None:
        raise UnreadableEcg(path, _why_not(path))
    try:
        with np.errstate(all="ignore"):  # what overflows is refused as not finite
            ecg = with_person(reader.read(path, hints), hints.person)
            by_hand = _names_the_leads(reader, path, hints)
            return replace(ecg, meta=ecg.meta | {"leads_by_hand": list(hints.leads)}) if by_hand else ecg
    except UnreadableEcg:
        raise
    except InvalidEcg as error:
        if error.doubtful and _takes(reader, path, hints, error.doubtful):
            raise DoubtfulFact(path, str(error), error.doubtful) from None
        if error.doubtful == "unit":
            raise UnreadableEcg(path, f"{error}; correct the one that the file states") from None
        raise UnreadableEcg(path, str(error)) from None


def _takes(reader, path: Path, hints: Hints, fact: str) -> bool:
    """Whether another hint of this fact would change how a file is read: its unit is the file's own where it states one."""
    if fact == "leads":
        return True
    try:
        reader.read(path, replace(hints, **{fact: None}))
    except MissingFacts as error:
        return fact in error.facts
    except InvalidEcg:
        return False
    return False


def _names_the_leads(reader, path: Path, hints: Hints) -> bool:
    """Whether the leads of a file that can be read are those of the hint, since it names none itself."""
    if hints.leads is None:
        return False
    try:
        return "assumed_order" in reader.read(path, replace(hints, leads=None)).meta
    except InvalidEcg:
        return True


def ecg_files(folder) -> list[Path]:
    """Every ECG file below a folder, in order; hidden folders are left out, and a WFDB record counts by its header.

    A suffix that other files have too (.csv, .tsv, .xml, none) is taken for an ECG's where the content begins as one.
    """
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for path in (Path(parent, name) for name in names) if _is_ecg(path)]
    return sorted(found)


def _is_ecg(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in OWN_SUFFIXES or (suffix in SHARED_SUFFIXES and _by_content(_head(path)) is not None)


def _reader(path: Path):
    """The reader for a path: WFDB by the files' names, the others by content, or else by suffix; None where none fits."""
    if wfdb_format.fits(path):
        return wfdb_format
    if not path.is_file():
        return None
    by_suffix = (reader for reader in READERS if path.suffix.lower() in reader.SUFFIXES)
    return _by_content(_head(path)) or next(by_suffix, None)


def _by_content(head: bytes):
    return next((reader for reader in READERS if reader.recognises(head)), None)


def _head(path: Path) -> bytes:
    """The beginning of a file, enough to recognise its format; empty where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _why_not(path: Path) -> str:
    if path.is_dir():
        return "this is a folder; give one record's file"
    if not path.exists():
        return "there is no such file"
    if path.suffix.lower() == ".scp" or _head(path)[16:22] == b"SCPECG":
        return f"SCP-ECG files cannot be read; export the record in another format: {_titles('or')}"
    return f"this is not an ECG file that can be read; {_titles('and')} can"


def _titles(conjunction: str) -> str:
    *titles, last = [reader.TITLE for reader in READERS]
    return f"{', '.join(titles)} {conjunction} {last}"
