"""`imle guidelines`, `trust`: how a model's heatmaps agree with guidelines, and how far they can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imle.cli.shell import DEFAULT_DATA, DataDir, Engine, ModelName, open_with_store, refusals, telling_bar

app = typer.Typer(add_completion=False)


@app.command()
def guidelines(
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    data_dir: DataDir = DEFAULT_DATA,
    model: ModelName = "imle_net",
    method: Annotated[str, typer.Option(help="attention, or a method of attribution.")] = "attention",
    fold: Annotated[int, typer.Option(min=1, max=10)] = 10,
    records: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Score at most so many of each diagnosis; averages are of the whole fold.",
            show_default="all",
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="Another guideline table.", show_default="assets/guidelines.toml")
    ] = None,
    engine: Engine = None,
):
    """How a model's heatmaps agree with cardiologists' guidelines over one fold, beside chance and the average heatmap.

    Stopped and run again, it goes on.
    """
    with refusals():
        from imle.explain.agreement_summary import TITLES, summarise
        from imle.explain.guidelines import FILE, read_guidelines
        from imle.explain.score_cohort import score_cohort

        known = read_guidelines(table or FILE)
        predictor, data = model_and_data(model, engine, data_dir)
        with telling_bar() as tell:
            found = score_cohort(predictor, data, [fold], method, known, out, records, tell=tell)
    print(
        f"{predictor.name} ({predictor.engine}), {method}, fold {fold} of {data.title}; in brackets by chance, by the average heatmap"
    )
    for code, rows in summarise(found.rows).groupby("code", sort=False):
        scores = "  ".join(
            f"{TITLES[row.score].lower()} {row.value:.2f} ({row.chance:.2f}, {row.average:.2f})"
            for row in rows.itertuples()
        )
        print(f"  {code:8} n {rows['records'].iloc[0]:4}  {scores}")


@app.command()
def trust(
    out: Annotated[Path, typer.Option(help="The .json or .csv file to write.")],
    data_dir: DataDir = DEFAULT_DATA,
    model: ModelName = "imle_net",
    records: Annotated[int, typer.Option(min=1, help="Records of folds 9 and 10, of each label as many.")] = 100,
    method: Annotated[
        list[str] | None, typer.Option(help="One to measure; may be given again.", show_default="all")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="One of records, cascade, sanity, planted; may be given again.", show_default="all"),
    ] = None,
    engine: Engine = None,
):
    """How far a model's explanations can be trusted: methods by faithfulness, sanity, stability and planted truth.

    Stopped and run again, it goes on.
    """
    with refusals():
        from imle.explain.trust_table import EVERY, check_suffix
        from imle.explain.trust_table import trust as measure_trust

        check_suffix(out)
        predictor, data = model_and_data(model, engine, data_dir)
        with telling_bar() as tell:
            rows = measure_trust(predictor, data, out, records, methods=method, parts=part, tell=tell)
    print(f"{predictor.name} ({predictor.engine}), {records} records of folds 9 and 10 of {data.title}")
    for method, own in rows[rows["group"] == EVERY].groupby("method", sort=False):
        print(f"  {method:22}" + "  ".join(f"{row.measure} {row.value:.2f}" for row in own.itertuples()))


def model_and_data(model: str, engine: str | None, data_dir: Path):
    """The predictor, and the data set by the predictor's task with its store built."""
    from imle.inference import load_model
    from imle.ptbxl import PtbXl
    from imle.tasks import task

    predictor = load_model(model, engine)
    return predictor, open_with_store(PtbXl(data_dir, task(predictor.card.task)))
