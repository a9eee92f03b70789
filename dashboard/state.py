"""What the pages remember: the data set and the model in use, answers already given, and the choices made on a page.

Nothing here imports TensorFlow or OpenVINO; a model brings its own engine when it is first asked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.answers import Answers, answers_for
from dashboard.cohort import Cohort, Filters, matching, open_cohort
from dashboard.listing import Order, ordered
from imle.assets import DEMO_COHORT
from imle.ecg import Ecg, UnreadableEcg
from imle.errors import Refusal
from imle.evaluation import cohort_predictions
from imle.explain import Explanation, explain
from imle.explain.attribution import labels_with
from imle.figures.heat import attributed_each, attributing
from imle.formats.about import with_person
from imle.inference import ENGINES, Predictor, default_engine, load_model, model_folder, shipped_models
from imle.labels import LABELS
from imle.measure import Measurements, measure
from imle.model_folder import CARD_FILE, KERAS_FILE, Card, NotAModel, model_digest, read_card, same_model
from imle.ptbxl.catalogue import DATABASE
from imle.serving import served
from imle.state_folder import state_folder
from imle.tasks import SUPERCLASS

PTBXL_FOLDER = Path("data/ptbxl")
DEFAULT_MODEL = "imle_net"
FILTER_KEYS = tuple(field.name for field in fields(Filters))
ORDER_KEYS = ("sort", "reverse")
EYE_RATES_HZ = (500, 100)
# What a session keeps of uploaded ECGs: what was read, what was computed of the one shown, and which that is.
UPLOADS_READ, OF_UPLOAD, UPLOAD_CHOICE = "upload_read", "of_upload", "upload_choice"
# How the keys of fields for an uploaded ECG's age and sex begin.
PERSON = "person_"
# How long a change of a record's file, under the same catalogue, may go unnoticed; to look takes 0.1 s.
UNNOTICED_S = 300


def data_root() -> Path:
    """IMLE_DATA_DIR, else data/ptbxl where that is present, else the demo cohort."""
    chosen = os.environ.get("IMLE_DATA_DIR")
    if chosen:
        return Path(chosen)
    return PTBXL_FOLDER if PTBXL_FOLDER.is_dir() else DEMO_COHORT


def usual_model() -> str:
    """The model put to use on the training page, else IMLE_MODEL (a shipped model's name or a model folder), else imle_net."""
    folder = served()
    return str(folder) if folder else os.environ.get("IMLE_MODEL", DEFAULT_MODEL)


def model_name() -> str:
    """The model chosen in this session, else the usual one."""
    return st.session_state.get("model") or usual_model()


def models() -> list[str]:
    """What can be chosen as the model: the usual one first, then IMLE_MODEL's and those shipped for the superclasses."""
    offered = [usual_model(), os.environ.get("IMLE_MODEL", DEFAULT_MODEL), *shipped_models(SUPERCLASS)]
    return list(dict.fromkeys(offered))


def follow_usual() -> None:
    """Where another model was put to use, or this session's is gone, choose the usual one; before the choice is drawn."""
    usual, before = usual_model(), st.session_state.get("usual_model")
    st.session_state["usual_model"] = usual
    chosen = st.session_state.get("model")
    if chosen is not None and (chosen not in models() or (before != usual and chosen == before)):
        st.session_state["model"] = usual


def follow_link() -> str | None:
    """Choose the model that the link names, where it names another than before; before the choice is drawn.

    Returns what it asks for where that is not offered.
    """
    asked = st.query_params.get("model")
    if asked is None or asked == st.session_state.get("model_url"):
        return None
    if asked not in models():
        return asked
    st.session_state["model"] = asked
    return None


def link_model() -> None:
    """Have the link name the model where that is not the usual one, or where it names one already."""
    if model_name() != usual_model() or "model" in st.query_params:
        write_link(model=model_name())


def write_link(**parts: str | None) -> None:
    """Write these into the link, all at once, as each change of it is a step of the browser's Back; None takes one out."""
    told = {key: value for key, value in parts.items() if value is not None}
    if any(st.query_params.get(key) != value for key, value in told.items()):
        st.query_params.update(told)
    for key in parts.keys() - told.keys():
        st.query_params.pop(key, None)
    st.session_state["model_url"] = st.query_params.get("model")


def chosen_model_folder() -> Path:
    """The folder of the model in use. NotAModel where there is none, or one of other labels than the pages show."""
    folder = model_folder(model_name())
    labels = read_card(folder).labels
    if labels != LABELS:
        raise NotAModel(
            f"the model {folder.name} tells {', '.join(labels)}, and these pages show {', '.join(LABELS)}; choose a model of those"
        )
    return folder


def cohort() -> Cohort:
    """The data set in use. MissingData where its folder holds none."""
    return _cohort(*_cohort_key())


def model_card() -> tuple[str, Card, str]:
    """The model's name, its card and the engine as named to the user, without loading it. NotAModel where there is none."""
    folder = chosen_model_folder()
    return folder.name, read_card(folder), ENGINES[default_engine()]


def predictor() -> Predictor:
    """The model, loaded once for all sessions. NotAModel where there is none."""
    return _predictor(*_model_key())


def attended_labels() -> tuple[str, ...]:
    """The labels that have attention of their own in the model in use; none without a model that can be loaded."""
    try:
        return predictor().attended_labels
    except Refusal:
        return ()


def has_attention() -> bool:
    """Whether the model in use has attention; taken to have it where it cannot be loaded, which is told elsewhere."""
    try:
        return predictor().has_attention
    except Refusal:
        return True


def is_of_model_in_use(about: dict) -> bool:
    """Whether a file of results is of the model in use, and not only of one with its name; about: the words on its run.

    By the digest of the weights; files that lack it are told apart by the network alone.
    """
    try:
        folder = chosen_model_folder()
        digest = _model_digest(folder, _changed(folder / CARD_FILE), _changed(folder / KERAS_FILE))
        return same_model(about, digest, read_card(folder).network)
    except Refusal:
        return False


def explanation(record: int) -> Explanation:
    """The record's explanation by the model in use; UnreadableEcg, or NotAModel."""
    return _explanation(record, (*_cohort_key(), *_model_key()))


def attribution(record: int, label: str, method: str) -> np.ndarray:
    """(12, 1000): what speaks for `label` in the record by `method`, as a heatmap. Raises as `explanation` does."""
    key = (*_cohort_key(), *_model_key())
    together = labels_with(predictor(), label, method)
    return _attributions(record, together, method, key)[label]


def ecg_for_the_eye(record: int) -> Ecg:
    """The record at 500 Hz where there is one that can be read, else at 100 Hz. UnreadableEcg where neither can."""
    return _ecg_for_the_eye(record, _cohort_key())


def measurements(record: int) -> Measurements:
    """What can be measured of the record, at 500 Hz where there is one. UnreadableEcg where it cannot be read."""
    return _measurements(record, _cohort_key())


def make_ready(record: int, revealed: bool) -> None:
    """Read, measure and (where opinions show) explain a record before it is asked for; what fails is told when it is."""
    wanted = [ecg_for_the_eye, measurements, *([explanation] if revealed else [])]
    for find in wanted:
        with suppress(Refusal):
            find(record)


def upload_measurements(ecg: Ecg) -> Measurements:
    """What can be measured of an uploaded ECG; kept in the session alone."""
    return _once(ecg, "measured", lambda: measure(ecg))


def upload_explanation(ecg: Ecg) -> Explanation:
    """The model's opinion of an uploaded ECG; kept in the session alone. Raises as `explanation` does."""
    return _once(ecg, f"explained {_model_key()}", lambda: explain(predictor(), ecg))


def upload_attribution(ecg: Ecg, label: str, method: str) -> np.ndarray:
    """What speaks for `label` in an uploaded ECG by `method`, as a heatmap; kept in the session alone."""
    return _once(ecg, f"attributing {_model_key()}", lambda: attributing(predictor(), ecg))(label, method)


def upload_of(ecg: Ecg, person: dict) -> Ecg:
    """An uploaded ECG with what was told of the person beside it: the same Ecg each time, since what is computed hangs on it."""
    return _once(ecg, f"of {person}", lambda: with_person(ecg, person))


def person_keys(ecg: Ecg) -> tuple[str, str]:
    """The keys of the fields for an uploaded ECG's age and sex: by its signal, lest the next patient be taken for this one."""
    of = hashlib.blake2b(ecg.signal_mv, digest_size=8).hexdigest()
    return f"{PERSON}age_{of}", f"{PERSON}sex_{of}"


def forget_uploads(but: Collection[Ecg] = ()) -> None:
    """Keep nothing more of uploaded ECGs: not what was read, nor what was computed of them, nor which was chosen.

    Of those in `but` age and sex are kept where they were told.
    """
    for key in (UPLOADS_READ, OF_UPLOAD):
        st.session_state.pop(key, None)
    forget(UPLOAD_CHOICE)
    stay = {key for ecg in but for key in person_keys(ecg)}
    for key in [key for key in st.session_state.get("kept", {}) if key.startswith(PERSON) and key not in stay]:
        forget(key)


def filters() -> Filters:
    """The filters last set on the records page in this session."""
    kept = st.session_state.get("kept", {})
    return Filters(**{key: _frozen(kept[key]) for key in FILTER_KEYS if key in kept})


def listed_records(cohort: Cohort):
    """The numbers of the records that pass the filters of the records page, in the order chosen there."""
    return _listed(cohort, answers(cohort), (_cohort_key(), _answers_key()), filters(), order())


def order() -> Order:
    """The order last chosen on the records page in this session."""
    kept = st.session_state.get("kept", {})
    return Order(kept.get("sort") or Order.by, bool(kept.get("reverse")))


def predictions_folder() -> Path:
    """Where the model's answers for every record lie, or will. MissingData, NotAModel, or BadChoice for other labels."""
    model = chosen_model_folder()
    changed = (_changed(model / CARD_FILE), _changed(model / KERAS_FILE))
    return _predictions_folder(_cohort_key(), str(model), changed, default_engine(), str(state_folder()))


def answers(cohort: Cohort) -> Answers | None:
    """What the model in use answered for every record; None where it was not asked for all, or there is no model."""
    key = _answers_key()
    return _answers(cohort, _cohort_key(), key) if key else None


def restore(keys: tuple[str, ...]) -> None:
    """Set a page's widgets, before they are drawn, to what they were when it was left; a URL that names any wins."""
    if any(key in st.query_params for key in keys):
        return
    for key, value in st.session_state.get("kept", {}).items():
        if key in keys and key not in st.session_state:
            st.session_state[key] = value


def keep(keys: tuple[str, ...]) -> None:
    """Remember a page's widgets, after they are drawn, beyond the page."""
    drawn = {key: st.session_state[key] for key in keys if key in st.session_state}
    st.session_state.setdefault("kept", {}).update(drawn)


def forget(key: str) -> None:
    """Remember a widget no longer; for one that is not drawn any more."""
    st.session_state.get("kept", {}).pop(key, None)


def dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"


def _cohort_key() -> tuple[str, tuple[float, ...]]:
    """The data set in use, and when its catalogue was last written and each of its folders of records last got or lost a file."""
    root = data_root()
    folders = sorted([*root.glob("records*/"), *root.glob("records*/*/")])
    return str(root), (_changed(root / DATABASE), *(folder.stat().st_mtime for folder in folders))


def _model_key() -> tuple[str, float, str]:
    """The model in use, when its card was last written, and the engine. NotAModel where there is none."""
    folder = chosen_model_folder()
    return str(folder), _changed(folder / CARD_FILE), default_engine()


def _answers_key() -> tuple[str, float] | None:
    try:
        folder = predictions_folder()
    except Refusal:
        return None
    written = _changed(folder / cohort_predictions.RESULT)
    return (str(folder), written) if written else None


@st.cache_resource(max_entries=2, show_spinner="Reading the data set")
def _cohort(root: str, changed: tuple[float, ...]) -> Cohort:
    return open_cohort(root)


@st.cache_resource(max_entries=2, show_spinner="Loading the model")
def _predictor(folder: str, changed: float, engine: str) -> Predictor:
    return load_model(folder, engine)


@st.cache_data(max_entries=16, show_spinner=False)
def _model_digest(folder: Path, card_changed: float, weights_changed: float) -> str:
    return model_digest(folder)


@st.cache_data(max_entries=64, show_spinner=False)
def _explanation(record: int, key: tuple) -> Explanation:
    return explain(predictor(), cohort().data.record(record))


@st.cache_data(max_entries=64, show_spinner="Attributing the answer to the ECG", show_time=True)
def _attributions(record: int, labels: tuple[str, ...], method: str, key: tuple) -> dict[str, np.ndarray]:
    return attributed_each(predictor(), cohort().data.record(record), labels, method)


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


@st.cache_data(max_entries=256, show_spinner=False)
def _measurements(record: int, key: tuple) -> Measurements:
    return measure(ecg_for_the_eye(record))


@st.cache_data(max_entries=8, ttl=UNNOTICED_S, show_spinner=False)
def _predictions_folder(cohort_key: tuple, model: str, changed: tuple, engine: str, within: str) -> Path:
    return cohort_predictions.predictions_folder(cohort().data, Path(model), engine)


@st.cache_resource(max_entries=2, show_spinner=False)
def _answers(_cohort: Cohort, cohort_key: tuple, answers_key: tuple[str, float]) -> Answers | None:
    predictions = cohort_predictions.read_predictions(Path(answers_key[0]))
    return None if predictions is None else answers_for(_cohort.table.index, _cohort.labels, predictions)


@st.cache_data(max_entries=64, show_spinner=False)
def _listed(_cohort: Cohort, _answers: Answers | None, key: tuple, filters: Filters, order: Order):
    return ordered(_cohort, matching(_cohort, filters, _answers), order, _answers)


def _changed(path: Path) -> float:
    """When a file was last written; part of each cache's key, so that a replaced data set or model is read again."""
    return path.stat().st_mtime if path.is_file() else 0.0


def _once(ecg: Ecg, what: str, make):
    """`make()` for this very Ecg, remembered in the session until another is asked for."""
    kept = st.session_state.setdefault(OF_UPLOAD, {})
    if what not in kept or kept[what][0] is not ecg:
        kept[what] = (ecg, make())
    return kept[what][1]


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value
