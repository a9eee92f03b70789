"""The heart as tables to read and change: the lobes of its dipole, the leads that see it, and the findings.

The heart's electrical vector over one beat is a sum of Gaussian lobes (McSharry 2003, doi:10.1109/TBME.2003.808805;
Sameni 2007, doi:10.1155/2007/43407). Lobe times, widths and vectors were set by eye beside the median beats of the
PTB-XL records that carry one diagnostic code, so that shapes and voltages are those of real patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from imle.leads import LEADS


@dataclass(frozen=True)
class Lobe:
    """One Gaussian of the heart vector.

    wave: P, QRS, ST or T. at_ms: its peak after the onset of the QRS complex. width_ms: standard deviation.
    vector_mv: (left, down, front) in mV, the patient's own left.
    """

    wave: str
    at_ms: float
    width_ms: float
    vector_mv: tuple[float, float, float]


@dataclass(frozen=True)
class Finding:
    """What a diagnosis changes in the normal heart, and where a cardiologist looks for it.

    code, superclass: the SCP statement and its PTB-XL superclass. leads, segments: where the finding shows.
    criterion: what the clean signal fulfils, in words. report: how a report names it.
    lobes: the lobes that replace those of the same name in `NORMAL`, or are added to them.
    """

    code: str
    superclass: str
    report: str
    leads: tuple[str, ...]
    segments: tuple[str, ...]
    criterion: str
    lobes: Mapping[str, Lobe]


# What each lead sees of (left, down, front): Dower's matrix for the Frank leads (Dower 1980,
# doi:10.1002/clc.1980.3.2.87), the third column with its sign turned, as Frank's Z points to the back.
DOWER = MappingProxyType(
    {
        "I": (0.632, -0.235, -0.059),
        "II": (0.235, 1.066, 0.132),
        "V1": (-0.515, 0.157, 0.917),
        "V2": (0.044, 0.164, 1.387),
        "V3": (0.882, 0.098, 1.277),
        "V4": (1.213, 0.127, 0.601),
        "V5": (1.125, 0.127, 0.086),
        "V6": (0.831, 0.076, -0.230),
    }
)


def with_limb_leads(seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows for I, II and V1-V6 -> 12 rows in the order of LEADS; III and aVR, aVL, aVF by Einthoven and Goldberger."""
    rows = {lead: np.asarray(row, float) for lead, row in seen.items()}
    one, two = rows["I"], rows["II"]
    rows |= {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    return np.stack([rows[lead] for lead in LEADS])


LEAD_VECTORS = with_limb_leads(DOWER)

NORMAL: Mapping[str, Lobe] = MappingProxyType(
    {
        "right atrium": Lobe("P", -118, 17, (0.025, 0.065, 0.045)),
        "left atrium": Lobe("P", -92, 18, (0.055, 0.065, -0.030)),
        "septum": Lobe("QRS", 23, 8.5, (-0.14, -0.05, 0.21)),
        "apex": Lobe("QRS", 36, 9.0, (0.75, 0.28, 0.13)),
        "free wall": Lobe("QRS", 45, 8.5, (0.65, 0.36, -0.13)),
        "base": Lobe("QRS", 55, 11.5, (-0.24, -0.01, -0.66)),
        "plateau": Lobe("ST", 140, 48, (-0.01, -0.01, 0.05)),
        "early recovery": Lobe("T", 258, 44, (0.08, 0.01, 0.14)),
        "late recovery": Lobe("T", 302, 33, (0.20, 0.12, 0.06)),
    }
)

# fmt: off
FINDINGS: Mapping[str, Finding] = MappingProxyType(
    {
        "normal": Finding("NORM", "NORM", "normal ECG", LEADS, ("P", "PQ", "QRS", "ST", "T"),
            "PR 120-200 ms, QRS under 110 ms, R grows from V1 to V4, T upright in I, II, V3-V6", {}),
        "inferior infarction": Finding("IMI", "MI", "old inferior myocardial infarction",
            ("II", "III", "aVF"), ("QRS", "ST", "T"),
            "Q of 30 ms or more and 0.1 mV deep, and inverted T, in II, III and aVF", {
                "septum": Lobe("QRS", 23, 8.5, (-0.14, -0.34, 0.21)),
                "apex": Lobe("QRS", 36, 9.0, (0.75, -0.36, 0.13)),
                "free wall": Lobe("QRS", 45, 8.5, (0.65, 0.02, -0.13)),
                "base": Lobe("QRS", 55, 11.5, (-0.24, 0.26, -0.66)),
                "plateau": Lobe("ST", 140, 48, (-0.02, 0.03, 0.05)),
                "early recovery": Lobe("T", 258, 44, (0.07, -0.06, 0.14)),
                "late recovery": Lobe("T", 304, 33, (0.15, -0.15, 0.06)),
            }),
        "anteroseptal infarction": Finding("ASMI", "MI", "old anteroseptal myocardial infarction",
            ("V1", "V2", "V3", "V4"), ("QRS", "ST", "T"),
            "QS in V1-V3, R in V4 smaller than normal, ST raised 0.1 mV in V2-V3, T inverted in V2-V3", {
                "septum": Lobe("QRS", 23, 9.0, (0.02, 0.00, -0.30)),
                "apex": Lobe("QRS", 36, 9.5, (0.52, 0.22, -0.50)),
                "free wall": Lobe("QRS", 45, 9.0, (0.52, 0.32, -0.42)),
                "base": Lobe("QRS", 55, 12.5, (-0.24, -0.02, -0.55)),
                "plateau": Lobe("ST", 150, 55, (-0.01, -0.01, 0.13)),
                "early recovery": Lobe("T", 250, 40, (0.00, 0.01, 0.02)),
                "late recovery": Lobe("T", 306, 34, (0.05, 0.09, -0.20)),
            }),
        "left bundle branch block": Finding("CLBBB", "CD", "complete left bundle branch block",
            ("V1", "V2", "V3", "I", "aVL", "V5", "V6"), ("QRS", "ST", "T"),
            "QRS 120 ms or more; QS or rS in V1; broad notched R, no q in I, aVL, V5, V6; ST and T against QRS", {
                "septum": Lobe("QRS", 22, 11, (0.38, 0.14, -0.45)),
                "apex": Lobe("QRS", 42, 13, (0.70, 0.26, -0.75)),
                "crossing": Lobe("QRS", 64, 17, (0.20, 0.10, -1.30)),
                "free wall": Lobe("QRS", 92, 14, (0.75, -0.06, -0.75)),
                "base": Lobe("QRS", 116, 13, (0.22, -0.06, -0.15)),
                "plateau": Lobe("ST", 200, 60, (-0.14, -0.05, 0.30)),
                "early recovery": Lobe("T", 300, 45, (-0.14, -0.08, 0.48)),
                "late recovery": Lobe("T", 340, 40, (-0.02, 0.00, 0.08)),
            }),
        "right bundle branch block": Finding("CRBBB", "CD", "complete right bundle branch block",
            ("V1", "V2", "I", "V6"), ("QRS", "ST", "T"),
            "QRS 120 ms or more; rSR' in V1-V2; S over 40 ms in I and V6; T inverted in V1", {
                "base": Lobe("QRS", 53, 9.0, (-0.10, 0.00, -0.42)),
                "right ventricle": Lobe("QRS", 95, 19, (-0.52, -0.04, 0.46)),
                "plateau": Lobe("ST", 180, 45, (0.02, 0.00, -0.05)),
                "early recovery": Lobe("T", 285, 44, (0.16, 0.04, -0.08)),
                "late recovery": Lobe("T", 320, 35, (0.14, 0.08, -0.04)),
            }),
        "left ventricular hypertrophy": Finding("LVH", "HYP", "left ventricular hypertrophy with strain",
            ("V1", "V3", "V5", "V6", "I", "aVL"), ("QRS", "ST", "T"),
            "Sokolow-Lyon SV1 + RV5 or RV6 3.5 mV or more; ST lowered and T under a tenth of R in V5-V6", {
                "septum": Lobe("QRS", 25, 11.0, (-0.22, -0.09, 0.33)),
                "apex": Lobe("QRS", 42, 12.5, (1.48, 0.40, -0.11)),
                "free wall": Lobe("QRS", 53, 11.0, (1.32, 0.33, -0.50)),
                "base": Lobe("QRS", 65, 14.0, (-0.22, 0.00, -1.15)),
                "plateau": Lobe("ST", 150, 50, (-0.08, -0.02, 0.09)),
                "early recovery": Lobe("T", 258, 44, (0.04, 0.00, 0.18)),
                "late recovery": Lobe("T", 302, 33, (0.10, 0.07, 0.08)),
            }),
        "st depression": Finding("ISCAL", "STTC", "ST depression and T inversion, ischemic, in anterolateral leads",
            ("I", "aVL", "V3", "V4", "V5", "V6"), ("ST", "T"),
            "ST lowered 0.05 mV or more in V4-V6, T inverted over 0.1 mV in V4-V6", {
                "plateau": Lobe("ST", 155, 52, (-0.15, 0.00, 0.00)),
                "early recovery": Lobe("T", 262, 42, (-0.10, 0.02, 0.03)),
                "late recovery": Lobe("T", 303, 34, (-0.14, 0.06, -0.04)),
            }),
        "left atrial enlargement": Finding("LAO/LAE", "HYP", "left atrial enlargement",
            ("II", "V1"), ("P",),
            "P 120 ms or more, notched in II; its end in V1 negative by 0.1 mV for 40 ms", {
                "right atrium": Lobe("P", -132, 17, (0.030, 0.085, 0.055)),
                "left atrium": Lobe("P", -78, 19, (0.085, 0.085, -0.130)),
            }),
        "first degree av block": Finding("1AVB", "CD", "first degree AV block",
            ("II", "V1"), ("P", "PQ"),
            "PR over 200 ms", {
                "right atrium": Lobe("P", -228, 18, (0.025, 0.070, 0.045)),
                "left atrium": Lobe("P", -200, 19, (0.060, 0.070, -0.035)),
            }),
    }
)
# fmt: on
