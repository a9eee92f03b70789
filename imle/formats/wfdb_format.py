"""WFDB records (PhysioNet): a .hea header with .dat or .mat signals, read by the wfdb package."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from imle.ecg import FS_RANGE_HZ, MODEL_SECONDS, Ecg, UnreadableEcg, check_length, check_rate
from imle.formats.about import person_in, without_identity
from imle.formats.common import common_rate, first_ten_seconds, longer_source, named_leads, samples_needed, shown
from imle.formats.hints import NO_HINTS, Hints
from imle.formats.plain_wfdb import ADC_PER_MV, MISSING_ADC, checksums_agree, plain_header, read_samples
from imle.formats.units import mv_per_unit
from imle.leads import LEADS

TITLE = "WFDB records (.hea with .dat or .mat)"
SUFFIXES = (".hea", ".dat", ".mat")
# The checksum covers the whole signal, so verifying it means reading all of it: worth it up to an hour.
LONGEST_VERIFIED_S = 3600
# A header of thousands of segments, each a line, takes some hundred kilobytes. What is larger is no header.
LARGEST_HEADER_BYTES = 2**20
LONGEST_HEADER_LINE = 2000
LONGEST_FILE_NAME = 200
# Ten seconds in more pieces than this, and leads further apart in time, are no recording.
MOST_SEGMENTS = 100
LONGEST_SKEW_FRAMES = 2000
# The WFDB formats in which every sample takes the same room; the others are compressed.
BYTES_PER_SAMPLE = {
    "8": 1, "80": 1, "212": 1.5, "310": 4 / 3, "311": 4 / 3, "16": 2, "61": 2, "160": 2, "24": 3, "32": 4
}  # fmt: skip


def fits(path: Path) -> bool:
    """Whether `path` is a WFDB header, a .dat file, or has a header beside it: a .mat file, or the stem of a record."""
    return path.suffix.lower() in (".hea", ".dat") or Path(f"{_stem(path)}.hea").is_file()


def recognises(head: bytes) -> bool:
    """Never: a WFDB record is known by the names of its files."""
    return False


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of a WFDB record as an Ecg. Raises UnreadableEcg or InvalidEcg with one sentence."""
    stem = _stem(path)
    return _read_plain(stem) or _read_any(path, stem, hints)


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
    meta = _meta(comments) | longer_source(header.samples, header.fs_hz)
    return Ecg(signal_mv, float(header.fs_hz), stem.name, meta)


def _read_any(path: Path, stem: Path, hints: Hints = NO_HINTS) -> Ecg:
    header = _read_header(path, stem)
    named_leads(header.sig_name, hints)
    if header.sig_len is not None:
        check_length(header.sig_len, header.fs)
    record = _read_record(path, stem, header)
    rows = named_leads(record.sig_name, hints)
    fs_hz = common_rate(record.fs * record.samps_per_frame[row] for row in rows.values())
    samples, units = samples_needed(fs_hz), _units(getattr(header, "described_in", stem), record)
    signals_mv = {lead: record.e_p_signal[row][:samples] * mv_per_unit(units[row]) for lead, row in rows.items()}
    frames = record.sig_len if header.sig_len is None else header.sig_len  # a long record is read in part
    held = round(frames * fs_hz / record.fs)
    return first_ten_seconds(signals_mv, held, fs_hz, stem.name, _meta(header.comments or []))


def _meta(comments: list[str]) -> dict:
    return person_in(comments) | {"comments": without_identity(comments)}


def _read_header(path: Path, stem: Path):
    """A wfdb Record, or a MultiRecord with the headers of the segments that ten seconds take, without signals."""
    import wfdb

    try:
        header = wfdb.rdheader(_checked(path, stem))
        if hasattr(header, "seg_name"):
            names = _segments_needed(path, header)
            header.segments = [wfdb.rdheader(_checked(path, stem.parent / name)) for name in names]
            header.sig_name = header.segments[0].sig_name
            header.described_in = stem.parent / names[0]
    except UnreadableEcg:
        raise
    except FileNotFoundError as error:
        if not path.exists() and not Path(f"{stem}.hea").exists():
            raise UnreadableEcg(path, "there is no such file") from None
        raise _missing(path, Path(error.filename or stem).name) from None
    except OSError as error:
        raise UnreadableEcg(path, f"the header cannot be opened ({error.strerror})") from None
    except Exception:  # wfdb raises whatever its parsing stumbles on
        raise _no_header(path) from None
    for part in getattr(header, "segments", [header]):
        _check_promises(path, part)
    return header


