"""What each attention level is called in a legend, and what it means in a few words."""

LEVEL_TITLES = {
    "beat": "beat attention",
    "rhythm": "rhythm attention",
    "channel": "channel attention",
    "combined": "combined attention",
    "published": "published attention",
}

LEVEL_MEANINGS = {
    "beat": "where within each half-second window",
    "rhythm": "which half-second windows of each lead",
    "channel": "which leads",
    "combined": "beat, rhythm and channel attention multiplied: where in the whole record",
    "published": "beat times channel attention, as the authors draw it",
}


def level_title(level: str, label: str | None = None) -> str:
    """What the attention of `level` is called, with whose it is where each label has its own."""
    return f"{LEVEL_TITLES[level]} to {label}" if label else LEVEL_TITLES[level]


def legend_title(level_title: str) -> str:
    return f"{level_title}, share of the record's maximum"
