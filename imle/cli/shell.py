"""What every command of the shell shares: options, one sentence and status 2 for bad input, and bars on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imle.background import PROGRESS_SIGN
from imle.errors import FULL_DISK, Refusal

DEFAULT_DATA = Path("data/ptbxl")

# Options that several commands take.
DataDir = Annotated[Path, typer.Option(help="A folder in PTB-XL's layout.")]
ModelName = Annotated[str, typer.Option("--model", help="A shipped model, or a model folder.")]
Engine = Annotated[str | None, typer.Option(help="fast, exact, int8 or keras; by default what suits the processor.")]

# Work that takes less than so long says no line of progress where a bar cannot be drawn.
QUIET_S = 5.0

err = Console(stderr=True)


@contextmanager
def refusals() -> Iterator[None]:
    """Show a Refusal, or a file that the system does not give, as one sentence and exit with status 2."""
    try:
        yield
    except Refusal as error:
        complain(error)
        raise typer.Exit(2) from None
    except OSError as error:
        if error.filename is None and error.errno not in FULL_DISK:
            raise
        complain(
            f"{error.filename or 'a file'} cannot be read or written ({error.strerror.lower()}); choose another place"
        )
        raise typer.Exit(2) from None


def complain(what) -> None:
    """One sentence on stderr, unwrapped so that it can be searched and copied; a fact to give is named as its option."""
    if facts := getattr(what, "facts", ()):
        what = what.called(what.path, [f"--{fact.replace('_', '-')}" for fact in facts])
    print(f"imle: {what}", file=sys.stderr, flush=True)


@contextmanager
def bar(title: str, *columns) -> Iterator[Progress | Lines]:
    """A progress bar on stderr; where that is no terminal, a plain line now and then."""
    if not err.is_terminal:
        yield Lines(title)
        return
    parts = (TextColumn(title), BarColumn(), *columns, TimeRemainingColumn())
    with Progress(*parts, console=err, transient=True) as progress:
        yield progress


class Lines:
    """Told of work as rich's Progress is; says a line each tenth of it, and none within QUIET_S of the last."""

    def __init__(self, title: str):
        self.title = title
        self.part, self.tenth, self.said_at = None, 0, time.monotonic()

    def add_task(self, description: str, **fields) -> int:
        return 0

    def update(self, task: int, completed: int, total: int | None, what: str = "", note: str = "") -> None:
        if self.part != (what, total):
            self.part, self.tenth = (what, total), 0
        tenth, now = 10 * completed // total if total else 0, time.monotonic()
        if tenth > self.tenth and now - self.said_at >= QUIET_S:
            self.tenth, self.said_at = tenth, now
            so_far = f"{self.title or what}: {completed:,} of {total:,}  {note}".rstrip()
            print(f"{PROGRESS_SIGN}{so_far}", file=sys.stderr, flush=True)


@contextmanager
def training_bar(model: str, epochs: int) -> Iterator[Callable]:
    """A bar over all steps of a run; gives the function that moves it."""
    with bar(f"training {model}", TextColumn("{task.fields[note]}")) as progress:
        task = progress.add_task("steps", total=None, note="")

        def on_step(now) -> None:
            note = f"epoch {now.epoch + 1}/{epochs}  loss {now.loss:.4f}  {now.records_per_s:.0f} records/s"
            progress.update(task, completed=now.epoch * now.steps + now.step, total=epochs * now.steps, note=note)

        yield on_step


@contextmanager
def telling_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for work in several parts; gives the function that is told (what, done, total)."""
    with bar("", TextColumn("{task.fields[what]}"), MofNCompleteColumn()) as progress:
        task = progress.add_task("parts", total=None, what="")

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, what=what, completed=done, total=total)

        yield tell


def open_with_store(data):
    """`data` with its waveform store built, under a progress bar where that takes a while."""
    with bar("building the waveform store", MofNCompleteColumn()) as progress:
        task = progress.add_task("records", total=None)
        data.build_store(lambda done, total: progress.update(task, completed=done, total=total))
    return data
