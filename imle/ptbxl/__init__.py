"""PTB-XL on disk: its catalogue and labels, its records, and a store that reads thousands of them at once."""

from imle.ptbxl.catalogue import MissingData
from imle.ptbxl.dataset import PtbXl

__all__ = ["MissingData", "PtbXl"]
