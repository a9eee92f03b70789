"""How the sheet is drawn: attention level, overlay, layout. The choices live in the URL."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import state
from imle.attention import LEVELS
from imle.figures.levels import LEVEL_MEANINGS

OVERLAYS = ("band", "trace", "off")
LAYOUTS = ("3x4+II", "6x2", "12x1")
DEFAULT_LEVEL = "combined"

LEVEL_HELP = "  \n".join(f"**{level}**: {LEVEL_MEANINGS[level]}" for level in LEVELS)
OVERLAY_HELP = "**band**: colour behind the trace  \n**trace**: the trace itself coloured  \n**off**: the ECG alone"


@dataclass(frozen=True)
class View:
    """What the controls say."""

    level: str
    overlay: str
    layout: str


def view_controls() -> View:
    """Draw the controls in one line."""
    state.restore(state.VIEW_KEYS)
    with st.container(horizontal=True, vertical_alignment="center", key="view_controls", gap="medium"):
        view = View(
            level=_choice("Attention", LEVELS, "level", DEFAULT_LEVEL, LEVEL_HELP),
            overlay=_choice("Overlay", OVERLAYS, "overlay", OVERLAYS[0], OVERLAY_HELP),
            layout=_choice("Layout", LAYOUTS, "layout", LAYOUTS[0], None),
        )
    state.keep(state.VIEW_KEYS)
    return view


def _choice(label: str, options: tuple[str, ...], key: str, default: str, help: str | None) -> str:
    return st.segmented_control(label, options, default=default, required=True, key=key, bind="query-params", help=help)
