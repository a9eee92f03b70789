"""What a report or a page says in words: the record, its measurements, the statements, and the model, as far as each is known."""

from __future__ import annotations

import datetime as dt

import pandas as pd

import imle
from imle.ecg import Ecg
from imle.explain.explanation import Explanation
from imle.measure import TITLES, Measurements, signed
from imle.model_folder import Card
from imle.ptbxl.catalogue import age_text

# The heart rate's range stands beside the heart rate.
IN_LINE = tuple(key for key in TITLES if key not in ("heart_rate_min", "heart_rate_max"))
AUC_FOLDS = (10, 9)  # the test fold, else the fold that chose the model
NOT_REVEALED = "The model's opinion was not revealed when this was printed."


def record_facts(ecg: Ecg) -> dict:
    """number, sex, age, date, source, fs_hz, source_s and band, None where unknown; no other word about a patient is
    passed on. source_s: length of the source in seconds, where that is longer than the record.
    """
    meta = ecg.meta
    return {
        "number": ecg.id or None,
        "sex": _known(meta.get("sex")),
        "age": age_text(meta.get("age")) or None,
        "date": date_text(meta.get("recording_date", meta.get("recorded"))) or None,
        "source": " ".join(str(_known(meta.get("source")) or _known(meta.get("device")) or "").split()) or None,
        "fs_hz": ecg.fs_hz,
        "source_s": ecg.meta.get("source_s"),
        "band": _known(meta.get("band")),
    }


def record_text(ecg: Ecg) -> str:
    """`F 69 · 1988-03-01 10:22 · first 10 s of 30 s · CS-12 E`, without what is unknown or need not be said.

    Rate and filter stand with the sheet's scale. The source comes last, since it may be too long for the line.
    """
    facts = record_facts(ecg)
    patient = " ".join(str(facts[key]) for key in ("sex", "age") if facts[key])
    return " · ".join(part for part in (patient, facts["date"], ecg.part_text, facts["source"]) if part)


def date_text(date) -> str:
    """Day and time to the minute, from a table's timestamp or a file's ISO text; the day alone where no time was kept."""
    if date is None or pd.isna(date):
        return ""
    day, _, time = (f"{date:%Y-%m-%d %H:%M}" if isinstance(date, dt.datetime) else str(date)[:16]).partition(" ")
    return day if time in ("", "00:00") else f"{day} {time}"


def measurement_cells(measurements: Measurements) -> list[tuple[str, str, bool]]:
    """(title, value in words, whether it could be measured), the range of the heart rate within its cell."""
    values = measurements.values
    cells = []
    for key in IN_LINE:
        words = str(values[key])
        low, high = values["heart_rate_min"].value, values["heart_rate_max"].value
        if key == "heart_rate" and None not in (low, high):
            words += f" ({low:.0f}–{high:.0f})"
        cells.append((TITLES[key], words, values[key].value is not None))
    return cells


def missing_text(measurements: Measurements) -> str:
    """Why measurements are n/a, those with one reason together: `n/a: PR (no P waves); QT, QTc B (T waves too flat)`."""
    by_reason = {}
    for key in IN_LINE:
        measured = measurements.values[key]
        if measured.value is None:
            by_reason.setdefault(measured.reason or "no reason given", []).append(TITLES[key])
    return "n/a: " + "; ".join(f"{', '.join(titles)} ({why})" for why, titles in by_reason.items()) if by_reason else ""


def st_text(measurements: Measurements) -> str:
    """`ST at J + 60 ms, mV: I −0.01, II n/a (a flat line in 9 of 11 beats), ...`; empty where no lead could be measured."""
    levels = [
        f"{lead} {signed(st.value) if st.value is not None else f'n/a ({st.reason})'}"
        for lead, st in measurements.st_mv.items()
    ]
    measured = any(st.value is not None for st in measurements.st_mv.values())
    return f"ST at J + 60 ms, mV: {', '.join(levels)}" if measured else ""


def statement_text(code: str, likelihood: float) -> str:
    """A statement with its likelihood; PTB-XL's 0 means that none was given."""
    return f"{code} {likelihood:.0f} %" if likelihood else code


def model_text(explanation: Explanation, card: Card | None) -> str:
    """`imle_net · OpenVINO float32 · fold 10 macro AUC 0.924 (0.917–0.931) · trained on PTB-XL, ...`."""
    parts = [explanation.model, explanation.engine]
    if card:
        parts += [auc_text(card), training_text(card), f"commit {card.commit}" if card.commit else ""]
    return " · ".join(part for part in parts if part)


def auc_text(card: Card) -> str:
    """The macro AUC on fold 10 with its interval, else on fold 9, as the card has them; empty where it has neither."""
    for fold in AUC_FOLDS:
        auc = card.metrics.get(f"fold{fold}", {}).get("macro_auc")
        if isinstance(auc, dict):
            return f"fold {fold} macro AUC {auc['value']:.3f} ({auc['low']:.3f}–{auc['high']:.3f})"
        if auc is not None:
            return f"fold {fold} macro AUC {auc:.3f}"
    return ""


def training_text(card: Card) -> str:
    """`trained on PTB-XL, 17,084 records, folds 1–8`, as far as the card knows."""
    data = card.data
    parts = [data.get("title", ""), f"{data['train_records']:,} records" if data.get("train_records") else ""]
    folds = data.get("train_folds")
    parts.append(f"folds {min(folds)}–{max(folds)}" if folds else "")
    said = ", ".join(part for part in parts if part)
    return f"trained on {said}" if said else ""


def software_text() -> str:
    return f"IMLE-Net workbench {imle.__version__}"


def today() -> str:
    return dt.date.today().isoformat()


def percent(share: float) -> str:
    """`38 %` of 0.38."""
    return f"{100 * share:.0f} %"


def _known(value):
    """None for what a table or a file leaves empty."""
    return None if value is None or value == "" or value != value else value
