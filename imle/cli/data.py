"""`imle download`, `simulate`: PTB-XL as its authors publish it, and the demo cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, TextColumn

from imle.cli.shell import bar, refusals

app = typer.Typer(add_completion=False)


@app.command()
def download(
    dest: Annotated[Path, typer.Argument(help="Where PTB-XL goes.")],
    hr: Annotated[bool, typer.Option("--500hz", help="Also the 500 Hz records (2.6 GB more).")] = False,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Files fetched at once.")] = 8,
    base_url: Annotated[str | None, typer.Option(help="A mirror of the data set's folder.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Hash every file again, also those fetched before.")] = False,
):
    """Fetch PTB-XL 1.0.3 from PhysioNet, checked against its SHA-256 sums; run again, it goes on where it stopped."""
    from imle.ptbxl.download import PHYSIONET_URL
    from imle.ptbxl.download import download as fetch

    with refusals(), bar("PTB-XL", MofNCompleteColumn(), TextColumn("files  {task.fields[note]}")) as progress:
        task = progress.add_task("files", total=None, note="")

        def on_progress(done: int, total: int, n_bytes: int) -> None:
            progress.update(task, completed=done, total=total, note=f"{n_bytes / 1e6:.0f} MB")

        fetch(
            dest,
            fs_hz=(100, 500) if hr else (100,),
            base_url=base_url or PHYSIONET_URL,
            workers=workers,
            verify=verify,
            on_progress=on_progress,
        )
    print(f"PTB-XL is in {dest}")


@app.command()
def simulate(
    dest: Annotated[Path, typer.Argument(help="Where the simulated records go.")],
    seed: Annotated[
        int, typer.Option(help="Another seed, other records; the default gives the shipped cohort.")
    ] = 2021,
):
    """Write 60 simulated ECGs with known findings, in PTB-XL's layout."""
    with refusals():
        from imle.simulate import write_demo_cohort

        write_demo_cohort(dest, seed=seed)
    print(f"60 simulated records in {dest}")
