"""WFDB records (PhysioNet): a .hea header with .dat or .mat signals, read by the wfdb package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imle.ecg import FS_RANGE_HZ, MODEL_SECONDS, Ecg, InvalidEcg, UnreadableEcg
from imle.leads import LEADS, canonical_lead

SUFFIXES = (".hea", ".dat", ".mat")
# The checksum covers the whole signal, so verifying it means reading all of it: worth it up to an hour.
LONGEST_VERIFIED_S = 3600
MV_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}


def fits(path: Path) -> bool:
    """Whether `path` is a WFDB header, lies beside one, or is the stem of one."""
    return path.suffix.lower() == ".hea" or _stem(path).with_name(_stem(path).name + ".hea").is_file()


def read(path: Path) -> Ecg:
    """The first ten seconds of a WFDB record as an Ecg. Raises UnreadableEcg or InvalidEcg with one sentence."""
    import wfdb

    stem = _stem(path)
    try:
        header = wfdb.rdheader(str(stem))
    except FileNotFoundError:
        raise UnreadableEcg(path, "there is no such file") from None
    except Exception as error:  # wfdb raises whatever its parsing stumbles on
        raise UnreadableEcg(path, f"the WFDB header cannot be understood ({_brief(error)})") from None
    rows = _lead_rows(header)
    _check_rate_and_length(header)
    record = _read_record(path, stem, header)
    seconds = round(MODEL_SECONDS * header.fs)
    signal_mv = record.p_signal[:seconds, rows].T * _mv_per_unit(record.units, rows)[:, None]
    return Ecg(signal_mv, float(header.fs), stem.name, {"comments": list(header.comments or [])})


def _stem(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def _lead_rows(header) -> list[int]:
    """The header's row of each of LEADS, by name. InvalidEcg where one is missing or appears twice."""
    found: dict[str, int] = {}
    for row, name in enumerate(header.sig_name or []):
        lead = canonical_lead(name or "")
        if lead in found:
            raise InvalidEcg(f"lead {lead} appears twice; each of the 12 leads is needed once")
        if lead:
            found[lead] = row
    missing = [lead for lead in LEADS if lead not in found]
    if missing:
        names = ", ".join(header.sig_name or []) or "none"
        plural = "s" if len(missing) > 1 else ""
        raise InvalidEcg(f"lead{plural} {', '.join(missing)} missing; the 12 standard leads are needed and the file names {names}")
    return [found[lead] for lead in LEADS]


def _check_rate_and_length(header) -> None:
    low, high = FS_RANGE_HZ
    if not header.fs or not low <= header.fs <= high:
        raise InvalidEcg(f"the sampling rate is {header.fs} Hz; {low} Hz to {high} Hz can be read")
    if header.sig_len is not None and header.sig_len < round(MODEL_SECONDS * header.fs):
        raise InvalidEcg(f"the record is {header.sig_len / header.fs:.1f} s long; at least {MODEL_SECONDS} s are needed")


def _read_record(path: Path, stem: Path, header):
    """The record in physical units, its checksums verified; only the first ten seconds of one over an hour."""
    import wfdb

    long = header.sig_len is None or header.sig_len > LONGEST_VERIFIED_S * header.fs
    try:
        if long or not hasattr(header, "checksum"):  # several segments: wfdb joins them in physical units only
            return wfdb.rdrecord(str(stem), sampto=round(MODEL_SECONDS * header.fs))
        record = wfdb.rdrecord(str(stem), physical=False)
    except FileNotFoundError as error:
        name = Path(error.filename).name if error.filename else "its signal file"
        raise UnreadableEcg(path, f"the header is there but {name} is missing; give both files of the record") from None
    except Exception as error:  # a short file surfaces as whatever NumPy makes of it
        raise UnreadableEcg(path, f"the signal file does not hold what the header promises ({_brief(error)})") from None
    _verify_checksums(path, header, record)
    record.dac(inplace=True)
    return record


def _verify_checksums(path: Path, header, record) -> None:
    if record.d_signal.shape[0] != header.sig_len:
        raise UnreadableEcg(
            path, f"the signal file ends after {record.d_signal.shape[0]} of {header.sig_len} samples; it was cut short"
        )
    for name, stated, found in zip(record.sig_name, header.checksum, record.calc_checksum(), strict=True):
        if stated is not None and (stated - found) & 0xFFFF:
            raise UnreadableEcg(path, f"the checksum of lead {name} is wrong; the file is damaged, so copy it again")


def _mv_per_unit(units: list[str], rows: list[int]) -> np.ndarray:
    """(12,) factors to millivolts. InvalidEcg for a unit that is not a voltage."""
    for row in rows:
        if units[row].strip().casefold() not in MV_PER_UNIT:
            raise InvalidEcg(f"the unit is {units[row]!r}; an ECG needs mV, uV, nV or V")
    return np.array([MV_PER_UNIT[units[row].strip().casefold()] for row in rows], np.float32)


def _brief(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:120] or type(error).__name__
