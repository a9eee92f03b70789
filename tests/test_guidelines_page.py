"""The guidelines page, run by Streamlit's AppTest on made-up agreements of two sets of heatmaps."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import agreements
from dashboard.widgets import guideline_parts
from imle import LEADS
from imle.errors import BadChoice
from imle.evaluation.bootstrap import Interval
from imle.explain.agreement_summary import TITLES, summarise
from imle.explain.cohort_agreement import CELLS, SCORE_NAMES, CohortAgreement, read_agreement, write_agreement
from imle.explain.guidelines import read_guidelines

APP = str(Path(__file__).parents[1] / "dashboard" / "app.py")
GUIDELINES = "../pages/guidelines.py"
RECORDS = 60
AVERAGE = np.full((12, 6), 1 / 72)
SUREST = np.eye(12, 6) / 6
# Mean mass on the leads of IMI and of NST_'s segments; ASMI looks no more at its leads than anybody.
MEANS = {"IMI": 0.7, "ASMI": 0.33, "NST_": 0.2, "RVH": 0.5}
COUNTS = {"IMI": RECORDS, "ASMI": RECORDS, "NST_": RECORDS, "RVH": 2}


def made_up_rows(seed: int, more: float = 0.0) -> pd.DataFrame:
    """Rows whose leads share MEANS + `more` on the guideline's leads, evenly over its cells, the rest elsewhere."""
    rng, table, rows = np.random.default_rng(seed), read_guidelines(), []
    for code, mean in MEANS.items():
        for record in range(1, COUNTS[code] + 1):
            mass = float(np.clip(mean + more + rng.normal(0, 0.05), 0, 1))
            cells = table[code].cells
            shares = np.where(cells, mass / cells.sum(), (1 - mass) / max(1, (~cells).sum()))
            scores = dict.fromkeys(SCORE_NAMES, mass) | {"pointing": float(mass > 0.5)}
            rows.append(
                {"ecg_id": record, "fold": 10, "code": code, "likelihood": 100.0, "label": table[code].superclass}
                | {"chance": cells.mean(), "lead_chance": len(table[code].leads) / 12, **scores}
                | {f"average_{name}": 0.33 for name in SCORE_NAMES}
                | {"overlap": 0.9 if record <= 3 else 0.4, "probability": record / RECORDS}
                | dict(zip(CELLS, shares.ravel(), strict=True))
                | {"sex": "FM"[record % 2], "age_band": "60-79" if record > 2 else "80 and over", "validated": True}
            )
    return pd.DataFrame(rows)


