"""The compare page, run by Streamlit's AppTest on made-up results of three models, one of them unfinished."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_results import MODELS, made_up_truth, write_results
from sklearn import metrics as reference
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.cohort import Filters, matching, open_cohort
from dashboard.compared import FURTHER, SPLITS, best_first, further_rows, on_fold, read_results, titles
from dashboard.confusion_cell import CELL_WORDS, ConfusionCell, read_cell, records_in
from dashboard.widgets.compare_symbols import OUTLINES
from imle.evaluation import results
from imle.evaluation.comparison import MACRO, auc_differences, paired_difference
from imle.evaluation.curves import precision_recall_curve, roc_curve
from imle.evaluation.metrics import class_auc
from imle.evaluation.operating_point import operating_point
from imle.evaluation.published_figures import read_published
from imle.figures.compare import SYMBOLS, Series, class_dots
from imle.figures.theme import DARK, LIGHT
from imle.inference import shipped_models
from imle.labels import LABELS
from imle.tasks import INFARCTION, SUPERCLASS

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
COMPARE = "../pages/compare.py"
TITLES = ["Sharp", "Dull", "Young"]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A folder with results of MODELS over 480 records. Shared: tests read it."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, made_up_truth())
    return folder


@pytest.fixture
def compare(made_up, tiny_ptbxl, monkeypatch):
    """Opens the compare page with its query as keywords, on the made-up results or those in `folder`."""
    monkeypatch.setenv("IMLE_DATA_DIR", str(tiny_ptbxl))

    def open_page(folder: Path = made_up, **query) -> AppTest:
        monkeypatch.setattr(results, "RESULTS", folder)
        app = AppTest.from_file(APP, default_timeout=60).run()
        app.switch_page(COMPARE)
        app.query_params = query
        return app.run()

    return open_page


@pytest.fixture
def shipped(made_up, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", made_up)


def sentences(app: AppTest) -> list[str]:
    assert not app.exception
    return [warning.value.replace("\\", "") for warning in app.warning]


def html(app: AppTest) -> str:
    return "\n".join(part.proto.body for part in app.get("html"))


def texts(app: AppTest) -> str:
    return "\n".join(part.value.replace("\\", "") for part in app.markdown)


def charts(app: AppTest) -> dict[str, dict]:
    """The figures by the last word of their keys, as Plotly takes them."""
    return {chart.proto.id.split("-")[-1]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def report(folder: Path, name: str, fold: int = 10) -> dict:
    return json.loads((folder / f"{name}-fold{fold}.json").read_text())


def test_our_figures_stand_beside_the_published_ones_which_are_said_to_flatter(compare, made_up):
    """A table whose rows come from another model, or that hides how the published figures were chosen, misleads."""
    app = compare()
    assert sentences(app) == []
    table = html(app)
    for name in MODELS:
        found = report(made_up, name)["metrics"]["macro_auc"]
        assert f"<b>{found['value']:.4f}</b> <i>{found['low']:.4f}–{found['high']:.4f}</i>" in table
    assert "<b>0.9216</b>" in table and "<b>88.85</b>" in table and "<b>0.8057</b>" in table
    row = FURTHER["perfectly_calibrated", "ece"]
    assert row in table and f"**{row}** the same error of a perfectly calibrated model" in texts(app)
    assert "chosen on their test fold, n = 2,163, PTB-XL 1.0.1, which flatters them" in table


def test_our_figures_name_their_data_set(compare):
    """The sidebar names the data set in use, which may be another: its name beside these figures would pass for theirs."""
    assert "the authors&#x27; split <i>PTB-XL, fold 10, n = 624</i>" in html(compare(results.RESULTS))
    assert "<i>PTB-XL, fold 10, n = 240, used for no choice</i>" in html(compare())
    assert "<i>PTB-XL, fold 9, n = 240, which chose" in html(compare(on_fold="9"))


def test_an_unfinished_run_is_marked_in_table_legend_and_dots(compare):
    """A figure of a run that was broken off must not pass for the model's own."""
    app = compare()
    assert html(app).count("unfinished, 6 of 40 epochs") >= 4  # table, legend, further figures, subgroups
    dots = charts(app)["label_figures"]["data"]
    assert {model["name"]: model["marker"]["color"] == LIGHT.paper for model in dots} == {
        "Sharp": False, "Dull": False, "Young (unfinished, 6 of 40 epochs)": True
    }  # fmt: skip
    assert "Hollow: unfinished training." in texts(app)
    assert "Hollow" not in texts(compare(models=["Sharp", "Dull"]))


