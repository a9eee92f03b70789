"""IMLE-Net workbench: 12-lead ECGs in, diagnoses and the places the model looked out.

Importing this package is quick: each name below is imported from its module when first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Ecg": "imle.ecg",
    "UnreadableEcg": "imle.ecg",
    "read_ecg": "imle.formats",
    "PtbXl": "imle.ptbxl",
    "load_model": "imle.inference",
    "LABELS": "imle.labels",
    "LEADS": "imle.leads",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'imle' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
