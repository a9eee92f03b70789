"""The twelve leads: their order, their names as files spell them, and the heart's territories."""

from collections.abc import Sequence

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

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


def canonical_lead(name: str) -> str | None:
    """The lead that a file's channel name means, or None where it names none of the twelve.

    A sign before the name (the -aVR of Cabrera's order) means a lead turned over, which is none of the twelve.
    Case, blanks, and the words `lead`, `ECG` and `MDC` before the name are ignored: `AVR`, `lead avr`, `ECG aVR` and
    `MDC_ECG_LEAD_AVR` are aVR.
    """
    if name.lstrip().startswith(("-", "−")):
        return None
    words = name.casefold().replace("_", " ").replace("-", " ").split()
    while words and words[0] in ("lead", "ecg", "ekg", "mdc"):
        words = words[1:]
    return _BY_FOLDED_NAME.get("".join(words))


def listed(names: Sequence[str]) -> str:
    """Leads, or wave segments, in a sentence: `II`, `II and III`, `II, III and aVF`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
