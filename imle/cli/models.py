"""`imle import-weights`, `halve`, `int8`: a model folder from a published checkpoint, and its smaller and faster forms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imle.cli.shell import DEFAULT_DATA, DataDir, refusals

app = typer.Typer(add_completion=False)


@app.command("import-weights")
def import_weights(
    file: Annotated[Path, typer.Argument(help="A checkpoint that the IMLE-Net authors published.")],
    model: Annotated[str, typer.Option(help="The network it belongs to.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    data_dir: Annotated[Path | None, typer.Option(help="PTB-XL, to take mean and standard deviation from.")] = None,
):
    """Turn a published checkpoint into a model folder that every other command takes."""
    with refusals():
        from imle.inference import export_openvino
        from imle.published import import_checkpoint

        card = import_checkpoint(file, model, out, data_dir)
        export_openvino(out)
    print(f"{out}: {card.network}, mean {card.mean_mv:.4f} mV, standard deviation {card.sd_mv:.4f} mV")


@app.command()
def halve(
    folder: Annotated[Path, typer.Argument(help="A model folder.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
):
    """Write a model in half the room, its weights as float16."""
    with refusals():
        from imle.half_precision import halve as write_half

        write_half(folder, out)
    print(f"{out}: {sum(path.stat().st_size for path in out.iterdir()) / 1e6:.1f} MB")


@app.command()
def int8(
    model: Annotated[str, typer.Argument(help="A shipped model, or a model folder.")],
    data_dir: DataDir = DEFAULT_DATA,
):
    """Give a model an int8 form, with which `--engine int8` answers for cohorts in less time."""
    with refusals():
        from imle.int8 import to_int8
        from imle.ptbxl import PtbXl

        path = to_int8(model, PtbXl(data_dir))
    print(path)
