"""The figures: every lead in its place, true scales, one readable colour scale, and pages that need no network."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image
from plotly.offline import get_plotlyjs

from imle.attention import LEVELS, Attention
from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.explain.explanation import Explanation
from imle.explain.summary import summary
from imle.figures.bars import lead_bars, probability_bars
from imle.figures.geometry import LAYOUTS, LEFT_MM, VIEW_MM, Sheet, sheet_text
from imle.figures.heat import Heat, attention_heat, heat_of, leads_of, summary_with
from imle.figures.page import explanation_page
from imle.figures.report import Reading
from imle.figures.sheet import Outline, outline_frames, sheet_figure
from imle.figures.sheet_png import save_png
from imle.figures.theme import DARK, LIGHT, band_colours
from imle.labels import LABELS
from imle.leads import LEADS
from imle.measure import measure

ON_PAPER = {
    "3x4+II": ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6", "II"],
    "3x4": ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6"],
    "6x2": ["I V1", "II V2", "III V3", "aVR V4", "aVL V5", "aVF V6"],
    "12x1": list(LEADS),
}
PROBABILITIES = {"CD": 0.12, "HYP": 0.05, "MI": 0.91, "NORM": 0.02, "STTC": 0.47}
THRESHOLDS = {"CD": 0.3, "HYP": 0.2, "MI": 0.43, "NORM": 0.5, "STTC": 0.4}


def ecg_with_pulses(fs_hz: float = 100, **meta) -> Ecg:
    """Lead number k carries a 1 mV pulse of 0.1 s in each second, 0.2 s + 0.05 s * k after its start; zero elsewhere."""
    signal_mv = np.zeros((12, round(10 * fs_hz)), np.float32)
    for k in range(12):
        for second in range(10):
            start = round((second + 0.2 + 0.05 * k) * fs_hz)
            signal_mv[k, start : start + round(0.1 * fs_hz)] = 1.0
    return Ecg(signal_mv, fs_hz, "pulses", meta)


def heatmap_with_peak(lead: str = "aVF", sample: int = 300) -> np.ndarray:
    heatmap = np.full((12, 1000), 0.001, np.float32)
    heatmap[LEADS.index(lead), sample : sample + 20] = 0.004
    return heatmap


def explanation(record: str = "4827", **meta) -> Explanation:
    rng = np.random.default_rng(0)
    beat, rhythm, channel = rng.random((1, 12, 20, 13)), rng.random((1, 12, 20)), rng.random((1, 12))
    channel[0, [LEADS.index(lead) for lead in ("III", "aVF", "II")]] = 9, 8, 7
    rhythm[0, :, 6] = 50
    parts = [(part / part.sum(-1, keepdims=True)).astype(np.float32) for part in (beat, rhythm, channel)]
    ecg = Ecg(ecg_with_pulses().signal_mv, 100, record, meta)
    return Explanation(ecg, "imle_net", "Keras float32", PROBABILITIES, THRESHOLDS, Attention(*parts))


def traces(figure, name: str) -> list:
    return [trace for trace in figure.data if trace.name == name]


def contrast(one, other) -> float:
    """WCAG 2.2 contrast ratio of two (red, green, blue) in 0..255."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour) -> float:
    linear = [c / 3294.6 if c <= 10.31 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def over(colour, paper: str) -> np.ndarray:
    """What is seen where a colour with alpha lies on the paper."""
    return np.array(colour[:3]) * colour[3] + np.array(rgb(paper)) * (1 - colour[3])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_lead_stands_once_where_a_cardiologist_looks_for_it(layout):
    panels = Sheet(layout).panels
    rows = [[p.lead for p in panels if p.row == row] for row in range(len(ON_PAPER[layout]))]
    assert [" ".join(row) for row in rows] == ON_PAPER[layout]
    short = [p.lead for p in panels if not (layout == "3x4+II" and p.row == 3)]
    assert sorted(short) == sorted(LEADS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_name_and_trace_of_a_lead_stand_in_the_same_panel(layout):
    """A name over another lead's trace is the worst an ECG sheet can do; the pulses tell the leads apart."""
    sheet = Sheet(layout)
    figure = sheet_figure(ecg_with_pulses(), layout=layout)
    (names,) = traces(figure, "leads")
    for panel, name, x, y in zip(sheet.panels, names.text, names.x, names.y, strict=True):
        assert name == f"<b>{panel.lead}</b>"
        assert 0 < x - sheet.x_mm(panel.start_s) < 3
        assert sheet.row_foot_mm(panel.row) < y < sheet.row_foot_mm(panel.row) + sheet.row_mm
        (line,) = [t for t in traces(figure, panel.lead) if (t.x0, t.y.min()) == (x - 1, sheet.zero_mm(panel.row))]
        first_rise_s = (np.flatnonzero(np.diff(line.y) > 0)[0] + 1) / 100
        within_second = (panel.start_s + first_rise_s) % 1
        assert within_second == pytest.approx(0.2 + 0.05 * LEADS.index(panel.lead), abs=0.001)
        assert len(line.y) * line.dx == pytest.approx((panel.stop_s - panel.start_s) * 25)
        assert line.x0 == pytest.approx(LEFT_MM + panel.start_s * 25)


@pytest.mark.parametrize("fs_hz", [100, 500])
@pytest.mark.parametrize("gain_mm_mv", [5, 10, 20])
@pytest.mark.parametrize("speed_mm_s", [12.5, 25, 50])
def test_a_second_and_a_millivolt_have_their_length(speed_mm_s, gain_mm_mv, fs_hz):
    figure = sheet_figure(ecg_with_pulses(fs_hz), layout="12x1", speed_mm_s=speed_mm_s, gain_mm_mv=gain_mm_mv)
    (line,) = traces(figure, "V1")
    assert np.ptp(line.y) == pytest.approx(gain_mm_mv)
    rises = np.flatnonzero(np.diff(line.y) > 0)
    assert (rises[1] - rises[0]) * line.dx == pytest.approx(speed_mm_s)
    (pulse,) = traces(figure, "1 mV")
    one = slice(0, 6)
    assert np.ptp(pulse.y[one]) == pytest.approx(gain_mm_mv)
    assert pulse.x[3] - pulse.x[2] == pytest.approx(0.2 * speed_mm_s)
    foot = figure.layout.annotations[0].text
    seen_s = {5: 7, 10: 7, 20: 9}[gain_mm_mv]
    beyond = f" · <b>drag sideways for {seen_s} to 10 s</b>" if speed_mm_s > 25 else ""
    assert foot == f"{speed_mm_s:g} mm/s · {gain_mm_mv:g} mm/mV · filter off · {fs_hz} Hz{beyond}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_chest_leads_at_half_gain_are_half_as_tall_and_their_pulse_says_so(layout):
    """As an electrocardiograph's 10/5; a pulse of another height would make every voltage of a lead wrong by two."""
    figure = sheet_figure(ecg_with_pulses(), layout=layout, gain_mm_mv=(10, 5))
    for lead in LEADS:
        assert {float(np.ptp(line.y)) for line in traces(figure, lead)} == {5 if lead.startswith("V") else 10}
    (pulse,) = traces(figure, "1 mV")
    ends = np.flatnonzero(np.isnan(pulse.y))
    rows = np.split(pulse.y, ends[:-1] + 1)
    for i, (row, leads) in enumerate(zip(rows, ON_PAPER[layout], strict=True)):
        gains = dict.fromkeys(5 if lead.startswith("V") else 10 for lead in leads.split())
        levels = dict.fromkeys((row[:-1] - row[0]).tolist())
        assert list(levels) == [0, *gains], i  # the limb leads' step first, then that of the chest leads
    assert pulse.x[ends[0] - 2] - pulse.x[1] == pytest.approx(0.2 * 25)
    assert "25 mm/s · 10 mm/mV (chest 5 mm/mV) · filter off" in figure.layout.annotations[0].text
    assert "10 mm/mV (chest 5 mm/mV)" in sheet_text(ecg_with_pulses(), layout, gain_mm_mv=(10, 5))
    # What calipers measure by.
    told = [panel["gain_mm_mv"] for panel in figure.layout.meta["panels"]]
    assert told == [5 if panel.lead.startswith("V") else 10 for panel in Sheet(layout).panels]


@pytest.mark.parametrize("dark", [False, True])
def test_grid_is_1_and_5_mm_and_axes_are_locked(dark):
    """Zooming must not stretch time against voltage, or slopes and intervals would be misread."""
    layout = sheet_figure(ecg_with_pulses(), dark=dark).layout
    assert (layout.yaxis.scaleanchor, layout.yaxis.scaleratio) == ("x", 1)
    for axis in (layout.xaxis, layout.yaxis):
        assert (axis.dtick, axis.minor.dtick, axis.constrain) == (5, 1, "domain")
        assert axis.showgrid
        assert axis.minor.showgrid
    assert Sheet().zero_mm(2) % 5 == 0


def test_one_scale_for_all_leads():
    """A lead scaled by its own maximum would look as important as the one the model relied on."""
    figure = sheet_figure(ecg_with_pulses(), heatmap_with_peak())
    (attention,) = traces(figure, "attention")
    assert attention.coloraxis == "coloraxis"
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 1)
    assert attention.z.max() == 1
    assert np.median(attention.z) == pytest.approx(0.25)
    peak_row = 3 - next(p.row for p in Sheet().panels if p.lead == "aVF")
    assert np.argwhere(attention.z == 1).tolist() == [[peak_row, sample] for sample in range(300, 320)]


def test_an_empty_heatmap_is_drawn_as_nothing():
    (attention,) = traces(sheet_figure(ecg_with_pulses(), np.zeros((12, 1000), np.float32)), "attention")
    assert attention.z.max() == 0


@pytest.mark.parametrize("overlay", ["band", "trace"])
def test_legend_says_what_and_how_much(overlay):
    figure = sheet_figure(ecg_with_pulses(), heatmap_with_peak(), "rhythm attention", overlay=overlay)
    bar = figure.layout.coloraxis.colorbar
    assert bar.title.text == "rhythm attention, share of the record's maximum"
    assert list(bar.ticktext) == ["0", "0.25", "0.5", "0.75", "1"]


def test_overlay_off_shows_no_colour_and_no_legend():
    figure = sheet_figure(ecg_with_pulses(), heatmap_with_peak(), overlay="off")
    (attention,) = traces(figure, "attention")
    assert attention.opacity == 0
    assert figure.layout.coloraxis.colorscale is None


@pytest.mark.parametrize("fs_hz", [100, 500])
def test_hover_tells_lead_time_millivolts_and_value(fs_hz):
    ecg = ecg_with_pulses(fs_hz)
    (attention,) = traces(sheet_figure(ecg, heatmap_with_peak()), "attention")
    for part in ("%{hovertext}", "%{customdata[0]:.2f} s", "%{customdata[1]:.2f} mV", "combined attention %{z:.2f}"):
        assert part in attention.hovertemplate
    row, sample = 1, 310  # aVF, the third row from the top
    time_s, level_mv = attention.customdata[row, sample]
    assert attention.hovertext[row, sample] == "aVF"
    assert time_s == pytest.approx(3.1)
    assert level_mv == ecg.signal_mv[LEADS.index("aVF"), round(3.1 * fs_hz)]
    assert attention.x0 + sample * attention.dx == pytest.approx(float(Sheet().x_mm(3.1)))


def pairs(x, y) -> set[tuple[float, ...]]:
    """The ends of every drawn piece of a line, in tenths of a millimetre."""
    return {tuple(np.round(pair, 1)) for pair in np.c_[x[:-1], y[:-1], x[1:], y[1:]] if not np.isnan(pair).any()}


def markers_of(figure) -> list:
    return [trace for trace in figure.data if " to " in (trace.name or "")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_markers_lie_along_the_whole_trace_and_nothing_else_and_behind_it(layout):
    """No marker runs from one panel to the next, none hides the ECG, and no stretch of the ECG is left without one."""
    ecg = ecg_with_pulses()
    heatmap = (0.2 + 0.8 * np.random.default_rng(1).random((12, 1000))).astype(np.float32)
    figure = sheet_figure(ecg, heatmap, layout=layout, overlay="trace")
    lines = [trace for trace in figure.data if trace.name in LEADS]
    assert lines == [trace for trace in sheet_figure(ecg, layout=layout).data if trace.name in LEADS]
    markers = markers_of(figure)
    assert figure.data.index(markers[-1]) < figure.data.index(lines[0])
    lines = [trace for trace in sheet_figure(ecg.at(100), layout=layout).data if trace.name in LEADS]
    wanted = set().union(
        *(pairs((line.x0 + np.arange(len(line.y)) * line.dx).astype(np.float32), line.y) for line in lines)
    )
    assert set().union(*(pairs(marker.x, marker.y) for marker in markers)) == wanted


def test_where_a_heatmap_says_nothing_no_marker_lies():
    """A marker that cannot be seen would still be sent to the browser: ten seconds of twelve leads again."""
    heatmap = np.zeros((12, 1000), np.float32)
    heatmap[4, 300:320] = 1
    ecg = ecg_with_pulses()
    figure = sheet_figure(ecg, heatmap, layout="12x1", overlay="trace")
    drawn = sum(np.isfinite(marker.x).sum() for marker in markers_of(figure))
    assert drawn == pytest.approx(21, abs=1)


def test_a_marker_has_the_last_colour_and_the_most_width_where_attention_peaks():
    figure = sheet_figure(ecg_with_pulses(), heatmap_with_peak(), layout="12x1", overlay="trace")
    top = next(trace for trace in figure.data if " to 1.00" in (trace.name or ""))
    x = top.x[~np.isnan(top.x)]
    assert (x.min(), x.max()) == pytest.approx((float(Sheet().x_mm(3.0)), float(Sheet().x_mm(3.2))))
    assert top.line.color == figure.layout.coloraxis.colorscale[-1][1]
    assert top.line.width == max(marker.line.width for marker in markers_of(figure))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
class TestTheme:
    def test_trace_stays_readable_over_every_band(self, theme):
        seen = [over(colour, theme.paper) for colour in band_colours(theme, 64)]
        assert min(contrast(colour, rgb(theme.trace)) for colour in seen) >= 3

    def test_a_fifth_of_the_maximum_can_be_told_from_the_paper(self, theme):
        """A scale that begins too near the paper shows the maximum alone."""
        assert (
            min(contrast(over(colour, theme.paper), rgb(theme.paper)) for colour in band_colours(theme, 64)[64 // 5 :])
            >= 1.2
        )

    def test_more_attention_is_always_further_in_lightness(self, theme):
        """Lightness alone carries the order, so that the scale reads in every kind of colour vision and in grey."""
        steps = np.diff([luminance(over(colour, theme.paper)) for colour in band_colours(theme, 64)])
        assert (steps > 0).all() or (steps < 0).all()

    def test_text_and_marks_contrast_with_the_paper(self, theme):
        for colour in (theme.ink, theme.muted):
            assert contrast(rgb(colour), rgb(theme.paper)) >= 4.5
        for colour in (theme.accent, theme.quiet, theme.trace, *theme.labels.values()):
            assert contrast(rgb(colour), rgb(theme.paper)) >= 3
        assert tuple(theme.labels) == LABELS

    def test_grid_stays_behind_the_trace(self, theme):
        assert 1 < contrast(rgb(theme.grid_minor), rgb(theme.paper)) < contrast(rgb(theme.grid_major), rgb(theme.paper))
        assert contrast(rgb(theme.grid_major), rgb(theme.trace)) > 7


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("fs_hz", "largest_kb"), [(100, 600), (500, 1500)])
def test_figures_stay_light(fs_hz, largest_kb, layout):
    """A heavy figure makes every step to the next record slow."""
    heatmap = explanation().heatmap("published")
    for overlay in ("band", "trace", "off"):
        figure = sheet_figure(ecg_with_pulses(fs_hz), heatmap, layout=layout, overlay=overlay)
        assert len(figure.to_json()) < largest_kb * 1000


def test_a_tall_wave_gets_paper_and_a_loose_electrode_is_cut_and_said_to_be():
    signal_mv = ecg_with_pulses().signal_mv.copy()
    signal_mv[LEADS.index("V4"), 800:803] = 4.5
    tall = sheet_figure(Ecg(signal_mv, 100))
    (line,) = traces(tall, "V4")
    assert np.ptp(line.y) == pytest.approx(45)
    assert line.y.max() <= tall.layout.yaxis.range[1]
    assert "cut" not in tall.layout.annotations[0].text
    signal_mv[LEADS.index("V2"), 600:650] = -33
    loose = sheet_figure(Ecg(signal_mv, 100))
    (line,) = traces(loose, "V2")
    assert np.ptp(line.y) == pytest.approx(60)
    assert loose.layout.annotations[0].text.endswith("cut at 5 mV: V2")
    signal_mv[LEADS.index("II"), 300:310] = 7
    both = sheet_figure(Ecg(signal_mv, 100), gain_mm_mv=(10, 5)).layout.annotations[0].text
    assert "cut at 5 mV: II" in both and "cut at 10 mV: V2" in both


def test_a_lead_off_zero_is_drawn_in_its_row():
    signal_mv = ecg_with_pulses().signal_mv + 3
    (line,) = traces(sheet_figure(Ecg(signal_mv, 100)), "V1")
    assert np.median(line.y) == pytest.approx(Sheet().zero_mm(0))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"layout": "4x3"}, "there is no sheet layout '4x3'; choose one of 3x4+II, 3x4, 6x2, 12x1"),
        ({"overlay": "glow"}, "there is no overlay 'glow'; choose one of band, trace, off"),
        ({"gain_mm_mv": 0}, "a gain of 0 mm/mV cannot be drawn; it must be above 0"),
        ({"gain_mm_mv": (10, -5)}, "a gain of 10 mm/mV (chest -5 mm/mV) cannot be drawn; it must be above 0"),
        ({"speed_mm_s": 0}, "a speed of 0 mm/s cannot be drawn; it must be above 0"),
        ({"heatmap": np.ones((12, 5000))}, r"the heatmap has shape (12, 5000); (12, 1000) at 100 Hz is needed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(BadChoice, match=re.escape(sentence)):
        sheet_figure(ecg_with_pulses(), **wrong)


def test_lead_bars_stand_in_lead_order_with_numbers_and_the_equal_share():
    importance = {lead: (k + 1) / 78 for k, lead in enumerate(LEADS)}
    figure = lead_bars(dict(reversed(importance.items())))
    assert tuple(figure.data[0].x) == LEADS
    assert list(figure.data[0].y) == list(importance.values())
    assert list(figure.data[0].text) == [f"{share:.2f}" for share in importance.values()]
    assert figure.layout.shapes[0].y0 == pytest.approx(1 / 12)
    assert "1/12" in figure.layout.annotations[0].text


@pytest.mark.parametrize("dark", [False, True])
def test_probability_bars_show_number_threshold_and_the_known_label_in_words(dark):
    figure = probability_bars(PROBABILITIES, THRESHOLDS, {"MI"}, dark=dark)
    (bars,) = traces(figure, "probability")
    (ticks,) = traces(figure, "threshold")
    assert list(bars.x) == list(PROBABILITIES.values())
    assert list(ticks.x[::3]) == list(THRESHOLDS.values())
    texts = {(round(note.y), note.text) for note in figure.layout.annotations}
    mi_row = bars.y[list(PROBABILITIES).index("MI")]
    assert {(mi_row, "<b>0.91</b>"), (mi_row, "<b>✓ cardiologists</b>")} <= texts
    assert sum("✓" in text for _, text in texts) == 1
    assert not any("✓" in note.text for note in probability_bars(PROBABILITIES, THRESHOLDS).layout.annotations)


def test_summary_names_labels_leads_and_time():
    sentence = summary(explanation())
    start = "imle_net: MI 0.91 (above its threshold 0.43), STTC 0.47 (above its threshold 0.40); "
    assert sentence.startswith(start + "attention is highest on III, aVF, II and peaks in III at 3.")


def test_summary_says_when_no_label_reaches_its_threshold():
    one = explanation()
    quiet = Explanation(one.ecg, one.model, one.engine, PROBABILITIES, dict.fromkeys(LABELS, 0.95), one.attention)
    assert "no label reaches its threshold, the likeliest is MI 0.91 (threshold 0.95)" in summary(quiet)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_png_is_an_a4_page_with_ink_grid_and_heatmap(tmp_path, layout):
    said = explanation(superclasses=("MI",))
    path = save_png(said, attention_heat(said), tmp_path / "page.png", layout=layout)
    pixels = (imread(path)[..., :3] * 255).round().astype(int)
    assert pixels.shape == (1653, 2338, 3)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    assert (pixels.max(-1) < 60).mean() > 0.003  # trace and text
    assert ((red > green + 5) & (red > 200)).mean() > 0.03  # the rose grid
    assert (blue > red + 40).mean() > 0.005  # bands and bars


def test_png_shows_the_level_that_was_asked_for(tmp_path):
    said = explanation()
    beat, channel = (
        save_png(said, attention_heat(said, level), tmp_path / f"{level}.png") for level in ("beat", "channel")
    )
    assert beat.read_bytes() != channel.read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_png_tells_its_cautions_above_the_sheet(tmp_path, layout):
    """A picture goes into slides without the page that warned of it; a caution drawn over the leads could not be read."""
    said, cautions = explanation(), ["Attention does not show what MI rests on.", "It points elsewhere. " * 12]
    plain, warned = (
        save_png(said, attention_heat(said), tmp_path / f"{len(told)}.png", layout, told) for told in ([], cautions)
    )
    with Image.open(warned) as picture:
        assert all(caution.strip() in picture.text["Description"] for caution in cautions)
    sheet_top = [
        np.flatnonzero((imread(path)[..., 0] > imread(path)[..., 1] + 0.02).mean(axis=1) > 0.3)[0]
        for path in (plain, warned)
    ]
    assert sheet_top[1] > sheet_top[0] + 30


def page_of(said, heats=(), **what) -> str:
    return explanation_page(Reading(said.ecg, said, heats=tuple(heats), **what))


def test_the_page_says_what_was_measured_and_stated():
    """Sent to a colleague without them, it would be an opinion on an ECG that nobody read."""
    said = explanation(sex="F", age=69.0)
    page = page_of(said, measurements=measure(said.ecg), statements=[("IMI", "inferior <infarction>", 100.0)])
    assert "<p>F 69" in page and "<p>IMI 100 % inferior &lt;infarction&gt;</p>" in page
    assert "PR " in page and "QTc B " in page and "ST at J + 60 ms, mV: I " in page


def test_the_page_of_a_model_without_any_heatmap_says_what_is_unusual_too():
    """With its cautions, which follow the heatmap, it would be lost where none is shown."""
    page = page_of(replace(explanation(), attention=None), remarks=["No signal in V1 <2 s."])
    assert "No signal in V1 &lt;2 s." in page


def test_a_heatmap_is_asked_for_by_its_name():
    """A typing error that gave the attention instead would be read as the attribution."""
    said = explanation()
    heatmap = np.eye(12, 1000, dtype=np.float32)
    heat = heat_of(said, "occlusion", None, lambda label, method: heatmap)
    assert heat.title == "occlusion for MI" and heat.lead_shares["aVF"] == pytest.approx(1 / 12)
    assert heat_of(said, "beat", "CD", None).title == "beat attention"
    for name in ("lead", "attention", ""):
        with pytest.raises(BadChoice, match="there is no heatmap"):
            heat_of(said, name, None, None)
    with pytest.raises(BadChoice, match="has no attention to show; choose a method of attribution"):
        heat_of(replace(said, attention=None), "beat", None, None)


def test_the_page_of_a_model_without_attention_holds_what_there_is():
    """A script that looks for a heatmap that is not there would leave the page without its ECG."""
    said = replace(explanation(), attention=None)
    own = page_of(said).replace(get_plotlyjs(), "")
    assert "This network has no attention" in own and "const LEVELS = {};" in own and "Lead importance" not in own
    heat = Heat("occlusion", "MI", np.eye(12, 1000, dtype=np.float32))
    own = page_of(said, [heat]).replace(get_plotlyjs(), "")
    assert list(json.loads(re.search(r"const LEVELS = (.*);\n", own).group(1))) == ["occlusion"]
    assert ">occlusion for MI</button>" in own and '<h2 id="leads-title">Leads</h2>' in own


def test_the_sentence_and_the_leads_are_of_the_heatmap_that_is_shown():
    """Attention's leads below a picture of occlusion would be read as those that occlusion names."""
    heatmap = np.zeros((12, 1000), np.float32)
    heatmap[LEADS.index("V2"), 400] = 0.6
    heatmap[LEADS.index("aVR"), 700] = 0.4
    heat, said = Heat("occlusion", "MI", heatmap), explanation()
    assert summary_with(said, heat).endswith("occlusion for MI is highest on V2, aVR, I and peaks in V2 at 4.0 s.")
    assert summary_with(said, attention_heat(said, "beat")) == summary_with(said, None) == summary(said)
    assert leads_of(said, heat).shares["V2"] == pytest.approx(0.6)
    assert leads_of(said, attention_heat(said)).shares == said.lead_importance
    own = page_of(said, [heat]).replace(get_plotlyjs(), "")
    patches = json.loads(re.search(r"const LEVELS = (.*);\n", own).group(1))
    assert patches["occlusion"]["leads"]["caption"] == "share of occlusion for MI"
    assert patches["beat"]["leads"]["caption"] == "channel attention"
    assert patches["occlusion"]["summary"] in own and patches["beat"]["summary"] == summary(said)


def test_the_page_s_cautions_follow_its_heatmap():
    """The page offers heatmaps that were not on the screen; one that failed its check there would pass for sound."""
    own = page_of(explanation(), cautions={"attention": ("It names what nothing rests on.",)})
    patches = json.loads(re.search(r"const LEVELS = (.*);\n", own).group(1))
    assert all(patch["cautions"] == ["It names what nothing rests on."] for patch in patches.values())


def test_a_name_hides_no_wave():
    """A halo over an R wave cuts its amplitude; in low rows a name at the top belongs to the lead above, to the eye."""
    drawn = [trace.name for trace in sheet_figure(ecg_with_pulses()).data]
    assert drawn.index("leads") < drawn.index("I")
    sheet, (names,) = (
        Sheet("12x1").for_screen().with_room_for(ecg_with_pulses()),
        traces(sheet_figure(ecg_with_pulses(), layout="12x1"), "leads"),
    )
    for panel, y in zip(sheet.panels, names.y, strict=True):
        own, above = sheet.zero_mm(panel.row), sheet.zero_mm(panel.row - 1)
        assert 0 < y - own < above - y


def test_a_sheet_that_goes_on_says_what_is_out_of_sight():
    """At 50 mm/s all chest leads stand beyond the view; a reader who does not know reads six leads."""
    foot = sheet_figure(ecg_with_pulses(), layout="3x4", speed_mm_s=50).layout.annotations[0].text
    assert "drag sideways for V1, V2, V3, V4, V5, V6" in foot


def test_the_seconds_are_marked_along_the_foot():
    """The sentence says `at 3.5 s`, which nobody finds on a sheet without them."""
    (marks,) = traces(sheet_figure(ecg_with_pulses()), "seconds")
    assert marks.x[::3] == pytest.approx([LEFT_MM + 25 * second for second in range(11)])


def test_the_page_opens_on_the_heatmap_that_was_on_the_screen():
    """The attribution that was looked at must not be the one thing that the page leaves out."""
    heat = Heat("occlusion", "MI", np.eye(12, 1000, dtype=np.float32))
    own = page_of(explanation(), [heat]).replace(get_plotlyjs(), "")
    assert list(json.loads(re.search(r"const LEVELS = (.*);\n", own).group(1))) == [*LEVELS, "occlusion"]
    assert (
        'data-level="occlusion" aria-pressed="true"' in own and own.count('aria-pressed="true"') == 2
    )  # and its style


def test_page_needs_no_network_and_holds_every_level():
    page = page_of(explanation())
    own = page.replace(get_plotlyjs(), "")
    assert len(own) < len(page)
    assert not re.search(r"https?://|(src|href)\s*=|@import|url\(", own)
    assert "default-src 'none'" in own
    for level in LEVELS:
        assert f'data-level="{level}"' in own
    levels = json.loads(re.search(r"const LEVELS = (.*);\n", own).group(1))
    assert tuple(levels) == LEVELS
    assert len({levels[level]["z"]["bdata"] for level in LEVELS}) == len(LEVELS)
    assert levels["rhythm"]["title"] == "rhythm attention, share of the record's maximum"


def test_page_says_record_model_engine_caution_and_summary():
    own = page_of(explanation()).replace(get_plotlyjs(), "")
    for text in ("ECG 4827", "imle_net · Keras float32", "not a medical device", "shared by all labels"):
        assert text in own
    assert summary(explanation()) in own
    assert "prefers-color-scheme: dark" in own


def test_a_record_name_cannot_become_markup():
    own = page_of(explanation("</script><img src=x onerror=alert(1)>")).replace(get_plotlyjs(), "")
    assert "<img" not in own


def test_simulated_records_are_called_simulated_and_their_labels_planted():
    own = page_of(explanation(device="simulated", superclasses=("MI",))).replace(get_plotlyjs(), "")
    assert "Simulated ECG, not a patient." in own
    assert r"\u2713 planted" in own
    assert "cardiologists" not in own


def test_an_outline_frames_its_samples_in_their_leads_alone():
    """A frame in a neighbour's row, or shifted by a column's start, would send the eye to the wrong wave."""
    mask = np.zeros((12, 1000), bool)
    mask[LEADS.index("aVF"), 300:340] = True  # of which 3x4 shows 2.5 to 5 s
    mask[LEADS.index("aVF"), 100:120] = True  # not shown in 3x4
    sheet = Sheet("3x4")
    frame = outline_frames(sheet, mask, LIGHT)
    row = next(panel.row for panel in sheet.panels if panel.lead == "aVF")
    assert np.isnan(frame.x).sum() == 1
    assert (np.nanmin(frame.x), np.nanmax(frame.x)) == pytest.approx((sheet.x_mm(3.0), sheet.x_mm(3.4)))
    assert sheet.row_foot_mm(row) < np.nanmin(frame.y) < np.nanmax(frame.y) < sheet.row_foot_mm(row) + sheet.row_mm
    named = sheet_figure(ecg_with_pulses(), outline=Outline("where cardiologists look for IMI", mask))
    assert "framed: where cardiologists look for IMI" in named.layout.annotations[0].text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gain", [5, 10, 20])
def test_a_sheet_that_has_more_to_show_is_as_wide_as_its_window(layout, gain):
    """Leads would be out of view, to be dragged for, beside an empty third of the screen."""
    sheet = Sheet(layout, 50, gain).for_screen()
    assert sheet.view_mm == pytest.approx(min(sheet.width_mm, max(VIEW_MM, 1.9 * sheet.usual_height_mm)))
    usual = replace(sheet, speed_mm_s=25)
    assert usual.view_mm == usual.width_mm
