"""One record's heatmaps beside the guidelines of its diagnoses, and whether they are the record's own or anybody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
import streamlit as st

from dashboard import agreement_state, agreements, state
from dashboard.subject import Subject
from dashboard.widgets.figure_table import NONE, figure_table, row
from dashboard.widgets.frame import note, plain, refuse
from imle.errors import Refusal
from imle.explain import Explanation
from imle.explain.agreement import LIKE_AVERAGE, area, lead_segment_shares, overlap, relevance_mass, spread_over
from imle.explain.attribution import ATTENTION
from imle.explain.cohort_agreement import CohortAgreement
from imle.explain.criteria import CANNOT_TELL, MET, NOT_MET, judge
from imle.explain.guidelines import ALL, ONE, Guideline
from imle.figures.heat import USUAL_LEVEL, Heat, heat_title
from imle.figures.words import percent
from imle.leads import LEADS, listed
from imle.measure import Measurements
from imle.measure.segments import segment_of_samples

HEAD = ["", "Where cardiologists look", "Criteria"]
OUTLINE = "outline"
AGAINST = "against"
HEADS = {ONE: "One of these is enough:", ALL: "All of these are needed:"}
SIGNS = {MET: "✓", NOT_MET: "✗", CANNOT_TELL: "?"}


@dataclass(frozen=True)
class Held:
    """The record's heatmaps by one method that are held against the guidelines: attention, or what `method` attributes."""

    subject: Subject
    explanation: Explanation
    method: str

    @property
    def name(self) -> str:
        return USUAL_LEVEL if self.method == ATTENTION else self.method

    @property
    def title(self) -> str:
        return heat_title(self.name)

    def title_for(self, labels: Sequence[str]) -> str:
        """The title with the labels whose heatmaps they are, where each label has its own."""
        if self.method == ATTENTION and self.explanation.label is None:
            return self.title
        whose = list(dict.fromkeys(labels))
        own = "" if len(whose) == 1 else ", for each diagnosis its own"
        return heat_title(self.name, listed(whose)) + own

    def of(self, label: str) -> np.ndarray:
        """(12, 1000), the heatmap for `label`."""
        if self.method == ATTENTION:
            return self.explanation.about(label).heatmap(USUAL_LEVEL).astype(float)
        return self.subject.attribute(label, self.method).astype(float)

    @cached_property
    def agreement(self) -> CohortAgreement | None:
        """What is kept of the heatmaps of a model of this name by this method; None where nothing is."""
        found = agreements.offered().get(agreements.name_of(self.explanation.model, self.method))
        try:
            return agreement_state.agreement(found) if found else None
        except Refusal:
            return None

    @cached_property
    def is_of_another(self) -> bool:
        """Whether that is of another model, which only has the name."""
        return self.agreement is not None and not state.is_of_model_in_use(self.agreement.about)

    @property
    def has_average(self) -> bool:
        """Whether average heatmaps of this very model are kept."""
        return self.agreement is not None and not self.is_of_another

    def average(self, label: str) -> np.ndarray | None:
        """(12, 6) of the average record for this model and label; None where none is kept."""
        return self.agreement.averages.get(label) if self.has_average else None


def guideline_panel(subject: Subject, explanation: Explanation, measured: Measurements, shown: list[Heat]) -> None:
    """A row a diagnosis that the guidelines place, of those stated and one of the reader's choice: its criteria, and how
    much of the heatmap for it lies there.

    The heatmaps are by the methods of those `shown`, one or two; where none is, the model's attention, if it has any.
    """
    methods = dict.fromkeys(heat.method for heat in shown) or ([ATTENTION] if explanation.levels else [])
    held = [Held(subject, explanation, method) for method in methods]
    if not held:
        return
    segments = segment_of_samples(measured)
    try:
        for one in held:
            _likeness(one, segments)
        found = _diagnoses(subject)
        rows = [_row(_titled(code, place, subject), place, held, segments, _criteria(place, subject, measured))
                for code, place in found.items()]  # fmt: skip
        offered = _offered(subject, explanation.label or explanation.leading)
    except Refusal as error:
        refuse(error)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Guidelines", anchor=False, width="content")
        _outline_choice(list(found))
        st.space("stretch")
        _against_choice(offered)
    if rows:
        # Of two heatmaps a column each, so that the table is no wider than the page.
        titles = [f"{one.title[:1].upper()}{one.title[1:]}" for one in held]
        shares = titles if len(held) > 1 else ["On these leads", "In these places"]
        figure_table("The heatmap beside the guidelines", [*HEAD, *shares], rows, state.dark())
        for one in held:
            beside = "by chance, and of the average record's heatmap" if one.has_average else "by chance"
            note(f"Share of the {one.title_for([place.superclass for place in found.values()])}; in brackets {beside}.")
    else:
        note(
            "No diagnosis is stated that has a place of its own; choose one to hold its criteria and the heatmap against."
        )
    if any(one.is_of_another for one in held):
        note(
            f"The average heatmap that is kept for {explanation.model} is of another model of that name (its weights, scale "
            "or temperature differ), so this record is not held against it; imle guidelines makes this model's own."
        )


def follow_link() -> None:
    """Take over what the link says of the diagnosis held against and of the frame; before either is asked for."""
    for key in (AGAINST, OUTLINE):
        if key in st.query_params:
            st.session_state.setdefault(key, st.query_params[key])


