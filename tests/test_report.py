"""The printed report: true scale in the rendered page, every fact in its text, nothing over anything else, nothing leaked."""

import io
import json
import re
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pypdfium2
import pytest
from made_up import made_up_ecg
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import imle
from imle.attention import Attention
from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.explain.explanation import Explanation
from imle.figures.files import write_explanation
from imle.figures.heat import Heat, attention_heat
from imle.figures.page import measured_lines
from imle.figures.report import Reading, reading_json, report_pdf, report_png, sheet_svg
from imle.figures.report.assembly import paper_of, report_page
from imle.figures.words import auc_text, date_text
from imle.labels import LABEL_TITLES, LABELS
from imle.leads import LEADS
from imle.measure import TITLES, Measured, Measurements, measure
from imle.model_folder import Card
from imle.ptbxl import PtbXl
from imle.ptbxl.catalogue import age_text

DPI = 300
PX_PER_MM = DPI / 25.4
PROBABILITIES = {"CD": 0.12, "HYP": 0.05, "MI": 0.91, "NORM": 0.02, "STTC": 0.47}
THRESHOLDS = {"CD": 0.31, "HYP": 0.17, "MI": 0.43, "NORM": 0.52, "STTC": 0.39}
VALUES = (72, 68, 75, 164, 92, 381, 417, 405, -12)
UNITS = ("bpm",) * 3 + ("ms",) * 5 + ("°",)
STATEMENTS = (("IMI", "inferior myocardial infarction", 80.0), ("SR", "sinus rhythm", 0.0))
CAUTIONS = tuple(
    f"{title} does not show what MI rests on: in 120 records with it, hiding what it names lowered the probability by 0.10 "
    "(0.06 to 0.14) less than hiding places at random. Occlusion of waves does: 0.27 more than at random."
    for title in ("Attention", "Guided Grad-CAM", "Integrated gradients")
)
CARD = Card(
    "imle_net",
    0.0,
    0.2,
    metrics={"fold10": {"macro_auc": {"value": 0.92391, "low": 0.91672, "high": 0.93131}}},
    data={"title": "PTB-XL", "train_records": 17084, "train_folds": [1, 2, 8]},
    commit="167f44daf397",
)
META = {
    "sex": "F",
    "age": 69.0,
    "recording_date": datetime(1988, 3, 1, 10, 22, 33),
    "device": "CS-12   E",
    "superclasses": ("MI", "STTC"),
    "patient_id": "geheim-15709",
    "report": "sinusrhythmus geheim",
    "comments": ["name: geheim"],
    "nurse": np.nan,
}


def pulses(height_mv: float = 1.0, fs_hz: float = 500, record: str = "4827", **meta) -> Ecg:
    """1 mV (or `height_mv`) for 0.1 s in each second of every lead, beginning at 0.4 s."""
    time_s = np.arange(round(10 * fs_hz)) / fs_hz
    signal_mv = np.where((time_s % 1 >= 0.4) & (time_s % 1 < 0.5), height_mv, 0)
    return Ecg(np.tile(signal_mv, (12, 1)), fs_hz, record, META | meta)


def explanation(ecg: Ecg) -> Explanation:
    rng = np.random.default_rng(0)
    beat, rhythm, channel = rng.random((1, 12, 20, 13)) ** 8, rng.random((1, 12, 20)), rng.random((1, 12)) ** 3
    parts = [(part / part.sum(-1, keepdims=True)).astype(np.float32) for part in (beat, rhythm, channel)]
    return Explanation(ecg.at(100), "imle_net", "OpenVINO float32", PROBABILITIES, THRESHOLDS, Attention(*parts))


def measurements(missing: dict[str, str] | None = None) -> Measurements:
    """Plausible values, those in `missing` n/a with the reason given there."""
    values = {
        key: Measured(None, unit, missing[key]) if key in (missing or {}) else Measured(value, unit)
        for key, value, unit in zip(TITLES, VALUES, UNITS, strict=True)
    }
    st_mv = {lead: Measured(0.05, "mV") for lead in LEADS}
    return Measurements(500, np.arange(1, 9) * 0.83, pd.DataFrame({"P_on": [np.nan]}), values, st_mv, None)


