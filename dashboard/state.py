"""What the pages remember: the data set and the model in use, answers already given, and the choices made on a page.

Nothing here imports TensorFlow or OpenVINO; a model brings its own engine when it is first asked.
"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from dashboard.cohort import Cohort, Filters, matching, open_cohort
from imle.assets import DEMO_COHORT
from imle.ecg import Ecg, UnreadableEcg
from imle.explain import Explanation, explain
from imle.inference import ENGINES, Predictor, default_engine, load_model, model_folder
from imle.model_folder import CARD_FILE, Card, read_card
from imle.ptbxl.catalogue import DATABASE

PTBXL_FOLDER = Path("data/ptbxl")
FILTER_KEYS = ("superclass", "scp", "age", "sex", "fold", "report")
VIEW_KEYS = ("level", "overlay", "layout")
EYE_RATES_HZ = (500, 100)


def data_root() -> Path:
    """IMLE_DATA_DIR, else data/ptbxl where that is present, else the demo cohort."""
    chosen = os.environ.get("IMLE_DATA_DIR")
    if chosen:
        return Path(chosen)
    return PTBXL_FOLDER if PTBXL_FOLDER.is_dir() else DEMO_COHORT


def model_name() -> str:
    """IMLE_MODEL (a shipped model's name or a model folder), else imle_net."""
    return os.environ.get("IMLE_MODEL", "imle_net")


def cohort() -> Cohort:
    """The data set in use. MissingData where its folder holds none."""
    root = data_root()
    return _cohort(str(root), _changed(root / DATABASE))


def model_card() -> tuple[str, Card, str]:
    """The model's name, its card and the engine as named to the user, without loading it. NotAModel where there is none."""
    folder = model_folder(model_name())
    return folder.name, read_card(folder), ENGINES[default_engine()]


def predictor() -> Predictor:
    """The model, loaded once for all sessions. NotAModel where there is none."""
    folder = model_folder(model_name())
    return _predictor(str(folder), default_engine(), _changed(folder / CARD_FILE))


def explanation(record: int) -> Explanation:
    """The record's explanation by the model in use; UnreadableEcg, NotAModel, or ValueError for one without attention."""
    root, folder = data_root(), model_folder(model_name())
    key = (str(root), _changed(root / DATABASE), str(folder), _changed(folder / CARD_FILE), default_engine())
    return _explanation(record, key)


def ecg_for_the_eye(record: int) -> Ecg:
    """The record at 500 Hz where there is one that can be read, else at 100 Hz. UnreadableEcg where neither can."""
    root = data_root()
    return _ecg_for_the_eye(record, (str(root), _changed(root / DATABASE)))


def filters() -> Filters:
    """The filters last set on the records page in this session."""
    kept = st.session_state.get("kept", {})
    return Filters(**{key: _frozen(kept[key]) for key in FILTER_KEYS if key in kept})


def listed_records(cohort: Cohort):
    """The numbers of the records that pass the filters of the records page, ascending."""
    return matching(cohort, filters())


def restore(keys: tuple[str, ...]) -> None:
    """Set a page's widgets, before they are drawn, to what they were when it was left; a URL that names any wins."""
    if any(key in st.query_params for key in keys):
        return
    for key, value in st.session_state.get("kept", {}).items():
        if key in keys and key not in st.session_state:
            st.session_state[key] = value


def keep(keys: tuple[str, ...]) -> None:
    """Remember a page's widgets, after they are drawn, beyond the page."""
    st.session_state.setdefault("kept", {}).update({key: st.session_state[key] for key in keys})


def dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"


@st.cache_resource(max_entries=2, show_spinner="Reading the data set")
def _cohort(root: str, changed: float) -> Cohort:
    return open_cohort(root)


@st.cache_resource(max_entries=2, show_spinner="Loading the model")
def _predictor(folder: str, engine: str, changed: float) -> Predictor:
    return load_model(folder, engine)


@st.cache_data(max_entries=64, show_spinner=False)
def _explanation(record: int, key: tuple) -> Explanation:
    return explain(predictor(), cohort().data.record(record))


@st.cache_data(max_entries=64, show_spinner=False)
def _ecg_for_the_eye(record: int, key: tuple) -> Ecg:
    data = cohort().data
    refusal = None
    for fs_hz in EYE_RATES_HZ:
        try:
            if fs_hz == EYE_RATES_HZ[-1] or data.has(record, fs_hz):
                return data.record(record, fs_hz)
        except UnreadableEcg as error:
            refusal = error
    raise refusal


def _changed(path: Path) -> float:
    """When a file was last written; part of each cache's key, so that a replaced data set or model is read again."""
    return path.stat().st_mtime if path.is_file() else 0.0


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value
