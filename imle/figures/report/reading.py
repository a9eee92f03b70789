"""`Reading`: one record as it stands on the reader's screen, which is what a report prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.explain.explanation import Explanation
from imle.figures.geometry import Sheet
from imle.figures.heat import Heat
from imle.figures.sheet import OVERLAYS
from imle.measure import Measurements
from imle.model_folder import Card


@dataclass(frozen=True)
class Reading:
    """What a report shows.

    ecg: for the eye, at its own rate, perhaps display-filtered. explanation: None while the reader has not revealed
    the model's opinion. heats: the heatmaps that are shown, a sheet for each; none where there is none to show.
    gain_mm_mv: of all leads, or a pair: of the limb leads, and of the chest leads. overlay: `band`, `trace` or `off`,
    at `opacity` in 0..1. cautions: by method, sentences on what its heatmaps do not show (see `imle.figures.cautions`).
    remarks: what is unusual about the ECG as it was read (see `imle.remarks`), which a display filter may hide. card:
    of the model that answered. statements: (code, description, likelihood in %, 0 for none given) of whoever read the
    record.
    Raises BadChoice for an unknown layout or overlay, or a speed, gain or opacity out of range.
    """

    ecg: Ecg
    explanation: Explanation | None = None
    measurements: Measurements | None = None
    heats: tuple[Heat, ...] = ()
    layout: str = "3x4+II"
    speed_mm_s: float = 25
    gain_mm_mv: float | tuple[float, float] = 10
    overlay: str = "band"
    opacity: float = 0.9
    cautions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    card: Card | None = None
    statements: tuple[tuple[str, str, float], ...] = ()

    def __post_init__(self):
        Sheet(self.layout, self.speed_mm_s, self.gain_mm_mv)
        if self.overlay not in OVERLAYS:
            raise BadChoice(f"there is no overlay {self.overlay!r}; choose one of {', '.join(OVERLAYS)}")
        if not 0 <= self.opacity <= 1:
            raise BadChoice(f"the overlay's opacity is {self.opacity:g}; it must lie between 0 and 1")

    @property
    def sheet(self) -> Sheet:
        """The sheet as asked for, with room for the record's waves; it may be larger than A4."""
        return Sheet(self.layout, self.speed_mm_s, self.gain_mm_mv).with_room_for(self.ecg)

    @property
    def drawn(self) -> tuple[Heat | None, ...]:
        """A sheet each: the heatmaps; one without any where none is shown, not revealed, or the overlay is off."""
        if self.explanation is None or self.overlay == "off":
            return (None,)
        return self.heats or (None,)

    def cautions_on(self, heat: Heat | None) -> tuple[str, ...]:
        """What stands beside this heatmap; nothing where none is shown."""
        return tuple(self.cautions.get(heat.method, ())) if heat else ()
