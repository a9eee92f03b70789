"""Tables as text: a column a lead, a row a sample. Separator, decimal sign, units and rate are taken from the table."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imle.ecg import FS_RANGE_HZ, MODEL_SECONDS, Ecg, InvalidEcg, UnreadableEcg
from imle.formats.common import cannot_open, first_ten_seconds, named_leads
from imle.formats.hints import NO_HINTS, Hints, ask_for
from imle.formats.units import is_unit, mv_per_unit
from imle.leads import canonical_lead

TITLE = "tables (.csv, .tsv)"
SUFFIXES = (".csv", ".tsv")
SEPARATORS = ("\t", ";", ",")

# Ten seconds at the highest rate, the header, and a line of units.
MOST_LINES = MODEL_SECONDS * FS_RANGE_HZ[1] + 2
LONGEST_LINE = 4096
NO_TABLE = "this is not a table; one with a header of lead names, a column a lead and a row a sample can be read"

# `I (mV)` and `I [mV]`; `I_mV`, `I/mV` and `I mV`.
_BRACKETED = re.compile(r"(.*?)\s*[(\[](.*)[)\]]")
_APPENDED = re.compile(r"(.+)[\s_/]([^\s_/]+)")
# C1 is a lead beside others; by itself it is the first column of any table.
_ANY_TABLES = re.compile(r"\s*[cd]\d\s*", re.IGNORECASE)
_TIME = re.compile(r"(?:elapsed[\s_]*)?(?:time|t|zeit|timestamp)(?:[\s_/]+(?P<unit>\w+))?", re.IGNORECASE)
SECONDS_PER_UNIT = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "μs": 1e-6}
# No step of a rate that can be read is as long in one of these units as in another, so a step tells its own unit.
STEP_UNITS_S = (1.0, 1e-3, 1e-6)
# A time rounded to its last digit may be half a step off; a step of two means that a sample is missing.
LONGEST_STEP = 1.75


class Column(NamedTuple):
    """A column's name without its unit, and the unit ("" where the name gives none)."""

    name: str
    unit: str


def recognises(head: bytes) -> bool:
    """Whether the first line names several leads, or is nothing but eight numbers or more."""
    lines = head.decode(_encoding(head), "replace").splitlines()
    first = next(filter(_is_content, lines), "")
    cells = _cells(first, _separator(first))
    names = [_column(cell).name for cell in cells]
    leads = {canonical_lead(name) for name in names if not _ANY_TABLES.fullmatch(name)} - {None}
    return len(leads) > 1 or (len(cells) >= 8 and all(map(_is_number, cells)))


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of a table. Raises MissingFacts, UnreadableEcg or InvalidEcg."""
    lines, beyond = _lines(path)
    separator = _separator(lines[0])
    columns, rows = _columns(path, lines, separator, hints)
    time = next((place for place, column in enumerate(columns) if _TIME.fullmatch(column.name)), None)
    signals = [place for place in range(len(columns)) if place != time]
    rows_of = named_leads([columns[place].name for place in signals], _hints_of(signals, len(columns), hints))
    places = {lead: signals[row] for lead, row in rows_of.items()}
    units = {lead: columns[place].unit or hints.unit for lead, place in places.items()}
    ask_for(
        path,
        fs_hz=hints.fs_hz if time is None else 0,
        unit=next((None for unit in units.values() if unit is None), ""),
    )
    wanted = {place: columns[place].name for place in [*places.values(), *([] if time is None else [time])]}
    numbers = _numbers(path, rows, separator, wanted)
    fs_hz = hints.fs_hz if time is None else _rate_hz(path, columns[time], numbers[time], hints)
    signals_mv = {lead: numbers[place] * mv_per_unit(units[lead]) for lead, place in places.items()}
    return first_ten_seconds(signals_mv, len(rows) + beyond, fs_hz, path.stem, {})


def _hints_of(signals: list[int], columns: int, hints: Hints) -> Hints:
    """The hints with names for the signals alone, where the column of times was named with them."""
    if hints.leads is None or len(hints.leads) != columns:
        return hints
    return replace(hints, leads=tuple(hints.leads[place] for place in signals))


def _lines(path: Path) -> tuple[list[str], int]:
    """The lines that hold something, as many as ten seconds can take, and how many more there are.

    UnreadableEcg where they are no table's.
    """
    try:
        with path.open("rb") as file:
            encoding = _encoding(file.read(LONGEST_LINE))
        with path.open(encoding=encoding, errors="replace") as file:
            lines = []
            while len(lines) < MOST_LINES and (line := file.readline(LONGEST_LINE + 1)):
                if len(line) > LONGEST_LINE or "\0" in line:
                    raise UnreadableEcg(path, NO_TABLE)
                lines += [line] if _is_content(line) else []
            beyond = sum(map(_is_content, iter(partial(file.readline, LONGEST_LINE + 1), "")))
    except OSError as error:
        raise cannot_open(path, error) from None
    except UnicodeError:
        raise UnreadableEcg(path, NO_TABLE) from None
    if not lines:
        raise UnreadableEcg(path, NO_TABLE)
    return lines, beyond


def _encoding(head: bytes) -> str:
    """UTF-16 where its mark stands first, UTF-8 where the bytes allow it, else Latin-1, which has µ as a single byte."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _is_content(line: str) -> bool:
    """Not blank, no comment, and not the line that tells a spreadsheet the separator."""
    return bool(line.strip()) and not line.startswith("#") and not line.casefold().startswith("sep=")


