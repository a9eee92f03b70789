"""The upload page's own parts: the files, what they leave unsaid, and which of their ECGs is read."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import state
from dashboard.widgets.actions import actions
from dashboard.widgets.frame import note, plain, refuse, simulated_mark
from imle.ecg import FS_RANGE_HZ, Ecg, UnreadableEcg
from imle.errors import Refusal
from imle.explain.summary import is_simulated
from imle.formats import DoubtfulFact, Hints, MissingFacts
from imle.formats.common import LARGEST_BYTES
from imle.formats.hints import FACTS
from imle.formats.units import UNITS
from imle.formats.upload import read_uploads
from imle.leads import LEADS

LARGEST_MB = LARGEST_BYTES >> 20
FORMATS = (
    "WFDB (both files of a record together), DICOM waveform, EDF, CSV or TSV, HL7 aECG XML, GE MUSE XML, NumPy .npy; "
    f"12 leads, 10 s or more, {LARGEST_MB} MB a file. Nothing is kept after the session."
)

# What to do below the sentence where a fact is probably another.
WAYS_OUT = {
    "unit": "choose another below, or raw counts and how many of them make 1 mV",
    "leads": "name its signals in their order below, with x for one that is none of the 12 leads",
}
COUNTS = "raw counts"
FEWEST_COUNTS = 0.001  # in 1 mV, as numbers in volts have
SEXES = {"F": "Female", "M": "Male"}


def uploaded():
    """Draw the first line and the files; the chosen Ecg and the place for its report menu, None while there is none."""
    line = st.container(horizontal=True, vertical_alignment="center", key="record_bar", gap="small")
    with line:
        st.title("Upload", anchor=False, width="content")
    with st.container(key="upload_box"):
        row = st.container(horizontal=True, vertical_alignment="center")
        files = row.file_uploader(
            "ECG files", accept_multiple_files=True, key="upload_files", max_upload_size=LARGEST_MB,
            label_visibility="collapsed", on_change=_forget_if_emptied,
        )  # fmt: skip
        ecgs = _read(files) if files else _read_before(row)
        if not ecgs:
            note(FORMATS)
            return None
    with line:
        ecg = next(iter(ecgs.values())) if len(ecgs) == 1 else ecgs[_choice(list(ecgs))]
        words, fields = st.empty(), st.empty()
        ecg = _with_person(ecg, fields)
        words.markdown(f"**{plain(_about(ecg))}**", width="content")
        simulated_mark(is_simulated(ecg))
        return ecg, actions(link=False)


def _forget_if_emptied() -> None:
    """Called where the user changes the files, and not where the page was left, after which there are none either."""
    if not st.session_state["upload_files"]:
        state.forget_uploads()


def _read_before(row) -> dict[str, Ecg]:
    """The ECGs that were read before the page was left, by file; named in `row`, with a button that removes them."""
    ecgs = _readable(st.session_state.get(state.UPLOADS_READ, (None, {}))[1])
    if ecgs:
        row.markdown(f":small[:gray[Uploaded before: {plain(', '.join(ecgs))}]]", width="content")
        row.button("Remove", key="upload_remove", on_click=state.forget_uploads)
    return ecgs


def _read(files) -> dict[str, Ecg]:
    """The ECGs by file; each file that is none gets its sentence, each fact that is missing its field."""
    key = tuple(file.file_id for file in files), _hints_given()
    if st.session_state.get(state.UPLOADS_READ, (None,))[0] != key:
        before = _readable(st.session_state.get(state.UPLOADS_READ, (None, {}))[1])
        results = read_uploads({file.name: file.getvalue() for file in files}, _hints())
        state.forget_uploads(but=_readable(results).values())
        st.session_state[state.UPLOADS_READ] = (key, results)
        added = [name for name in _readable(results) if name not in before]
        if before and added:  # else the sheet of one patient would stay under the name of the next
            st.session_state[state.UPLOAD_CHOICE] = added[0]
    results = st.session_state[state.UPLOADS_READ][1]
    unsaid = {fact for result in results.values() if isinstance(result, MissingFacts) for fact in result.facts}
    for name in sorted({file.name for file in files if [other.name for other in files].count(file.name) > 1}):
        refuse(f"file {name} was given more than once, and the last one counts; rename the others to read them too")
    for result in results.values():
        if isinstance(result, Refusal):
            refuse(f"file {result.path.name}{_what_is_wrong(result)}")
    _ask(unsaid | {fact for fact in FACTS if st.session_state.get(f"given_{fact}")})
    return _readable(results)


def _what_is_wrong(refusal: UnreadableEcg) -> str:
    """What follows the file's name in a sentence on it."""
    if isinstance(refusal, DoubtfulFact):
        return f": {refusal.fault}; {WAYS_OUT[refusal.facts[0]]}"
    if isinstance(refusal, MissingFacts):
        counts = st.session_state.get("given_unit") == COUNTS
        names = FACTS | ({"unit": "number of counts in 1 mV"} if counts else {})
        them = "them" if len(refusal.facts) > 1 else "it"
        return f" does not state its {' or '.join(names[fact] for fact in refusal.facts)}; give {them} below"
    return f": {refusal.reason}"


