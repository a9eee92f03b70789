"""The one list of networks: each file of this folder registers its own, and everything else asks here."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from imle.errors import BadChoice
from imle.labels import LABELS


@dataclass(frozen=True)
class Network:
    """A registered network: how to build it, and what to call and cite it as."""

    name: str
    title: str
    source: str
    build: Callable


_NETWORKS: dict[str, Network] = {}


def register(name: str, *, title: str, source: str):
    """Enter the decorated constructor under `name`; it returns a keras.Model with a dict of outputs, `logits` among them."""

    def enter(build: Callable) -> Callable:
        _NETWORKS[name] = Network(name, title, source, build)
        return build

    return enter


def names() -> list[str]:
    """The names of all networks, sorted."""
    return sorted(_NETWORKS)


def network(name: str) -> Network:
    """The registered network called `name`; BadChoice, with the nearest name, where there is none."""
    if name not in _NETWORKS:
        near = difflib.get_close_matches(name, _NETWORKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadChoice(f"there is no network {name!r}{hint} (known: {', '.join(names())})")
    return _NETWORKS[name]


def build(name: str, *, classes: int = len(LABELS), **options):
    """A fresh keras.Model of network `name` with `classes` logits and the options of its constructor. BadChoice."""
    chosen = network(name)
    known = [option for option in inspect.signature(chosen.build).parameters if option != "classes"]
    for option in options:
        if option not in known:
            raise BadChoice(f"{name} has no option {option!r} (known: {', '.join(known)})")
    return chosen.build(classes=classes, **options)
