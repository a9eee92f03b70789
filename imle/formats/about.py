"""What may be told of the person and the recording: age, sex, date and device. Never a name or a number of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from imle.ecg import Ecg

# Lines of free text that say who it was: `Patient name: ...`, `ID = ...`, `DOB: ...`.
_IDENTITY = re.compile(
    r"\W*((patient|subject|first|last|family|given)[\s_'s-]*)?"
    r"(name|surname|initials|id|mrn|identifier|number|address|phone|dob|birth[\s_-]*date|date[\s_-]*of[\s_-]*birth)\s*[:=#]",
    re.IGNORECASE,
)
# And those that say how old and of which sex: `Age: 74`, `sex = female`.
_AGE = re.compile(r"\W*age\s*[:=]\s*([0-9]{1,3})\b", re.IGNORECASE)
_SEX = re.compile(r"\W*(?:sex|gender)\s*[:=]\s*(f(?:emale)?|m(?:ale)?)\b", re.IGNORECASE)
LONGEST_DEVICE = 64
OLDEST_YEARS = 130


def about(
    age: float | None = None,
    sex: str | None = None,
    born: date | None = None,
    recorded: datetime | None = None,
    device: str | None = None,
) -> dict:
    """An Ecg's `meta`, without what is unknown: age in years (from `born` where it is not stated), sex F or M,
    recorded as ISO date and time, device. The date of birth itself is not kept.
    """
    if age is None and born and recorded:
        age = recorded.year - born.year - ((recorded.month, recorded.day) < (born.month, born.day))
    known = {
        "age": age if age is not None and 0 <= age <= OLDEST_YEARS else None,
        "sex": {"f": "F", "m": "M"}.get((sex or "").strip().casefold()[:1]),
        "recorded": recorded.isoformat(" ", "seconds") if recorded else None,
        "device": printable((device or "").strip())[:LONGEST_DEVICE] or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def with_person(ecg: Ecg, told: dict) -> Ecg:
    """The Ecg with what was told of the person (`age`, `sex`, as `about` gives them) where its file does not state it."""
    return ecg if told.keys() <= ecg.meta.keys() else replace(ecg, meta=told | ecg.meta)


def person_in(comments: Iterable[str]) -> dict:
    """Age and sex where lines of free text announce them, as `about` gives them."""
    comments = list(comments)
    age, sex = (next(filter(None, map(pattern.match, comments)), None) for pattern in (_AGE, _SEX))
    return about(age=int(age[1]) if age else None, sex=sex[1] if sex else None)


def printable(text: str) -> str:
    """The text without letters that cannot be printed, which a file may hold and no sentence or name should."""
    return "".join(letter for letter in text if letter.isprintable())


def time_of(digits: str | None) -> datetime | None:
    """The time that DICOM and HL7 write as 20021122091000, to the day or to the second; None where it is no time."""
    match = re.match(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?", (digits or "").strip())
    try:
        return datetime(*(int(part) for part in match.groups(default="0"))) if match else None
    except ValueError:
        return None


def without_identity(comments: Iterable[str]) -> list[str]:
    """The lines of free text that do not announce a name, a number or a date of birth."""
    return [comment for comment in comments if not _IDENTITY.match(comment)]
