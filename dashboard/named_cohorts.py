"""Named cohorts: filters that a user saved, in one JSON file in the state folder, shared by all sessions.

Every change reads the file anew under a lock and puts a whole new file in its place, so that two sessions that save at
once both find their cohort there. A file that cannot be understood is never written over.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

from dashboard.cohort import AGE_RANGE, ANY_PROBABILITY, SEXES, YES_NO, Filters
from dashboard.confusion_cell import read_cell
from imle.errors import BadChoice, Refusal, brief
from imle.labels import LABELS
from imle.model_folder import write_atomically
from imle.state_folder import state_folder

FILE = "cohorts.json"
LONGEST_NAME = 60


class DamagedCohorts(Refusal):
    """The file of cohorts is there but cannot be understood; the message says where it lies, and that it was left alone."""


def named_cohorts() -> dict[str, Filters]:
    """All cohorts by name, in the order of their names. DamagedCohorts where the file is no list of them."""
    path = cohorts_file()
    try:
        stored = json.loads(path.read_text())
        cohorts = {checked_name(name): _from_json(kept) for name, kept in stored["cohorts"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or brief(error)
        raise DamagedCohorts(
            f"the saved cohorts in {path} cannot be read ({reason}); the file was left as it is: mend it, or move it away"
        ) from None
    return dict(sorted(cohorts.items(), key=lambda item: item[0].casefold()))


def save_cohort(name: str, filters: Filters) -> str:
    """Keep `filters` under a new name and return the name as kept. BadChoice for a bad name or one that is taken."""
    name = checked_name(name)
    with _changing() as cohorts:
        _require_free(name, cohorts)
        cohorts[name] = filters
    return name


def replace_cohort(name: str, filters: Filters) -> None:
    """Keep other filters under a name that is there. BadChoice where it is not."""
    with _changing() as cohorts:
        _require_known(name, cohorts)
        cohorts[name] = filters


def rename_cohort(name: str, new_name: str) -> str:
    """Give a cohort another name and return it as kept. BadChoice for an unknown cohort or a bad or taken name."""
    new_name = checked_name(new_name)
    with _changing() as cohorts:
        _require_known(name, cohorts)
        filters = cohorts.pop(name)
        _require_free(new_name, cohorts)
        cohorts[new_name] = filters
    return new_name


def delete_cohort(name: str) -> None:
    """Forget a cohort. BadChoice where there is none of this name."""
    with _changing() as cohorts:
        _require_known(name, cohorts)
        del cohorts[name]


def cohorts_file() -> Path:
    """Where the cohorts are kept."""
    return state_folder() / FILE


def checked_name(name: str) -> str:
    """The name without spaces at its ends. BadChoice for an empty one, a long one, or one of more than a line."""
    name = name.strip()
    if not name:
        raise BadChoice("the cohort has no name; give it one, such as 'Inferior MI, women over 60'")
    if len(name) > LONGEST_NAME:
        raise BadChoice(f"the cohort's name has {len(name)} letters; give it {LONGEST_NAME} at most")
    if not name.isprintable():
        raise BadChoice("the cohort's name has letters that cannot be printed; give it plain ones on one line")
    return name


@contextmanager
def _changing() -> Iterator[dict[str, Filters]]:
    """The cohorts to be changed in place, held against other sessions, and written when all went well."""
    path = cohorts_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            cohorts = named_cohorts()
            yield cohorts
            stored = {"version": 1, "cohorts": {name: asdict(filters) for name, filters in cohorts.items()}}
            write_atomically(path, json.dumps(stored, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise BadChoice(
            f"{path} cannot be written ({(error.strerror or str(error)).lower()}); set IMLE_STATE_DIR to a folder that can"
        ) from None


def _require_free(name: str, cohorts: dict[str, Filters]) -> None:
    taken = next((other for other in cohorts if other.casefold() == name.casefold()), None)
    if taken is not None:
        raise BadChoice(f"there is a cohort “{taken}” already; choose another name, or open it and replace its filters")


def _require_known(name: str, cohorts: dict[str, Filters]) -> None:
    if name not in cohorts:
        raise BadChoice(f"there is no cohort “{name}” any more; choose one of the list")


def _from_json(kept: dict) -> Filters:
    """The filters as they were kept; ValueError, TypeError or KeyError for anything else."""
    known = {field.name for field in fields(Filters)}
    if unknown := kept.keys() - known:
        raise ValueError(f"unknown filter {min(unknown)!r}")
    filters = Filters(**{key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()})
    right = {
        "report": isinstance(filters.report, str),
        "superclass": set(filters.superclass) <= set(LABELS),
        "scp": all(isinstance(code, str) for code in filters.scp),
        "sex": filters.sex in (None, *SEXES),
        "age": _is_range(filters.age, AGE_RANGE, int),
        "fold": all(type(fold) is int for fold in filters.fold),
        "validated": filters.validated in (None, *YES_NO),
        "hz500": filters.hz500 in (None, *YES_NO),
        "model_label": filters.model_label in (None, *LABELS),
        "probability": _is_range(filters.probability, ANY_PROBABILITY, (int, float)),
        "cell": filters.cell is None or read_cell(filters.cell) is not None,
    }
    for key, fits in right.items():
        if not fits:
            raise ValueError(f"{key} is {getattr(filters, key)!r}")
    return filters


def _is_range(value, widest: tuple, kind) -> bool:
    low, high = value
    return isinstance(low, kind) and isinstance(high, kind) and widest[0] <= low <= high <= widest[1]
