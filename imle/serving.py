"""Which model the pages use unless a person chose another: one that was put to use, and those before it to go back to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from imle.errors import BadChoice
from imle.labels import LABELS
from imle.locks import locked
from imle.model_folder import CARD_FILE, read_card, write_atomically
from imle.state_folder import state_folder

FILE = "served.json"


def served() -> Path | None:
    """The folder of the model that was put to use last and is still there; None where the usual one serves."""
    return next(iter(reversed(_history())), None)


def serve(folder) -> None:
    """Put the model in `folder` to use on every page. NotAModel, or BadChoice for one of other labels than the pages show."""
    folder = Path(folder).resolve()
    labels = read_card(folder).labels
    if labels != LABELS:
        raise BadChoice(
            f"{folder.name} tells {', '.join(labels)}, and the pages show {', '.join(LABELS)}; use a model of those"
        )
    _change(lambda history: [*(one for one in history if one != folder), folder])


def withdraw(folder) -> None:
    """Use the model in `folder` no more: the one before it serves, or the usual one."""
    folder = Path(folder).resolve()
    _change(lambda history: [one for one in history if one != folder])


def before() -> Path | None:
    """The folder to which `withdraw` of the served one goes back; None for the usual model."""
    return next(iter(reversed(_history()[:-1])), None)


def _history() -> list[Path]:
    """The folders put to use and still there, the last one last."""
    try:
        stored = json.loads((state_folder() / FILE).read_text())
    except (OSError, ValueError):
        return []
    return [path for path in map(Path, stored) if (path / CARD_FILE).is_file()]


def _change(change: Callable[[list[Path]], list[Path]]) -> None:
    """Write what `change` makes of the history. One at a time: of two at once, one's choice would be lost."""
    path = state_folder() / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock")):
            write_atomically(path, json.dumps([str(one) for one in change(_history())]) + "\n")
    except OSError as error:
        raise BadChoice(
            f"{path} cannot be written ({error.strerror.lower()}); set IMLE_STATE_DIR to a folder that can be"
        ) from None
