"""Measures of trust against closed forms: linear models whose curves can be written down, heatmaps that are right or random."""

import itertools
import json

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from made_up import made_up_ecg
from scipy.stats import spearmanr
from typer.testing import CliRunner

from imle import PtbXl, load_model, models
from imle.assets import DEMO_COHORT
from imle.cli import app
from imle.errors import BadChoice
from imle.explain import trust_table
from imle.explain.agreement import lead_segment_shares
from imle.explain.attribution import attribute
from imle.explain.cells import cell_sums, over_samples, rank_correlation
from imle.explain.faithfulness import SHARES, area_under, by_relevance, deletion_auc, hiding_curve, insertion_auc
from imle.explain.faithfulness import random_auc as by_chance
from imle.explain.planted import planted_labels, planted_mass
from imle.explain.sanity import cascade, drawn_anew, similarity
from imle.explain.stability import under_noise, under_shift
from imle.explain.steps import Steps
from imle.labels import INFARCTIONS, LABELS
from imle.measure.segments import segments_of_signal
from imle.model_folder import Card, load_keras, save_model
from imle.scale import centred
from imle.simulate import FINDINGS, simulate


def saved(folder, model, labels=LABELS, task="superclass", network="of the test"):
    save_model(folder, model, Card(network, 0.0, 0.25, {}, labels, task=task))
    return load_model(folder, "keras")


def linear_model(weights: np.ndarray, offset: float = 0.0) -> keras.Model:
    """Every logit is the sum of (12, 1000) `weights` times the signal in millivolts, plus `offset`."""
    signal = keras.Input((12, 1000), name="signal")
    dense = layers.Dense(5, name="logits")
    model = keras.Model(signal, {"logits": dense(layers.Flatten()(signal))})
    dense.set_weights([np.repeat(0.25 * weights.reshape(-1, 1), 5, axis=1), np.full(5, offset)])
    return model


def alternating_mv(n: int) -> np.ndarray:
    """(n, 12, 1000) mV: a pulse in the middle of every 100 ms, of 1 and -1 mV in turn, 0 between, so that a hidden cell
    and a lead's mean are 0 mV."""
    pulse_mv = np.zeros(1000, np.float32)
    pulse_mv[5::20], pulse_mv[15::20] = 1, -1
    return np.tile(pulse_mv, (n, 12, 1))


@pytest.fixture(scope="module")
def pulses(tmp_path_factory):
    """A predictor to which 12 known cells speak for the label, 12 against it, and the others nothing; and their mask."""
    weights = np.zeros((12, 1000), np.float32)
    cells = np.zeros((12, 100), np.float32)
    cells[np.arange(12), 3 * np.arange(12)] = 0.5
    cells[np.arange(12), 50 + np.arange(12)] = -0.25
    weights[:, 5::10] = cells * np.tile([1, -1], 50)
    return saved(tmp_path_factory.mktemp("pulses"), linear_model(weights)), cells


def test_a_hidden_cell_costs_what_it_said(pulses):
    """The curve of a linear model is known at every share; a cell off by one in lead or time would bend it."""
    predictor, cells = pulses
    signals_mv = alternating_mv(2)
    random_order = np.random.default_rng(0).permutation(1200)
    best_first = np.argsort(-cells.ravel(), kind="stable")
    curves = hiding_curve(predictor, signals_mv, "MI", np.stack([best_first, random_order]))
    for order, curve in zip((best_first, random_order), curves, strict=True):
        left = [cells.sum() - cells.ravel()[order[: round(1200 * share)]].sum() for share in SHARES]
        np.testing.assert_allclose(curve, 1 / (1 + np.exp(-np.array(left))), atol=1e-4)


