"""12-lead ECGs from a moving heart dipole, with findings planted at known leads and wave segments."""

from imle.simulate.cohort import write_demo_cohort
from imle.simulate.generate import SimulatedEcg, simulate
from imle.simulate.heart import FINDINGS, Finding, Lobe
from imle.simulate.truth import Truth

__all__ = ["FINDINGS", "Finding", "Lobe", "SimulatedEcg", "Truth", "simulate", "write_demo_cohort"]