def without_attention(ecg: Ecg) -> Explanation:
    """Of a network that has none."""
    return replace(explanation(ecg), model="rajpurkar", attention=None)


def attributed(label: str = "STTC", method: str = "occlusion_waves") -> Heat:
    """Half of it in V2 around 2 s, half in V5 around 7 s."""
    heatmap = np.zeros((12, 1000), np.float32)
    heatmap[LEADS.index("V2"), 190:210] = heatmap[LEADS.index("V5"), 690:710] = 1 / 40
    return Heat(method, label, heatmap)


def reading(ecg: Ecg | None = None, **changes) -> Reading:
    ecg = ecg or pulses()
    level = changes.pop("level", "combined")
    whole = {"explanation": explanation(ecg), "measurements": measurements(), "card": CARD, "statements": STATEMENTS}
    whole = {"heats": (attention_heat(whole["explanation"], level),)} | whole
    return Reading(ecg, **(whole | changes))


def stressed() -> Reading:
    """All that can be long or tall at once: name, source, reasons, statements, waves."""
    why = "the end of the T wave could not be told in enough beats, since the baseline wanders in them"
    missing = {key: f"{why} ({i})" for i, key in enumerate(TITLES) if i > 2}
    statements = tuple(
        (f"IVCD{i}", "non-specific intraventricular conduction disturbance (block)", 100) for i in range(12)
    )
    source = "GE MUSE XML, Cardiology Information System of a University Hospital with a long name"
    ecg = pulses(3.4, record="exported_2024-03-04T10_22_33_" * 5, source=source, device="simulated", band="0.5–40 Hz")
    return reading(ecg, measurements=measurements(missing), statements=statements, cautions={"attention": CAUTIONS})


IDLE = "0.5–40 Hz; mains 60 Hz not applied: 100 Hz sampling ends at 50 Hz"
READINGS = {
    "usual": reading,
    "stressed": stressed,
    "not revealed": lambda: reading(explanation=None),
    "ECG alone": lambda: Reading(Ecg(pulses().signal_mv, 500)),
    "12.5 mm/s": lambda: reading(speed_mm_s=12.5),
    "50 mm/s": lambda: reading(pulses(fs_hz=100, band=IDLE), speed_mm_s=50, layout="12x1", gain_mm_mv=(10, 5)),
    "trace": lambda: reading(overlay="trace", level="beat"),
    "attribution": lambda: reading(heats=(attributed(),), layout="12x1"),
    "no attention": lambda: reading(explanation=without_attention(pulses()), heats=(attributed(),)),
    "cautions": lambda: reading(layout="6x2", cautions={"attention": CAUTIONS}),
    "nothing to show": lambda: reading(explanation=without_attention(pulses()), heats=()),
}


def text_of(pdf: bytes) -> str:
    return " ".join(pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range().split())


def picture_of(pdf: bytes) -> np.ndarray:
    """(height, width, 3) 0..255 of the page at DPI."""
    return pypdfium2.PdfDocument(pdf)[0].render(scale=DPI / 72).to_numpy()[..., 2::-1].astype(int)


def rose(picture: np.ndarray) -> np.ndarray:
    """Where the picture has the paper's grid."""
    return (picture[..., 0] > picture[..., 1] + 4) & (picture[..., 0] > 200)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the rows and columns that are mostly in the mask's densest part."""
    rows, columns = np.flatnonzero(mask.mean(1) > 0.1), np.flatnonzero(mask.mean(0) > 0.1)
    return rows[0], rows[-1], columns[0], columns[-1]


def runs(mask: np.ndarray) -> np.ndarray:
    """The middles of the stretches in which a (n,) mask is true."""
    edges = np.flatnonzero(np.diff(np.r_[0, mask.astype(int), 0]))
    return (edges[::2] + edges[1::2] - 1) / 2


def period_mm(depth: np.ndarray, shortest: float, longest: float) -> float:
    """The strongest period of a (n,) profile of pixels between two lengths in mm."""
    periods = np.linspace(shortest, longest, 401)
    place_mm = np.arange(len(depth)) / PX_PER_MM
    waves = np.exp(2j * np.pi * place_mm / periods[:, None])
    return float(periods[np.argmax(np.abs(waves @ (depth - depth.mean())))])


