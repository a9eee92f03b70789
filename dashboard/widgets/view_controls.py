"""How the sheet is drawn: layout, paper, display filters and, once revealed, the overlay. The choices live in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import state
from imle.attention import LEVELS
from imle.explain.attribution import METHODS, USUAL_METHOD
from imle.figures.levels import LEVEL_MEANINGS
from imle.filters import DISPLAY_FILTERS, MAINS
from imle.labels import LABELS

MEDIAN = "median"
# The choices, the first being the default, with how each is shown.
LAYOUTS = {"3x4+II": "3×4 + II", "3x4": "3×4", "6x2": "6×2", "12x1": "12×1", MEDIAN: "Median beats"}
SPEEDS_MM_S = {"25": "25 mm/s", "12.5": "12.5 mm/s", "50": "50 mm/s"}
GAINS_MM_MV = {"10": "10 mm/mV", "10/5": "10/5 mm/mV", "5": "5 mm/mV", "20": "20 mm/mV"}
OVERLAYS = {"band": "Band", "trace": "Trace", "off": "Hidden"}
ATTENTION = {level: level.capitalize() for level in ("combined", *(level for level in LEVELS if level != "combined"))}
# What a label's logit is attributed to, beside the model's own attention.
ATTRIBUTIONS = {name: METHODS[name].title for name in (USUAL_METHOD, *METHODS) if name != "attention"}
HEATMAPS = ATTENTION | ATTRIBUTIONS
NO_OTHER = "none"
OTHERS = {NO_OTHER: "No other heatmap", **HEATMAPS}
OPACITIES = {str(percent): f"{percent} %" for percent in (90, 100, 75, 60, 45, 30, 15)}
LEADING = "leading"
WHOSE = {LEADING: "to leading", **{label: f"to {label}" for label in LABELS}}
MENUS = {
    "layout": LAYOUTS, "speed": SPEEDS_MM_S, "gain": GAINS_MM_MV, "overlay": OVERLAYS, "level": HEATMAPS,
    "label": WHOSE, "opacity": OPACITIES, "other": OTHERS,
}  # fmt: skip
# The same for a model without attention.
MENUS_WITHOUT_ATTENTION = MENUS | {"level": ATTRIBUTIONS, "other": {NO_OTHER: OTHERS[NO_OTHER], **ATTRIBUTIONS}}
OF_THE_PAPER = ("speed", "gain", "filter")
OF_THE_OVERLAY = ("overlay", "level", "opacity")
# What a key goes on through: no attribution, which takes longer than a key should.
CYCLES = {"layout": LAYOUTS, "overlay": OVERLAYS, "level": ATTENTION}

GAIN_HELP = "10/5: limb leads 10 mm/mV, chest leads 5 mm/mV, for tall chest leads."
FILTER_HELP = "For the eye only; the model always reads the record as it is."
HELP_OF_HEATMAPS = {
    **{level: f"**{level}**: {LEVEL_MEANINGS[level]}" for level in LEVELS},
    **{name: f"**{METHODS[name].title}**: {METHODS[name].description}" for name in ATTRIBUTIONS},
}
LABEL_HELP = (
    "Whose heatmap: an attribution is always one label's, attention only where the model looks for each label apart. The "
    "leading label is the one furthest above its threshold."
)
OVERLAY_HELP = (
    "**band**: colour over the height of the row  \n**trace**: a marker along the trace  \n**off**: the ECG alone"
)


@dataclass(frozen=True)
class View:
    """What the controls say. While the model's opinion is not revealed, overlay, level and opacity are as last chosen.

    gain_mm_mv: of all leads, or a pair: of the limb leads, and of the chest leads. level, other: keys of HEATMAPS, the
    second of a sheet below or None. label: whose heatmap is shown, where each label has its own; None for that of the
    leading label.
    """

    revealed: bool
    layout: str
    speed_mm_s: float
    gain_mm_mv: float | tuple[float, float]
    filters: tuple[str, ...]
    overlay: str
    level: str
    label: str | None
    opacity: float
    other: str | None = None

    @property
    def shows_heat(self) -> bool:
        """Whether a heatmap is to be seen; where it is hidden, nothing on the page is of one."""
        return self.revealed and self.overlay != "off"


def view_controls() -> View:
    """Draw the controls in one line."""
    revealed = is_revealed()
    state.write_link(**reveal_link())
    menus = _menus(revealed)
    chosen = _choices(menus)
    drawn = _drawn(revealed, chosen)
    # A key that no widget is drawn for would outlive the page, and then pass for what was last chosen.
    st.session_state.update({key: chosen[key] for key in drawn})
    with st.container(horizontal=True, vertical_alignment="center", key="view_controls", gap="xsmall"):
        _menu(menus, "Layout", "layout", 116)
        if "speed" in drawn:
            _menu(menus, "Paper speed", "speed", 98)
            _menu(menus, "Gain", "gain", 114, GAIN_HELP)
            st.pills(
                "Display filters", list(DISPLAY_FILTERS), selection_mode="multi", key="filter", width="content",
                format_func=DISPLAY_FILTERS.get, label_visibility="collapsed", help=FILTER_HELP, on_change=_one_mains,
            )  # fmt: skip
        if revealed:
            _menu(menus, "Overlay", "overlay", 80, OVERLAY_HELP)
            _menu(menus, "Heatmap", "level", 150, _help_of(menus["level"]))
            if "label" in drawn:
                _menu(menus, "Heatmap of", "label", 98, LABEL_HELP)
            _menu(menus, "Opacity of the overlay", "opacity", 72, "How strongly the overlay shows.")
    _shortcuts(revealed, menus)
    _remember(menus, chosen)
    return View(
        revealed=revealed,
        layout=chosen["layout"],
        speed_mm_s=float(chosen["speed"]),
        gain_mm_mv=_gain(chosen["gain"]),
        filters=tuple(chosen["filter"]),
        overlay=chosen["overlay"],
        level=chosen["level"],
        label=None if chosen["label"] == LEADING else chosen["label"],
        opacity=int(chosen["opacity"]) / 100,
        other=None if chosen["other"] == NO_OTHER else chosen["other"],
    )


def other_control(view: View) -> None:
    """The choice of a second heatmap, drawn where its sheet begins; the view of the next run has it."""
    st.session_state["other"] = view.other or NO_OTHER
    _menu(_menus(True), "Another heatmap below", "other", 190, "A second sheet with another heatmap of the same label.")


def _drawn(revealed: bool, chosen: dict) -> list[str]:
    """The keys of the controls in the line: median beats have a paper of their own, and a heatmap shows once revealed."""
    keys = ["layout", *(OF_THE_PAPER if chosen["layout"] != MEDIAN else ())]
    if revealed:
        keys += OF_THE_OVERLAY
        if state.attended_labels() or {chosen["level"], chosen["other"]} & set(ATTRIBUTIONS):
            keys.append("label")
    return keys


def is_revealed() -> bool:
    """Whether the model's opinion shows: as the URL says, else as it was last left."""
    asked = st.query_params.get("reveal")
    if asked is not None:
        st.session_state["revealed"] = asked == "yes"
    return st.session_state.setdefault("revealed", False)


