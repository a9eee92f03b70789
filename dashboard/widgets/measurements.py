"""The line of measurements under the sheet, n/a with its reason, and the ST levels by lead."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from imle.measure import TITLES, Measured, Measurements, signed

ON_THE_LINE = ("heart_rate", "pr", "qrs", "qt", "qtc_bazett", "qtc_fridericia", "axis")


def measurements_line(measured: Measurements) -> None:
    """Lines of text: rate, intervals and axis; the ST level of each lead; what must be read with them."""
    rate, *others = ON_THE_LINE
    first = [_shown(TITLES[rate], measured.values[rate], _range(measured))]
    first += [_shown(TITLES[key], measured.values[key]) for key in others]
    lines = [_line("Measurements", first), _line("ST at J + 60 ms", _st_levels(measured), "quiet")]
    if measured.remarks:
        lines.append(_line("Remarks on the measurements", map(_sentence, measured.remarks), "quiet"))
    st.html("".join(lines))


def _line(name: str, items: Iterable[str], style: str = "") -> str:
    return f'<div class="measurements {style}" role="group" aria-label="{name}">{"".join(items)}</div>'


def _shown(title: str, value: Measured, more: str = "") -> str:
    reason = f" <i>{escape(value.reason)}</i>" if value.value is None and value.reason else ""
    return f"<span>{escape(title)} <b>{escape(str(value))}</b>{more}{reason}</span>"


def _sentence(words: str) -> str:
    return f"<span>{escape(words)}</span>"


def _range(measured: Measurements) -> str:
    """Between its slowest and its fastest beat, in brackets; as on the report."""
    low, high = measured.values["heart_rate_min"], measured.values["heart_rate_max"]
    if low.value is None or high.value is None:
        return ""
    return f" ({low.value:.0f}–{high.value:.0f})"


def _st_levels(measured: Measurements) -> list[str]:
    if all(value.value is None for value in measured.st_mv.values()):
        reason = next((value.reason for value in measured.st_mv.values() if value.reason), "")
        return [f"<span>ST at J + 60 ms <b>n/a</b> <i>{escape(reason)}</i></span>"]
    return ["<span>ST at J + 60 ms, mV</span>", *(_st_level(lead, value) for lead, value in measured.st_mv.items())]


def _st_level(lead: str, level: Measured) -> str:
    return _shown(lead, level) if level.value is None else f"<span>{lead} <b>{signed(level.value)}</b></span>"
