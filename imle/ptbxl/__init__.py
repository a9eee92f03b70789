"""PTB-XL on disk: its catalogue and labels, its records, and a store that reads thousands of them at once."""

from imle.ptbxl.dataset import MissingData, PtbXl

__all__ = ["MissingData", "PtbXl"]
