"""The guideline table and the scores of a heatmap against it, held against what can be worked out by hand."""

import numpy as np
import pytest

from imle import LABELS, LEADS
from imle.assets import DEMO_COHORT
from imle.explain.agreement import (
    SCORES,
    area,
    lead_segment_shares,
    overlap,
    pointing,
    rank_accuracy,
    relevance,
    relevance_mass,
    spread_over,
)
from imle.explain.guidelines import FILE, BadGuidelines, read_guidelines
from imle.measure import measure
from imle.measure.segments import SEGMENTS, UNKNOWN, segment_of_samples
from imle.ptbxl.catalogue import read_statements
from imle.simulate import simulate

ROW = """[[guidelines]]
codes = ["IMI"]
title = "Inferior infarction"
superclass = "MI"
look = [{ leads = "II III aVF", segments = "QRS ST T" }]
criterion = "Q waves."
source = ""
verified = false
"""


@pytest.fixture(scope="module")
def table():
    return read_guidelines()


def test_territories_are_those_of_the_sources(table):
    """A lead in the wrong territory would count a right heatmap as wrong, in every record of a cohort."""
    assert table["IMI"].leads == ("II", "III", "aVF")
    assert table["ASMI"].leads == ("V1", "V2", "V3", "V4")
    assert table["CRBBB"].leads == ("I", "V1", "V2", "V6")
    assert table["LAO/LAE"].segments == ("P",)
    lvh = table["LVH"].cells
    assert lvh[LEADS.index("V1"), SEGMENTS.index("QRS")] and not lvh[LEADS.index("V1"), SEGMENTS.index("T")]
    assert lvh[LEADS.index("aVL"), SEGMENTS.index("T")]
    assert table["NORM"].is_everywhere and not table["ISC_"].is_everywhere


@pytest.mark.parametrize("code", sorted(read_guidelines()))
def test_every_row_is_complete(code, table):
    """A row that a clinician cannot check (no criterion, verified without a source) is an opinion."""
    row = table[code]
    assert row.superclass in LABELS and row.title and row.criterion and row.cells.any()
    assert row.source or not row.verified


def superclass_matches(root, table) -> set[str]:
    """The codes in both tables, which must have the same superclass in both."""
    statements = read_statements(root)
    both = set(statements.index[statements["diagnostic"]]) & set(table)
    assert {code: table[code].superclass for code in both} == statements["diagnostic_class"][list(both)].to_dict()
    return both


def test_codes_have_the_superclass_of_the_demo_cohort(table):
    """A code under another superclass would be scored by another label's heatmap."""
    assert len(superclass_matches(DEMO_COHORT, table)) == 9


@pytest.mark.ptbxl
def test_codes_have_the_superclass_of_ptbxl(ptbxl_root, table):
    """As above, and no code of the table may be one that PTB-XL does not have."""
    assert superclass_matches(ptbxl_root, table) == set(table)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("II III aVF", "II III aVG", r"row 1 of .* has lead 'aVG'; names such as aVL"),
        ("II III aVF", "V4-V1", "has the range 'V4-V1', which runs backwards; write V1-V4"),
        ("II III aVF", "", "has '' for leads or segments"),
        ("QRS ST T", "QRS STT", "has segment 'STT'; P, PQ, QRS, ST, T, TP or all are known"),
        ('"MI"', '"IM"', "has superclass 'IM'; one of CD, HYP, MI, NORM, STTC is needed"),
        ("verified = false", "", "has no verified; every row needs codes, title"),
        ("verified = false", 'verified = "yes"', "has 'yes' as verified; a true or false is needed"),
        ("verified = false", "verified = false\nnote = 1", "has 'note', which means nothing here"),
        ('["IMI"]', "[]", r"has \[\] as codes; a list of SCP codes is needed"),
        ('["IMI"]', '["IMI", "IMI"]', "names IMI, which an earlier row has; name it once"),
        ("look = [{", "look = [", "cannot be read"),
        (
            'source = ""',
            'source = ""\nchecks = [{ measure = "qsr", over = 1 }]',
            "its measure must be one of heart_rate",
        ),
        ('source = ""', 'source = ""\nchecks = [{ measure = "qrs", more = 1 }]', "its bounds must be of at_least"),
        ('source = ""', 'source = ""\nchecks_needed = "some"', "has 'some' as checks_needed; one or all is needed"),
        ('source = ""', 'source = ""\nchecks = [{ measure = "qrs", over = { M = 1 } }]', "a number, or { M = ..., F"),
        ('segments = "QRS ST T" ', 'segment = "QRS" ', "has the place"),
        (ROW, "", "has no .*guidelines"),
    ],
)
def test_a_spoilt_table_is_refused_in_one_sentence(old, new, sentence, tmp_path):
    """A clinician edits this file; a slip must be named, not end in a traceback or a silently smaller mask."""
    path = tmp_path / "guidelines.toml"
    path.write_text(ROW.replace(old, new))
    with pytest.raises(BadGuidelines, match=sentence) as refusal:
        read_guidelines(path)
    assert "\n" not in str(refusal.value).strip()


