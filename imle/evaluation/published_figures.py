"""What others published for the labels of a task, read from assets/published.toml: figures to set beside our own."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

from imle.assets import ASSETS
from imle.tasks import SUPERCLASS, Task

FILE = ASSETS / "published.toml"


@dataclass(frozen=True)
class PublishedModel:
    """One published row; None for a figure that its authors did not give. All figures in 0..1."""

    title: str
    macro_auc: float | None = None
    mean_accuracy: float | None = None
    published_max_f1: float | None = None
    auc_by_label: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedGroup:
    """Rows that were published together. note: how they were obtained, in plain words. source: a DOI, or empty."""

    title: str
    note: str
    source: str
    models: tuple[PublishedModel, ...]


def read_published(task: Task = SUPERCLASS) -> tuple[PublishedGroup, ...]:
    """The groups of the table for the labels of `task`, in its own order."""
    stored = tomllib.loads(FILE.read_text())["groups" if task is SUPERCLASS else "infarctions"]
    return tuple(
        PublishedGroup(**{**group, "models": tuple(PublishedModel(**model) for model in group["models"])})
        for group in stored
    )
