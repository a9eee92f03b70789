"""Which sheet stands on A4 at its true size: the one asked for, or the nearest to it that does."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from imle.ecg import Ecg
from imle.figures.gain import Gain
from imle.figures.geometry import USUAL_GAIN_MM_MV, USUAL_SPEED_MM_S, Sheet, centred_mv

ROOM_MM = (270, 145)
USUAL_LAYOUT = "3x4+II"
# The limb leads keep their gain as long as they can: it is the chest leads that are tall.
LOWER_GAINS_MM_MV = (10, (10, 5), 5)


def on_paper(asked: Sheet, ecg: Ecg, taken_mm: float = 0) -> tuple[Sheet, str]:
    """The sheet at true size on A4, and a sentence that says how it differs from `asked`, empty where it does not.

    taken_mm: of the height, what else must stand on the page beside its usual parts.

    Where the sheet asked for is too large, the layout gives way first, then the gain (as an electrocardiograph halves
    it for tall waves), then the speed. A record whose waves are too tall for all of them, as with a loose electrode,
    keeps the usual gain or less, and its waves are cut at the edge of the paper.
    """
    layouts = dict.fromkeys((asked.layout, USUAL_LAYOUT))
    gains = [asked.gain_mm_mv, *(gain for gain in LOWER_GAINS_MM_MV if is_lower(Gain.of(gain), asked.gain))]
    speeds = dict.fromkeys((asked.speed_mm_s, min(asked.speed_mm_s, USUAL_SPEED_MM_S)))
    for speed, gain, layout in product(speeds, gains, layouts):
        sheet = Sheet(layout, speed, gain).with_room_for(ecg)
        if fits(sheet, taken_mm) and not sheet.cut_leads(centred_mv(ecg)):
            break
    else:
        gain = USUAL_GAIN_MM_MV if is_lower(Gain.of(USUAL_GAIN_MM_MV), asked.gain) else asked.gain_mm_mv
        usual = Sheet(USUAL_LAYOUT, min(speeds), gain).with_room_for(ecg)
        sheet = with_room_on_paper(usual, taken_mm)
    return sheet, difference(asked, sheet, " with the warnings under it" if taken_mm else "")


def is_lower(gain: Gain, asked: Gain) -> bool:
    """Whether some leads are drawn smaller than asked for, and none larger."""
    return gain != asked and gain.limb_mm_mv <= asked.limb_mm_mv and gain.chest_mm_mv <= asked.chest_mm_mv


def fits(sheet: Sheet, taken_mm: float = 0) -> bool:
    return sheet.width_mm <= ROOM_MM[0] and sheet.height_mm <= ROOM_MM[1] - taken_mm


def with_room_on_paper(sheet: Sheet, taken_mm: float = 0) -> Sheet:
    """The sheet with less headroom and footroom, in 5 mm steps and evenly, until it fits."""
    least = Sheet(sheet.layout)
    while not fits(sheet, taken_mm):
        above, below = sheet.headroom_mm - least.headroom_mm, sheet.footroom_mm - least.footroom_mm
        if above <= 0 and below <= 0:
            break
        sheet = replace(
            sheet,
            headroom_mm=sheet.headroom_mm - 5 * (above >= below),
            footroom_mm=sheet.footroom_mm - 5 * (above < below),
        )
    return sheet


def difference(asked: Sheet, drawn: Sheet, beside: str = "") -> str:
    """`6x2 at 50 mm/s and 10 mm/mV does not fit A4 at true scale; drawn at 25 mm/s.` beside: what else is on the page."""
    changes = [
        words
        for before, after, words in (
            (asked.layout, drawn.layout, f"in {drawn.layout}"),
            (asked.speed_mm_s, drawn.speed_mm_s, f"at {drawn.speed_mm_s:g} mm/s"),
            (asked.gain, drawn.gain, f"at {drawn.gain}"),
        )
        if before != after
    ]
    if not changes:
        return ""
    wanted = f"{asked.layout} at {asked.speed_mm_s:g} mm/s and {asked.gain}"
    return f"{wanted} does not fit A4 at true scale{beside}; drawn {' and '.join(changes)}."
