"""EDF and EDF+ files, read by pyedflib (edfplus.info); annotation signals are left out, other signals ignored."""

from __future__ import annotations

from pathlib import Path

from imle.ecg import Ecg, UnreadableEcg
from imle.formats.about import about
from imle.formats.common import cannot_open, common_rate, first_ten_seconds, named_leads, samples_needed
from imle.formats.hints import NO_HINTS, Hints, ask_for
from imle.formats.units import mv_per_unit

TITLE = "EDF and EDF+ (.edf)"
SUFFIXES = (".edf",)

MAGIC = b"0       "
HEADER_BYTES = 256
SAMPLE_BYTES = 2
BROKEN_HEADER = "the EDF header breaks the rules of the format; export the record again"


def recognises(head: bytes) -> bool:
    """Whether a file begins with EDF's version, an 0 and seven blanks, and states a header of some length."""
    return head.startswith(MAGIC) and head[184:192].strip().isdigit()


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of the 12 leads in an EDF file. Raises UnreadableEcg or InvalidEcg."""
    import pyedflib

    _check_promises(path)
    try:
        file = pyedflib.EdfReader(str(path), pyedflib.DO_NOT_READ_ANNOTATIONS, pyedflib.DO_NOT_CHECK_FILE_SIZE)
    except Exception as error:  # edflib's own sentences, of which one helps
        if "discontinuous" in str(error):
            raise UnreadableEcg(path, "this EDF+ file has gaps (EDF+D); give a continuous one (EDF+C)") from None
        raise UnreadableEcg(path, BROKEN_HEADER) from None
    try:
        return _ecg(path, file, hints)
    finally:
        file.close()


def _check_promises(path: Path) -> None:
    """Raise UnreadableEcg where the file is shorter than its header promises."""
    try:
        with path.open("rb") as file:
            fixed = file.read(HEADER_BYTES)
            signals = _number(path, fixed[252:256])
            described = file.read(HEADER_BYTES * signals)
        size = path.stat().st_size
    except OSError as error:
        raise cannot_open(path, error) from None
    records, header_bytes = _number(path, fixed[236:244]), _number(path, fixed[184:192])
    counts = described[216 * signals : 224 * signals]
    record_bytes = SAMPLE_BYTES * sum(_number(path, counts[at : at + 8]) for at in range(0, 8 * signals, 8))
    held = (size - header_bytes) // max(record_bytes, 1)
    if held < records:
        raise UnreadableEcg(
            path, f"the file ends after {max(held, 0)} of {records} blocks; it was cut short, so copy it again"
        )


def _number(path: Path, field: bytes) -> int:
    """A count of the EDF header: digits, filled up with blanks."""
    if not field.strip().isdigit():
        raise UnreadableEcg(path, BROKEN_HEADER)
    return int(field)


def _ecg(path: Path, file, hints: Hints) -> Ecg:
    rows = named_leads([label.strip() for label in file.getSignalLabels()], hints)
    fs_hz = common_rate(file.getSampleFrequency(row) for row in rows.values())
    samples = samples_needed(fs_hz)
    held = min(int(file.getNSamples()[row]) for row in rows.values())
    signals_mv = {}
    for lead, row in rows.items():
        unit = file.getPhysicalDimension(row).strip() or hints.unit
        ask_for(path, unit=unit)
        signals_mv[lead] = file.readSignal(row, 0, min(samples, held)) * mv_per_unit(unit)
    return first_ten_seconds(signals_mv, held, fs_hz, path.stem, _meta(file))


def _meta(file) -> dict:
    return about(
        sex=_told(file.getSex),
        born=_told(lambda: file.getBirthdate(string=False)),
        recorded=_told(file.getStartdatetime),
        device=_told(file.getEquipment),
    )


def _told(tell):
    """What `tell` returns; None where the file leaves it out, or writes a day or a letter that does not exist."""
    try:
        return tell()
    except ValueError:
        return None
