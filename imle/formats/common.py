"""What the readers share: which signal is which lead, the four leads that follow from I and II, and whole small files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from imle.ecg import MODEL_SECONDS, Ecg, InvalidEcg, UnreadableEcg, check_length, check_rate
from imle.formats.about import printable
from imle.formats.hints import Hints
from imle.leads import LEADS, canonical_lead

# Files that are read whole; what is uploaded is held to the same limit.
LARGEST_BYTES = 20 * 2**20
# What a file says, in a message: each name as long as a name is, and of many names as many as tell what was recorded.
LONGEST_NAME = 40
LONGEST_LIST = 100
# How much longer than ten seconds a source must be to be called longer: a sample or two more are no more of an ECG.
LONGER_S = 0.1

# Einthoven's and Goldberger's equations: how much of I and of II makes the lead.
FROM_I_AND_II = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}


def lead_rows(names: Sequence[str | None] | None) -> dict[str, int]:
    """The row of each lead among a file's `names`: the twelve, or those of them that the rest follows from.

    InvalidEcg where a lead appears twice, or where one is missing that does not follow from I and II; other names could
    mend that where as many signals are named as none of the leads.
    """
    names = names or []
    found: dict[str, int] = {}
    for row, name in enumerate(names):
        lead = canonical_lead(name or "")
        if lead in found:
            raise InvalidEcg(f"lead {lead} appears twice; each of the 12 leads is needed once", doubtful="leads")
        if lead:
            found[lead] = row
    missing = [lead for lead in LEADS if lead not in found]
    if needed := set(missing) - set(FROM_I_AND_II):
        is_missing = f"lead {missing[0]} is missing" if len(missing) == 1 else f"leads {', '.join(missing)} are missing"
        raise InvalidEcg(
            f"{is_missing}; the 12 standard leads are needed and the file names {_listed(names)}",
            doubtful="leads" if len(names) - len(found) >= len(needed) else None,
        )
    return found


def has_the_leads(names: Iterable[str | None]) -> bool:
    """Whether `lead_rows` would accept these names."""
    try:
        return bool(lead_rows(list(names)))
    except InvalidEcg:
        return False


def named_leads(names: Sequence[str | None] | None, hints: Hints) -> dict[str, int]:
    """`lead_rows` of a file's own names, or of the hinted ones where its own are not the leads that are needed."""
    names = names or []
    if hints.leads is None or has_the_leads(names):
        return lead_rows(names)
    if len(hints.leads) != len(names):
        raise InvalidEcg(
            f"{len(hints.leads)} leads were named and the file has {len(names)} signals",
            doubtful="leads",
        )
    return lead_rows(hints.leads)


def shown(said) -> str:
    """What a file says, fit for a sentence: what cannot be printed left out, and cut to the length of a name."""
    return printable(str(said or ""))[:LONGEST_NAME].lstrip().rstrip(" ,;:.(") or "?"


def _listed(names: Sequence[str | None]) -> str:
    names = [shown(name) for name in names]
    lengths = accumulate(len(name) + 2 for name in names)
    told = names[: max(1, sum(length <= LONGEST_LIST for length in lengths))]
    return (", ".join(told) or "none") + (f" and {len(names) - len(told)} more" if len(names) > len(told) else "")


def common_rate(rates_hz: Iterable[float]) -> float:
    """The one sampling rate of all leads. InvalidEcg where they differ, or where it cannot be read."""
    rates = sorted({float(rate) for rate in rates_hz})
    if len(rates) > 1:
        raise InvalidEcg(
            f"the leads have sampling rates of {', '.join(f'{rate:g}' for rate in rates)} Hz; one is needed"
        )
    check_rate(rates[0])
    return rates[0]


def samples_needed(fs_hz: float) -> int:
    """How many samples of a record are read: its first ten seconds. InvalidEcg for a rate that cannot be read."""
    check_rate(fs_hz)
    return round(MODEL_SECONDS * fs_hz)


def first_ten_seconds(signals_mv: Mapping[str, np.ndarray], held: int, fs_hz: float, name: str, meta: dict) -> Ecg:
    """An Ecg from a signal a lead in millivolts, by name of lead; those of III, aVR, aVL and aVF that are absent follow
    from I and II, and `meta["derived_leads"]` names them. Raises InvalidEcg as Ecg does.

    held: samples a lead in the source, of which the signals need hold no more than the first ten seconds;
    `meta["source_s"]` tells its length where it is longer.
    """
    samples = samples_needed(fs_hz)
    check_length(min(len(signal) for signal in signals_mv.values()), fs_hz)
    derived = [lead for lead in LEADS if lead not in signals_mv]
    cut = {lead: np.asarray(signal[:samples], np.float64) for lead, signal in signals_mv.items()}
    for lead in derived:
        of_one, of_two = FROM_I_AND_II[lead]
        cut[lead] = of_one * cut["I"] + of_two * cut["II"]
    signal_mv = np.array([cut[lead] for lead in LEADS]).astype(np.float32)
    meta = meta | ({"derived_leads": derived} if derived else {}) | longer_source(held, fs_hz)
    return Ecg(signal_mv, float(fs_hz), name, meta)


def longer_source(held: int, fs_hz: float) -> dict[str, float]:
    """`source_s` for an Ecg's meta, the length in s of a source of `held` samples a lead; nothing where ten are all."""
    source_s = held / fs_hz
    return {"source_s": source_s} if source_s >= MODEL_SECONDS + LONGER_S else {}


def whole_file(path: Path) -> bytes:
    """The bytes of a file. UnreadableEcg where it is larger than any ECG of its kind, or cannot be opened."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise cannot_open(path, error) from None
    if len(content) > LARGEST_BYTES:
        raise UnreadableEcg(path, f"the file is larger than {LARGEST_BYTES >> 20} MB; give one record of some minutes")
    return content


def cannot_open(path: Path, error: OSError) -> UnreadableEcg:
    return UnreadableEcg(path, f"the file cannot be opened ({(error.strerror or 'unknown error').lower()})")


def check_scale(scale: float, lead: str) -> None:
    """Raise InvalidEcg for a factor from stored numbers to a voltage that would erase a lead or turn it over."""
    if not 0 < scale < np.inf:
        raise InvalidEcg(f"the scale of lead {lead} is {scale:g}; it must be above 0")