def test_beside_the_calibration_error_stands_that_of_a_perfect_model(shipped):
    """An error of 0.02 would be read as a fault though most of it is chance; a report of old must still open without that row."""
    found, truth = read_results()
    models = on_fold(found, truth, 10)
    row, own = FURTHER["perfectly_calibrated", "ece"], models["Sharp"]
    rows = further_rows(models).set_index(["row", "model"])
    assert rows.loc[(row, "Sharp"), "value"] == own.report["perfectly_calibrated"]["ece"]["value"]
    old = replace(own, report={key: part for key, part in own.report.items() if key != "perfectly_calibrated"})
    assert row not in set(further_rows({"Sharp": old})["row"])
    mixed = further_rows(models | {"Sharp": old}).set_index(["row", "model"])["value"]
    assert np.isnan(mixed[row, "Sharp"]) and mixed[row, "Dull"] > 0


def test_dots_by_label_stand_in_the_order_of_the_table(compare):
    """Fold 9, which chose, ranks two of the shipped models the other way round: whoever counts places read the wrong one."""
    app = compare(results.RESULTS)
    dots = charts(app)["label_figures"]["data"]
    models = on_fold(*read_results(), 10)
    table = [own.series.title for own in best_first(models.values())]
    assert table != list(models)
    assert [model["name"] for model in dots] == table
    rows = html(app).split("<th scope='row'>")[1 : 1 + len(table)]
    for series, title, line in zip((models[title].series for title in table), table, rows, strict=True):
        assert OUTLINES[series.symbol] in line and f"</span>{title}</th>" in line


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_dots_by_label_are_told_apart_without_colour(dark):
    """With colour alone, and the legend's dashes on no dot, seven models are seven guesses for a colour-blind reader."""
    frame = pd.DataFrame({"label": ["CD", "MI"], "value": [0.9, 0.8], "low": [0.85, 0.7], "high": [0.95, 0.9]})
    models = {Series(f"model {place}", place, "unfinished" if place == 2 else ""): frame for place in range(7)}
    dots = class_dots(models, "F1", dark=dark).data
    assert [model.name for model in dots][:2] == ["model 0", "model 1"]
    assert len({model.marker.symbol for model in dots}) == len(dots)
    assert [model.marker.line.color for model in dots] == list((DARK if dark else LIGHT).series)
    across = np.array([model.x for model in dots])
    assert (np.diff(across, axis=0) > 0).all()  # left to right, in the order given
    assert across[-1, 0] - across[0, 0] < 1 - 0.12  # and apart from the next label's
    assert set(SYMBOLS) == set(OUTLINES)


def test_the_axis_of_dots_begins_below_all_that_is_drawn():
    """A figure, or the level of chance, under a fixed foot is not drawn at all, and nothing says that it is missing."""
    frame = pd.DataFrame({"label": ["CD", "MI"], "value": [0.46, np.nan], "low": [0.41, np.nan], "high": [0.5, np.nan]})
    series = Series("model", 0)
    assert class_dots({series: frame}, "ROC-AUC").layout.yaxis.range == (0.4, 1.0)
    assert class_dots({series: frame}, "Average precision", {"CD": 0.12}).layout.yaxis.range == (0.1, 1.0)
    assert class_dots({series: frame.assign(value=1.0, low=1.0)}, "F1").layout.yaxis.range == (0.9, 1.0)
    nothing = frame.assign(value=np.nan, low=np.nan, high=np.nan)
    assert class_dots({series: nothing}, "F1").layout.yaxis.range == (0.0, 1.0)


def test_every_chosen_model_is_in_each_picture_with_a_line_of_its_own(compare):
    """Two models that share a line cannot be told apart."""
    pictures = charts(compare())
    for name in ("curve_ROC", "curve_Precision and recall", "curve_Reliability"):
        lines = [
            trace["line"]
            for trace in pictures[name]["data"]
            if trace["name"] in (*TITLES[:2], "Young (unfinished, 6 of 40 epochs)")
        ]
        assert len({(line["color"], line["dash"]) for line in lines}) == len(MODELS)
    band = next(trace for trace in pictures["curve_Reliability"]["data"] if trace["name"] == "band")
    assert band["fill"] == "toself" and len(band["x"]) == len(band["y"]) > 4


