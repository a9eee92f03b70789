"""A file a format; `read_ecg` picks the one that fits."""

from __future__ import annotations

from pathlib import Path

from imle.ecg import Ecg, InvalidEcg, UnreadableEcg
from imle.formats import wfdb_format

__all__ = ["UnreadableEcg", "read_ecg"]

# Each reader offers fits(path) -> bool and read(path) -> Ecg; DICOM, EDF, CSV and XML readers join here.
READERS = (wfdb_format,)


def read_ecg(path) -> Ecg:
    """The ECG in a file: WFDB so far (the .hea, .dat or .mat file, or their common stem).

    Returns the first ten seconds at the file's own sampling rate, leads in the order of LEADS, millivolts.
    Raises UnreadableEcg(path, reason), the reason being one sentence, for everything that cannot be read.
    """
    path = Path(path)
    reader = next((reader for reader in READERS if reader.fits(path)), None)
    if reader is None:
        raise UnreadableEcg(path, _why_not(path))
    try:
        return reader.read(path)
    except UnreadableEcg:
        raise
    except InvalidEcg as error:
        raise UnreadableEcg(path, str(error)) from None


def _why_not(path: Path) -> str:
    if path.is_dir():
        return "this is a folder; give one record's file"
    if not path.exists():
        return "there is no such file"
    return "this is not an ECG file that can be read; WFDB records (.hea with .dat or .mat) can"
