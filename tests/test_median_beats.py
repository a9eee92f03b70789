"""The median beats: every lead in its place at its scale, marks and attention where they belong, refusals in a sentence."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import made_up_ecg

from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.figures.median_beats import BeatPaper, median_beats_figure, median_beats_text
from imle.figures.sheet import sheet_figure
from imle.leads import LEADS
from imle.measure import TITLES, Measured, Measurements, MedianBeat, measure

ON_PAPER = ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6"]
FS_HZ = 500
BEFORE_S = 0.4
MARKS_S = {"P_on": -0.17, "QRS_on": -0.05, "R": 0.0, "QRS_off": 0.05, "T_off": 0.36}
R_PEAKS_S = np.array([1.0, 2.1, 2.9, 4.2])


def beat(**changes) -> MedianBeat:
    """Lead number k rises to 0.1 * (k + 1) mV at R, alone there."""
    signal_mv = np.zeros((12, 500), np.float32)
    signal_mv[:, round(BEFORE_S * FS_HZ)] = np.arange(1, 13) / 10
    return replace(MedianBeat(signal_mv, FS_HZ, BEFORE_S, R_PEAKS_S, MARKS_S), **changes)


def measurements(median_beat: MedianBeat | None = None, **st_mv: float | None) -> Measurements:
    levels = {lead: Measured(st_mv.get(lead, 0.0), "mV") for lead in LEADS}
    values = {key: Measured(None, "ms", "made up") for key in TITLES}
    return Measurements(FS_HZ, R_PEAKS_S, pd.DataFrame(), values, levels, median_beat or beat())


def heatmap_after_r(lead: str, after_s: float) -> np.ndarray:
    """Attention in one lead, around `after_s` after each R peak of the beats that were averaged."""
    heatmap = np.full((12, 1000), 0.001, np.float32)
    for r_s in R_PEAKS_S:
        middle = round((r_s + after_s) * 100)
        heatmap[LEADS.index(lead), middle - 1 : middle + 2] = 0.5, 1, 0.5
    return heatmap


def trace(figure, name: str):
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def test_each_lead_has_its_trace_and_name_in_its_place():
    """A name over another lead's beat is the worst such a picture can do; the heights at R tell the leads apart."""
    figure = median_beats_figure(measurements())
    paper, names = BeatPaper.for_beat(beat()), trace(figure, "leads")
    assert [text.strip("</b>") for text in names.text] == " ".join(ON_PAPER).split()
    for i, lead in enumerate(" ".join(ON_PAPER).split()):
        row, column = divmod(i, 4)
        line = trace(figure, lead)
        peak = np.argmax(line.y)
        assert np.ptp(line.y) == pytest.approx(LEADS.index(lead) + 1, abs=1e-4)
        assert line.x0 + peak * line.dx == pytest.approx(float(paper.x_mm(column, 0)))
        assert paper.row_foot_mm(row) < line.y.min() < paper.row_foot_mm(row) + 30
        assert paper.row_foot_mm(row) < names.y[i] < paper.row_foot_mm(row) + 30
        assert names.x[i] == pytest.approx(line.x0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_second_is_50_mm_a_millivolt_10_mm_and_the_axes_are_locked(dark):
    figure = median_beats_figure(measurements(), dark=dark)
    assert trace(figure, "V3").dx * FS_HZ == pytest.approx(50)
    pulse = trace(figure, "1 mV")
    assert np.ptp(pulse.y[:6]) == pytest.approx(10)
    assert pulse.x[3] - pulse.x[2] == pytest.approx(0.2 * 50)
    assert (figure.layout.yaxis.scaleanchor, figure.layout.yaxis.scaleratio) == ("x", 1)
    assert (figure.layout.xaxis.dtick, figure.layout.xaxis.minor.dtick) == (5, 1)
    assert figure.layout.annotations[0].text.startswith("50 mm/s · 10 mm/mV · median of 4 beats")


def test_marks_stand_at_their_times_and_say_them():
    figure = median_beats_figure(measurements())
    paper = BeatPaper.for_beat(beat())
    strokes = np.array([x for x in trace(figure, "marks").x if x is not None])
    drawn = {"P on −170": -0.17, "QRS on −50": -0.05, "QRS off +50": 0.05, "T off +360": 0.36}
    assert len(strokes) == 12 * len(drawn) * 2
    times = trace(figure, "mark times")
    assert [text.strip() for text in times.text] == list(drawn) * 4
    for column in range(4):
        for i, after_r_s in enumerate(drawn.values()):
            x_mm = float(paper.x_mm(column, after_r_s))
            assert np.isclose(strokes, x_mm).sum() == 3 * 2
            assert times.x[column * 4 + i] == pytest.approx(x_mm)


def test_a_wave_that_was_not_found_has_no_mark():
    """A mark at zero would say that the P wave begins in the R peak."""
    without = beat(marks_s={"QRS_on": -0.05, "QRS_off": 0.05})
    figure = median_beats_figure(measurements(without))
    assert not any("P on" in text or "T off" in text for text in trace(figure, "mark times").text)
    assert "P on" not in median_beats_text(measurements(without))


def test_st_levels_stand_beside_their_leads_with_a_ring_on_the_trace():
    figure = median_beats_figure(measurements(V2=0.15, III=-0.1, aVL=None))
    texts = dict(zip(" ".join(ON_PAPER).split(), trace(figure, "ST levels").text, strict=True))
    assert texts["V2"] == "ST +0.15 mV"
    assert texts["III"] == "ST −0.10 mV"
    assert texts["aVL"] == "ST n/a"
    assert texts["I"] == "ST 0.00 mV"
    rings = trace(figure, "J + 60 ms")
    paper = BeatPaper.for_beat(beat())
    assert len(rings.x) == 11
    assert rings.x[0] == pytest.approx(float(paper.x_mm(0, 0.11)))
    assert rings.y[0] == pytest.approx(float(paper.y_mm(0, 0)))


def test_no_ring_without_a_j_point():
    assert not len(trace(median_beats_figure(measurements(beat(marks_s={}))), "J + 60 ms").x)


@pytest.mark.parametrize(("lead", "after_s"), [("V2", 0.1), ("III", -0.2), ("I", 0.0)])
def test_band_is_the_mean_attention_in_its_lead_and_at_its_time(lead, after_s):
    """Attention drawn at another time after R would point at another wave."""
    heatmap = heatmap_after_r(lead, after_s)
    figure = median_beats_figure(measurements(), heatmap)
    band, paper = trace(figure, "attention"), BeatPaper.for_beat(beat())
    z = np.array(band.z, float)
    assert np.nanmax(z) == pytest.approx(1)
    row, cell = np.unravel_index(np.nanargmax(z), z.shape)
    at_row, column = next((2 - i, r.split().index(lead)) for i, r in enumerate(ON_PAPER) if lead in r.split())
    assert row == at_row
    assert band.x[cell] == pytest.approx(float(paper.x_mm(column, after_s)), abs=50 * 0.006)
    assert band.y0 + row * band.dy == pytest.approx(paper.row_foot_mm(2 - row) + 15)
    assert band.hovertext[row][cell] == lead
    assert band.customdata[row][cell][0] == pytest.approx(after_s * 1000, abs=6)
    words = median_beats_text(measurements(), heatmap)
    assert re.search(rf"mean combined attention is highest in {lead} \d+ ms (before|after) R\.$", words)


def test_hover_tells_lead_time_level_and_value():
    band = trace(median_beats_figure(measurements(), heatmap_after_r("V2", 0), "beat attention"), "attention")
    for words in ("%{hovertext}", "ms from R", "mV", "mean beat attention %{z:.2f} of maximum"):
        assert words in band.hovertemplate
    row, cell = 1, list(band.hovertext[1]).index("V2") + 1 + round(BEFORE_S * FS_HZ)
    assert tuple(band.customdata[row][cell]) == pytest.approx((0, 0.8), abs=1e-3)
    plain = trace(median_beats_figure(measurements()), "attention")
    assert "maximum" not in plain.hovertemplate


def test_panels_do_not_run_into_each_other():
    """Without an empty cell between them, Plotly would stretch a panel's last colour over the gap."""
    band = trace(median_beats_figure(measurements(), heatmap_after_r("V2", 0)), "attention")
    empty = np.flatnonzero(np.isnan(np.array(band.z, float)[0]))
    assert len(empty) == 8
    assert np.diff(band.x).max() == pytest.approx(band.x[empty[2]] - band.x[empty[1]])


@pytest.mark.parametrize("dark", [False, True])
def test_colours_and_numbers_of_the_legend_are_the_sheets(dark):
    """Two scales for one quantity would let the same blue mean two things."""
    heatmap = heatmap_after_r("V2", 0)
    beats = median_beats_figure(measurements(), heatmap, dark=dark)
    sheet = sheet_figure(Ecg(made_up_ecg(0), 500), heatmap, dark=dark)
    assert beats.layout.coloraxis.colorscale == sheet.layout.coloraxis.colorscale
    assert (beats.layout.coloraxis.cmin, beats.layout.coloraxis.cmax) == (0, 1)
    assert beats.layout.paper_bgcolor == sheet.layout.paper_bgcolor
    assert beats.layout.coloraxis.colorbar.title.text == "mean combined attention, share of its maximum"


def test_without_a_heatmap_nothing_of_the_model_shows():
    figure = median_beats_figure(measurements())
    assert trace(figure, "attention").opacity == 0
    assert figure.layout.coloraxis.colorbar.title.text is None
    assert "attention" not in median_beats_text(measurements())


def test_tall_waves_get_paper_above_and_below():
    tall = beat()
    tall.signal_mv[LEADS.index("V4"), 200] = 4.2
    tall.signal_mv[LEADS.index("V3"), 200] = -3.1
    figure = median_beats_figure(measurements(tall))
    assert np.ptp(trace(figure, "V4").y) == pytest.approx(42, abs=1e-3)
    assert trace(figure, "V4").y.max() <= figure.layout.yaxis.range[1]
    assert trace(figure, "V3").y.min() >= 0


def test_text_is_one_sentence_with_the_extremes():
    words = median_beats_text(measurements(V2=0.15, III=-0.1))
    assert words == (
        "Median of 4 beats: P on 170 ms before R, QRS on 50 ms before R, QRS off 50 ms after R, T off 360 ms after R; "
        "ST at J + 60 ms from −0.10 mV in III to +0.15 mV in V2."
    )


def test_what_cannot_be_drawn_is_refused_in_a_sentence():
    none = replace(measurements(), median_beat=None)
    with pytest.raises(
        BadChoice, match="this record has no median beat, too few of its beats are alike; choose a sheet"
    ):
        median_beats_figure(none)
    assert median_beats_text(none) == "This record has no median beat."
    with pytest.raises(BadChoice, match=re.escape("the heatmap has shape (12, 5000); (12, 1000) at 100 Hz is needed")):
        median_beats_figure(measurements(), np.ones((12, 5000)))


def test_a_measured_record_makes_a_light_figure():
    """What `measure` gives must be what is drawn here, and a heavy figure slows every step to the next record."""
    measured = measure(Ecg(made_up_ecg(3), 500))
    figure = median_beats_figure(measured, np.random.default_rng(0).random((12, 1000)))
    line = trace(figure, "II")
    peak_mm = line.x0 + np.argmax(line.y) * line.dx
    paper = BeatPaper.for_beat(measured.median_beat)
    assert peak_mm == pytest.approx(float(paper.x_mm(0, 0)), abs=50 * 0.02)
    assert len(figure.to_json()) < 400_000