def test_choosing_models_and_fold_shows_those_alone(compare, made_up):
    app = compare(models=["Dull"], on_fold="9")
    assert f"<b>{report(made_up, 'dull', 9)['metrics']['macro_auc']['value']:.4f}</b>" in html(app)
    assert "Sharp" not in html(app) and "these figures flatter" in html(app)


def test_one_model_alone_is_set_beside_the_published_figure(compare):
    """With one model there is no difference to draw, and the page must still say something."""
    app = compare(models=["Sharp"])
    assert sentences(app) == [] and "differences" not in charts(app)
    assert "only our own interval speaks" in texts(app)


def test_no_model_chosen_gets_a_sentence(compare):
    app = compare()
    next(pills for pills in app.pills if pills.key == "models").set_value([]).run()
    assert sentences(app) == ["No model with answers on fold 10 is chosen; choose one above."]


def test_confusion_and_rates_are_those_of_the_report_at_the_models_own_threshold(compare, made_up):
    """The page recomputes them; it must come to what `imle evaluate` wrote, intervals too."""
    app = compare(judged="Dull", finding="HYP")
    found = report(made_up, "dull")
    cells = found["confusion"]["HYP"]
    shown = {button.key: button.label for button in app.button if (button.key or "").startswith("cell_")}
    assert shown == {f"cell_{cell}": f"**{cells[cell]:,}** {words}" for cell, words in CELL_WORDS.items()}
    assert f"<b>{cells['sensitivity']['value']:.3f}</b>" in html(app)
    y = made_up_truth().query("fold == 10")["HYP"].to_numpy()
    p = results.read_result("dull").of_fold(10)["HYP"].to_numpy()
    rates = operating_point(y, p, found["thresholds"]["HYP"], samples=20).rates
    assert rates["sensitivity"].as_json() == cells["sensitivity"]
    assert rates["specificity"].as_json() == cells["specificity"]


def test_the_slider_moves_the_confusion_and_another_label_starts_at_its_own_threshold(compare, made_up):
    app = compare(judged="Sharp", finding="MI")
    app.select_slider(key="cut").set_value(1.0).run()
    assert app.button(key="cell_tp").label == "**0** found" and app.button(key="cell_tp").disabled
    next(group for group in app.get("button_group") if group.key == "finding").set_value("CD").run()
    assert app.select_slider(key="cut").value == report(made_up, "sharp")["thresholds"]["CD"]


def test_a_deep_link_restores_the_choices(compare):
    asked = {"models": ["Sharp", "Dull"], "on_fold": "9", "measure": "F1", "finding": "NORM", "judged": "Dull", "cut": "0.25",
             "first": "Dull", "second": "Sharp"}  # fmt: skip
    app = compare(**asked)
    assert sentences(app) == []
    values = {box.key: box.value for box in app.main.selectbox}
    assert {key: values[key] for key in ("measure", "judged", "first", "second")} == {
        key: asked[key] for key in ("measure", "judged", "first", "second")
    }
    assert app.select_slider(key="cut").value == 0.25
    assert "with NORM" in texts(app) and "Normal ECG" in texts(app)


def test_a_link_with_choices_that_do_not_exist_is_drawn_with_the_usual_ones(compare):
    app = compare(models=["no such"], on_fold="3", finding="XYZ", cut="7", judged="no such", first="no such")
    assert not app.exception


def test_a_cell_opens_its_records_on_the_records_page(compare, made_up, tiny_ptbxl):
    """The count on the button and the list behind it must be of the same records."""
    app = compare(judged="Young", finding="MI", cut="0.5")
    app.button(key="cell_fn").click().run()
    assert not app.exception
    assert app.query_params["cell"] == "young: MI missed at 0.5, fold 10"
    cell = ConfusionCell("young", "MI", "fn", 0.5, 10)
    wanted = set(records_in(cell, "PTB-XL")) & set(open_cohort(tiny_ptbxl).table.index)
    assert set(app.dataframe[0].value["Record"]) == wanted if wanted else sentences(app)
    assert "young: MI missed at 0.5, fold 10" in texts(app)


def test_a_cell_of_a_shipped_model_also_takes_that_model_into_use(compare):
    """The records page would otherwise show another model's probabilities beside this one's mistakes; it once was a traceback."""
    other = next(name for name in shipped_models(SUPERCLASS) if name != state.DEFAULT_MODEL)
    app = compare(results.RESULTS, judged=results.read_result(other).title)
    assert app.session_state["model"] == state.DEFAULT_MODEL
    app.button(key="cell_fn").click().run()
    assert not app.exception
    assert app.session_state["model"] == other
    assert read_cell(app.query_params["cell"]).model == other