def _checked(path: Path, stem: Path) -> str:
    """The record `stem`, once its header is known to be of a header's size and to name files beside it alone."""
    raw = header_bytes(Path(f"{stem}.hea"))
    if len(raw) > LARGEST_HEADER_BYTES or max(map(len, raw.splitlines()), default=0) > LONGEST_HEADER_LINE:
        raise _no_header(path)
    for name in named_files(raw):
        if "/" in name or "\\" in name or ".." in name:
            raise UnreadableEcg(path, f"the header names {shown(name)!r}; a record's files must lie beside its header")
        if len(name) > LONGEST_FILE_NAME or not name.isprintable():
            raise _no_header(path)
    return str(stem)


def header_bytes(path: Path) -> bytes:
    """The bytes of a header, and one more than it may have where it is larger."""
    with path.open("rb") as file:
        return file.read(LARGEST_HEADER_BYTES + 1)


def named_files(header: bytes) -> list[str]:
    """The signal files, or the segments, that a header names: the first word of each line below its first."""
    lines = (line.split() for line in header.decode("ascii", "ignore").splitlines())
    return list(dict.fromkeys(words[0] for words in [words for words in lines if words and words[0][0] != "#"][1:]))


def _no_header(path: Path) -> UnreadableEcg:
    return UnreadableEcg(
        path, "this is not a WFDB header; its first line must give the record's name, leads, rate and length"
    )


def _segments_needed(path: Path, header) -> list[str]:
    """The names of the segments that the first ten seconds lie in, and of the layout where there is one."""
    check_rate(header.fs)
    if header.n_seg != len(header.seg_name):
        raise _contradiction(path)
    names, frames = [], 0
    for name, length in zip(header.seg_name, header.seg_len, strict=True):
        if frames >= MODEL_SECONDS * header.fs or len(names) > MOST_SEGMENTS:
            break
        names += [name] if name != "~" else []
        frames += length
    if not names or len(names) > MOST_SEGMENTS:
        raise _contradiction(path)
    return names


def _check_promises(path: Path, header) -> None:
    """Raise UnreadableEcg where a header would take memory that no recording takes."""
    if hasattr(header, "seg_name"):
        raise UnreadableEcg(path, "a segment of this record consists of segments itself; give that one instead")
    if header.fs > FS_RANGE_HZ[1]:
        check_rate(header.fs)
    frames = [*(header.samps_per_frame or []), *(skew or 0 for skew in header.skew or [])]
    if header.n_sig != len(header.file_name or []) or max(frames, default=0) > LONGEST_SKEW_FRAMES:
        raise _contradiction(path)


def _contradiction(path: Path) -> UnreadableEcg:
    return UnreadableEcg(path, "the numbers in the header contradict each other; copy it again")


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
        sums = zip(header.sig_name, header.checksum, record.calc_checksum(expanded=True), strict=True)
        wrong = [shown(name) for name, stated, found in sums if stated is not None and (stated - found) & 0xFFFF]
        record.dac(expanded=True, inplace=True)
    except FileNotFoundError as error:
        raise _missing(path, Path(error.filename or stem).name) from None
    except Exception:  # a damaged file surfaces as whatever NumPy or the decoder makes of it
        raise UnreadableEcg(path, "the signal file does not hold what the header promises; copy both again") from None
    if wrong:
        raise UnreadableEcg(path, f"the checksum of lead {wrong[0]} is wrong; the file is damaged, so copy it again")
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
        held_bytes = max(0, (folder / name).stat().st_size - (header.byte_offset[rows[0]] or 0))
        held = int(held_bytes / frame_bytes)
        if held < header.sig_len:
            raise UnreadableEcg(
                path, f"{shown(name)} ends after {held} of {header.sig_len} samples; it was cut short, so copy it again"
            )


def _missing(path: Path, name: str) -> UnreadableEcg:
    return UnreadableEcg(path, f"{shown(name)} is missing; give both files of the record, the header and the signals")


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
    written = ["".join(line[2:3]).partition("/")[2] for line in lines[1:]]
    return [unit or own for unit, own in zip(written, record.units, strict=False)]
