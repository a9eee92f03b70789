"""What a caller can say about a file that does not say it itself, and the refusal that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imle.ecg import UnreadableEcg, check_rate
from imle.errors import BadChoice
from imle.formats.units import UNITS, is_unit

# What each fact is called in a sentence.
FACTS = {"fs_hz": "sampling rate", "unit": "unit", "leads": "leads"}


@dataclass(frozen=True)
class Hints:
    """Facts for a file that does not state them; what the file itself states wins.

    fs_hz: samples a second. unit: mV, uV, nV or V. leads: a name for each column or signal, in the file's order.
    Raises BadChoice for an unknown unit, InvalidEcg for a rate that cannot be read.
    """

    fs_hz: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None

    def __post_init__(self):
        if self.fs_hz is not None:
            check_rate(self.fs_hz)
        if self.unit is not None and not is_unit(self.unit):
            raise BadChoice(f"there is no unit {self.unit[:40]!r}; choose one of {', '.join(UNITS)}")


NO_HINTS = Hints()


class MissingFacts(UnreadableEcg):
    """A file that holds an ECG but not all it takes to read it; `facts` names what the caller must give in Hints.

    The sentence calls them by `names`, which are those of Hints unless the caller gives them otherwise.
    """

    def __init__(self, path, facts: tuple[str, ...], names: Sequence[str] = ()):
        self.facts = facts
        *others, last = [FACTS[fact] for fact in facts]
        named, them = (f"{', '.join(others)} or {last}", "them") if others else (last, "it")
        super().__init__(path, f"the file does not state its {named}; give {them} ({', '.join(names or facts)})")


def ask_for(path, **facts) -> None:
    """Raise MissingFacts naming the facts that are None."""
    missing = tuple(name for name, value in facts.items() if value is None)
    if missing:
        raise MissingFacts(path, missing)