def test_segments_follow_the_waves_that_were_planted():
    """A segment shifted by a wave would score the T wave as QRS."""
    simulated = simulate("normal", 5, noise_mv=0.0, wander_mv=0.0)
    truth = simulated.truth
    found = segment_of_samples(measure(simulated.ecg))
    onsets = np.array(truth.qrs_onsets_s[1:-1]) - truth.waves_ms["QRS"][0] / 1000
    for wave in ("P", "QRS", "T"):
        middle = np.mean(truth.waves_ms[wave]) / 1000
        assert {SEGMENTS[found[round((onset + middle) * 100)]] for onset in onsets} == {wave}
        first, last = truth.waves_ms[wave]
        beats = [
            (found[int((onset + first / 1000 - 0.1) * 100) : int((onset + last / 1000 + 0.1) * 100)])
            for onset in onsets
        ]
        lengths = [10 * (beat == SEGMENTS.index(wave)).sum() for beat in beats]
        assert np.mean(lengths) == pytest.approx(last - first, abs=25)
    between = np.diff(found[found != UNKNOWN].astype(int))
    assert set(between) <= {0, 1, -5}  # in the order P PQ QRS ST T TP, round and round


def test_scores_by_hand():
    """A uniform heatmap scores its chance in all three, one inside the mask 1, one outside it 0."""
    mask = np.zeros((12, 1000), bool)
    mask[:3, 100:400] = True
    uniform = np.full((12, 1000), 1 / 12000)
    inside = mask / mask.sum()
    outside = ~mask / (~mask).sum()
    for score in SCORES.values():
        assert score(uniform, mask) == pytest.approx(area(mask)) == pytest.approx(900 / 12000)
        assert score(inside, mask) == pytest.approx(1)
        assert score(outside, mask) == pytest.approx(0)
    half = 0.5 * inside + 0.5 * outside
    assert relevance_mass(half, mask) == pytest.approx(0.5)
    assert rank_accuracy(half, mask) == pytest.approx(1)  # 900 samples of 1/1800 above 11100 of 1/22200
    two = np.zeros((12, 1000))
    two[0, 100], two[11, 100] = 0.5, 0.5
    assert pointing(two, mask) == 0.5
    assert rank_accuracy(inside, np.zeros_like(mask)) == 0


def test_relevance_is_what_speaks_for_the_label():
    attribution = np.zeros((2, 12, 1000))
    attribution[0, 0, :2], attribution[0, 1, 0] = (3, -5), 1
    heatmap = relevance(attribution)
    assert heatmap[0, 0, 0] == 0.75 and heatmap[0, 0, 1] == 0 and heatmap[0, 1, 0] == 0.25
    np.testing.assert_allclose(heatmap[1], 1 / 12000)


def test_the_average_heatmap_takes_the_records_own_waves():
    """Spread by another record's waves it would lie beside them, and every record would seem to beat it."""
    segments = np.full(1000, UNKNOWN, np.int8)
    segments[100:200], segments[200:220] = SEGMENTS.index("T"), SEGMENTS.index("QRS")
    shares = np.zeros((12, 6))
    shares[1, SEGMENTS.index("QRS")], shares[2, SEGMENTS.index("T")] = 0.6, 0.4
    heatmap = spread_over(shares, segments)
    assert heatmap[1, 200:220].sum() == pytest.approx(0.6) and heatmap[2, 100:200].sum() == pytest.approx(0.4)
    np.testing.assert_allclose(lead_segment_shares(heatmap, segments), shares)
    assert spread_over(np.zeros((12, 6)), segments).sum() == pytest.approx(1)


@pytest.mark.parametrize("missing", ["", "P PQ", "T TP", "P PQ ST T TP"])
@pytest.mark.parametrize("unknown", [0, 60])
def test_the_average_heatmap_of_a_record_without_some_wave_keeps_to_its_leads(missing, unknown):
    """The share of P waves that a record lacks was given to all leads and waves alike: ST and T of those in atrial
    fibrillation had twice their part, and no heatmap could gain over that."""
    rng = np.random.default_rng(0)
    names = [name for name in SEGMENTS if name not in missing.split()]
    segments = np.array([SEGMENTS.index(name) for name in names], np.int8)[np.arange(1000) % len(names)]
    segments[:unknown] = UNKNOWN
    shares = rng.random((12, 6))
    shares *= 0.97 / shares.sum()
    heatmap = spread_over(shares, segments)
    assert heatmap.min() >= 0 and heatmap.sum() == pytest.approx(1)
    np.testing.assert_allclose(heatmap.sum(axis=1), shares.sum(axis=1) / 0.97)
    if unknown:
        found, expected = lead_segment_shares(heatmap, segments), shares.copy()
        if missing == "P PQ":
            expected[:, 5] += expected[:, 0] + expected[:, 1]
        np.testing.assert_allclose(found[:, [SEGMENTS.index(name) for name in names]],
                                   expected[:, [SEGMENTS.index(name) for name in names]])  # fmt: skip


def test_overlap_by_hand():
    one, other = np.zeros((12, 6)), np.zeros((12, 6))
    one[0, 0], one[0, 1] = 0.5, 0.5
    other[0, 1], other[0, 2] = 0.25, 0.75
    assert overlap(one, other) == 0.25 and overlap(one, one) == 1 and overlap(one, np.roll(one, 3)) == 0


def test_the_installed_table_is_where_it_is_said_to_be():
    assert FILE.is_file()