def outlined_places(subject: Subject):
    """The places of the diagnosis chosen to be framed on the sheet, as figures.sheet.Outline; None where none is."""
    from imle.figures.sheet import Outline

    code = st.session_state.get(OUTLINE)
    place = _diagnoses_if_any(subject).get(code)
    if place is None:
        return None
    return Outline(f"where cardiologists look for {code}", place.mask(segment_of_samples(subject.measure())))


def expected_leads(subject: Subject, label: str | None) -> set[str]:
    """The leads that the guidelines name for the diagnoses stated; of those of `label`, where that is given."""
    stated = _stated(subject)
    places = [place for code, place in _diagnoses_if_any(subject).items() if code in stated]
    return {lead for place in places if label in (None, place.superclass) for lead in place.leads}


def _diagnoses(subject: Subject) -> dict[str, Guideline]:
    """The diagnoses that have a place of their own, by code: those stated, then the reader's choice. BadGuidelines."""
    table = agreement_state.table()
    codes = [*_stated(subject), *filter(None, [st.session_state.get(AGAINST)])]
    return {code: table[code] for code in codes if code in table and not table[code].is_everywhere}


def _stated(subject: Subject) -> list[str]:
    return [one.code for one in subject.statements or ()]


def _offered(subject: Subject, label: str) -> dict[str, str]:
    """The titles of the diagnoses that are not stated and have a place of their own, by code; those of `label` first."""
    stated = set(_stated(subject))
    places = {
        code: place for code, place in agreement_state.table().items() if code not in stated and not place.is_everywhere
    }
    return {code: places[code].title for code in sorted(places, key=lambda code: places[code].superclass != label)}


def _diagnoses_if_any(subject: Subject) -> dict[str, Guideline]:
    """The same; none where the table cannot be read, which the panel tells."""
    try:
        return _diagnoses(subject)
    except Refusal:
        return {}


def _outline_choice(codes: list[str]) -> None:
    """Which diagnosis's places to frame on the sheet; the sheet, drawn before, reads it from the session."""
    if st.session_state.get(OUTLINE) not in codes:
        st.session_state.pop(OUTLINE, None)
    chosen = None
    if codes:
        st.markdown(":gray[Frame on the sheet]", width="content")
        chosen = st.pills("Frame on the sheet", codes, key=OUTLINE, label_visibility="collapsed", width="content")
    state.write_link(**{OUTLINE: chosen})


def _against_choice(offered: dict[str, str]) -> None:
    """A diagnosis that nobody stated, whose criteria and places are to be shown too."""
    if st.session_state.get(AGAINST) not in offered:
        st.session_state.pop(AGAINST, None)
    chosen = st.selectbox(
        "Hold against another diagnosis", list(offered), index=None, key=AGAINST, width=270,
        placeholder="Hold against another diagnosis", label_visibility="collapsed",
        format_func=lambda code: f"{code} {offered[code]}",
    )  # fmt: skip
    state.write_link(**{AGAINST: chosen})


def _likeness(held: Held, segments: np.ndarray) -> None:
    """A sentence where the heatmap is hardly the record's own."""
    label = held.explanation.label or held.explanation.leading
    average = held.average(label)
    if average is None:
        return
    alike = overlap(lead_segment_shares(held.of(label), segments), average)
    if alike >= LIKE_AVERAGE:
        st.markdown(plain(
            f"The heatmap of {held.title} looks like that of the average record ({percent(alike)} of it lies where the average's lies): "
            "it says little about this one."
        ))  # fmt: skip


def _criteria(place: Guideline, subject: Subject, measured: Measurements) -> str:
    """The criteria that can be filled in, a line each: met, not met, or not to be told; and whether one is enough."""
    found = [judge(check, measured, place.leads, subject.patient) for check in place.checks]
    lines = [f"{SIGNS[one.verdict]} {escape(one.asked)}; here {escape(one.found)}: {one.verdict}" for one in found]
    head = [HEADS[place.needed]] if place.needed in HEADS and len(lines) > 1 else []
    return "".join(f'<span class="line">{line}</span>' for line in [*head, *lines]) or NONE


def _titled(code: str, place: Guideline, subject: Subject) -> str:
    unsaid = "" if code in _stated(subject) else ", not stated"
    return f"{escape(code)} <i>{escape(place.title)}{unsaid}</i>"


def _row(title: str, place: Guideline, held: list[Held], segments: np.ndarray, criteria: str) -> str:
    shares = [_shares(place, one, segments) for one in held]
    cells = (
        shares[0] if len(held) == 1 else [f"{on} on these leads<br>{within} in these places" for on, within in shares]
    )
    leads = "all leads" if len(place.leads) == len(LEADS) else ", ".join(place.leads)
    looked = f"{leads} <i>{', '.join(place.segments)}</i>"
    return row(title, looked, criteria, *cells)


def _shares(place: Guideline, held: Held, segments: np.ndarray) -> tuple[str, str]:
    """Of the heatmap for the diagnosis: what lies on the leads, and what in the places, NONE where the record has none."""
    heatmap, average = held.of(place.superclass), held.average(place.superclass)
    mask, leads = place.mask(segments), np.isin(LEADS, place.leads)
    control = None if average is None else spread_over(average, segments)
    on = _share(heatmap[leads].sum(), leads.mean(), None if control is None else control[leads].sum())
    if not mask.any():  # P waves that were not found, as in complete AV block
        return on, NONE
    kept = None if control is None else relevance_mass(control, mask)
    return on, _share(relevance_mass(heatmap, mask), area(mask), kept)


def _share(value: float, chance: float, average: float | None) -> str:
    beside = f"{chance:.2f}" if average is None else f"{chance:.2f}, {average:.2f}"
    return f"<b>{value:.2f}</b> <i>({beside})</i>"