def test_areas_tell_a_right_heatmap_from_chance_and_from_a_wrong_one(pulses):
    """A sign turned round would call the worst explanation the most faithful."""
    predictor, cells = pulses
    signals_mv = alternating_mv(2)
    right, wrong = (np.tile(over_samples(way * cells.ravel()), (2, 1, 1)) for way in (1, -1))
    deletion, insertion = (area(predictor, signals_mv, "MI", right) for area in (deletion_auc, insertion_auc))
    chance = by_chance(predictor, signals_mv, "MI")
    assert (deletion < chance - 0.2).all() and (chance + 0.1 < insertion).all()
    start, end = 1 / (1 + np.exp(-3)), 0.5
    first_hidden = 1 / (1 + np.exp(3))
    expected = 0.05 * (start / 2 + 18.5 * first_hidden + end / 2 + first_hidden / 2)
    np.testing.assert_allclose(deletion, expected, atol=0.03)
    np.testing.assert_allclose(deletion_auc(predictor, signals_mv, "MI", wrong), insertion, atol=0.01)


def test_areas_are_means_of_the_curve():
    """An area over 20 points instead of 21 would make models comparable with nobody else's."""
    assert area_under(np.linspace(0, 1, 21)[None] ** 2)[0] == pytest.approx(1 / 3, abs=1e-3)
    assert area_under(np.full((1, 21), 0.7))[0] == pytest.approx(0.7)


def test_equal_cells_come_in_no_order_of_their_own():
    """A heatmap that is the same everywhere would otherwise hide lead I first and be scored for that."""
    order = by_relevance(np.zeros((2, 12, 1000)))
    assert (np.sort(order, axis=1) == np.arange(1200)).all()
    assert abs(spearmanr(order[0], np.arange(1200))[0]) < 0.1
    heatmap = np.zeros((1, 12, 1000))
    heatmap[0, 4, 730:740] = 1
    assert by_relevance(heatmap)[0, 0] == 4 * 100 + 73


def test_rank_correlation_is_spearman_s():
    """Ties, as in attention that is the same for a window, need their mean rank."""
    rng = np.random.default_rng(0)
    some, others = rng.integers(0, 9, (3, 1200)), rng.integers(0, 9, (3, 1200))
    expected = [spearmanr(one, other)[0] for one, other in zip(some, others, strict=True)]
    np.testing.assert_allclose(rank_correlation(some, others), expected)
    assert np.isnan(rank_correlation(np.zeros((1, 5)), np.arange(5)[None])[0])


def test_cells_are_100_ms_of_a_lead():
    """Cells cut across leads would mix V6 of one record with lead I of the next."""
    heatmap = np.arange(12_000.0).reshape(1, 12, 1000)
    np.testing.assert_array_equal(cell_sums(heatmap)[0], heatmap.reshape(1200, 10).sum(axis=1))
    cut = cell_sums(heatmap[..., :995])
    assert cut.shape == (1, 12 * 99)
    assert cut[0, 99] == heatmap[0, 1, :10].sum()
    np.testing.assert_array_equal(over_samples(np.arange(1200))[3, 120:130], 312)


def test_the_cascade_reaches_every_layer_from_the_last_one_on(tmp_path):
    """Layers drawn anew from the front, or none, would leave the original explanation standing as a pass."""
    keras.utils.set_random_seed(1)
    model = models.build("imle_net_plus", filters=(4, 8), strides=(2, 2), blocks=(1, 1))
    predictor = saved(tmp_path / "trained", model)
    before = {layer.name: layer.get_weights() for layer in load_keras(tmp_path / "trained").layers if layer.weights}
    changed, shares, answers = [], [], []
    for share, randomised in cascade(predictor, tmp_path):
        after = load_keras(randomised.folder)
        kernels = {name: [i for i, w in enumerate(own) if w.ndim > 1 and w.any()] for name, own in before.items()}
        now = {name: after.get_layer(name).get_weights() for name, own in kernels.items() if own}
        changed.append(
            [name for name, own in now.items() if any((own[i] != before[name][i]).any() for i in kernels[name])]
        )
        shares.append(share)
        answers.append(randomised.run(alternating_mv(1)).logits)
        assert randomised.card == predictor.card and randomised.engine == predictor.engine
    names = list(now)
    assert changed[0] == ["logits"] and changed[-1] == names
    assert all(names[-len(some) :] == some for some in changed)
    assert len(changed) == 6 and shares == sorted(shares) and shares[-1] == 1
    assert all((answer != answers[0]).any() for answer in answers[1:])
    assert (load_keras(predictor.folder).get_layer("logits").get_weights()[0] == before["logits"][0]).all()


