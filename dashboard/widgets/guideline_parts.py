"""The parts of the guidelines page: maps by lead and segment, scores, leads, records, the list of those elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from html import escape

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import agreement_state, agreements, state
from dashboard.agreement_cohorts import EVERYBODY
from dashboard.agreements import Heatmaps
from dashboard.widgets.csv_button import csv_button, headed
from dashboard.widgets.figure_table import figure, figure_table, gain, legend, model_title, row
from dashboard.widgets.frame import note, plain
from dashboard.widgets.guideline_controls import about_guideline, score_choice
from dashboard.widgets.opening import cannot_open, open_later
from imle.explain.agreement_summary import CHANCE_OF, DEFINITIONS, TITLES
from imle.explain.cohort_agreement import CELLS, CohortAgreement
from imle.explain.guidelines import Guideline
from imle.explain.score_cohort import SUREST_RECORDS
from imle.explain.trust_warnings import trust_warnings
from imle.figures.compare import Series
from imle.figures.guidelines import CONFIG, lead_ranking, place_maps, record_cloud, score_rows
from imle.figures.guidelines_png import agreement_png
from imle.figures.words import percent
from imle.leads import LEADS
from imle.measure.segments import SEGMENTS
from imle.model_folder import same_model

LEGEND = "Dot: mean with 95 % interval. Diamond: the average heatmap on the same records. Tick: chance."
LIST_ROWS_PX = 300


@dataclass(frozen=True, eq=False)
class Shown:
    """One set of heatmaps on the diagnosis chosen: whose, its line in pictures, its cohort with its name, and its rows."""

    heatmaps: Heatmaps
    series: Series
    cohort: CohortAgreement
    among: str
    rows: pd.DataFrame

    @property
    def label(self) -> str:
        """Whose heatmaps they are."""
        return self.rows["label"].iloc[0]

    @property
    def average(self) -> np.ndarray:
        """(12, 6) of the average record."""
        return self.cohort.averages[self.label]

    @property
    def warnings(self) -> list[str]:
        """What `imle trust` found against them as the reason of the label, where it looked at these very weights."""
        about = self.cohort.about
        is_of_model = partial(same_model, digest=about.get("weights"), network=about.get("network"))
        return trust_warnings(about["model"], about["method"], self.label, is_of_model)

    @property
    def whence(self) -> str:
        """The records that the heatmaps are of."""
        about = self.cohort.about
        among = "" if self.among == EVERYBODY else f", {self.among[:1].lower()}{self.among[1:]}"
        return f"{about['data']}, fold {', '.join(map(str, about['folds']))}{among}: {len(self.rows):,} records"

    @property
    def scores(self) -> pd.DataFrame:
        return agreement_state.scores(self.heatmaps, self.among, self.rows["code"].iloc[0])


def headline(shown: list[Shown], guideline: Guideline, code: str) -> None:
    """The guideline in words, the verdict on each set of heatmaps, the maps and the scores."""
    first = shown[0]
    about_guideline(guideline)
    for own in shown:
        name = f"**{plain(own.series.title)}** " if len(shown) > 1 else ""
        st.markdown(f"{name}{plain(agreements.verdict(own.scores, guideline))} :gray[{plain(own.whence)}.]")
        # To lie where cardiologists look is not yet to be what the answer rests on.
        for sentence in own.warnings:
            st.warning(f"{name}{plain(sentence)}")
    if len(shown) > 1:
        score = agreements.main_score(guideline)
        found, records = agreements.difference(first.rows, shown[1].rows, score)
        names = [own.series.title for own in shown]
        if records:
            st.markdown(plain(agreements.difference_words(names, found, records, score)))
    left, right = st.columns([8, 5], gap="large")
    with left:
        _maps(shown, guideline, code)
    with right:
        _scores(shown, code)


def _maps(shown: list[Shown], guideline: Guideline, code: str) -> None:
    first = shown[0]
    panels = {f"{code}, {len(own.rows):,} records" if len(shown) == 1 else own.series.title: agreements.mean_shares(own.rows)
              for own in shown}  # fmt: skip
    panels[f"Surest of {first.label}"] = first.cohort.surest[first.label]
    panels["Average record"] = first.average
    frame = pd.DataFrame(
        {"lead": np.repeat(LEADS, len(SEGMENTS)), "segment": SEGMENTS * len(LEADS),
         **{title: shares.ravel() for title, shares in panels.items()}, "guideline": guideline.cells.ravel()}
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Where it looks, % of the heatmap", anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            csv_button(frame, f"places_{_file(code, first)}")
            st.download_button(
                "PNG", lambda: agreement_png(panels, guideline.cells, _title(first, code), state.dark()),
                f"places_{_file(code, first)}.png", "image/png", on_click="ignore", type="tertiary", key="places_png",
                help="Download the maps as a picture",
            )  # fmt: skip
    st.plotly_chart(
        place_maps(panels, guideline.cells, state.dark()), theme=None, config=CONFIG, key="places",
        alt=f"Share of the heatmap by lead and wave segment for {code}, and the guideline's places.",
    )  # fmt: skip
    whose = "" if len(shown) == 1 else f", both of {first.series.title}"
    note(
        f"Framed: the guideline's places. Surest: the mean of up to {SUREST_RECORDS} records to which the model gives {first.label} "
        f"most, whoever they are; average: of all{whose}."
    )


def _scores(shown: list[Shown], code: str) -> None:
    frames = {own.series: own.scores for own in shown}
    offered = pd.concat({series.title: frame for series, frame in frames.items()}, names=["heatmaps", None])
    headed("Agreement", offered.reset_index(level=0).reset_index(drop=True), f"agreement_{_file(code, shown[0])}")
    if len(shown) > 1:
        legend(frames, state.dark())
    st.plotly_chart(
        score_rows(frames, TITLES, state.dark()), theme=None, config=CONFIG, key="scores",
        alt="Scores of agreement with the guideline, with intervals, chance and the average heatmap.",
    )  # fmt: skip
    note(LEGEND)
    for own in shown:
        note(agreements.likeness(own.rows, own.series.title if len(shown) > 1 else ""))


def leads_and_records(shown: list[Shown], guideline: Guideline, code: str) -> None:
    """The leads by share; every record by score and probability; and the records that look elsewhere."""
    left, right = st.columns([6, 7], gap="large")
    with left:
        _leads(shown, guideline, code)
    with right:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Records", anchor=False, width="content")
            score = score_choice()
            own = pd.concat({one.series.title: one.rows.drop(columns=CELLS) for one in shown}, names=["heatmaps", None])
            csv_button(own.reset_index(level=0).reset_index(drop=True), f"records_{_file(code, shown[0])}")
        trouble = _cloud(shown, score)
    _elsewhere(shown[0], score, trouble, code)


def _leads(shown: list[Shown], guideline: Guideline, code: str) -> None:
    shares = {own.series: agreements.mean_shares(own.rows).sum(axis=1) for own in shown}
    average = shown[0].average.sum(axis=1)
    frame = pd.DataFrame({"lead": LEADS, **{s.title: own for s, own in shares.items()}, "average record": average})
    headed("Leads", frame.assign(guideline=np.isin(LEADS, guideline.leads)), f"leads_{_file(code, shown[0])}")
    st.plotly_chart(
        lead_ranking(shares, average, guideline.leads, state.dark()), theme=None, config=CONFIG, key="leads",
        alt="Share of the heatmap on each lead, beside the average record's.",
    )  # fmt: skip
    note("✓ a lead of the guideline. Diamond: the average record.")
    if code == agreements.EXAMPLE_CODE:
        note(agreements.example(shown[0].rows))


def _cloud(shown: list[Shown], score: str) -> str | None:
    """A point a record; a click opens it. Returns why records cannot be opened, None where they can."""
    first = shown[0]
    trouble = cannot_open(first.cohort.about["data"])
    frames = {own.series: own.rows for own in shown}
    chance = float(first.rows[CHANCE_OF[score]].mean())
    label = " or ".join(dict.fromkeys(own.label for own in shown))
    drawn = record_cloud(frames, score, TITLES[score], label, chance, state.dark())
    key = f"cloud_{score}"
    st.plotly_chart(
        drawn, theme=None, config=CONFIG, key=key, selection_mode="points",
        on_select="ignore" if trouble else lambda: open_later(_clicked(key), first.heatmaps.model),
        alt=f"{TITLES[score]} and probability of {label} of each record.",
    )  # fmt: skip
    note(trouble or "A point opens its record. Dotted: chance.")
    return trouble


def _clicked(key: str) -> int | None:
    points = st.session_state[key].selection.points
    record = points[0].get("customdata") if points else None
    return record[0] if isinstance(record, list) else record


def _elsewhere(first: Shown, score: str, trouble: str | None, code: str) -> None:
    listed = agreements.looking_elsewhere(first.rows, score)
    headed("Sure, but looking elsewhere", listed, f"elsewhere_{_file(code, first)}")
    if listed.empty:
        note(f"No record of {code} has a probability of {percent(agreements.SURE)} or more.")
        return
    key = f"elsewhere_{_file(code, first)}"
    st.dataframe(
        listed, hide_index=True, height=LIST_ROWS_PX, key=key, selection_mode="single-row",
        on_select="ignore" if trouble else lambda: open_later(_picked(key, listed), first.heatmaps.model),
        column_config={
            "Record": st.column_config.NumberColumn(format="%d"),
            **dict.fromkeys(
                ("Probability", TITLES[score], "Like the average"), st.column_config.NumberColumn(format="%.2f")
            ),
        },
    )  # fmt: skip
    note(
        f"Records of {code} to which the model gives {percent(agreements.SURE)} or more, those with the least "
        f"{TITLES[score].lower()} first." + ("" if trouble else " A row opens its record.")
    )


def _picked(key: str, listed: pd.DataFrame) -> int | None:
    rows = st.session_state[key].selection.rows
    return int(listed["Record"].iloc[rows[0]]) if rows else None


def all_diagnoses(shown: list[Shown]) -> None:
    """Every diagnosis by its main score, whether it follows the record or not; of two sets of heatmaps beside each other."""
    own = shown[0]
    if len(shown) > 1:
        found = agreement_state.overview_of_two(own.heatmaps, shown[1].heatmaps, own.among)
        head, rows = _rows_of_two(shown, found)
    else:
        found = agreement_state.overview(own.heatmaps, own.among)
        head, rows = _rows_of_one(found)
    whose = [" and ".join(one.series.title for one in shown)]
    whose += [] if own.among == EVERYBODY else [own.among[:1].lower() + own.among[1:]]
    headed(plain(f"All diagnoses, {', '.join(whose)}"), found, _file("diagnoses", own))
    figure_table("Agreement of all diagnoses", head, rows, state.dark())


def _rows_of_one(found: pd.DataFrame) -> tuple[list[str], list[str]]:
    rows = [
        row(
            f"{escape(one.code)} <i>{escape(one.title)}</i>", f"{one.records:,}", TITLES[one.score],
            figure(one.value, one.low, one.high, 2), figure(one.chance, decimals=2), figure(one.average, decimals=2),
            gain(one.gain, one.gain_low, one.gain_high),
        )
        for one in found.itertuples()
    ]  # fmt: skip
    return ["", "Records", "Score", "Mean", "Chance", "Average heatmap", "More than the average"], rows


def _rows_of_two(shown: list[Shown], found: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What each gains over its own average heatmap is what they are held against each other by."""
    rows = [
        row(
            f"{escape(one.code)} <i>{escape(one.title)}</i>", f"{one.both:,}", TITLES[one.score], figure(one.chance, decimals=2),
            figure(one.value, decimals=2), gain(one.gain, one.gain_low, one.gain_high),
            figure(one.other_value, decimals=2), gain(one.other_gain, one.other_gain_low, one.other_gain_high),
            gain(one.more, one.more_low, one.more_high),
        )
        for one in found.itertuples()
    ]  # fmt: skip
    titles = [model_title(own.series, state.dark()) for own in shown]
    each = [title for name in titles for title in (name, "More than its average")]
    return ["", "Records", "Score", "Chance", *each, "First gains more"], rows


