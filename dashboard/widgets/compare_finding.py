"""The compare page's second part: one label's curves, and what a model finds and misses of it at a threshold."""

from __future__ import annotations

import streamlit as st

from dashboard import compare_state, state
from dashboard.compared import Compared, together
from dashboard.confusion_cell import CELL_WORDS, ConfusionCell
from dashboard.widgets.compare_controls import finding_choice, title_choice
from dashboard.widgets.csv_button import headed
from dashboard.widgets.figure_table import figure, figure_table, legend, row
from dashboard.widgets.frame import note, plain
from dashboard.widgets.opening import cannot_open, serve
from imle.evaluation.operating_point import OperatingPoint
from imle.figures.compare import CONFIG, PRECISION_RECALL_AXES, RELIABILITY_AXES, ROC_AXES, Axes, Series, unit_curves
from imle.labels import LABEL_TITLES

STEPS = [round(step / 100, 2) for step in range(101)]
CURVES = {
    "roc": ("ROC", ROC_AXES),
    "precision_recall": ("Precision and recall", PRECISION_RECALL_AXES),
    "reliability": ("Reliability", RELIABILITY_AXES),
}
OWN_HELP = "The threshold of best F1 on fold 9, which is the one the model ships with."


def one_finding(models: dict[str, Compared]) -> None:
    """All models' curves of one label; below them one model at one threshold."""
    with st.container(horizontal=True, vertical_alignment="center", key="finding_line"):
        st.subheader("One finding", anchor=False, width="content")
        label = finding_choice()
        st.markdown(f":gray[{LABEL_TITLES[label]}]", width="content")
        legend([own.series for own in models.values()], state.dark())
    places = st.columns(3, gap="medium")
    model, point = _at_a_threshold(models, label)
    _draw_curves(places, models, label, model, point)


def _at_a_threshold(models: dict[str, Compared], label: str) -> tuple[Compared, OperatingPoint]:
    with st.container(key="threshold"):
        left, middle, right = st.columns([4, 6, 5], gap="large")
    with left:
        st.subheader("At a threshold", anchor=False)
        model = models[title_choice("Model", "judged", list(models))]
        threshold = _threshold(model, label)
        point = compare_state.operating_point(model, label, threshold)
    with middle:
        st.subheader("Records", anchor=False)
        _confusion(model, label, threshold, point)
        st.markdown(_sentence(point, label))
    with right:
        _rates(model, label, threshold, point)
    return model, point


def _threshold(model: Compared, label: str) -> float:
    """The slider; it stands at the model's own threshold until it is moved, and again for another model or label."""
    own = model.threshold(label)
    options = sorted({*STEPS, own})
    whose = f"{model.name} {label} {model.report['fold']}"
    if st.session_state.get("cut_of") not in (None, whose) or st.session_state.get("cut", own) not in options:
        st.session_state["cut"] = own
    st.session_state["cut_of"] = whose
    cut = st.select_slider(
        f"Called {label} from a probability of",
        options,
        own,
        key="cut",
        bind="query-params",
        help=OWN_HELP,
        format_func="{:g}".format,
    )
    st.button(
        f"Back to its own, {own:.4g}", on_click=st.session_state.update, args=({"cut": own},), disabled=cut == own,
        type="tertiary", help=OWN_HELP,
    )  # fmt: skip
    return cut


def _sentence(point: OperatingPoint, label: str) -> str:
    found, missed, wrong, right = (point.counts[cell] for cell in ("tp", "fn", "fp", "tn"))
    return (
        f"Of {found + missed:,} records with {label} it finds **{found:,}** and misses **{missed:,}**; "
        f"of {wrong + right:,} without, it falsely calls **{wrong:,}**."
    )


def _confusion(model: Compared, label: str, threshold: float, point: OperatingPoint) -> None:
    """Four buttons: each opens its records."""
    trouble = cannot_open(model.report["data"])
    with st.container(key="confusion"):
        head = st.columns([3, 4, 4], vertical_alignment="center")
        for place, text in zip(head[1:], (f"model: {label}", f"model: not {label}"), strict=True):
            place.markdown(f":gray[{text}]")
        for title, cells in ((f"with {label}", ("tp", "fn")), (f"without {label}", ("fp", "tn"))):
            line = st.columns([3, 4, 4], vertical_alignment="center")
            line[0].markdown(f":gray[{title}]")
            for place, cell in zip(line[1:], cells, strict=True):
                pressed = place.button(
                    f"**{point.counts[cell]:,}** {CELL_WORDS[cell]}",
                    key=f"cell_{cell}",
                    width="stretch",
                    disabled=trouble is not None or not point.counts[cell],
                    on_click=serve,
                    args=(model.name,),
                )
                if pressed:
                    _open(ConfusionCell(model.name, label, cell, threshold, model.report["fold"]))
    note(trouble or "A cell opens its records.")


def _open(cell: ConfusionCell) -> None:
    st.switch_page("../pages/records.py", query_params={"cell": str(cell)})


def _rates(model: Compared, label: str, threshold: float, point: OperatingPoint) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        [
            {"model": model.series.caption, "label": label, "threshold": threshold, "figure": name, **value._asdict()}
            for name, value in point.rates.items()
        ]
        + [
            {"model": model.series.caption, "label": label, "threshold": threshold, "figure": cell, "value": number}
            for cell, number in point.counts.items()
        ]
    )
    headed(plain(f"{model.series.title} at {threshold:.4g}"), frame, f"threshold_{label}_fold{model.report['fold']}")
    rows = [row(name.capitalize(), figure(*value, decimals=3)) for name, value in point.rates.items()]
    figure_table(f"Rates of {label}", ["", "with 95 % interval"], rows, state.dark())


def _draw_curves(places, models: dict[str, Compared], label: str, model: Compared, point: OperatingPoint) -> None:
    found = {own.series: compare_state.curves(own, label) for own in models.values()}
    y, _ = model.of_label(label)
    sensitivity, specificity, precision = (
        point.rates[name].value for name in ("sensitivity", "specificity", "positive predictive value")
    )
    share = float(y.mean())
    if_calibrated = found[model.series]["reliability"][["mean_probability", "lowest", "highest"]]
    details = {
        "roc": (((0, 0), (1, 1)), (model.series, 1 - specificity, sensitivity)),
        "precision_recall": (((0, share), (1, share)), (model.series, sensitivity, precision)),
        "reliability": (((0, 0), (1, 1)), None, if_calibrated),
    }
    for place, (kind, (title, axes)) in zip(places, CURVES.items(), strict=True):
        frames = {series: own[kind] for series, own in found.items()}
        with place:
            _curve(title, axes, frames, f"{kind}_{label}_fold{model.report['fold']}", *details[kind])
            if kind == "reliability":
                note(f"Grey: {model.series.title}, if perfectly calibrated (95 %).")


def _curve(title: str, axes: Axes, frames: dict[Series, object], file: str, reference, point, band=None) -> None:
    headed(title, together({series.caption: frame for series, frame in frames.items()}), file)
    st.plotly_chart(
        unit_curves(frames, axes, reference, point, axes is RELIABILITY_AXES, band, dark=state.dark()),
        theme=None, config=CONFIG, key=f"curve_{title}", alt=f"{title}: {axes.y} against {axes.x} of each model.",
    )  # fmt: skip