def test_a_cell_keeps_exactly_its_records(shipped, tiny_ptbxl):
    cohort = open_cohort(tiny_ptbxl)
    truth = results.read_truth()
    answers = results.read_result("sharp").predictions
    here = [record for record in cohort.table.index if record in answers.index]
    assert here
    for cell, told, true in (("tp", 1, 1), ("fn", 0, 1), ("fp", 1, 0), ("tn", 0, 0)):
        text = str(ConfusionCell("sharp", "CD", cell, 0.4, 9))
        wanted = [
            record for record in here
            if (answers.CD[record] >= 0.4) == told and truth.CD[record] == true and answers.fold[record] == 9
        ]  # fmt: skip
        assert matching(cohort, Filters(cell=text)).tolist() == wanted
        assert read_cell(text) == ConfusionCell("sharp", "CD", cell, 0.4, 9)


def test_a_cell_of_other_data_is_empty_and_its_buttons_say_why(compare, shipped, tmp_path):
    """The demo cohort's records 1 to 60 are not those of PTB-XL that bear the same numbers."""
    assert len(records_in(ConfusionCell("sharp", "MI", "tp", 0.5, 10), "Demo cohort")) == 0
    assert len(records_in(ConfusionCell("no such", "MI", "tp", 0.5, 10), "PTB-XL")) == 0


def test_a_cell_of_a_model_of_another_task_is_empty(tmp_path, monkeypatch):
    """Such a result lies beside the others but has no column of this label; a link typed by hand must not end in a traceback."""
    write_results(tmp_path, made_up_truth(40), {"sharp": MODELS["sharp"]}, samples=2)
    for fold in (9, 10):
        (tmp_path / f"sharp-fold{fold}.json").write_text(json.dumps(report(tmp_path, "sharp", fold) | {"task": "mi"}))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert len(records_in(ConfusionCell("sharp", "NORM", "tp", 0.1, 10), "PTB-XL")) == 0
    assert results.shipped() == ()


def test_a_cell_of_a_damaged_result_is_empty(tmp_path, monkeypatch):
    """A report that was cut off while it was copied took down the records page of whoever had a link to one of its cells."""
    write_results(tmp_path, made_up_truth(40), {"sharp": MODELS["sharp"]}, samples=2)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    cell, path = ConfusionCell("sharp", "NORM", "tp", 0.1, 10), tmp_path / "sharp-fold10.json"
    assert len(records_in(cell, "PTB-XL"))
    path.write_text(path.read_text()[:99])
    assert len(records_in(cell, "PTB-XL")) == 0


def test_infarction_models_stand_by_split_beside_the_published_figure(compare):
    """The authors' split is easier and partly seen in training: its figure without that word would pass for ours."""
    shown = html(compare(results.RESULTS))
    parts = shown.split("This workbench, ")
    by_split = {part.split(" <i>")[0]: part for part in parts[1:]}
    for task, split in SPLITS.items():
        for name in results.shipped(task):
            value = report(results.RESULTS, name)["metrics"]["macro_auc"]["value"]
            assert f"<b>{value:.4f}</b>" in by_split[split.replace("'", "&#x27;")]
    assert results.shipped(INFARCTION) and "<b>0.9586</b>" in shown


def test_on_the_demo_cohort_one_sentence_says_that_the_records_are_not_there(compare, monkeypatch):
    from imle.assets import DEMO_COHORT

    app = compare()
    monkeypatch.setenv("IMLE_DATA_DIR", str(DEMO_COHORT))
    app.run()
    assert "These are records of PTB-XL; the data set in use is" in texts(app)
    assert all(app.button(key=f"cell_{cell}").disabled for cell in CELL_WORDS)


def test_every_chart_offers_its_data(compare):
    app = compare()
    buttons = {button.proto.label for button in app.get("download_button")}
    assert buttons == {"CSV"}
    assert len(app.get("download_button")) == len(app.get("plotly_chart")) + 4  # and each table