def pulse_mm(picture: np.ndarray) -> tuple[float, float]:
    """Height and width of the lowest row's calibration pulse, and nothing else, as found among the dark pixels."""
    _, bottom, left, _ = box_of(rose(picture))
    dark = picture.max(-1) < 110
    corner = dark[: bottom + 1, left : left + round(14.5 * PX_PER_MM)]
    rows = np.flatnonzero(corner.any(1))
    lowest = rows[np.flatnonzero(np.diff(np.r_[-9, rows]) > 1)[-1] :]
    pulse = corner[lowest[0] : lowest[-1] + 1]
    top, foot = (middle_of_dark(pulse[half].sum(1)) for half in (slice(None, 12), slice(-12, None)))
    height = len(pulse) - 12 + foot - top
    sides = runs(pulse[len(pulse) // 2])
    assert len(sides) == 2
    return height / PX_PER_MM, (sides[1] - sides[0]) / PX_PER_MM


def middle_of_dark(counts: np.ndarray) -> float:
    """The middle of the rows that hold a horizontal stroke rather than two sides of the pulse."""
    return float(runs(counts > 0.5 * counts.max())[0])


def test_page_is_one_a4_landscape():
    pdf = pypdfium2.PdfDocument(report_pdf(reading()))
    assert len(pdf) == 1
    assert [side / 72 * 25.4 for side in pdf[0].get_size()] == pytest.approx([297, 210], abs=0.05)


@pytest.mark.parametrize("layout", ["3x4+II", "3x4"])
def test_printed_grid_is_5_mm_and_sheet_270_mm(layout):
    """A page that a program scaled to its taste would make every interval and voltage wrong."""
    picture = picture_of(report_pdf(reading(layout=layout, overlay="off")))
    top, bottom, left, right = box_of(rose(picture))
    assert (right - left) / PX_PER_MM == pytest.approx(270, abs=0.2)
    for axis in (0, 1):
        depth = 255 - np.median(picture[top:bottom, left:right, 1], axis=axis)
        assert period_mm(depth, 4.6, 5.4) == pytest.approx(5, abs=0.01)
        assert period_mm(depth, 0.95, 1.05) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        (("3x4+II", 25, 10), (25, 10)),
        (("3x4+II", 25, 5), (25, 5)),
        (("3x4+II", 12.5, 10), (12.5, 10)),
        (("6x2", 25, 10), (25, 10)),
        (("12x1", 25, 10), (25, 10)),
        (("3x4+II", 50, 10), (25, 10)),
        (("3x4+II", 25, 20), (25, 20)),
    ],
)
def test_calibration_pulse_has_the_size_that_the_page_says(asked, drawn):
    """The pulse is what a reader measures against; a scale in words that differs from it is the worst a report can do."""
    layout, speed, gain = asked
    pdf = report_pdf(reading(layout=layout, speed_mm_s=speed, gain_mm_mv=gain, overlay="off"))
    assert f"{drawn[0]:g} mm/s · {drawn[1]:g} mm/mV" in text_of(pdf)
    height, width = pulse_mm(picture_of(pdf))
    assert height == pytest.approx(drawn[1], abs=0.15)
    assert width == pytest.approx(0.2 * drawn[0], abs=0.15)
    said = "does not fit A4 at true scale; drawn"
    assert (said in text_of(pdf)) == (layout == "12x1" or speed == 50)