def reveal_link() -> dict[str, str]:
    """What a link needs to show the opinion that its sender saw: the usual model may be another tomorrow."""
    return {"reveal": "yes", "model": state.model_name()} if is_revealed() else {}


def toggle_reveal() -> None:
    """Show what is hidden and hide what is shown; for a button's `on_click`."""
    revealed = not is_revealed()
    st.session_state["revealed"] = revealed
    st.query_params["reveal"] = "yes" if revealed else "no"


def reveal_button() -> None:
    """The button that shows the model's opinion, or hides it."""
    revealed = is_revealed()
    st.button(
        "Hide model" if revealed else "Reveal model", key="reveal", on_click=toggle_reveal, shortcut="V",
        type="secondary" if revealed else "primary",
    )  # fmt: skip


def _gain(text: str) -> float | tuple[float, float]:
    """`10` for all leads, or `10/5` for limb and chest leads."""
    limb, *chest = map(float, text.split("/"))
    return (limb, *chest) if chest else limb


def _help_of(heatmaps: Mapping[str, str]) -> str:
    """What the heatmaps of a menu mean, a line each: the model's own attention first, then what is computed."""
    attention, computed = (
        [HELP_OF_HEATMAPS[name] for name in kind if name in heatmaps] for kind in (LEVELS, ATTRIBUTIONS)
    )
    heads = ["The model's own attention:", *attention] if attention else []
    return "  \n".join([*heads, "What speaks for the label, computed:", *computed])


