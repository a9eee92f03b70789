"""The twelve leads: their order, their names as files spell them, and the heart's territories."""

import re
import unicodedata
from collections.abc import Sequence

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
CHEST_LEADS = LEADS[6:]

# Contiguous leads look at one wall of the heart (Thygesen 2018, doi:10.1016/j.jacc.2018.08.1038).
TERRITORIES = {
    "septal": ("V1", "V2"),
    "anterior": ("V3", "V4"),
    "anteroseptal": ("V1", "V2", "V3", "V4"),
    "anterolateral": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "inferior": ("II", "III", "aVF"),
}

_BY_FOLDED_NAME = {lead.casefold(): lead for lead in LEADS}
# IEC 60601-2-25 calls the leads of the chest C1 to C6; devices in Latin languages call those of the limbs DI or D1.
_BY_FOLDED_NAME |= {f"c{n}": f"V{n}" for n in range(1, 7)}
_BY_FOLDED_NAME |= {f"d{n}": lead for lead in ("I", "II", "III") for n in (lead.casefold(), len(lead))}
_WORDS_BEFORE = ("lead", "ecg", "ekg", "mdc")
# What may stand apart from the rest of a name: `V 1`, `aV-R`. `I-II` is a difference and not III.
_BEGINNINGS = ("v", "c", "d", "a", "av")
# A dash that joins two words is none.
_SIGN = re.compile(r"−|(?<!\w)[-–]|[-–](?!\w)")


def canonical_lead(name: str) -> str | None:
    """The lead that a file's channel name means, or None where it names none of the twelve.

    A sign before or after the name (the -aVR of Cabrera's order) means a lead turned over, which is none of the twelve.
    Case, blanks, and the words `lead`, `ECG` and `MDC` before the name are ignored: `AVR`, `lead avr`, `ECG aVR` and
    `MDC_ECG_LEAD_AVR` are aVR. C1 to C6 are V1 to V6; DI or D1, DII or D2, and DIII or D3 are I, II and III.
    """
    name = unicodedata.normalize("NFKC", name).casefold().replace("_", " ")
    if _SIGN.search(name):
        return None
    words = re.split(r"[\s–-]+", name.strip())
    while words and words[0] in _WORDS_BEFORE:
        words = words[1:]
    if len(words) > 1 and words[0] not in _BEGINNINGS:
        return None
    return _BY_FOLDED_NAME.get("".join(words))


def listed(names: Sequence[str]) -> str:
    """Leads, or wave segments, in a sentence: `II`, `II and III`, `II, III and aVF`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
