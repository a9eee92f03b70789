"""WFDB records (PhysioNet): a .hea header with .dat or .mat signals, read by the wfdb package."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from imle.ecg import MODEL_SECONDS, Ecg, InvalidEcg, UnreadableEcg, check_length, check_rate
from imle.formats.plain_wfdb import ADC_PER_MV, MISSING_ADC, checksums_agree, plain_header, read_samples
from imle.leads import LEADS, canonical_lead

SUFFIXES = (".hea", ".dat", ".mat")
# The checksum covers the whole signal, so verifying it means reading all of it: worth it up to an hour.
LONGEST_VERIFIED_S = 3600
# Names of channels in a message: as many as tell what was recorded.
NAMED_AT_MOST = 16
MV_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}
# The WFDB formats in which every sample takes the same room; the others are compressed.
BYTES_PER_SAMPLE = {
    "8": 1, "80": 1, "212": 1.5, "310": 4 / 3, "311": 4 / 3, "16": 2, "61": 2, "160": 2, "24": 3, "32": 4
}  # fmt: skip


def fits(path: Path) -> bool:
    """Whether `path` is a WFDB header, a .dat file, or has a header beside it: a .mat file, or the stem of a record."""
    return path.suffix.lower() in (".hea", ".dat") or Path(f"{_stem(path)}.hea").is_file()


def read(path: Path) -> Ecg:
    """The first ten seconds of a WFDB record as an Ecg. Raises UnreadableEcg or InvalidEcg with one sentence."""
    stem = _stem(path)
    return _read_plain(stem) or _read_any(path, stem)


def _stem(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def _read_plain(stem: Path) -> Ecg | None:
    """A record written as PTB-XL writes; None where it is another, or damaged: then `_read_any` finds out the reason."""
    header = plain_header(str(stem))
    if header is None or header.samples > LONGEST_VERIFIED_S * header.fs_hz:
        return None
    check_rate(header.fs_hz)
    adc = np.empty((header.samples, len(LEADS)), "<i2")
    if not read_samples(str(stem), adc) or not checksums_agree(adc, np.array(header.checksums), axis=0):
        return None
    adc = adc[: MODEL_SECONDS * header.fs_hz].T
    signal_mv = np.where(adc == MISSING_ADC, np.float32(np.nan), adc / np.float32(ADC_PER_MV))
    comments = [line.strip(" \t#") for line in header.comments.decode(errors="replace").splitlines()]
    return Ecg(signal_mv, float(header.fs_hz), stem.name, {"comments": comments})


def _read_any(path: Path, stem: Path) -> Ecg:
    header = _read_header(path, stem)
    _lead_rows(header.sig_name)
    if header.sig_len is not None:
        check_length(header.sig_len, header.fs)
    record = _read_record(path, stem, header)
    rows = _lead_rows(record.sig_name)
    fs_hz = _common_rate(record, rows)
    samples = round(MODEL_SECONDS * fs_hz)
    check_length(min(len(record.e_p_signal[row]) for row in rows), fs_hz)
    units = _units(stem, record)
    signal_mv = [record.e_p_signal[row][:samples] * _mv_per_unit(units[row]) for row in rows]
    return Ecg(np.array(signal_mv), fs_hz, stem.name, {"comments": list(header.comments or [])})


def _read_header(path: Path, stem: Path):
    """A wfdb Record, or a MultiRecord with its segments' headers, without signals."""
    import wfdb

    try:
        header = wfdb.rdheader(str(stem), rd_segments=True)
    except FileNotFoundError as error:
        if not path.exists() and not Path(f"{stem}.hea").exists():
            raise UnreadableEcg(path, "there is no such file") from None
        raise _missing(path, Path(error.filename).name) from None
    except OSError as error:
        raise UnreadableEcg(path, f"the header cannot be opened ({error.strerror})") from None
    except Exception:  # wfdb raises whatever its parsing stumbles on
        raise UnreadableEcg(
            path, "this is not a WFDB header; its first line must give the record's name, leads, rate and length"
        ) from None
    return header