def _readable(results: Mapping[str, Ecg | Refusal]) -> dict[str, Ecg]:
    return {name: result for name, result in results.items() if isinstance(result, Ecg)}


def _ask(facts: set[str]) -> None:
    """A field for each fact that a file left unsaid."""
    with st.container(horizontal=True):
        if "fs_hz" in facts:
            st.number_input(
                "Sampling rate, Hz", *FS_RANGE_HZ, None, key="given_fs_hz", placeholder="such as 500", width=180
            )
        if "unit" in facts:
            st.selectbox(
                "Unit", [*UNITS, COUNTS], index=None, key="given_unit", placeholder=f"mV, µV, {COUNTS} ...", width=200,
                format_func=lambda unit: unit.replace("u", "µ", unit == "uV"), filter_mode=None,
            )  # fmt: skip
            if st.session_state.get("given_unit") == COUNTS:
                st.number_input(
                    "Counts in 1 mV", FEWEST_COUNTS, None, None, 1.0, key="given_per_mv", placeholder="such as 200", format="%g", width=180,
                    help="The gain or resolution that the device's manual or export states: 5 µV a count are 200 in 1 mV.",
                )  # fmt: skip
        if "leads" in facts:
            st.text_input("Leads in the file's order", key="given_leads", placeholder=f"such as {' '.join(LEADS)}")


def _hints_given() -> tuple:
    state = st.session_state
    unit, per_mv = state.get("given_unit"), state.get("given_per_mv")
    if unit == COUNTS:
        unit = f"{per_mv:f}/mV" if per_mv else None
    return state.get("given_fs_hz"), unit, (state.get("given_leads") or "").strip()


def _hints() -> Hints:
    fs_hz, unit, leads = _hints_given()
    return Hints(fs_hz, unit, tuple(leads.replace(",", " ").split()) or None)


def _choice(names: list[str]) -> str:
    """Which of the ECGs to read; called by their files, since two devices may have given one name to both."""
    key = state.UPLOAD_CHOICE
    state.restore((key,))
    name = st.selectbox("ECG", names, key=key, label_visibility="collapsed", width=200, filter_mode=None)
    state.keep((key,))
    return name


def _with_person(ecg: Ecg, place) -> Ecg:
    """The ECG with the age and sex that its fields in `place` tell; there are fields for what its file does not state."""
    unsaid = [fact for fact in ("age", "sex") if fact not in ecg.meta]
    if not unsaid:
        return ecg
    age_key, sex_key = keys = state.person_keys(ecg)
    state.restore(keys)
    with place.popover(" and ".join(unsaid).capitalize(), key="person", width="content"):
        note(f"The file does not state the patient's {' or '.join(unsaid)}. Some criteria depend on it.")
        age = st.number_input("Age, years", value=None, step=1, key=age_key) if "age" in unsaid else None
        sex = st.pills("Sex", ["F", "M"], format_func=SEXES.get, key=sex_key) if "sex" in unsaid else None
        state.keep(keys)
        try:
            return state.upload_of(ecg, Hints(age=age, sex=sex).person)
        except Refusal as error:
            refuse(error)
            return ecg


def _about(ecg: Ecg) -> str:
    """What the file told of the patient and the recording, without what it did not, and how much of it this is."""
    meta = ecg.meta
    age = f"{meta['age']:g}" if "age" in meta else ""
    person = " ".join(part for part in (meta.get("sex"), age) if part)
    parts = [ecg.id, person, str(meta.get("recorded") or ""), f"{ecg.fs_hz:g} Hz", ecg.part_text]
    return " · ".join(part for part in parts if part)
