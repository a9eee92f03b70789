"""One palette for light and dark, the fonts, and the one colour scale of every heatmap."""

from __future__ import annotations

from dataclasses import dataclass

FONT = '"Source Sans", "Source Sans 3", system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif'
FONT_SIZE = {"lead": 13, "text": 13, "small": 11, "number": 10}

# cmocean "ice" (Thyng et al. 2016, doi:10.5670/oceanog.2016.66): perceptually uniform, lightness strictly rising, blue
# only, so that it stands apart from a rose grid and reads the same with every kind of colour vision.
ICE = (
    (3, 5, 18), (25, 25, 51), (44, 42, 87), (58, 60, 125), (62, 83, 160), (62, 109, 178),
    (72, 134, 187), (89, 159, 196), (114, 184, 205), (149, 207, 216), (192, 229, 232), (234, 252, 253),
)  # fmt: skip

# Round text, of the paper's colour: it stays readable where a line runs through it.
HALO = ", ".join(f"{x}px {y}px 1px {{0}}" for x in (-1, 1) for y in (-1, 1))

# A heatmap begins at the end of the map that is nearest the paper and stops while a trace over it keeps 3:1.
SECTION = {"light": (1.0, 0.43), "dark": (0.1, 0.56)}
# Below this share of the maximum a band fades into the paper, so that the grid stays clean where there is nothing.
FADE_BELOW = 0.12


@dataclass(frozen=True)
class Theme:
    """Colours as #rrggbb. `muted` is for secondary text (4.5:1 on paper); `labels` by superclass, 3:1 on paper.

    series: for lines of several models in one picture, 3:1 on paper and apart (CIE 1976 difference 18 and more) with
    every kind of colour vision.
    """

    name: str
    paper: str
    grid_minor: str
    grid_major: str
    trace: str
    ink: str
    muted: str
    rule: str
    accent: str
    quiet: str
    track: str
    caliper: str
    labels: dict[str, str]
    series: tuple[str, ...]


LIGHT = Theme(
    name="light",
    paper="#fffdfc",
    grid_minor="#f8e4e2",
    grid_major="#ecc3bf",
    trace="#0b0c0e",
    ink="#1c2026",
    muted="#5a6370",
    rule="#d5d9de",
    accent="#1f5fa8",
    quiet="#8b94a0",
    track="#eceef1",
    caliper="#a8146f",
    labels={"CD": "#7a4fa3", "HYP": "#b35a00", "MI": "#b0243c", "NORM": "#2a6f97", "STTC": "#5f6b1d"},
    series=("#1f5fa8", "#c2500a", "#912f56", "#3f93c9", "#1c2026", "#5a3e1b", "#7d8794"),
)

DARK = Theme(
    name="dark",
    paper="#12151a",
    grid_minor="#20252c",
    grid_major="#363d47",
    trace="#f4f6f8",
    ink="#e7eaee",
    muted="#9ba5b2",
    rule="#39414c",
    accent="#6fabf2",
    quiet="#7d8794",
    track="#262c34",
    caliper="#ff8ad0",
    labels={"CD": "#c3a0ea", "HYP": "#f0a860", "MI": "#f2899a", "NORM": "#7cc0e8", "STTC": "#c3cf6e"},
    series=("#6fabf2", "#f08a4b", "#f0e442", "#a5d4f5", "#e7eaee", "#7d6bd9", "#9ba5b2"),
)


def theme_of(dark: bool) -> Theme:
    return DARK if dark else LIGHT


def band_colours(theme: Theme, n: int, opacity: float = 1) -> list[tuple[float, float, float, float]]:
    """n colours from no attention to the maximum, to lie behind a trace: red, green, blue in 0..255, alpha in 0..1."""
    first, last = SECTION[theme.name]
    return [
        (*ice(first + (last - first) * share), opacity * min(1.0, share / FADE_BELOW))
        for share in (i / (n - 1) for i in range(n))
    ]


def rgb(colour: str) -> tuple[int, int, int]:
    """Of #rrggbb, each 0..255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def ice(place: float) -> tuple[float, float, float]:
    """The colour at `place` in 0..1 of the map, linear between its stops."""
    left = min(int(place * (len(ICE) - 1)), len(ICE) - 2)
    share = place * (len(ICE) - 1) - left
    return tuple(a + (b - a) * share for a, b in zip(ICE[left], ICE[left + 1], strict=True))


def css(colour: tuple[float, float, float, float]) -> str:
    red, green, blue, alpha = colour
    return f"rgba({red:.0f},{green:.0f},{blue:.0f},{alpha:.3g})"


def colorscale(colours: list[tuple[float, float, float, float]], steps: bool = False) -> list[list]:
    """The colours evenly from 0 to 1, as Plotly takes them: blended, or as so many steps."""
    if not steps:
        return [[i / (len(colours) - 1), css(colour)] for i, colour in enumerate(colours)]
    n = len(colours)
    return [[edge / n, css(colour)] for i, colour in enumerate(colours) for edge in (i, i + 1)]


def hover_label(theme: Theme) -> dict:
    """How Plotly draws the box under the pointer."""
    return {"bgcolor": theme.paper, "bordercolor": theme.rule, "font": {"family": FONT, "color": theme.ink}}
