"""`imle train`, `evaluate`: a network trained, and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn

from imle.cli.shell import (
    DEFAULT_DATA,
    DataDir,
    Engine,
    ModelName,
    bar,
    complain,
    open_with_store,
    refusals,
    training_bar,
)

app = typer.Typer(add_completion=False)

RECIPES_OWN = "the network's recipe"
WholeSetting = Annotated[int | None, typer.Option(show_default=RECIPES_OWN)]
FractionSetting = Annotated[float | None, typer.Option(show_default=RECIPES_OWN)]


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="The run's folder; the best epoch's model ends in it.")],
    data_dir: DataDir = DEFAULT_DATA,
    model: Annotated[str | None, typer.Option(help="A network of the registry.", show_default="imle_net")] = None,
    epochs: WholeSetting = None,
    batch_size: WholeSetting = None,
    learning_rate: Annotated[float | None, typer.Option("--lr", show_default=RECIPES_OWN)] = None,
    weight_decay: FractionSetting = None,
    seed: WholeSetting = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.", show_default="auto")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="superclass, mi (ASMI, IMI, NORM), or mi-authors (those, split as by the authors).",
            show_default="superclass",
        ),
    ] = None,
    start: Annotated[Path | None, typer.Option("--from", help="A model of the same network to start from.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="A shipped model's name, or a folder, that teaches.", show_default="none")
    ] = None,
    ema_decay: FractionSetting = None,
    class_weighting: FractionSetting = None,
    mixup: FractionSetting = None,
    lead_dropout: FractionSetting = None,
    max_crop: FractionSetting = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of the recipe.")
    ] = None,
    network_options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Of the network's constructor: published_order=true."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run in --out, with its settings.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Also tell Weights & Biases.")] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Also tell MLflow.")] = False,
    gpus: Annotated[int | None, typer.Option(min=1, help="GPUs that share each batch.", show_default="all")] = None,
):
    """Train a network on folds 1-8, choosing the epoch on fold 9. Ctrl-C keeps the best epoch so far.

    The recipe is the network's in imle/training/recipes.toml, with the settings given here. What each setting means
    stands in imle/training/recipe.py.
    """
    with refusals():
        from imle.inference import export_openvino
        from imle.ptbxl import PtbXl
        from imle.tasks import task as task_called
        from imle.training.devices import all_gpus
        from imle.training.loop import recipe_of_run, settings_of_run
        from imle.training.loop import train as run
        from imle.training.recipe import changed, read_settings, starting_recipe

        named = {
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "seed": seed,
            "precision": precision,
            "teacher": teacher,
            "ema_decay": ema_decay,
            "class_weighting": class_weighting,
            "mixup": mixup,
            "lead_dropout": lead_dropout,
            "max_crop": max_crop,
        }
        changes = {name: value for name, value in named.items() if value is not None} | read_settings(settings or [])
        begun = settings_of_run(out) if resume else {"network": "imle_net", "task": "superclass", "start": None}
        model, task, start = model or begun["network"], task or begun["task"], start or begun["start"]
        task = task_called(task)
        recipe = changed(recipe_of_run(out), **changes) if resume else starting_recipe(model, task, **changes)
        extras = [name for name, wanted in (("wandb", wandb), ("mlflow", mlflow)) if wanted]
        data = open_with_store(PtbXl(data_dir, task))
        own_options = read_settings(network_options or []) or begun.get("options")
        how = {
            "resume": resume,
            "options": own_options,
            "start": start,
            "trackers": extras,
            "devices": all_gpus()[:gpus],
        }
        try:
            with training_bar(model, recipe.epochs) as on_step:
                card = run(data, model, recipe, out, **how, on_step=on_step, on_epoch=say_epoch)
        except KeyboardInterrupt:
            say_what_is_kept(out)
            raise typer.Exit(130) from None
        export_openvino(out)
        print(f"{out}: epoch {card.recipe['best_epoch']}, fold 9 macro AUC {card.metrics['fold9']['macro_auc']:.4f}")


@app.command()
def evaluate(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    data_dir: DataDir = DEFAULT_DATA,
    model: ModelName = "imle_net",
    fold: Annotated[int, typer.Option(min=1, max=10)] = 10,
    engine: Engine = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="First fit temperature and thresholds on fold 9 into the model's folder."),
    ] = False,
    shifts: Annotated[
        int, typer.Option(help="Average the logits over this many views of a record, shifted in time; 1 is none.")
    ] = 1,
    predictions: Annotated[
        Path | None, typer.Option(help="A Parquet file for the probabilities; it keeps those of other folds.")
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Write the model's README.md from its reports in --out's folder.")
    ] = False,
):
    """Score a model on one fold: ranking, calibration, errors and subgroups, each with a 1000-sample bootstrap interval.

    Labels and folds are those of the model's task.
    """
    with refusals():
        from imle.evaluation.scoring import score_model
        from imle.inference import model_folder

        with bar(f"fold {fold}", MofNCompleteColumn()) as progress:
            told = progress.add_task("records", total=None)
            report = score_model(
                model, data_dir, fold, out, engine=engine, calibrate=calibrate, shifts=shifts, predictions=predictions,
                card=card, tell=lambda done, n: progress.update(told, completed=done, total=n),
            )  # fmt: skip
    print(f"{report['model']} ({report['engine']}) on fold {fold} of {report['data']}, {report['records']} records")
    if calibrate:
        print(f"  temperature {report['temperature']:.4f} and the thresholds of best F1 are in {model_folder(model)}")
    if_calibrated = {"ece if calibrated": report["perfectly_calibrated"]["ece"]}
    for name, row in {**report["metrics"], **if_calibrated, **report["auc_by_label"]}.items():
        if row["value"] is not None:
            print(f"  {name:18} {row['value']:.4f}  ({row['low']:.4f} to {row['high']:.4f})")


def say_epoch(row: dict) -> None:
    """One line on an epoch that ended."""
    from imle.training.sentences import epoch_line

    print(epoch_line(row), flush=True)


def say_what_is_kept(out: Path) -> None:
    """One sentence on a run that was interrupted."""
    from imle.training.sentences import what_is_kept

    kept = what_is_kept(out)
    complain(
        f"stopped; {out} {kept}; --resume goes on"
        if kept
        else f"stopped before the first epoch ended; {out} holds no model yet"
    )