def test_similarity_is_one_only_for_what_ignores_the_weights(tmp_path):
    """The random weights of a linear model have nothing in common with the trained ones; attention does not see the head."""
    rng = np.random.default_rng(0)
    signals_mv = alternating_mv(2)
    signal_weights = rng.normal(0, 1, (12, 1000)).astype(np.float32)
    one, other = (saved(tmp_path / str(i), linear_model(signal_weights * (-1) ** i)) for i in range(2))
    heatmaps = attribute(one, signals_mv, "MI", "integrated_gradients")
    np.testing.assert_allclose(similarity(one, signals_mv, "MI", "integrated_gradients", heatmaps), 1, atol=1e-3)
    np.testing.assert_allclose(similarity(other, signals_mv, "MI", "integrated_gradients", heatmaps), -1, atol=1e-3)
    _, randomised = next(cascade(one, tmp_path))
    assert np.abs(similarity(randomised, signals_mv, "MI", "integrated_gradients", heatmaps)).max() < 0.3


def test_stability_compares_the_same_places(tmp_path):
    """A heatmap that moves with the record is stable; not shifted back it would be called unstable, and one that stays
    behind would be called stable."""
    signals_mv = np.stack([made_up_ecg(seed, fs_hz=100) for seed in range(2)]).astype(np.float32)
    moving = saved(tmp_path, linear_model(np.ones((12, 1000), np.float32), offset=1000))
    heatmaps = attribute(moving, signals_mv, "MI", "input_times_gradient")
    assert (under_shift(moving, signals_mv, "MI", "input_times_gradient", heatmaps) > 0.999).all()
    fixed = saved(tmp_path / "fixed", linear_model(np.random.default_rng(0).random((12, 1000)), offset=1000))
    heatmaps = attribute(fixed, signals_mv, "MI", "saliency")
    found = under_shift(fixed, signals_mv, "MI", "saliency", heatmaps)
    assert (found < 0.9).all()
    np.testing.assert_allclose(under_noise(fixed, signals_mv, "MI", "saliency", heatmaps), 1, atol=1e-3)


def test_stability_is_asked_only_where_the_answer_stays(tmp_path):
    """An explanation should change with the answer; to count that as instability would punish the better method."""
    signals_mv = np.stack([made_up_ecg(seed, fs_hz=100) for seed in range(2)]).astype(np.float32)
    weights = np.zeros((12, 1000), np.float32)
    weights[0, :500] = 1
    noise_mv = 0.02 * np.random.default_rng(0).standard_normal(signals_mv.shape, np.float32)
    total_mv, noisy_mv = (float(centred(some)[0, 0, :500].sum()) for some in (signals_mv, signals_mv + noise_mv))
    on_the_edge = saved(tmp_path, linear_model(weights, offset=-(total_mv + noisy_mv) / 2))
    heatmaps = attribute(on_the_edge, signals_mv, "MI", "input_times_gradient")
    found = under_noise(on_the_edge, signals_mv, "MI", "input_times_gradient", heatmaps)
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_planted_findings_are_found_by_a_model_that_looks_there(tmp_path):
    """Masks at another rate, or those of another record, would take the mass of the right place away."""
    made = simulate("inferior infarction", 3)
    mask = made.truth.mask(100, 1000)
    looking = saved(tmp_path, linear_model(mask * np.sign(centred(made.ecg.for_model()))))
    rows = planted_mass(looking, "inferior infarction", [3, 4], ["input_times_gradient", "saliency"])
    assert rows[["label"]].drop_duplicates().to_numpy().tolist() == [["MI"]]
    own = rows[rows["method"] == "input_times_gradient"].set_index("seed")
    assert own.at[3, "mass"] == pytest.approx(1)
    assert own.at[3, "chance"] == pytest.approx(mask.mean())
    assert 0.02 < own.at[3, "chance"] < 0.5 and own.at[4, "mass"] < 0.9
    everywhere = saved(tmp_path / "everywhere", linear_model(np.ones((12, 1000))))
    even = planted_mass(everywhere, "st depression", [0], ["saliency"]).iloc[0]
    assert even["mass"] == pytest.approx(even["chance"])


