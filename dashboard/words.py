"""Quantities in words, as a page tells them."""


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `1 h 55 min`, `2 d 3 h`."""
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"


def megabytes(mb: float) -> str:
    """`87 MB`, `3.1 GB`."""
    return f"{mb:.0f} MB" if mb < 1000 else f"{mb / 1000:.1f} GB"
