"""How tall a millivolt is drawn: alike in all leads, or the chest leads at a gain of their own, as devices print them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imle.errors import BadChoice
from imle.leads import CHEST_LEADS, LEADS


@dataclass(frozen=True)
class Gain:
    """mm of paper a millivolt, of the limb leads and of the chest leads V1 to V6. BadChoice where one is not positive."""

    limb_mm_mv: float
    chest_mm_mv: float

    def __post_init__(self):
        if not (self.limb_mm_mv > 0 and self.chest_mm_mv > 0):
            raise BadChoice(f"a gain of {self} cannot be drawn; it must be above 0")

    @classmethod
    def of(cls, gain_mm_mv: float | tuple[float, float]) -> Gain:
        """From one number for all leads, or from that of the limb leads and that of the chest leads."""
        return cls(*gain_mm_mv) if isinstance(gain_mm_mv, tuple) else cls(gain_mm_mv, gain_mm_mv)

    def __str__(self) -> str:
        """`10 mm/mV`, or `10 mm/mV (chest 5 mm/mV)`."""
        chest = "" if self.is_one else f" (chest {self.chest_mm_mv:g} mm/mV)"
        return f"{self.limb_mm_mv:g} mm/mV{chest}"

    @property
    def is_one(self) -> bool:
        """Whether all leads have the same."""
        return self.limb_mm_mv == self.chest_mm_mv

    @property
    def highest_mm_mv(self) -> float:
        return max(self.limb_mm_mv, self.chest_mm_mv)

    def in_lead(self, lead: str) -> float:
        """mm a millivolt."""
        return self.chest_mm_mv if lead in CHEST_LEADS else self.limb_mm_mv

    def by_lead(self) -> np.ndarray:
        """(12, 1) mm a millivolt."""
        return np.array([[self.in_lead(lead)] for lead in LEADS])