def write(folder: Path, model: str, method: str, seed: int = 0, more: float = 0.0) -> None:
    labels = ("MI", "STTC", "HYP")
    about = {"model": model, "engine": "made up", "method": method, "data": "PTB-XL", "folds": [10]}
    averages, surest = dict.fromkeys(labels, AVERAGE), dict.fromkeys(labels, SUREST)
    write_agreement(
        folder / f"{model}-{method}.parquet", CohortAgreement(made_up_rows(seed, more), averages, surest, about)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guidelines")
    write(folder, "sharp", "attention")
    write(folder, "dull", "attention", seed=1, more=-0.2)
    return folder


@pytest.fixture
def page(folder, tiny_ptbxl, monkeypatch):
    """Opens the guidelines page with its query as keywords, on the made-up agreements or those in `of`."""
    monkeypatch.setenv("IMLE_DATA_DIR", str(tiny_ptbxl))

    def open_page(of: Path = folder, **query) -> AppTest:
        monkeypatch.setattr(agreements, "FOLDER", of)
        app = AppTest.from_file(APP, default_timeout=60).run()
        app.switch_page(GUIDELINES)
        app.query_params = query
        app.run()
        assert not app.exception
        return app

    return open_page


def texts(app: AppTest) -> str:
    return "\n".join(part.value.replace("\\", "") for part in app.markdown)


def subheaders(app: AppTest) -> str:
    return "\n".join(part.value.replace("\\", "") for part in app.subheader)


def tables(app: AppTest) -> str:
    return "\n".join(part.proto.body for part in app.get("html"))


def charts(app: AppTest) -> dict[str, dict]:
    return {chart.proto.id.split("-")[-1]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def array(encoded: dict) -> np.ndarray:
    """What Plotly sends as bytes."""
    values = np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"])
    return values.reshape([int(size) for size in encoded["shape"].split(",")])


def test_the_verdict_says_whether_the_heatmap_follows_the_diagnosis(page):
    """A mean above chance is praise for a model that looks there in everybody; the average heatmap decides."""
    assert "it follows the diagnosis's leads." in texts(page(diagnosis="IMI", heatmaps="sharp · attention"))
    assert "so it does not explain the diagnosis" in texts(page(diagnosis="ASMI", heatmaps="sharp · attention"))
    shown = texts(page(diagnosis="NST_", heatmaps="sharp · attention"))
    assert "On ST and T lie 20 %" in shown and "less than in a record without the diagnosis" in shown


def test_the_maps_are_the_mean_of_the_records_of_the_surest_and_of_all(page):
    """A map under another's title, or the surest records' left out, tells a class's heatmap wrong."""
    app = page(diagnosis="IMI", heatmaps="sharp · attention")
    maps = [trace for trace in charts(app)["places"]["data"] if trace["type"] == "heatmap"]
    assert len(maps) == 4  # records, surest records, average record, guideline
    titles = [note["text"] for note in charts(app)["places"]["layout"]["annotations"]]
    assert titles == ["IMI, 60 records", "Surest of MI", "Average record", "Guideline"]
    own = read_agreement(agreements.FOLDER / "sharp-attention.parquet").rows
    mean = 100 * own.loc[own["code"] == "IMI", "aVF QRS"].mean()
    assert array(maps[0]["z"])[LEADS.index("aVF"), 2] == pytest.approx(mean)
    np.testing.assert_allclose(array(maps[1]["z"]), 100 * SUREST, atol=1e-2)
    assert array(maps[2]["z"])[0, 0] == pytest.approx(100 / 72, abs=1e-3)


def test_the_surest_records_map_is_in_the_table_too(page, monkeypatch):
    """A picture whose numbers cannot be had is lost to a paper."""
    offered = {}
    monkeypatch.setattr(guideline_parts, "csv_button", lambda frame, file: offered.update({file: frame}))
    page(diagnosis="IMI", heatmaps="sharp · attention")
    frame = offered["places_IMI_sharp-attention"]
    assert list(frame) == ["lead", "segment", "IMI, 60 records", "Surest of MI", "Average record", "guideline"]
    np.testing.assert_allclose(frame["Surest of MI"], SUREST.ravel(), atol=1e-4)


def test_a_cohort_narrows_all_that_is_shown(page):
    """A verdict on women beside a list of men would be believed."""
    app = page(diagnosis="IMI", heatmaps="sharp · attention", among="Women")
    own = read_agreement(agreements.FOLDER / "sharp-attention.parquet").rows
    women = own[(own["code"] == "IMI") & (own["sex"] == "F")]
    titles = [note["text"] for note in charts(app)["places"]["layout"]["annotations"]]
    assert titles[0] == f"IMI, {len(women)} records" and len(women) == RECORDS // 2
    found = summarise(women).set_index("score").loc["lead_mass"]
    value, low, high = (round(100 * found[key]) for key in ("value", "low", "high"))
    assert f"lie {value} % ({low} % to {high} %) of the heatmap" in texts(app)
    assert set(app.dataframe[0].value["Record"]) <= set(women["ecg_id"])
    assert f"of {len(women)} records the heatmap hardly differs" in texts(app)
    assert f"<td>{len(women)}</td>" in tables(app) and "All diagnoses, sharp · attention, women" in subheaders(app)


def test_a_file_offers_the_cohorts_that_it_holds(page, tmp_path):
    """A choice that leaves nobody out, or too few to say anything, or that the file does not know, leads nowhere."""
    assert page(heatmaps="sharp · attention").selectbox(key="among").options == [
        "All records",
        "Women",
        "Men",
        "Age 60-79",
    ]
    write(tmp_path, "old", "attention")
    old = read_agreement(tmp_path / "old-attention.parquet")
    rows = old.rows.drop(columns=["sex", "age_band", "validated"])
    rows.loc[rows["ecg_id"] > 40, ["fold", "likelihood"]] = 9, 15.0
    write_agreement(tmp_path / "old-attention.parquet", replace(old, rows=rows))
    assert page(tmp_path).selectbox(key="among").options == ["All records", "Fold 9", "Fold 10", "Stated 80 % or more"]
    assert page(tmp_path, among="Women").selectbox(key="among").value == "All records"


def test_two_files_are_narrowed_to_what_both_hold(page, tmp_path):
    """A cohort of one file beside everybody of the other would compare two crowds."""
    write(tmp_path, "sharp", "attention")
    write(tmp_path, "old", "attention", seed=1)
    old = read_agreement(tmp_path / "old-attention.parquet")
    write_agreement(tmp_path / "old-attention.parquet", replace(old, rows=old.rows.drop(columns="sex")))
    app = page(tmp_path, heatmaps="sharp · attention", beside="old · attention", among="Women")
    assert app.selectbox(key="among").options == ["All records", "Age 60-79"]
    assert "over 60 records of both" in texts(app)


def test_a_diagnosis_that_the_second_file_has_too_seldom_is_shown_of_the_first(page, tmp_path):
    """Four records have no interval; the page must not end at them."""
    write(tmp_path, "sharp", "attention")
    write(tmp_path, "old", "attention", seed=1)
    old = read_agreement(tmp_path / "old-attention.parquet")
    few = old.rows[(old.rows["code"] != "IMI") | (old.rows["ecg_id"] < 5)]
    write_agreement(tmp_path / "old-attention.parquet", replace(old, rows=few.reset_index(drop=True)))
    app = page(tmp_path, diagnosis="IMI", heatmaps="sharp · attention", beside="old · attention")
    assert "it follows the diagnosis's leads" in texts(app) and "records of both" not in texts(app)


def test_a_diagnosis_of_few_records_is_not_offered(page):
    """An interval over two records says nothing."""
    assert set(page().selectbox(key="diagnosis").options) == {"IMI", "ASMI", "NST_"}


def test_two_sets_of_heatmaps_are_compared_over_the_records_of_both(page):
    app = page(diagnosis="IMI", heatmaps="sharp · attention", beside="dull · attention")
    own, other = (read_agreement(agreements.FOLDER / f"{name}-attention.parquet").rows for name in ("sharp", "dull"))
    gap = 100 * (own["lead_mass"] - other["lead_mass"])[own["code"] == "IMI"].mean()
    assert 19 < gap < 23
    assert f"sharp · attention has {gap:.0f} (" in texts(app)
    assert "percentage points more on the leads than dull · attention, over 60 records of both." in texts(app)
    assert len(charts(app)["scores"]["data"]) == 6
    assert len([trace for trace in charts(app)["places"]["data"] if trace["type"] == "heatmap"]) == 5


def test_the_difference_is_told_whichever_way_it_goes(page):
    """ "More" of the worse one, or of two that are alike, would be the opposite of what was found."""
    shown = texts(page(diagnosis="IMI", heatmaps="dull · attention", beside="sharp · attention"))
    assert "percentage points less on the leads than sharp · attention" in shown
    low = Interval(-0.01, -0.02, 0.01)
    words = agreements.difference_words(("a", "b"), low, 9, "mass")
    assert (
        words
        == "a and b cannot be told apart: −1 (−2 to +1) percentage points in the guideline's places, over 9 records of both."
    )


def test_all_diagnoses_of_two_are_held_against_each_other_by_what_they_gain(page, tmp_path):
    """A method whose average record lies there too has the higher share and follows the diagnosis less."""
    write(tmp_path, "own", "attention")
    write(tmp_path, "habit", "attention", seed=1, more=0.1)
    habit = read_agreement(tmp_path / "habit-attention.parquet")
    higher = {f"average_{name}": habit.rows[f"average_{name}"] + 0.3 for name in SCORE_NAMES}
    few = habit.rows.assign(**higher)[(habit.rows["code"] != "ASMI") | (habit.rows["ecg_id"] > 10)]
    write_agreement(tmp_path / "habit-attention.parquet", replace(habit, rows=few.reset_index(drop=True)))
    first, second = (read_agreement(tmp_path / f"{name}-attention.parquet") for name in ("own", "habit"))
    overviews = [agreements.overview(one, read_guidelines()) for one in (first, second)]
    found = agreements.overview_of_two(*overviews, first.rows, second.rows).set_index("code")
    assert set(found.index) == set(MEANS) & set(agreements.codes_of(first))
    for code, score in found["score"].items():
        pairs = first.rows.merge(second.rows, on=["ecg_id", "code"], suffixes=("", "_b")).query("code == @code")
        wanted = (pairs[score] - pairs[f"{score}_b"]).mean() + 0.3
        assert found.loc[code, "more"] == pytest.approx(wanted, abs=1e-5)
        assert found.loc[code, "more_low"] < wanted < found.loc[code, "more_high"]
        assert found.loc[code, "both"] == len(pairs)
    app = page(tmp_path, heatmaps="own · attention", beside="habit · attention")
    assert "All diagnoses, own · attention and habit · attention" in subheaders(app)
    assert "First gains more" in tables(app) and f"<td>{found.loc['ASMI', 'both']}</td>" in tables(app)


def test_those_looking_elsewhere_are_the_sure_ones_worst_first(page):
    """A list of unsure records, or of those that look right, would send a cardiologist through records for nothing."""
    listed = page(diagnosis="IMI", heatmaps="sharp · attention").dataframe[0].value
    assert (listed["Probability"] >= 0.5).all() and len(listed) == RECORDS // 2 + 1
    assert listed["Mass on the leads"].is_monotonic_increasing


def test_records_alike_and_the_authors_example_are_counted(page):
    shown = texts(page(diagnosis="IMI", heatmaps="sharp · attention"))
    assert "In 3 of 60 records the heatmap hardly differs from the average one" in shown
    assert "so have 0 of these 60 records" in shown


def test_on_another_data_set_records_cannot_be_opened_and_the_page_says_so(page, monkeypatch):
    from imle.assets import DEMO_COHORT

    app = page()
    monkeypatch.setenv("IMLE_DATA_DIR", str(DEMO_COHORT))
    assert "These are records of PTB-XL; the data set in use is" in texts(app.run())


def test_every_chart_and_table_offers_its_data(page):
    app = page()
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels.count("PNG") == 1 and labels.count("CSV") == len(app.get("plotly_chart")) + 2


def test_every_diagnosis_stands_in_the_table_with_its_gain(page):
    shown = tables(page(heatmaps="sharp · attention"))
    for code in ("IMI", "ASMI", "NST_"):
        assert f"{code} <i>" in shown
    assert "<b>+0.37</b>" in shown or "<b>+0.36</b>" in shown  # 0.7 less 0.33
    assert "<b>−0.13</b>" in shown or "<b>−0.12</b>" in shown


def test_choices_that_do_not_exist_are_drawn_with_the_usual_ones(page):
    app = page(diagnosis="XYZ", heatmaps="none · none", beside="nobody")
    assert app.selectbox(key="diagnosis").value == "IMI"
    assert app.selectbox(key="heatmaps").value == "dull · attention"


def test_damaged_or_missing_agreements_get_one_sentence(page, tmp_path):
    (tmp_path / "bad-attention.parquet").write_bytes(b"PAR1")
    found = [warning.value for warning in page(tmp_path).warning]
    assert len(found) == 1 and "write it again with imle guidelines" in found[0].replace("\\", "")
    empty = tmp_path / "none"
    empty.mkdir()
    found = [warning.value for warning in page(empty).warning]
    assert len(found) == 1 and "imle guidelines --out" in found[0].replace("\\", "")


def test_a_file_of_a_few_records_gets_one_sentence(page, tmp_path):
    """`imle guidelines --records 3` is how a first try looks; a page without any diagnosis to choose would end in a trace."""
    write(tmp_path, "sharp", "attention")
    found = read_agreement(tmp_path / "sharp-attention.parquet")
    write_agreement(tmp_path / "sharp-attention.parquet", replace(found, rows=found.rows[found.rows["ecg_id"] < 4]))
    sentences = [warning.value.replace("\\", "") for warning in page(tmp_path).warning]
    assert len(sentences) == 1 and "has no diagnosis of 5 records or more" in sentences[0]


def test_a_spoilt_table_gets_one_sentence(page, tmp_path, monkeypatch):
    from imle.explain import guidelines

    path = tmp_path / "guidelines.toml"
    path.write_text("[[guidelines]]\ncodes = 1\n")
    monkeypatch.setattr(guidelines, "FILE", path)
    found = [warning.value.replace("\\", "") for warning in page().warning]
    assert len(found) == 1 and "has no title" in found[0]


def test_what_was_written_is_read_again(tmp_path):
    write(tmp_path, "sharp", "attention")
    found = read_agreement(tmp_path / "sharp-attention.parquet")
    pd.testing.assert_frame_equal(found.rows, made_up_rows(0))
    np.testing.assert_allclose(found.averages["MI"], AVERAGE, atol=1e-5)
    assert found.about["model"] == "sharp"
    with pytest.raises(BadChoice, match="write it again with imle guidelines"):
        read_agreement(tmp_path / "other.parquet")


def test_the_summary_holds_means_and_paired_gains():
    """An interval of the gain from unpaired draws would be too wide to tell a model from the average heatmap."""
    rows = made_up_rows(0)
    found = summarise(rows, samples=200).set_index(["code", "score"])
    own = rows[rows["code"] == "IMI"]
    one = found.loc[("IMI", "lead_mass")]
    assert one["value"] == pytest.approx(own["lead_mass"].mean()) and one["low"] < one["value"] < one["high"]
    assert one["gain"] == pytest.approx((own["lead_mass"] - 0.33).mean())
    assert one["gain_high"] - one["gain_low"] == pytest.approx(one["high"] - one["low"], rel=1e-6)
    assert "RVH" not in found.index.get_level_values(0) and set(found.loc["IMI"].index) == set(TITLES)


def test_the_picture_is_a_png():
    from imle.figures.guidelines_png import agreement_png

    cells = read_guidelines()["LVH"].cells
    png = agreement_png({"LVH": AVERAGE, "Average record": AVERAGE}, cells, "LVH")
    assert png.startswith(b"\x89PNG") and len(png) > 20_000