def test_findings_have_the_label_that_the_model_tells(tmp_path):
    """An infarction model is asked for IMI, a superclass model for MI; what neither tells is not asked."""
    mi = saved(tmp_path, models.build("imle_net", classes=3, windows=5, filters=(4,)), INFARCTIONS, "mi")
    assert planted_labels(mi) == {"inferior infarction": "IMI", "anteroseptal infarction": "ASMI"}
    every = planted_labels(saved(tmp_path, linear_model(np.ones((12, 1000)))))
    assert set(every) == set(FINDINGS) - {"normal"}
    assert every["left ventricular hypertrophy"] == "HYP"


def test_records_are_drawn_with_the_label_that_is_explained():
    """An explanation of a label that the record does not have measures something else."""
    data = PtbXl(DEMO_COHORT)
    drawn = trust_table.draw_records(data, LABELS, 12, seed=0)
    eligible = data.labels_of(data.ids((9, 10))).sum(axis=0)
    assert [len(ids) for ids in drawn.values()] == np.minimum([3, 3, 2, 2, 2], eligible).tolist()
    for label, ids in drawn.items():
        assert (data.labels_of(ids)[:, LABELS.index(label)] == 1).all()
        assert set(data.folds_of(ids)) <= {9, 10}
    again = trust_table.draw_records(data, LABELS, 12, seed=0)
    assert all((drawn[label] == again[label]).all() for label in LABELS)


def made_up_values() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"case": case, "group": group, "method": method, "measure": "insertion_auc", "draw": 0,
         "value": rng.normal(mean, 0.1)}
        for group, n in (("MI", 30), ("CD", 3))
        for case in range(n)
        for method, mean in (("saliency", 0.2), ("occlusion", 0.6))
    ]  # fmt: skip
    values = pd.DataFrame(rows)
    values.loc[0, "value"] = np.nan
    return values


def test_the_table_has_means_with_intervals_of_the_defined_values():
    """An undefined correlation counted as 0 would pull a method down; a group of three says nothing."""
    values = made_up_values()
    rows = trust_table.summarise(values).set_index(["method", "group"])
    assert set(rows.index) == {(method, group) for method in ("saliency", "occlusion") for group in ("all", "MI")}
    own = values[(values["method"] == "saliency") & (values["group"] == "MI")]["value"].dropna()
    row = rows.loc[("saliency", "MI")]
    assert row["value"] == pytest.approx(own.mean()) and row["records"] == 29
    half = 1.96 * own.std(ddof=0) / np.sqrt(29)
    assert row["low"] == pytest.approx(own.mean() - half, abs=0.01)
    assert row["high"] == pytest.approx(own.mean() + half, abs=0.01)


def test_what_moves_with_the_random_weights_has_them_in_its_interval():
    """The sign of a mean over records changed with the draw of weights, and every interval over records alone left that out."""
    rng = np.random.default_rng(0)
    of_draw, of_record = np.array([-0.3, -0.1, 0.1, 0.3, 0.5]), rng.normal(0, 0.02, 40)
    values = pd.DataFrame(
        [
            {"case": case, "group": "MI", "method": "saliency", "measure": "sanity", "draw": draw,
             "value": of_draw[draw] + of_record[case]}
            for case in range(40) for draw in range(5)
        ]
    )  # fmt: skip
    row = trust_table.summarise(values, samples=2000).iloc[0]
    assert row["value"] == pytest.approx(0.1 + of_record.mean()) and row["records"] == 40
    half = 1.96 * of_draw.std(ddof=1) / np.sqrt(5)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.15)
    alone = trust_table.summarise(values[values["draw"] == 0]).iloc[0]
    assert alone["high"] - alone["low"] < 0.02


def test_all_weights_are_drawn_anew_in_every_draw(tmp_path):
    """The same draw five times would look like five that agree; layers left as they were like a heatmap that shows the record."""
    keras.utils.set_random_seed(7)  # else what is not trained is the second draw
    predictor = saved(tmp_path / "trained", models.build("imle_net_plus", filters=(4,), strides=(4,), blocks=(1,)))
    folders = [predictor.folder, *(drawn_anew(predictor, tmp_path, seed).folder for seed in (0, 1))]
    for same in zip(*(load_keras(folder).layers for folder in folders), strict=True):
        kernels = [np.concatenate([w.ravel() for w in layer.get_weights() if w.ndim > 1] or [[]]) for layer in same]
        if kernels[0].any():
            assert all((one != other).any() for one, other in itertools.combinations(kernels, 2)), same[0].name


