"""Where cardiologists' guidelines say to look for a diagnosis: assets/guidelines.toml, checked when it is read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imle.assets import ASSETS
from imle.errors import Refusal
from imle.explain.criteria import MEASURES, Criterion
from imle.labels import LABELS
from imle.leads import LEADS, canonical_lead
from imle.measure.segments import SEGMENTS

FILE = ASSETS / "guidelines.toml"
KEYS = {"codes": list, "title": str, "superclass": str, "look": list, "criterion": str, "source": str, "verified": bool}
PLACE_KEYS = ("leads", "segments")
CHECKS, NEEDED = "checks", "checks_needed"
ONE, ALL = "one", "all"
BOUNDS = ("at_least", "at_most", "over", "under")
SEXES = ("M", "F")
EVERYTHING = "all"


class BadGuidelines(Refusal, ValueError):
    """A guideline table that cannot be used; the message is one sentence that names the row."""


@dataclass(frozen=True, eq=False)
class Guideline:
    """One diagnosis: its SCP codes, and the leads and wave segments that tell it.

    cells: (12, 6) bool over LEADS and SEGMENTS. verified: whether the criterion was read in the source itself. checks:
    criteria that can be filled in from measurements. needed: ONE where one of several is enough, ALL where all are
    needed, empty where the source does not say.
    """

    codes: tuple[str, ...]
    title: str
    superclass: str
    cells: np.ndarray
    criterion: str
    source: str
    verified: bool
    checks: tuple[Criterion, ...] = ()
    needed: str = ""

    @property
    def leads(self) -> tuple[str, ...]:
        """Those with a place in them."""
        return tuple(lead for lead, there in zip(LEADS, self.cells.any(axis=1), strict=True) if there)

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(name for name, there in zip(SEGMENTS, self.cells.any(axis=0), strict=True) if there)

    @property
    def is_everywhere(self) -> bool:
        """Whether it names every place, so that no heatmap can disagree with it."""
        return bool(self.cells.all())

    def mask(self, segments: np.ndarray) -> np.ndarray:
        """(12, 1000) bool: the places in a record, whose samples lie in `segments` (see `segment_of_samples`)."""
        outside = np.zeros((len(LEADS), 1), bool)
        return np.concatenate([self.cells, outside], axis=1)[:, segments]  # UNKNOWN, -1, takes the last column


def read_guidelines(path: Path = FILE) -> dict[str, Guideline]:
    """The table by SCP code, in its own order. BadGuidelines."""
    try:
        rows = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("guidelines")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadGuidelines(f"{path} cannot be read ({error}); mend it, or take the one that was installed") from None
    if not isinstance(rows, list) or not rows:
        raise BadGuidelines(f"{path} has no [[guidelines]]; at least one row is needed")
    found: dict[str, Guideline] = {}
    for number, row in enumerate(rows, 1):
        guideline = _guideline(row, f"row {number} of {path}")
        for code in guideline.codes:
            if code in found:
                raise BadGuidelines(f"row {number} of {path} names {code}, which an earlier row has; name it once")
            found[code] = guideline
    return found


def _guideline(row: dict, where: str) -> Guideline:
    if missing := [key for key in KEYS if key not in row]:
        raise BadGuidelines(f"{where} has no {missing[0]}; every row needs {', '.join(KEYS)}")
    if unknown := [key for key in row if key not in (*KEYS, CHECKS, NEEDED)]:
        raise BadGuidelines(
            f"{where} has {unknown[0]!r}, which means nothing here; a row has {', '.join((*KEYS, CHECKS, NEEDED))}"
        )
    for key, kind in KEYS.items():
        if not isinstance(row[key], kind):
            raise BadGuidelines(f"{where} has {row[key]!r} as {key}; a {_named(kind)} is needed")
    codes, look = row["codes"], row["look"]
    if not codes or not all(isinstance(code, str) and code for code in codes):
        raise BadGuidelines(f"{where} has {codes!r} as codes; a list of SCP codes is needed")
    if row["superclass"] not in LABELS:
        raise BadGuidelines(f"{where} has superclass {row['superclass']!r}; one of {', '.join(LABELS)} is needed")
    if not look:
        raise BadGuidelines(f"{where} has no place to look; name leads and segments")
    cells = np.any([_cells(place, where) for place in look], axis=0)
    others = {key: row[key] for key in ("title", "superclass", "criterion", "source", "verified")}
    checks = tuple(_criterion(check, where) for check in row.get(CHECKS, []))
    needed = row.get(NEEDED, "")
    if needed not in ("", ONE, ALL):
        raise BadGuidelines(f"{where} has {needed!r} as {NEEDED}; {ONE} or {ALL} is needed, or nothing")
    return Guideline(codes=tuple(codes), cells=cells, checks=checks, needed=needed, **others)


def _cells(place, where: str) -> np.ndarray:
    """(12, 6) bool of one place, its leads by its segments."""
    if not isinstance(place, dict) or set(place) != set(PLACE_KEYS):
        raise BadGuidelines(f'{where} has the place {place!r}; write {{ leads = "V1-V4", segments = "QRS ST T" }}')
    leads = np.array([lead in _leads(place["leads"], where) for lead in LEADS])
    segments = np.array([name in _segments(place["segments"], where) for name in SEGMENTS])
    return leads[:, None] & segments


def _criterion(check, where: str) -> Criterion:
    """A measure with at least one bound, each a number or one for M and one for F."""
    if not isinstance(check, dict) or check.get("measure") not in MEASURES:
        raise BadGuidelines(f"{where} has the check {check!r}; its measure must be one of {', '.join(MEASURES)}")
    bounds = {key: value for key, value in check.items() if key != "measure"}
    if not bounds or any(key not in BOUNDS for key in bounds):
        raise BadGuidelines(f"{where} has the check {check!r}; its bounds must be of {', '.join(BOUNDS)}")
    return Criterion(check["measure"], **{key: _by_sex(value, where) for key, value in bounds.items()})


def _by_sex(value, where: str) -> dict[str, float]:
    values = value if isinstance(value, dict) else dict.fromkeys(SEXES, value)
    if set(values) != set(SEXES) or not all(isinstance(one, int | float) for one in values.values()):
        raise BadGuidelines(f"{where} has the bound {value!r}; a number, or {{ M = ..., F = ... }} is needed")
    return {sex: float(one) for sex, one in values.items()}


def _leads(text, where: str) -> set[str]:
    """The leads of a text such as `I aVL V3-V6`, or `all`."""
    if text == EVERYTHING:
        return set(LEADS)
    found = set()
    for word in _words(text, where):
        ends = [canonical_lead(end) for end in word.split("-")]
        if None in ends or len(ends) > 2:
            raise BadGuidelines(
                f"{where} has lead {word!r}; names such as aVL, ranges such as V1-V4, or all are needed"
            )
        first, last = LEADS.index(ends[0]), LEADS.index(ends[-1])
        if first > last:
            raise BadGuidelines(f"{where} has the range {word!r}, which runs backwards; write {ends[-1]}-{ends[0]}")
        found |= set(LEADS[first : last + 1])
    return found


def _segments(text, where: str) -> set[str]:
    """The wave segments of a text such as `QRS ST T`, or `all`."""
    if text == EVERYTHING:
        return set(SEGMENTS)
    words = _words(text, where)
    for word in words:
        if word not in SEGMENTS:
            raise BadGuidelines(f"{where} has segment {word!r}; {', '.join(SEGMENTS)} or all are known")
    return set(words)


def _words(text, where: str) -> list[str]:
    words = text.replace(",", " ").split() if isinstance(text, str) else []
    if not words:
        raise BadGuidelines(f"{where} has {text!r} for leads or segments; a text with at least one name is needed")
    return words


def _named(kind: type) -> str:
    return {list: "list", str: "text", bool: "true or false"}[kind]
