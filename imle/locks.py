"""Locks on files, by which processes of one machine know of each other; one is held until every process that has it is gone."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Whoever only looks whether a file is locked holds it for an instant; so long a taker waits for that.
LOOKED_AT_S = 1.0
AGAIN_S = 0.05


def take(file, patience_s: float = 0.0) -> bool:
    """Lock the open file, and say whether that went within `patience_s`."""
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(AGAIN_S)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on the file at `path`; not where there is none."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on the file at `path`, waiting for it; the file is made where there is none."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
