"""Calipers on the sheet: a toolbar beside it; all else happens in the browser, in dashboard/calipers.js."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from imle.figures.theme import theme_of

SCRIPT = Path(__file__).resolve().parents[1] / "calipers.js"

HTML = """
<div class="tools" role="toolbar" aria-label="Calipers">
  <button type="button" data-tool="caliper" aria-pressed="false" aria-keyshortcuts="M"
    title="Measure between two points of the sheet">Caliper <kbd aria-hidden="true">M</kbd></button>
  <button type="button" data-tool="march" aria-pressed="false" aria-keyshortcuts="W"
    title="Repeat the interval along the row">March-out <kbd aria-hidden="true">W</kbd></button>
  <button type="button" data-tool="clear" disabled aria-keyshortcuts="Escape"
    title="Take the caliper away">Clear <kbd aria-hidden="true">Esc</kbd></button>
</div>
<output aria-live="polite"></output>
"""

CSS = """
:is(.tools, output) { font-family: var(--st-font); font-size: 13px; }
.tools { display: flex; }
button {
  font: inherit; height: 30px; padding: 0 10px; margin-left: -1px; cursor: pointer; white-space: nowrap;
  color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color);
}
button:first-child { margin-left: 0; border-radius: var(--st-base-radius) 0 0 var(--st-base-radius); }
button:nth-of-type(3) { border-radius: 0 var(--st-base-radius) var(--st-base-radius) 0; }
kbd { font: inherit; font-size: 12px; margin-left: 4px; color: var(--st-gray-text-color); }
[aria-pressed="true"] kbd { color: inherit; }
button:hover:enabled { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; z-index: 1; }
button[aria-pressed="true"] {
  color: var(--st-background-color); background: var(--st-primary-color); border-color: var(--st-primary-color);
}
button[aria-pressed="true"] + button[aria-pressed="true"] { border-left-color: var(--st-background-color); }
button:disabled { opacity: 0.45; cursor: default; }
/* A line of its own, there even while it is empty: what is measured moves nothing on the page. */
output {
  display: block; height: 20px; margin-top: 2px; line-height: 20px; white-space: nowrap; text-align: right;
  color: var(--st-text-color); font-variant-numeric: tabular-nums;
}
"""

_toolbar = st.components.v2.component("calipers", html=HTML, css=CSS, js=SCRIPT.read_text())


def calipers(
    container_key: str,
    record: str,
    speed_mm_s: float,
    gain_mm_mv: float | tuple[float, float],
    dark: bool,
    one_beat: bool = False,
) -> None:
    """Draw the toolbar of the calipers for the sheet in the container, or the chart, with this key.

    Two points give ms, bpm and mV, by the sheet's speed and by the gain of the lead where they begin, which the sheet's
    `layout.meta` tells; of `one_beat` they give no bpm, and no interval is marched out. Calipers go when another record,
    speed or gain comes. Keys: M caliper, W march-out, Esc clear. Nothing of it runs the page's script.
    """
    theme = theme_of(dark)
    _toolbar(
        key=f"calipers_{container_key}",
        data={
            "container": container_key,
            "record": record,
            "speed_mm_s": speed_mm_s,
            "gain_mm_mv": gain_mm_mv,
            "one_beat": one_beat,
            "colours": {"paper": theme.paper, "ink": theme.ink, "rule": theme.muted, "line": theme.caliper},
        },
        width="content",
        height="content",
    )