def _menus(revealed: bool) -> dict[str, dict[str, str]]:
    """The choices; before the reveal, when no heatmap shows, the model is not loaded to tell which it has."""
    return MENUS if not revealed or state.has_attention() else MENUS_WITHOUT_ATTENTION


def _choices(menus: dict) -> dict:
    """What is chosen, by key: in the URL where that has changed, else on the widgets, else when the page was left."""
    asked, written = st.query_params, st.session_state.get("view_url", {})
    chosen = {}
    for key in (*menus, "filter"):
        drawn, default = st.session_state.get(key), _default(menus, key)
        if asked.get(key) != written.get(key) and (key in asked or drawn is not None):
            chosen[key] = _read(menus, key, asked.get(key)) or default
        else:
            kept = st.session_state.get("kept", {}).get(key, default)
            chosen[key] = kept if drawn is None else drawn
        if key in menus and chosen[key] not in menus[key]:
            chosen[key] = default  # another model's
    return chosen


def _remember(menus: dict, chosen: dict) -> None:
    """Keep the choices beyond the page, and write those that are not the usual into the URL."""
    st.session_state.setdefault("kept", {}).update(chosen)
    texts = {key: ",".join(value) if key == "filter" else value for key, value in chosen.items()}
    unusual = {key: text for key, text in texts.items() if text and text != _default(menus, key)}
    state.write_link(**{key: unusual.get(key) for key in texts})
    st.session_state["view_url"] = unusual


def _default(menus: dict, key: str):
    return [] if key == "filter" else next(iter(menus[key]))


def _read(menus: dict, key: str, text: str | None):
    """The choice that `text` in the URL names; None where it names none."""
    if key == "filter":
        return [name for name in (text or "").split(",") if name in DISPLAY_FILTERS]
    return text if text in menus[key] else None


def _menu(menus: dict, label: str, key: str, width_px: int, help: str | None = None) -> None:
    st.selectbox(
        label, list(menus[key]), key=key, format_func=menus[key].get, label_visibility="collapsed", width=width_px,
        filter_mode=None, help=help,
    )  # fmt: skip


def _one_mains() -> None:
    """Where both mains filters are pressed, the one just pressed stays: no mains has two frequencies."""
    before = st.session_state.get("kept", {}).get("filter", ())
    chosen = st.session_state["filter"]
    if set(MAINS) <= set(chosen):
        st.session_state["filter"] = [name for name in chosen if name not in MAINS or name not in before]


def _shortcuts(revealed: bool, menus: dict) -> None:
    """Buttons for the keyboard and for screen readers alone: each goes on to the next choice of a menu."""
    cycles = [("Next layout", "L", "layout")]
    if revealed:
        cycles.append(("Next overlay", "O", "overlay"))
    if revealed and ATTENTION.keys() <= menus["level"].keys():
        cycles.append(("Next attention level", "A", "level"))
    with st.container(key="shortcuts"):
        for label, key, name in cycles:
            st.button(label, shortcut=key, on_click=_go_on, args=(name,), key=f"next_{name}")


def _go_on(name: str) -> None:
    options, now = list(CYCLES[name]), st.session_state[name]
    st.session_state[name] = options[(options.index(now) + 1) % len(options) if now in options else 0]
