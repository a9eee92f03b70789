"""What every page shows: the sidebar's lines, the marks of simulated data, and refusals as one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.widgets.sign_in import sign_in_button, signed_in_lines
from imle.errors import Refusal
from imle.labels import LABEL_TITLES

TITLE = "IMLE-Net workbench"
USE = "Research use only, not a medical device."
ABOUT = f"{TITLE}: 12-lead ECGs in, diagnoses and the places the model looked out. {USE}"
LABELS_HELP = "  \n".join(f"{label}: {title}" for label, title in LABEL_TITLES.items())
MARKDOWN_SIGNS = re.compile(r"([\\*_{}\[\]#+!|$~:<>])")
STYLE = Path(__file__).resolve().parents[1] / "style.css"


def style() -> None:
    """The few rules that Streamlit's own theme cannot express."""
    st.html(STYLE)


def sidebar() -> None:
    """Data set, model and engine, a line each, whatever of them there is; a choice where there are several models.

    Where one can sign in, who is signed in stands below them.
    """
    with st.sidebar.container(gap="xxsmall", key="sidebar_lines"):
        _lines(_data_lines())
        unknown = _model()
        note(USE)
        _lines(signed_in_lines())
        sign_in_button()
    if unknown:
        refuse(
            f"the link asks for the model {unknown}, which is not offered here; this is {Path(state.model_name()).name}"
        )


def simulated_mark(simulated: bool) -> None:
    """Beside a page's first line, so that it shows with the sidebar closed."""
    if simulated:
        st.badge("Simulated ECGs, not patients", color="blue")


def note(text: str) -> None:
    """A small line beside something larger."""
    st.markdown(f":small[:gray[{plain(text)}]]")


def plain(text: str) -> str:
    """Text in which Markdown finds no signs of its own."""
    return MARKDOWN_SIGNS.sub(r"\\\1", text)


def refuse(error: Refusal | str) -> None:
    """One sentence, spelt as a sentence, that says what is wrong and what would be right."""
    sentence = str(error).strip()
    st.warning(plain(sentence[:1].upper() + sentence[1:]) + ("" if sentence.endswith((".", "!", "?")) else "."))


def _lines(lines: list[tuple[str, str]]) -> None:
    for word, value in lines:
        st.markdown(f":small[:gray[{word}] {plain(value)}]")


def _data_lines() -> list[tuple[str, str]]:
    try:
        data = state.cohort().data
    except Refusal:
        return [("Data set", "none")]
    return [("Data set", data.title), ("Records", f"{len(data):,}{' simulated' if data.simulated else ''}")]


def _model() -> str | None:
    """Its name, or a choice where there are several, and the engine it runs on. Returns what the link asks for in vain."""
    state.follow_usual()
    models, unknown = state.models(), None
    if len(models) > 1:
        unknown = state.follow_link()
        names = short_names(models)
        st.selectbox("Model", models, key="model", filter_mode=None, format_func=names.get)
        state.link_model()
    try:
        name, _, engine = state.model_card()
    except Refusal:
        _lines([("Model", "none")])
        return unknown
    _lines([("Engine", engine)] if len(models) > 1 else [("Model", name), ("Engine", engine)])
    return unknown


def short_names(models: list[str]) -> dict[str, str]:
    """By model, the last part of its folder; of one with the name of another, the folder's own place with it."""
    last = [Path(model).name for model in models]
    return {
        model: "/".join(Path(model).parts[-2:]) if last.count(name) > 1 else name
        for model, name in zip(models, last, strict=True)
    }
