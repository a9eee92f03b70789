"""What a caller can say about a file that does not say it itself, and the refusal that asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imle.ecg import UnreadableEcg, check_rate
from imle.errors import BadChoice
from imle.formats.about import OLDEST_YEARS, about
from imle.formats.units import AS_COUNTS, UNITS, is_unit

SEXES = ("f", "m", "female", "male")
# What each fact is called in a sentence, in the order in which they are asked for.
FACTS = {"fs_hz": "sampling rate", "unit": "unit", "leads": "leads"}
# What to do where a fact is probably another; {} is what the caller calls it.
WAYS_OUT = {
    "unit": f"give that, or for raw counts how many make 1 mV, as {AS_COUNTS} ({{}})",
    "leads": "name each of its signals in their order ({})",
}


@dataclass(frozen=True)
class Hints:
    """Facts for a file that does not state them; what the file itself states wins.

    fs_hz: samples a second. unit: mV, uV, nV or V, or `200/mV` for raw counts of which 200 make 1 mV. leads: a name for
    each column or signal, in the file's order; they also serve a file whose own names are not those of the 12 leads.
    age: years. sex: F or M.
    Raises BadChoice for an unknown unit, an age or a sex that cannot be, InvalidEcg for a rate that cannot be read.
    """

    fs_hz: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None
    age: float | None = None
    sex: str | None = None

    def __post_init__(self):
        if self.fs_hz is not None:
            check_rate(self.fs_hz)
        if self.unit is not None and not is_unit(self.unit):
            raise BadChoice(
                f"there is no unit {self.unit[:40]!r}; choose one of {', '.join(UNITS)}, or write raw counts as {AS_COUNTS}"
            )
        if self.age is not None and not 0 <= self.age <= OLDEST_YEARS:
            raise BadChoice(f"the age is {self.age:g} years; 0 to {OLDEST_YEARS} can be given")
        if self.sex is not None and self.sex.casefold() not in SEXES:
            raise BadChoice(f"the sex is {self.sex[:40]!r}; F or M can be given")

    @property
    def person(self) -> dict:
        """Age and sex as they stand in an Ecg's meta, where they were told."""
        age = self.age
        return about(age=int(age) if age is not None and age == int(age) else age, sex=self.sex)


NO_HINTS = Hints()


class MissingFacts(UnreadableEcg):
    """A file that holds an ECG but not all it takes to read it; `facts` names what the caller must give in Hints.

    The sentence calls them by `names`, which are those of Hints unless the caller gives them otherwise.
    """

    def __init__(self, path, facts: tuple[str, ...], names: Sequence[str] = ()):
        self.facts = facts
        super().__init__(path, self._sentence(names or facts))

    def called(self, path, names: Sequence[str] = ()) -> MissingFacts:
        """The same refusal for a caller who calls the file, or the facts, otherwise."""
        return MissingFacts(path, self.facts, names)

    def _sentence(self, names: Sequence[str]) -> str:
        *others, last = [FACTS[fact] for fact in self.facts]
        named, them = (f"{', '.join(others)} or {last}", "them") if others else (last, "it")
        return f"the file does not state its {named}; give {them} ({', '.join(names)})"


class DoubtfulFact(MissingFacts):
    """A file that may be an ECG with another value of one fact, which the caller may give in Hints.

    `fault` is what is wrong without it; `facts` holds the one fact.
    """

    def __init__(self, path, fault: str, fact: str, names: Sequence[str] = ()):
        self.fault = fault
        super().__init__(path, (fact,), names)

    def called(self, path, names: Sequence[str] = ()) -> DoubtfulFact:
        return DoubtfulFact(path, self.fault, *self.facts, names)

    def _sentence(self, names: Sequence[str]) -> str:
        return f"{self.fault}; {WAYS_OUT[self.facts[0]].format(*names)}"


def ask_for(path, **facts) -> None:
    """Raise MissingFacts naming the facts that are None."""
    missing = tuple(name for name, value in facts.items() if value is None)
    if missing:
        raise MissingFacts(path, missing)
