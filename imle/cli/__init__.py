"""The `imle` command: its commands by what they are about, a file for each, and what they share in `shell.py`."""

from __future__ import annotations

import os
import sys

import typer

from imle.cli import data, ecgs, heatmaps, jobs, models, shards, training

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets every start with a page of notices

app = typer.Typer(
    help="Read 12-lead ECGs with IMLE-Net and see where it looked. Research use only; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for part in (data, ecgs, training, models, heatmaps, shards):
    app.add_typer(part.app)
app.add_typer(jobs.app, name="jobs")


def main() -> None:
    """The console entry point; a reader that stops early (`| head`) ends the command quietly."""
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
