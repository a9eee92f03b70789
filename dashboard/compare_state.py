"""What the compare page remembers for all sessions: the shipped results, and what takes long to compute of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import compared
from dashboard.compared import Compared
from imle.evaluation import comparison
from imle.evaluation import operating_point as at_threshold
from imle.evaluation import results as shipped_results
from imle.evaluation.bootstrap import Interval
from imle.evaluation.operating_point import OperatingPoint
from imle.evaluation.results import Result
from imle.labels import LABELS


def results() -> tuple[tuple[Result, ...], pd.DataFrame]:
    """As `read_results`, read again when a file changes. UnreadableResults."""
    return _results(_files())


def infarction_results() -> tuple[Result, ...]:
    """As `read_infarction_results`, read again when a file changes. UnreadableResults."""
    return _infarction_results(_files())


def operating_point(model: Compared, label: str, threshold: float) -> OperatingPoint:
    """What the model finds and misses of `label` at `threshold`, with intervals."""
    return _operating_point(model, (model.name, model.report["fold"], _files()), label, threshold)


def auc_differences(first: Compared, second: Compared) -> dict[str, Interval]:
    """ROC-AUC of the first model less that of the second, macro and by label, over the records that both answered."""
    return _auc_differences(first, second, (first.name, second.name, first.report["fold"], _files()))


def curves(model: Compared, label: str) -> dict[str, pd.DataFrame]:
    """As `compared.curves`; shared by all sessions, so nobody changes them."""
    return _curves(model, (model.name, model.report["fold"], _files()), label)


@st.cache_resource(max_entries=2, show_spinner=False)
def _results(files: tuple):
    return compared.read_results()


@st.cache_resource(max_entries=2, show_spinner=False)
def _infarction_results(files: tuple) -> tuple[Result, ...]:
    return compared.read_infarction_results()


@st.cache_resource(max_entries=128, show_spinner=False)
def _curves(_model: Compared, key: tuple, label: str) -> dict[str, pd.DataFrame]:
    return compared.curves(_model, label)


@st.cache_data(max_entries=512, show_spinner=False)
def _operating_point(_model: Compared, key: tuple, label: str, threshold: float) -> OperatingPoint:
    return at_threshold.operating_point(*_model.of_label(label), threshold)


@st.cache_data(max_entries=64, show_spinner="Comparing")
def _auc_differences(_first: Compared, _second: Compared, key: tuple) -> dict[str, Interval]:
    _, own, other = np.intersect1d(_first.ids, _second.ids, return_indices=True)
    return comparison.auc_differences(_first.y[own], _first.p[own], _second.p[other], LABELS)


def _files() -> tuple:
    """Names and times of the result files; part of each cache's key."""
    return tuple((path.name, path.stat().st_mtime) for path in sorted(shipped_results.RESULTS.glob("*.*")))