def _separator(line: str) -> str | None:
    """A tab, else a semicolon, else a comma; None stands for blanks."""
    return next((separator for separator in SEPARATORS if separator in line), None)


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return [cell.strip("\"'") for cell in line.split()]
    try:
        cells = next(csv.reader([line.strip("\r\n")], delimiter=separator), [])
    except csv.Error:  # an open quotation
        cells = line.split(separator)
    return [cell.strip(" \"'") for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _column(cell: str) -> Column:
    """`I (mV)` -> I and mV. What stands in brackets is a unit; a word appended to the name is one only if it is known."""
    if canonical_lead(cell):
        return Column(cell, "")
    if match := _BRACKETED.fullmatch(cell):
        return Column(match[1], match[2].strip())
    match = _APPENDED.fullmatch(cell)
    return Column(match[1], match[2]) if match and is_unit(match[2]) else Column(cell, "")


def _columns(path: Path, lines: list[str], separator: str | None, hints: Hints) -> tuple[list[Column], list[str]]:
    """The columns, by the header or else by hints, and the lines below the header and its line of units."""
    first = _cells(lines[0], separator)
    if any(cell and not _is_number(cell) for cell in first):
        columns = [_column(cell) for cell in first]
        second = _cells(lines[1], separator) if len(lines) > 1 else []
        if any(map(is_unit, second)):
            units = [cell.strip("()[]") for cell in second] + [""] * len(columns)
            return [Column(name, unit or own) for (name, unit), own in zip(columns, units, strict=False)], lines[2:]
        return columns, lines[1:]
    ask_for(path, fs_hz=hints.fs_hz, unit=hints.unit, leads=hints.leads)
    if len(hints.leads) != len(first):
        raise InvalidEcg(
            f"{len(hints.leads)} leads were named and the table has {len(first)} columns",
            doubtful="leads",
        )
    return [Column(name, "") for name in hints.leads], lines


def _numbers(path: Path, rows: list[str], separator: str | None, wanted: dict[int, str]) -> dict[int, np.ndarray]:
    """The numbers of the wanted columns, by place. UnreadableEcg naming the first cell that is none."""
    if separator != ",":
        rows = [row.replace(",", ".") for row in rows]
    if not rows:
        raise UnreadableEcg(path, "the table has no rows below its header; give one row a sample")
    try:
        table = np.loadtxt(
            rows, float, comments=None, delimiter=separator, usecols=list(wanted), quotechar='"', ndmin=2
        )
    except ValueError:
        raise UnreadableEcg(path, _what_is_no_number(rows, separator, wanted)) from None
    return dict(zip(wanted, table.T, strict=True))


def _what_is_no_number(rows: list[str], separator: str | None, wanted: dict[int, str]) -> str:
    for index, row in enumerate(rows, 1):
        cells = _cells(row, separator)
        for place, name in wanted.items():
            cell = cells[place] if place < len(cells) else ""
            if not _is_number(cell):
                return f"row {index} has {cell[:40]!r} under {name[:40]!r}; every row needs a number there"
    return NO_TABLE


def _rate_hz(path: Path, column: Column, time: np.ndarray, hints: Hints) -> float:
    """Samples a second from a column of times in s, ms or µs; by hint where it may as well count samples.

    InvalidEcg for times that do not rise evenly; MissingFacts.
    """
    steps = np.diff(time)
    step = steps.mean() if len(steps) else np.nan
    if not np.isfinite(step) or steps.min() <= 0 or steps.max() > LONGEST_STEP * step:
        raise InvalidEcg("the time column does not rise evenly; each row must be one step later than the row before")
    stated = column.unit or _TIME.fullmatch(column.name)["unit"] or ""
    if stated and stated.casefold() not in SECONDS_PER_UNIT:
        raise InvalidEcg(f"the time column is in {stated[:40]!r}; s, ms or us is needed")
    if not stated and (steps == 1).all():  # 0, 1, 2: milliseconds, or the numbers of the samples
        ask_for(path, fs_hz=hints.fs_hz)
        return hints.fs_hz
    units_s = [SECONDS_PER_UNIT[stated.casefold()]] if stated else STEP_UNITS_S
    low, high = FS_RANGE_HZ
    rates_hz = [rate for rate in (float(f"{1 / (step * unit_s):.6g}") for unit_s in units_s) if low <= rate <= high]
    if not rates_hz:
        raise InvalidEcg(
            f"the time column rises by {step:g} a row; a step of {1e3 / high:g} to {1e3 / low:g} ms is needed"
        )
    nearest = round(rates_hz[0])
    return float(nearest) if abs(rates_hz[0] - nearest) < 1e-4 * nearest else rates_hz[0]
