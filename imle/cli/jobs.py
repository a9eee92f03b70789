"""`imle jobs`: training runs that go on by themselves, started, watched and put to use from a shell as on the training page."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from imle.cli.shell import DEFAULT_DATA, DataDir, refusals

app = typer.Typer(
    help="Training runs that outlive the shell; the same that the training page shows.", add_completion=False
)

FOLLOW_S = 1.0

RunName = Annotated[str, typer.Argument(metavar="RUN", help="As `imle jobs` lists it, such as imle_net-7.")]


@app.callback(invoke_without_command=True)
def listing(context: typer.Context):
    """All runs, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with refusals():
        from imle import jobs, serving

        found = jobs.jobs()
        for job in found:
            mark = "  in use" if serving.served() == job.folder.resolve() else ""
            print(f"{job.id:24} {job.state:9} {_so_far(job)}{mark}")
    if not found:
        print("no run yet; `imle jobs start` starts one", file=sys.stderr)


@app.command()
def start(
    data_dir: DataDir = DEFAULT_DATA,
    model: Annotated[str, typer.Option(help="A network of the registry.")] = "imle_net",
    task: Annotated[str, typer.Option(help="superclass, mi, or mi-authors.")] = "superclass",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the recipe.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Of the network's constructor.")
    ] = None,
    from_model: Annotated[
        Path | None, typer.Option("--from", help="A model of the same network to start from.")
    ] = None,
    runner: Annotated[str, typer.Option(help="local, or ray where IMLE_RAY_ADDRESS names a cluster.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that share each batch; more than one needs ray.")] = 1,
):
    """Start a run, or have it wait for its turn; prints its name."""
    with refusals():
        from imle import jobs
        from imle.jobs.checks import check
        from imle.training.recipe import read_settings

        order = jobs.Order(
            network=model, data_dir=str(data_dir.resolve()), task=task, settings=read_settings(settings or []),
            options=read_settings(options or []), start=str(from_model.resolve()) if from_model else None,
            runner=runner, workers=workers,
        )  # fmt: skip
        check(order)
        print(jobs.submit(order).id)


@app.command()
def stop(run: RunName):
    """End a run, keeping its best epoch."""
    with refusals():
        from imle import jobs

        jobs.stop(run)


@app.command()
def resume(run: RunName):
    """Go on with a run from its last whole epoch."""
    with refusals():
        from imle import jobs

        jobs.resume(run)


@app.command()
def log(
    run: RunName,
    lines: Annotated[int, typer.Option(min=1, help="Of its end.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", help="Until the run has ended.")] = False,
):
    """What a run printed last, and how it stands."""
    with refusals():
        from imle import jobs

        if follow:
            _print_until_ended(run, lines)
        else:
            print(jobs.log(run, lines))
        job = jobs.find(run)
        print(f"{job.id}: {job.state}  {_so_far(job)}")


@app.command("read-test-fold")
def read_test_fold(run: RunName):
    """Have a finished run answer fold 10, which is done once."""
    with refusals():
        from imle import jobs

        jobs.read_test_fold(run)


@app.command()
def delete(run: RunName):
    """Remove a run with its model."""
    with refusals():
        from imle import jobs

        jobs.delete(run)


@app.command()
def use(run: RunName):
    """Have a finished run's model serve on every page."""
    with refusals():
        from imle import jobs, serving

        job = jobs.find(run)
        if job.state is not jobs.State.FINISHED:
            raise jobs.JobRefused(f"{run} is {job.state}; a model can be used once its run is finished")
        serving.serve(job.folder)


@app.command()
def back():
    """Have the model before it serve again, or the usual one."""
    with refusals():
        from imle import serving

        if now := serving.served():
            serving.withdraw(now)
        print(before.name if (before := serving.served()) else "the usual model")


def _print_until_ended(run: str, lines: int) -> None:
    """Print the log's last `lines` lines, and each that comes until the run has ended."""
    from imle import jobs

    printed, place = jobs.log_since(run, None)
    printed = printed[-lines:]
    while True:
        for line in printed:
            print(line, flush=True)
        # Asked before the log, so that what the run says at its end is not missed.
        goes_on = jobs.find(run).state.is_active
        printed, place = jobs.log_since(run, place)
        if not goes_on and not printed:
            return
        time.sleep(FOLLOW_S if goes_on else 0)


def _so_far(job) -> str:
    """How far a run is, or what became of it."""
    from imle import jobs

    rows = jobs.metrics(job.id)
    best = max((row["fold9_macro_auc"] for row in rows), default=None)
    auc = "" if best is None else f"fold 9 macro AUC {best:.4f}  "
    if job.state is jobs.State.RUNNING and job.beat and job.beat.epochs:
        return f"{auc}epoch {job.beat.epoch} of {job.beat.epochs}, {job.beat.share:.0%}"
    return f"{auc}{job.reason}".strip()