def test_a_part_is_measured_alone(tmp_path, monkeypatch):
    """Five draws of weights by the slowest method take half an hour; with all the rest around them nobody would measure them."""
    monkeypatch.setattr(trust_table, "DRAWS", 2)
    predictor = saved(tmp_path / "model", linear_model(np.random.default_rng(0).random((12, 1000))))
    out = tmp_path / "t.json"
    trust_table.trust(predictor, PtbXl(DEMO_COHORT), out, 1, methods=["saliency"], parts=["sanity"])
    kept = json.loads(out.read_text())
    assert {row["measure"] for row in kept["rows"]} == set(kept["definitions"]) == {"sanity"}
    assert (kept["parts"], kept["draws"]) == (["sanity"], 2)
    (tmp_path / "t.json.steps").mkdir()
    (tmp_path / "t.json.steps" / "run.json").write_text(json.dumps({"records": 1}))  # as they were
    with pytest.raises(BadChoice, match="holds the steps of another run"):
        trust_table.trust(predictor, PtbXl(DEMO_COHORT), out, 1, methods=["saliency"], parts=["sanity"])
    with pytest.raises(BadChoice, match="there is no part 'deletion'; choose one of records, cascade, sanity, planted"):
        trust_table.trust(predictor, PtbXl(DEMO_COHORT), out, 1, parts=["deletion"])


def test_the_table_is_written_as_its_suffix_says(tmp_path):
    """NaN is no JSON; a figure without its definition cannot be read."""
    rows = trust_table.summarise(made_up_values())
    rows.loc[0, "low"] = np.nan
    trust_table.write_trust(tmp_path / "deep" / "t.json", rows, {"model": "m"})
    kept = json.loads((tmp_path / "deep" / "t.json").read_text(), parse_constant=pytest.fail)
    assert kept["model"] == "m" and kept["rows"][0]["low"] is None and "insertion_auc" in kept["definitions"]
    trust_table.write_trust(tmp_path / "t.csv", rows, {})
    assert pd.read_csv(tmp_path / "t.csv")["value"].tolist() == pytest.approx(rows["value"].round(5).tolist())
    with pytest.raises(BadChoice, match=r"neither a \.json nor a \.csv file"):
        trust_table.write_trust(tmp_path / "t.txt", rows, {})


def test_the_average_records_attention_is_hidden_over_each_records_own_waves(tmp_path):
    """Were it the record's own heatmap, no attention could be told from one that is the same for everybody."""
    small = {"filters": (16,), "strides": (4,), "blocks": (1,), "attention_units": 16}
    predictor = saved(tmp_path, models.build("imle_net_plus", **small))
    data = PtbXl(DEMO_COHORT)
    drawn = {"MI": data.ids(range(1, 11))[:6]}
    signals_mv = data.signals(drawn["MI"])
    shares = trust_table._average_attention(predictor, data, drawn)["MI"]
    each = [
        lead_segment_shares(one / one.sum(), segments_of_signal(signal))
        for one, signal in zip(attribute(predictor, signals_mv, "MI", "attention"), signals_mv, strict=True)
    ]
    np.testing.assert_allclose(shares, np.mean(each, axis=0), atol=1e-5)
    own = {("MI", "attention"): attribute(predictor, signals_mv, "MI", "attention")}
    steps = Steps(tmp_path / "t.json", {})
    rows = pd.concat(trust_table._measure_records(predictor, data, drawn, own, steps, lambda *given: None))
    table = rows.pivot(index="case", columns=["method", "measure"], values="value")
    gain = table["average_attention", "deletion_auc"] - table["attention", "deletion_auc"]
    pd.testing.assert_series_equal(table["attention", "deletion_over_average"], gain, check_names=False)