def test_a_second_of_the_trace_is_25_mm_and_a_millivolt_10_mm():
    """The grid may be right and the trace not."""
    picture = picture_of(report_pdf(reading(overlay="off")))
    _, bottom, left, right = box_of(rose(picture))
    dark = picture.max(-1) < 110
    strip = dark[: bottom + 1, left + round(15 * PX_PER_MM) : right]
    rows = np.flatnonzero(strip.sum(1) > 10)
    lowest = rows[np.flatnonzero(np.diff(np.r_[-9, rows]) > 1)[-1] :]
    strip = strip[lowest[0] : lowest[-1] + 1]
    assert (len(strip) - 0.7 / 72 * DPI) / PX_PER_MM == pytest.approx(10, abs=0.15)
    edges = runs(strip[len(strip) // 2])
    assert len(edges) == 20
    assert np.diff(edges[::2]) / PX_PER_MM == pytest.approx(25, abs=0.1)


def test_the_printer_is_asked_for_100_percent():
    """Fit to page, the habit of print dialogues, shrinks A4 by some percent."""
    pdf = pypdfium2.PdfDocument(report_pdf(reading()))
    assert not pypdfium2.raw.FPDF_VIEWERREF_GetPrintScaling(pdf.raw)


def test_text_is_text_in_embedded_fonts():
    """Letters as outlines cannot be searched, copied, or read aloud."""
    pdf = report_pdf(reading())
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


def test_page_says_all_that_is_known():
    text = text_of(report_pdf(reading()))
    for label in LABELS:
        assert f"{LABEL_TITLES[label]} {label} {PROBABILITIES[label]:.2f} {THRESHOLDS[label]:.2f}" in text
    assert text.count("✓") == 2
    assert "ECG 4827 F 69 · 1988-03-01 10:22 · CS-12 E" in text
    assert "HR 72 bpm (68–75) PR 164 ms QRS 92 ms QT 381 ms QTc B 417 ms QTc F 405 ms axis −12°" in text
    assert "IMI 80 % inferior myocardial infarction SR sinus rhythm" in text
    assert "fold 10 macro AUC 0.924 (0.917–0.931) · trained on PTB-XL, 17,084 records, folds 1–8" in text
    for words in (
        "cardiologists",
        "combined attention, share of the record's maximum",
        "imle_net · OpenVINO float32",
        "shared by all labels",
        "Research use only; not a medical device.",
        imle.__version__,
        "25 mm/s · 10 mm/mV · filter off · 500 Hz",
        "true to scale when printed at 100 %",
    ):
        assert words in text
    assert all(lead in text.split() for lead in LEADS)
    assert "Simulated" not in text


def test_simulated_records_say_so_and_their_findings_are_planted():
    text = text_of(report_pdf(reading(pulses(device="simulated"))))
    assert "Simulated ECG, not a patient." in text
    assert "planted" in text
    assert "cardiologists" not in text


def test_what_could_not_be_measured_is_said_with_its_reason():
    missing = {
        "pr": "no P waves were found",
        "qtc_bazett": "no QT",
        "qtc_fridericia": "no QT",
        "heart_rate_min": "one beat",
    }
    text = text_of(report_pdf(reading(measurements=measurements(missing))))
    assert "HR 72 bpm PR n/a QRS 92 ms" in text
    assert "n/a: PR (no P waves were found); QTc B, QTc F (no QT)" in text


def test_a_wide_qrs_complex_is_told_beside_the_corrected_qt():
    """The reader of the paper alone would take QTc for repolarisation."""
    wide = measurements({"pr": "no P waves were found"})
    wide = replace(wide, values=wide.values | {"qrs": Measured(142, "ms")})
    (said,) = wide.remarks
    assert f"{said} n/a: PR (no P waves were found)" in text_of(report_pdf(reading(measurements=wide)))
    assert reading_json(reading(measurements=wide))["measurements"]["remarks"] == [said]
    assert said in measured_lines(wide)


def test_without_the_reveal_nothing_of_the_model_is_printed():
    """A printed page must not give away what the reader has chosen not to see yet."""
    hidden = reading(explanation=None, statements=())
    text = text_of(report_pdf(hidden))
    assert "The model's opinion was not revealed when this was printed." in text
    for words in ("imle_net", "attention", "probability", "Myocardial", "MI", "cardiologists", "AUC"):
        assert words not in text
    picture = picture_of(report_pdf(hidden))
    assert not (picture[..., 2] > picture[..., 0] + 40).any()
    said = reading_json(hidden)
    assert said["opinion"] is None
    assert "known_labels" not in json.dumps(said)
    assert b"attention" not in sheet_svg(hidden)


@pytest.mark.parametrize("revealed", [True, False])
def test_what_is_unusual_about_the_ecg_is_printed(revealed):
    """That leads were computed is not to be seen on the sheet."""
    said = "III, aVR, aVL and aVF were not recorded but computed from I and II."
    shown = reading(remarks=(said,)) if revealed else reading(remarks=(said,), explanation=None)
    assert said in text_of(report_pdf(shown))
    assert reading_json(shown)["remarks"] == [said]


@pytest.mark.parametrize("overlay", ["band", "trace"])
def test_heatmap_is_printed_in_colour_and_gone_when_off(overlay):
    def blue(kind):
        picture = picture_of(report_pdf(reading(overlay=kind, level="beat")))[::2, ::2]
        top, bottom, left, right = box_of(rose(picture))
        inside = picture[top:bottom, left:right]
        return (inside[..., 2] > inside[..., 0] + 40).mean()

    assert blue(overlay) > 0.0005
    assert blue("off") == 0


@pytest.mark.parametrize("name", READINGS)
def test_no_words_lie_over_others_or_leave_the_page(name):
    """What is overprinted or cut off cannot be read, and nobody notices before it is printed."""
    shown = READINGS[name]()
    page = report_page(shown, shown.drawn[0])
    renderer = FigureCanvasAgg(page.figure).get_renderer()
    words_on_page = [text for text in page.texts if text.get_text() and not text.get_path_effects()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in words_on_page]
    margin = 4 / 25.4 * page.figure.dpi
    for words, box in boxes:
        assert box.x0 > margin, words
        assert box.y0 > margin, words
        assert box.x1 < page.figure.bbox.width - margin, words
        assert box.y1 < page.figure.bbox.height - margin, words
    for i, (words, box) in enumerate(boxes):
        for others, other in boxes[:i]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            up = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across < 1 or up < 2, (words, others)


def test_more_statements_than_there_is_room_for_are_counted():
    text = text_of(report_pdf(stressed()))
    shown = len(re.findall(r"IVCD\d+ 100 %", text))
    assert 0 < shown < 12
    assert f"and {12 - shown} more" in text


def test_tall_waves_are_drawn_at_half_gain_and_the_page_says_so():
    """As an electrocardiograph does, rather than to cut the voltages that tell hypertrophy."""
    pdf = report_pdf(reading(pulses(4.5), overlay="off"))
    assert "3x4+II at 25 mm/s and 10 mm/mV does not fit A4 at true scale; drawn at 5 mm/mV." in text_of(pdf)
    height, width = pulse_mm(picture_of(pdf))
    assert (height, width) == (pytest.approx(5, abs=0.15), pytest.approx(5, abs=0.15))


def test_tall_chest_leads_alone_leave_the_limb_leads_as_asked_for():
    """Small limb leads at half gain hide Q waves for the sake of V3; a stair of 10 and 5 mm says which is which."""
    signal_mv = pulses().signal_mv.copy()
    signal_mv[LEADS.index("V3"), 3100:3150] = -7
    shown = reading(Ecg(signal_mv, 500, "tall", META), overlay="off")
    sheet, difference = paper_of(shown)
    assert sheet.gain_mm_mv == (10, 5) and difference.endswith("drawn at 10 mm/mV (chest 5 mm/mV).")
    assert "25 mm/s · 10 mm/mV (chest 5 mm/mV)" in text_of(report_pdf(shown))
    assert reading_json(shown)["paper"] | {"note": ""} == {
        "layout": "3x4+II", "speed_mm_s": 25, "gain_mm_mv": 10, "chest_gain_mm_mv": 5, "note": "",
    }  # fmt: skip


def test_a_loose_electrode_is_cut_at_the_edge_of_the_paper_and_named():
    signal_mv = pulses().signal_mv.copy()
    signal_mv[LEADS.index("V4"), 4200:4400] = 30
    text = text_of(report_pdf(reading(Ecg(signal_mv, 500, "loose", META))))
    assert "cut at the edge of the paper: V4" in text
    assert "25 mm/s · 10 mm/mV" in text


def test_free_text_about_a_patient_stays_out():
    """Reports, comments and patient numbers may name a person; a page that is passed on must not."""
    assert "geheim" not in text_of(report_pdf(reading()))
    assert "geheim" not in json.dumps(reading_json(reading()))
    assert b"geheim" not in sheet_svg(reading())


def test_a_name_is_printed_as_it_is():
    """A formula opened by a $ would fail the report, markup in it would break the SVG."""
    ecg = pulses(record="a$\\frac$<b>&\n\x00c")
    assert "ECG a$\\frac$<b>& c" in text_of(report_pdf(reading(ecg)))
    root = ElementTree.fromstring(sheet_svg(reading(ecg)))
    assert root.find("{*}title").text == "ECG a$\\frac$<b>& c"


def test_png_is_the_page_at_200_dpi():
    picture = Image.open(io.BytesIO(report_png(reading())))
    assert picture.size == (2338, 1653)
    assert picture.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert picture.info["Title"] == "ECG 4827"


@pytest.mark.parametrize(("layout", "speed", "width"), [("3x4+II", 25, 270), ("12x1", 25, 270), ("6x2", 50, 520)])
def test_svg_has_its_true_width_in_mm_and_every_lead_in_words(layout, speed, width):
    svg = ElementTree.fromstring(sheet_svg(reading(layout=layout, speed_mm_s=speed)))
    assert svg.get("width") == f"{width}mm"
    per_mm = float(svg.get("viewBox").split()[2]) / width
    assert float(svg.get("height").removesuffix("mm")) == pytest.approx(
        float(svg.get("viewBox").split()[3]) / per_mm, abs=0.01
    )
    words = ["".join(element.itertext()) for element in svg.findall(".//{*}text")]
    assert all(lead in words for lead in LEADS)
    assert any("Research use only; not a medical device." in word for word in words)
    assert svg.find("{*}desc").text.startswith("imle_net: MI 0.91 (above its threshold 0.43)")


def test_ten_seconds_of_a_longer_recording_are_called_that():
    """A page that is passed on would be read as the whole of a day's recording; a long device must not cut that off."""
    ecg = pulses(source_s=24 * 3600 + 185, device="an electrocardiograph of a very long name " * 9)
    assert "F 69 · 1988-03-01 10:22 · first 10 s of 24 h 3 min · an electro" in text_of(report_pdf(reading(ecg)))
    assert reading_json(reading(ecg))["record"]["source_s"] == 86585


def test_json_holds_everything_on_the_page():
    said = json.loads(json.dumps(reading_json(reading(layout="12x1", level="beat")), allow_nan=False))
    assert said["imle_version"] == imle.__version__
    assert said["record"]["number"] == "4827"
    assert said["record"] | {"number": ""} == {
        "number": "", "sex": "F", "age": "69", "date": "1988-03-01 10:22", "source": "CS-12 E", "fs_hz": 500,
        "source_s": None, "band": None,
    }  # fmt: skip
    assert said["view"] == {
        "layout": "12x1", "speed_mm_s": 25, "gain_mm_mv": 10, "chest_gain_mm_mv": 10, "overlay": "band", "opacity": 0.9,
    }  # fmt: skip
    assert said["paper"]["layout"] == "3x4+II"
    assert said["measurements"]["values"]["qt"]["value"] == 381
    assert said["statements"][0] == {"code": "IMI", "description": STATEMENTS[0][1], "likelihood": 80}
    assert said["statements"][1]["likelihood"] is None  # not given, which 0 % would not be
    assert said["remarks"] == []
    opinion = said["opinion"]
    assert opinion["probabilities"] == PROBABILITIES
    assert opinion["thresholds"] == THRESHOLDS
    assert opinion["known_labels"] == ["MI", "STTC"]
    assert sum(opinion["lead_importance"].values()) == pytest.approx(1, abs=1e-4)
    assert np.shape(opinion["attention"]["beat"]) == (12, 20, 13)
    (heatmap,) = opinion["heatmaps"]
    assert np.shape(heatmap["by_lead"]) == (12, 1000)
    assert (heatmap["method"], heatmap["level"], heatmap["label"]) == ("attention", "beat", None)
    assert opinion["card"]["commit"] == "167f44daf397"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"layout": "4x3"}, "there is no sheet layout '4x3'; choose one of"),
        ({"overlay": "glow"}, "there is no overlay 'glow'; choose one of band, trace, off"),
        ({"speed_mm_s": 0}, "a speed of 0 mm/s cannot be drawn; it must be above 0"),
        ({"opacity": 2}, "the overlay's opacity is 2; it must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_printed_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(BadChoice, match=re.escape(sentence)):
        reading(**wrong)


def test_the_cards_auc_is_given_as_far_as_it_goes():
    assert auc_text(replace(CARD, metrics={"fold9": {"macro_auc": 0.92932}})) == "fold 9 macro AUC 0.929"
    assert auc_text(replace(CARD, metrics={})) == ""


@pytest.mark.parametrize(
    ("age", "text"), [(300.0, "90+"), (69, "69"), (np.nan, ""), (None, ""), ("unknown", ""), (-1, "")]
)
def test_age_is_told_as_far_as_it_is_known(age, text):
    """PTB-XL writes 300 for everyone over 89; a printed age of 300 would be laughed at."""
    assert age_text(age) == text


@pytest.mark.parametrize(
    ("date", "text"),
    [
        (pd.Timestamp("1988-03-01 10:22:33"), "1988-03-01 10:22"),
        (pd.NaT, ""),
        (None, ""),
        ("2002-11-22 09:10:00", "2002-11-22 09:10"),
        ("2002-11-22 00:00:00", "2002-11-22"),
        ("2002-11-22", "2002-11-22"),
    ],
)
def test_date_is_told_as_far_as_it_is_known(date, text):
    assert date_text(date) == text


def test_explanation_files_hold_the_report_with_real_measurements(tmp_path):
    """The shell's `imle explain` writes what the page prints."""
    ecg = Ecg(made_up_ecg(1), 500, "made up")
    said = explanation(ecg)
    told = {"attention": ("Attention does not show what MI rests on.",), "occlusion": ("Another method's.",)}
    read = Reading(ecg, said, measure(ecg), (attention_heat(said),), card=CARD, cautions=told)
    written = write_explanation(read, tmp_path / "out")
    names = ["explanation.json", "heatmap.png", "report.pdf", "explanation.html"]
    assert [path.name for path in written] == names
    text = text_of((tmp_path / "out" / "report.pdf").read_bytes())
    assert re.search(r"HR \d+ bpm", text)
    assert "fold 10 macro AUC 0.924" in text
    page, said = written[3].read_text(), json.loads(written[0].read_text())
    assert told["attention"][0] in text and told["attention"][0] in page
    assert said["cautions"] == list(told["attention"]) and "Another method" not in text + page


def test_nothing_is_written_for_an_unknown_layout(tmp_path):
    said = explanation(pulses())
    with pytest.raises(BadChoice, match="no sheet layout"):
        write_explanation(reading(explanation=said, heats=(attention_heat(said),)), tmp_path / "out", layout="4x3")
    assert not (tmp_path / "out").exists()


def test_an_attribution_on_the_screen_is_the_one_that_is_printed():
    """A page that shows attention where its reader looked at an attribution is passed on as the reason of the answer."""
    shown = reading(heats=(attributed(),))
    text = text_of(report_pdf(shown))
    assert "occlusion of waves for STTC, share of the record's maximum" in text
    assert "Occlusion of waves for STTC: what the logit loses when" in text
    assert "combined attention" not in text
    assert "leads (share of occlusion of waves for STTC)" in text and "channel attention" not in text
    assert "occlusion of waves for STTC is highest on V2, V5" in reading_json(shown)["opinion"]["summary"]
    svg = sheet_svg(shown).decode()
    assert "occlusion of waves for STTC, share" in svg and "combined attention" not in svg
    (heatmap,) = reading_json(shown)["opinion"]["heatmaps"]
    assert (heatmap["method"], heatmap["level"], heatmap["label"]) == ("occlusion_waves", None, "STTC")
    np.testing.assert_allclose(heatmap["by_lead"], attributed().exact, rtol=1e-5)


def legend_from_top(svg: str, name: str) -> float:
    """How far down the picture the legend's title stands that begins with `name`."""
    texts = ElementTree.fromstring(svg).findall(".//{*}text")
    words = next(each for each in texts if "".join(each.itertext()).startswith(name))
    return float(words.get("y"))


def test_two_heatmaps_on_the_screen_are_both_printed_in_their_order():
    """Who compares two heatmaps and prints them would have only one in hand."""
    said = explanation(pulses())
    shown = reading(heats=(attributed(), attention_heat(said, "channel")))
    pdf = report_pdf(shown)
    pages = pypdfium2.PdfDocument(pdf)
    first, second = (" ".join(page.get_textpage().get_text_range().split()) for page in pages)
    assert "occlusion of waves for STTC, share" in first and "channel attention, share" in second
    assert [side / 72 * 25.4 for side in pages[1].get_size()] == pytest.approx([297, 210], abs=0.05)
    assert not pypdfium2.raw.FPDF_VIEWERREF_GetPrintScaling(pages.raw)
    assert Image.open(io.BytesIO(report_png(shown))).size == (2338, 2 * 1653)
    svg = sheet_svg(shown).decode()
    attribution_mm, attention_mm = (legend_from_top(svg, name) for name in ("occlusion of waves", "channel attention"))
    assert attribution_mm < attention_mm
    assert [heat["method"] for heat in reading_json(shown)["opinion"]["heatmaps"]] == ["occlusion_waves", "attention"]


def test_a_model_without_attention_is_printed_with_its_answer_and_a_word_on_that():
    """Bars of a lead importance that there is not would be believed."""
    shown = reading(explanation=without_attention(pulses()), heats=(attributed(),))
    text = text_of(report_pdf(shown))
    assert "leads (share of occlusion of waves for STTC)" in text and "channel attention" not in text
    bare = text_of(report_pdf(reading(explanation=without_attention(pulses()), heats=())))
    assert "This network has no attention" in bare and "lead importance" not in bare
    assert "Myocardial infarction MI 0.91" in bare
    opinion = json.loads(json.dumps(reading_json(shown), allow_nan=False))["opinion"]
    assert opinion["attention"] is None and opinion["lead_importance"] is None
    assert [heat["method"] for heat in opinion["heatmaps"]] == ["occlusion_waves"]


def test_what_the_screen_warns_of_is_printed_too():
    """A report that leaves out that its heatmap failed its check is passed on as the reason of the answer."""
    warned = reading(cautions={"attention": CAUTIONS, "saliency": ("Of what is not shown.",)})
    text = text_of(report_pdf(warned))
    assert all(sentence in text for sentence in CAUTIONS) and "Of what is not shown" not in text
    assert reading_json(warned)["opinion"]["cautions"] == list(CAUTIONS)
    assert CAUTIONS[0] in sheet_svg(warned).decode()
    hidden = replace(warned, overlay="off")
    assert CAUTIONS[0] not in text_of(report_pdf(hidden)) and not reading_json(hidden)["opinion"]["cautions"]


def test_warnings_that_take_the_sheet_s_room_are_named_as_the_reason():
    """A report that says of a sheet which fits without them that it does not fit sends its reader looking for tall waves."""
    tall = pulses(1.9)
    assert "with the warnings under it" not in reading_json(reading(tall, layout="6x2"))["paper"]["note"]
    note = reading_json(reading(tall, layout="6x2", cautions={"attention": CAUTIONS * 2}))["paper"]["note"]
    assert "does not fit A4 at true scale with the warnings under it" in note


@pytest.mark.ptbxl
def test_real_records_fit_their_page(ptbxl_root):
    """Real names, statements and waves are less regular than made-up ones."""
    data = PtbXl(ptbxl_root)
    for ecg_id in (1, 4827, 9, 38, 21837):
        ecg = data.record(ecg_id)
        row = data.catalogue.loc[ecg_id]
        statements = tuple(
            (code, data.statements["description"].get(code, ""), row["scp_codes"][code]) for code in row["codes"]
        )
        text = text_of(report_pdf(reading(ecg, statements=statements)))
        assert f"ECG {ecg_id} " in text
        assert all(code in text for code in row["codes"])
        assert str(row["patient_id"])[:5] not in text
