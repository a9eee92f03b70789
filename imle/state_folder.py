"""Where the workbench keeps, between sessions, what a user has made and what takes long to compute."""

import os
from pathlib import Path


def state_folder() -> Path:
    """IMLE_STATE_DIR, else `imle` in the user's own state folder (XDG_STATE_HOME, usually ~/.local/state).

    It belongs to the user and not to the checkout, so that neither another checkout nor `git clean` loses a cohort.
    The path is absolute, as processes of other working folders get it. The folder may not be there yet; who writes into
    it makes it.
    """
    chosen = os.environ.get("IMLE_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")).absolute() / "imle"
