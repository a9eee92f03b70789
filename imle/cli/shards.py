"""`imle export-shards`, `predict-shards`, `explain-shards`: Parquet in, Parquet out, for any number of records."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from imle.cli.shell import DEFAULT_DATA, DataDir, Engine, ModelName, complain, refusals, telling_bar

app = typer.Typer(add_completion=False)

ShardsIn = Annotated[Path, typer.Argument(metavar="IN", help="A folder of Parquet shards (ecg_id, signal).")]
ShardsOut = Annotated[Path, typer.Argument(help="A folder for the answers, a shard for each.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that share it.", show_default="one a machine")]


@app.command("export-shards")
def export_shards(
    out: Annotated[Path, typer.Argument(help="An empty folder for the shards.")],
    data_dir: DataDir = DEFAULT_DATA,
    records: Annotated[int, typer.Option(min=1, help="Records a shard.")] = 1000,
):
    """Write a data set as Parquet shards (ecg_id, signal), as predict-shards reads them."""
    with refusals():
        from imle.ptbxl import PtbXl
        from imle.shards.files import export_shards as export

        data = PtbXl(data_dir)
        with telling_bar() as tell:
            unreadable = export(data, out, records, tell)
    for error in unreadable:
        complain(error)
    print(f"{out}: {len(data) - len(unreadable):,} records")
    if unreadable:
        raise typer.Exit(2)


@app.command("predict-shards")
def predict_shards(
    source: ShardsIn,
    out: ShardsOut,
    model: ModelName = "imle_net",
    engine: Engine = None,
    workers: Workers = None,
):
    """Probabilities for any number of records: Parquet shards in, Parquet shards out, shared among workers by Ray.

    Run again, it goes on with the shards that are missing. With IMLE_RAY_ADDRESS it runs on that cluster.
    """
    answer_shards_of(source, out, model, engine, workers)


@app.command("explain-shards")
def explain_shards(
    source: ShardsIn,
    out: ShardsOut,
    method: Annotated[str, typer.Option(help="attention, or a method of attribution.")] = "attention",
    label: Annotated[list[str] | None, typer.Option(help="Whose; may be given again.", show_default="all")] = None,
    model: ModelName = "imle_net",
    engine: Engine = None,
    workers: Workers = None,
):
    """How much each of the 12 leads counted, for any number of records: as predict-shards, a row a record and label.

    Of attention the channel level; of an attribution each lead's share of its size. Both sum to 1 over the leads.
    """
    answer_shards_of(source, out, model, engine, workers, method, label or [])


def answer_shards_of(
    source: Path,
    out: Path,
    model: str,
    engine: str | None,
    workers: int | None,
    method: str | None = None,
    labels: Sequence[str] = (),
) -> None:
    """Answer the shards of `source` into `out`, here or on the cluster; exits with 2 where any record was refused."""
    with refusals():
        from imle.inference import model_folder
        from imle.jobs.ray_errand import is_sent_away, run_there
        from imle.shards.answers import ask
        from imle.shards.on_ray import answer_shards

        if is_sent_away():
            folder = model if model == model_folder(model).name else model_folder(model)
            named = {"--model": folder, "--engine": engine, "--workers": workers, "--method": method}
            options = [(name, str(value)) for name, value in named.items() if value is not None]
            options += [("--label", label) for label in labels]
            command = "explain-shards" if method else "predict-shards"
            raise typer.Exit(run_there([command, str(source.resolve()), str(out.resolve()), *chain(*options)]))
        refused, records = 0, 0

        def on_shard(answered) -> None:
            nonlocal refused, records
            for reason in answered.refused:
                complain(reason)
            refused, records = refused + len(answered.refused), records + answered.records

        with telling_bar() as tell:
            there = answer_shards(source, out, ask(model, engine, method, labels), workers, tell, on_shard)
    print(f"{out}: {records:,} records answered now, {refused:,} refusals; {there:,} shards were there")
    if refused:
        raise typer.Exit(2)