def _lead_rows(names: list[str] | None) -> list[int]:
    """The row of each of LEADS among a file's `names`. InvalidEcg where one is missing or appears twice."""
    found: dict[str, int] = {}
    for row, name in enumerate(names or []):
        lead = canonical_lead(name or "")
        if lead in found:
            raise InvalidEcg(f"lead {lead} appears twice; each of the 12 leads is needed once")
        if lead:
            found[lead] = row
    missing = [lead for lead in LEADS if lead not in found]
    if missing:
        is_missing = f"lead {missing[0]} is missing" if len(missing) == 1 else f"leads {', '.join(missing)} are missing"
        given = ", ".join(name or "?" for name in (names or [])[:NAMED_AT_MOST]) or "none"
        raise InvalidEcg(f"{is_missing}; the 12 standard leads are needed and the file names {given}")
    return [found[lead] for lead in LEADS]


def _read_record(path: Path, stem: Path, header):
    """The record in physical units (e_p_signal, an array a lead), its checksums verified unless it is too long for that."""
    import wfdb

    segmented = hasattr(header, "seg_name")
    if not segmented:
        _check_files(path, stem.parent, header)
    try:
        if segmented or (header.sig_len or 0) > LONGEST_VERIFIED_S * header.fs:
            return wfdb.rdrecord(str(stem), sampto=math.ceil(MODEL_SECONDS * header.fs), smooth_frames=False)
        record = wfdb.rdrecord(str(stem), physical=False, smooth_frames=False)
    except FileNotFoundError as error:
        raise _missing(path, Path(error.filename).name) from None
    except Exception:  # a damaged file surfaces as whatever NumPy or the decoder makes of it
        raise UnreadableEcg(path, "the signal file does not hold what the header promises; copy both again") from None
    for name, stated, found in zip(header.sig_name, header.checksum, record.calc_checksum(expanded=True), strict=True):
        if stated is not None and (stated - found) & 0xFFFF:
            raise UnreadableEcg(path, f"the checksum of lead {name} is wrong; the file is damaged, so copy it again")
    record.dac(expanded=True, inplace=True)
    return record


def _check_files(path: Path, folder: Path, header) -> None:
    """Raise UnreadableEcg where a signal file is missing, or shorter than the header promises."""
    for name in dict.fromkeys(header.file_name):
        rows = [row for row, own in enumerate(header.file_name) if own == name]
        if not (folder / name).is_file():
            raise _missing(path, name)
        sample_bytes = BYTES_PER_SAMPLE.get(header.fmt[rows[0]])
        if sample_bytes is None or header.sig_len is None:
            continue
        frame_bytes = sample_bytes * sum(header.samps_per_frame[row] for row in rows)
        held = int(((folder / name).stat().st_size - (header.byte_offset[rows[0]] or 0)) / frame_bytes)
        if held < header.sig_len:
            raise UnreadableEcg(
                path, f"{name} ends after {held} of {header.sig_len} samples; it was cut short, so copy it again"
            )


def _missing(path: Path, name: str) -> UnreadableEcg:
    return UnreadableEcg(path, f"{name} is missing; give both files of the record, the header and the signals")


def _common_rate(record, rows: list[int]) -> float:
    """Samples a second: the frame rate times the samples a frame, which must be the same for the 12 leads."""
    rates = sorted({float(record.fs * record.samps_per_frame[row]) for row in rows})
    if len(rates) > 1:
        raise InvalidEcg(
            f"the leads have sampling rates of {', '.join(f'{rate:g}' for rate in rates)} Hz; one is needed"
        )
    check_rate(rates[0])
    return rates[0]


def _units(stem: Path, record) -> list[str]:
    """The unit of each row. wfdb drops what is not ASCII, which turns µV into V, so such a header is read again."""
    raw = Path(f"{stem}.hea").read_bytes()
    if raw.isascii():
        return record.units
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [line[2].partition("/")[2] or own for line, own in zip(lines[1:], record.units, strict=False)]


def _mv_per_unit(unit: str) -> float:
    """The factor to millivolts. InvalidEcg for a unit that is not a voltage."""
    factor = MV_PER_UNIT.get(unit.strip().casefold())
    if factor is None:
        raise InvalidEcg(f"the unit is {unit!r}; an ECG needs mV, uV, nV or V")
    return factor