def test_the_command_leaves_no_hole_in_its_table(tmp_path, monkeypatch):
    """A measure that fails for one method, or is forgotten, would be missed only by who reads the published table."""
    monkeypatch.setattr(trust_table, "DRAWS", 1)
    methods = ["integrated_gradients", "attention"]
    small = {"filters": (4, 8), "strides": (2, 2), "blocks": (1, 1), "attention_units": 4}
    saved(tmp_path / "model", models.build("imle_net_plus", classes=3, **small), INFARCTIONS, "mi")
    words = ["trust", "--data-dir", DEMO_COHORT, "--model", tmp_path / "model", "--engine", "keras", "--records", 1]
    words += [word for method in methods for word in ("--method", method)]
    refused = CliRunner().invoke(app, [str(word) for word in [*words, "--out", tmp_path / "trust.xlsx"]])
    assert refused.exit_code == 2 and "neither a .json nor a .csv" in refused.stderr
    refused = CliRunner().invoke(app, [*map(str, words), "--method", "gaze", "--out", str(tmp_path / "trust.json")])
    assert refused.exit_code == 2 and "there is no method 'gaze'; choose one of" in refused.stderr
    done = CliRunner().invoke(app, [str(word) for word in [*words, "--out", tmp_path / "trust.json"]])
    assert done.exit_code == 0, done.stderr
    rows = pd.DataFrame(json.loads((tmp_path / "trust.json").read_text())["rows"])
    found = set(zip(rows["method"], rows["measure"], strict=True))
    by_chance_too = {(trust_table.CHANCE, name) for name in ("deletion_auc", "insertion_auc", "planted_mass")}
    everywhere = set(trust_table.DEFINITIONS) - {"completeness_error"}
    hidden = ("deletion_auc", "insertion_auc", "deletion_gain", "insertion_gain")
    by_chance_too |= {(trust_table.AVERAGE, name) for name in hidden}
    assert found == by_chance_too | {(method, measure) for method in methods for measure in everywhere} | {
        ("integrated_gradients", "completeness_error")
    }


class Killed(Exception):
    """What a test ends a run with."""


def test_a_run_that_is_stopped_goes_on_and_gives_the_same_table(tmp_path, monkeypatch):
    """The largest model takes hours; begun anew after every stop it would never end, and a seam must not show."""
    # Two of the cascade's steps, and one draw, stop and go on as all do, and each is a network to load and trace.
    monkeypatch.setattr(trust_table, "cascade", lambda *given: itertools.islice(cascade(*given), 2))
    monkeypatch.setattr(trust_table, "DRAWS", 1)
    methods = ["saliency", "attention"]
    small = {"filters": (4,), "strides": (4,), "blocks": (1,), "attention_units": 4}
    keras.utils.set_random_seed(0)
    predictor = saved(tmp_path / "model", models.build("imle_net_plus", **small))
    data, out = PtbXl(DEMO_COHORT), tmp_path / "out.json"
    stages = ("explaining", "hiding", "randomising", "drawing weights anew", "simulating")
    whole = trust_table.trust(predictor, data, tmp_path / "whole.json", 2, methods=methods)
    for number, stage in enumerate(stages):
        told = []

        def stop(what, done, total, told=told, stage=stage):
            told.append(what)
            if what == stage and told.count(what) == 3:
                raise Killed

        with pytest.raises(Killed):
            trust_table.trust(predictor, data, out, 2, methods=methods, tell=stop)
        assert (tmp_path / "out.json.steps").is_dir() and not out.exists()
        passed_over = [what for what in told if what in stages[: max(0, number - 1)]]
        assert len(passed_over) <= len(LABELS)  # what was done is not done again
        (tmp_path / "out.json.steps" / ".1.half.parquet").write_bytes(b"PAR1")  # as a kill leaves it
    rows = trust_table.trust(predictor, data, out, 2, methods=methods)
    pd.testing.assert_frame_equal(rows, whole)
    assert out.read_text() == (tmp_path / "whole.json").read_text()
    assert not (tmp_path / "out.json.steps").exists()


def test_the_steps_of_another_run_are_not_taken_for_ones_own(tmp_path):
    """The heatmaps of other weights, or of other records, would go into the table unseen."""
    Steps(tmp_path / "t.json", {"model": "one"})
    with pytest.raises(BadChoice, match="holds the steps of another run; delete it, or give another --out"):
        Steps(tmp_path / "t.json", {"model": "another"})