def definitions(shown: list[Shown]) -> None:
    """What each score is, what the average heatmap is, and what was scored."""
    abouts = [own.cohort.about for own in shown]
    lines = [f"**{TITLES[name]}** {plain(text)}" for name, text in DEFINITIONS.items()]
    lines += [
        "**Chance** of the first three: the guideline's share of the record's area; of the leads: their share of twelve.",
        "**Average heatmap** the mean share by lead and wave segment over records of the whole fold, with or without the "
        "diagnosis and of whichever cohort, laid over each record's own waves and scored like its own heatmap.",
        f"**Surest** the mean share over up to {SUREST_RECORDS} records of the whole fold with the label's highest probabilities: "
        "what the model looks at when it is sure (Glocal, Strodthoff et al. 2021, doi:10.1109/JBHI.2020.3022989).",
    ]
    lines += [
        f"**Heatmaps** {plain(about['model'])} on {about['engine']}, {plain(about['method'])}, fold "
        f"{', '.join(map(str, about['folds']))} of {plain(about['data'])}; what speaks for the label, scaled to a sum of 1."
        for about in abouts
    ]
    if len(shown) > 1:
        lines.append(
            "**First gains more** by how much the first heatmaps' score lies further above that of their average heatmap than "
            "the second's above that of theirs, over the records that both have."
        )
    with st.expander("Definitions"):
        st.markdown("  \n".join(lines))


def _title(own: Shown, code: str) -> str:
    among = "" if own.among == EVERYBODY else f" ({own.among})"
    return f"{code}: {own.series.title}, {len(own.rows):,} records{among}"


def _file(code: str, own: Shown) -> str:
    """The name of a file on this diagnosis, without its suffix; a cohort that is not everybody is named."""
    among = [] if own.among == EVERYBODY else ["_".join(re.findall(r"\w+", own.among))]
    return "_".join([code.replace("/", "_"), *among, own.heatmaps.path.stem])
