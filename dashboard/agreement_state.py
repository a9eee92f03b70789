"""What the guidelines page remembers for all sessions: the guideline table, the shipped agreements, what takes long of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import agreements
from dashboard.agreement_cohorts import cohorts_of, narrowed
from dashboard.agreements import Heatmaps
from imle.explain import guidelines
from imle.explain.agreement_summary import summarise
from imle.explain.cohort_agreement import CohortAgreement, read_agreement
from imle.explain.guidelines import Guideline


def table() -> dict[str, Guideline]:
    """The guideline table, read again when it changes. BadGuidelines."""
    path = guidelines.FILE
    return _table(path, path.stat().st_mtime if path.is_file() else 0.0)


def agreement(one: Heatmaps) -> CohortAgreement:
    """The agreement of these heatmaps; shared by all sessions, so nobody changes it. BadChoice where its file is damaged."""
    return _agreement(one, one.path.stat().st_mtime)


def cohorts(one: Heatmaps) -> list[str]:
    """The cohorts that the file can be narrowed to."""
    return _cohorts(one, one.path.stat().st_mtime)


def scores(one: Heatmaps, among: str, code: str) -> pd.DataFrame:
    return _scores(one, one.path.stat().st_mtime, among, code)


def overview(one: Heatmaps, among: str) -> pd.DataFrame:
    return _overview(one, one.path.stat().st_mtime, among, tuple(table()))


def overview_of_two(first: Heatmaps, second: Heatmaps, among: str) -> pd.DataFrame:
    changed = tuple(one.path.stat().st_mtime for one in (first, second))
    return _overview_of_two(first, second, changed, among, tuple(table()))


@st.cache_resource(max_entries=2, show_spinner=False)
def _table(path: Path, changed: float) -> dict[str, Guideline]:
    return guidelines.read_guidelines(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _agreement(one: Heatmaps, changed: float) -> CohortAgreement:
    return read_agreement(one.path)


@st.cache_data(max_entries=16, show_spinner=False)
def _cohorts(one: Heatmaps, changed: float) -> list[str]:
    return cohorts_of(agreement(one))


@st.cache_data(max_entries=512, show_spinner=False)
def _scores(one: Heatmaps, changed: float, among: str, code: str) -> pd.DataFrame:
    return summarise(agreements.of_code(narrowed(agreement(one), among), code))


@st.cache_data(max_entries=64, show_spinner="Summing up all diagnoses")
def _overview(one: Heatmaps, changed: float, among: str, codes: tuple[str, ...]) -> pd.DataFrame:
    return agreements.overview(narrowed(agreement(one), among), table())


@st.cache_data(max_entries=64, show_spinner="Summing up all diagnoses")
def _overview_of_two(
    first: Heatmaps, second: Heatmaps, changed: tuple[float, float], among: str, codes: tuple[str, ...]
) -> pd.DataFrame:
    rows = [narrowed(agreement(one), among).rows for one in (first, second)]
    return agreements.overview_of_two(overview(first, among), overview(second, among), *rows)
