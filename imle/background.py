"""A process that outlives who starts it and is known by a lock.

The starter takes the lock of a file and hands the open file over as the new process's standard input, so that the lock is
held from before the start until the end, whatever that end is.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# The pages that people look at meanwhile come first.
NICENESS = 10
# How a log's lines of progress begin, which are not what the process says in the end.
PROGRESS_SIGN = "... "


def launch(
    command: Sequence[str], lock: IO, log: IO, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.Popen:
    """Start `command`, which holds the open, locked file `lock` to its end and prints into `log`."""
    return subprocess.Popen(command, stdin=lock, stdout=log, stderr=log, start_new_session=True, cwd=cwd, env=env)


def last_word(log: Path) -> str | None:
    """The last line of a `log` that tells no progress, without the command's name; "" where it says nothing, None where
    it cannot be read."""
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return None
    said = [line for line in lines if line.strip() and not line.startswith(PROGRESS_SIGN)]
    return said[-1].strip().removeprefix("imle: ") if said else ""


def give_way(process: subprocess.Popen) -> None:
    """Have the process take of the processor what others leave."""
    # Nobody but root may ask for more of the processor than the starter itself has.
    os.setpriority(os.PRIO_PROCESS, process.pid, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