@pytest.mark.parametrize("text", ["{", '{"metrics": {}}'])
def test_damaged_results_get_one_sentence(compare, tmp_path, text):
    write_results(tmp_path, made_up_truth(40), {"sharp": MODELS["sharp"]}, samples=2)
    (tmp_path / "sharp-fold10.json").write_text(text)
    (tmp_path / "sharp-fold9.json").write_text(text)
    found = sentences(compare(tmp_path))
    assert len(found) == 1 and "write them again with imle evaluate" in found[0]


def test_without_results_the_page_says_what_would_write_some(compare, tmp_path):
    found = sentences(compare(tmp_path))
    assert len(found) == 1 and "imle evaluate --predictions" in found[0]


def test_differences_by_label_are_those_of_the_metric(shipped):
    """The quick way over pairs must give the figures of the slow one, intervals included."""
    first, second = (results.read_result(name).of_fold(10) for name in ("sharp", "dull"))
    y = results.read_truth().loc[first.index, list(LABELS)].to_numpy()
    found = auc_differences(y, first.to_numpy(), second.to_numpy(), LABELS, samples=50)
    wanted = paired_difference(y, first.to_numpy(), second.to_numpy(), samples=50)
    assert found[MACRO] == pytest.approx(wanted, abs=1e-6)
    by_label = class_auc(y, first.to_numpy()) - class_auc(y, second.to_numpy())
    assert [found[label].value for label in LABELS] == pytest.approx(by_label.tolist(), abs=1e-6)


def test_curves_are_those_of_scikit_learn():
    """Ties and the ends of a curve are where home-made curves go wrong."""
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, 300), rng.integers(0, 40, 300) / 40
    false, true, _ = reference.roc_curve(y, p, drop_intermediate=False)
    ours = roc_curve(y, p)
    assert np.interp(false, ours["false_positive_rate"], ours["sensitivity"])[-1] == 1
    assert reference.auc(ours["false_positive_rate"], ours["sensitivity"]) == pytest.approx(reference.auc(false, true))
    assert set(zip(ours["false_positive_rate"], ours["sensitivity"], strict=True)) <= set(zip(false, true, strict=True))
    precision, recall, thresholds = reference.precision_recall_curve(y, p)
    ours = precision_recall_curve(y, p)
    assert ours["threshold"].tolist() == thresholds[::-1].tolist()
    assert ours["precision"].tolist() == pytest.approx(precision[-2::-1].tolist())
    assert ours["sensitivity"].tolist() == pytest.approx(recall[-2::-1].tolist())


def test_the_published_table_is_the_authors():
    authors = read_published()[0]
    shown = {row.title: (row.macro_auc, row.mean_accuracy, row.published_max_f1) for row in authors.models}
    assert shown["IMLE-Net"] == (0.9216, 0.8885, 0.8057) and shown["Mousavi"] == (0.8654, 0.8419, 0.7315)
    assert np.mean(list(authors.models[0].auc_by_label.values())) == pytest.approx(0.9216, abs=1e-4)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_lines_of_models_are_apart_with_every_kind_of_colour_vision(theme):
    """Machado et al. 2009 (doi:10.1109/TVCG.2009.113), full severity; differences in CIE 1976 L*a*b*."""
    kinds = {
        "usual": np.eye(3),
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.01182, 0.04294, 0.968881],
        ],
        "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    }
    for seen in kinds.values():
        places = np.array([_lab(np.asarray(seen) @ _linear(colour)) for colour in theme.series])
        apart = np.linalg.norm(places[:, None] - places, axis=-1) + 1e9 * np.eye(len(places))
        assert apart.min() > 18
    paper = _linear(theme.paper) @ (0.2126, 0.7152, 0.0722)
    for colour in theme.series:
        ends = sorted([paper, _linear(colour) @ (0.2126, 0.7152, 0.0722)])
        assert (ends[1] + 0.05) / (ends[0] + 0.05) >= 3


def _linear(colour: str) -> np.ndarray:
    shares = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    xyz = np.asarray(to_xyz) @ np.clip(linear, 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_two_results_of_one_network_are_told_apart():
    """Two rows of one name, or a row named by a file, could not be cited."""
    made = [
        results.Result(name, "Mousavi et al.", {9: {"network": "mousavi"}}, pd.DataFrame())
        for name in ("mousavi", "mousavi_published_order", "mine")
    ]
    assert list(titles(made).values()) == [
        "Mousavi et al.", "Mousavi et al. (published order)", "Mousavi et al. (mine)",
    ]  # fmt: skip
    assert list(titles(made[1:2]).values()) == ["Mousavi et al."]
