"""Where the shipped weights, results and demo cohort lie."""

import os
from pathlib import Path

ASSETS = Path(os.environ.get("IMLE_ASSETS", Path(__file__).resolve().parents[1] / "assets")).absolute()
WEIGHTS = ASSETS / "weights"
DEMO_COHORT = ASSETS / "demo"
