"""How the XML readers find their way: elements by local name, whatever the namespace, and texts by path."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from imle.ecg import InvalidEcg


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    """The direct children of this local name."""
    return [child for child in element if local_name(child) == name]


def descendants(element: Element, name: str) -> Iterator[Element]:
    """Every element of this local name below, in document order."""
    return (below for below in element.iter() if local_name(below) == name)


def at(element: Element | None, *names: str) -> Element | None:
    """The first element down this path of local names, or None."""
    for name in names:
        element = next(iter(children(element, name)), None) if element is not None else None
    return element


def text(element: Element | None, *names: str) -> str:
    """The text at the end of a path, without blanks around it; empty where there is none."""
    found = at(element, *names)
    return (found.text or "").strip() if found is not None else ""


def number(written: str | None, what: str) -> float:
    """A number as files write it. InvalidEcg, naming what it should have been, where it is none."""
    try:
        return float((written or "").strip())
    except ValueError:
        raise InvalidEcg(f"the {what} is {(written or '')[:40]!r}; a number is needed") from None
