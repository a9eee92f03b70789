"""The `imle` command: download, train, evaluate, predict, explain, import the authors' weights, make the demo cohort."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, TextColumn

from imle.cli_jobs import app as jobs_app
from imle.cli_shards import app as shards_app
from imle.errors import Refusal
from imle.shell import DEFAULT_DATA, DataDir, Engine, ModelName, bar, complain, refusals, telling_bar, training_bar

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets every start with a page of notices

app = typer.Typer(
    help="Read 12-lead ECGs with IMLE-Net and see where it looked. Research use only; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(jobs_app, name="jobs")
app.add_typer(shards_app)

RateHint = Annotated[float | None, typer.Option("--fs-hz", help="Samples a second, for files that do not say.")]
UnitHint = Annotated[
    str | None, typer.Option("--unit", help="mV, uV, nV, V, or raw counts as 200/mV, for files that do not say.")
]
RECIPES_OWN = "the network's recipe"
WholeSetting = Annotated[int | None, typer.Option(show_default=RECIPES_OWN)]
FractionSetting = Annotated[float | None, typer.Option(show_default=RECIPES_OWN)]
LeadsHint = Annotated[
    str | None, typer.Option("--leads", help="I,II,...: a file's signals, where its own names are others.")
]
AgeHint = Annotated[float | None, typer.Option("--age", help="Years, where the file does not say.")]
SexHint = Annotated[str | None, typer.Option("--sex", help="F or M, where the file does not say.")]


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


@app.command()
def predict(
    paths: Annotated[
        list[Path], typer.Argument(help="ECG files, record stems, or folders of them.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list instead of lines.")] = False,
    model: ModelName = "imle_net",
    engine: Engine = None,
    fs_hz: RateHint = None,
    unit: UnitHint = None,
    leads: LeadsHint = None,
):
    """Probabilities of the five superclasses, streamed record by record; files that cannot be read are named on stderr."""
    with refusals():
        from imle.inference import load_model
        from imle.streaming import expand, stream_predictions

        hints = hints_from(fs_hz, unit, leads)
        files = expand(paths)
        predictor = load_model(model, engine)
    refused, written = 0, 0
    for answer in stream_predictions(predictor, files, hints=hints):
        if isinstance(answer, Refusal):
            refused += 1
            complain(answer)
            continue
        print(as_list_item(answer, written) if as_json else as_line(answer), flush=True)
        for remark in () if as_json else answer.get("remarks", ()):
            complain(f"{answer['path']}: {remark}")
        written += 1
    if as_json:
        print("]" if written else "[]")
    if refused:
        raise typer.Exit(2)


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
        from imle.inference import load_model
        from imle.ptbxl import PtbXl
        from imle.tasks import task as task_called

        known = read_guidelines(table or FILE)
        predictor = load_model(model, engine)
        data = open_with_store(PtbXl(data_dir, task_called(predictor.card.task)))
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


@app.command("predict-all")
def predict_all(data_dir: DataDir = DEFAULT_DATA, model: ModelName = "imle_net", engine: Engine = None):
    """Probabilities for every record of a data set, kept for the records page; stopped and run again, it goes on."""
    with refusals():
        from imle.evaluation.cohort_predictions import RESULT, predict_cohort, predictions_folder
        from imle.inference import ENGINES, default_engine, load_model, model_folder
        from imle.ptbxl import PtbXl

        data, predictor = PtbXl(data_dir), load_model(model, engine)
        usual = default_engine()
        folder = predictions_folder(data, model_folder(model), engine or usual)
        with telling_bar() as tell:
            answers = predict_cohort(predictor, data, folder, tell)
    print(f"{folder / RESULT}: {len(answers):,} records")
    if engine not in (None, usual):
        print(f"The records page shows the answers of the {ENGINES[usual]} engine, not these.")


@app.command()
def explain(
    path: Annotated[Path, typer.Argument(help="An ECG file or a record's stem.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    heatmap: Annotated[
        str | None,
        typer.Option(
            "--heatmap",
            "--level",
            help="Of the picture: beat, rhythm, channel, combined or published attention, or a method of attribution.",
            show_default="combined attention, else occlusion_waves",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Whose heatmap, where each label has its own.", show_default="the leading label")
    ] = None,
    layout: Annotated[str, typer.Option(help="The picture's layout: 12x1, 6x2, 3x4 or 3x4+II.")] = "12x1",
    model: ModelName = "imle_net",
    engine: Engine = None,
    fs_hz: RateHint = None,
    unit: UnitHint = None,
    leads: LeadsHint = None,
    age: AgeHint = None,
    sex: SexHint = None,
):
    """What the model saw in one ECG: explanation.json, heatmap.png, report.pdf, and explanation.html with every heatmap."""
    with refusals():
        from imle.explain import explain as explain_ecg
        from imle.explain.attribution import index_of
        from imle.figures.cautions import cautions
        from imle.figures.files import write_explanation
        from imle.figures.heat import attributing, heat_of, summary_with, usual_heatmap
        from imle.figures.report import Reading
        from imle.formats import read_ecg
        from imle.inference import load_model
        from imle.measure import measure
        from imle.model_folder import model_digest, same_model
        from imle.remarks import remarks

        ecg = read_ecg(path, hints_from(fs_hz, unit, leads, age, sex))
        predictor, measured = load_model(model, engine), measure(ecg)
        explanation = explain_ecg(predictor, ecg)
        if label is not None:
            index_of(predictor, label)
            explanation = explanation.about(label)
        heat = heat_of(explanation, heatmap or usual_heatmap(explanation), label, attributing(predictor, ecg))
        is_of_model = partial(same_model, digest=model_digest(predictor.folder), network=predictor.card.network)
        told = cautions(explanation, measured, [heat], is_of_model)
        reading = Reading(ecg, explanation, measured, (heat,), card=predictor.card, cautions=told, remarks=remarks(ecg))
        written = write_explanation(reading, out, layout)
    print(summary_with(explanation, heat), *reading.remarks, *measured.remarks, *reading.cautions_on(heat), sep="\n")
    for file in written:
        print(f"  {file}")


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
        from imle.inference import load_model
        from imle.ptbxl import PtbXl
        from imle.tasks import task as task_called

        check_suffix(out)
        predictor = load_model(model, engine)
        data = open_with_store(PtbXl(data_dir, task_called(predictor.card.task)))
        with telling_bar() as tell:
            rows = measure_trust(predictor, data, out, records, methods=method, parts=part, tell=tell)
    print(f"{predictor.name} ({predictor.engine}), {records} records of folds 9 and 10 of {data.title}")
    for method, own in rows[rows["group"] == EVERY].groupby("method", sort=False):
        print(f"  {method:22}" + "  ".join(f"{row.measure} {row.value:.2f}" for row in own.itertuples()))


def open_with_store(data):
    """`data` with its waveform store built, under a progress bar where that takes a while."""
    with bar("building the waveform store", MofNCompleteColumn()) as progress:
        task = progress.add_task("records", total=None)
        data.build_store(lambda done, total: progress.update(task, completed=done, total=total))
    return data


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


def hints_from(
    fs_hz: float | None, unit: str | None, leads: str | None, age: float | None = None, sex: str | None = None
):
    """What was said of files that do not say it themselves."""
    from imle.formats import Hints

    return Hints(fs_hz, unit, tuple((leads or "").replace(",", " ").split()) or None, age, sex)


def as_list_item(answer: dict, index: int) -> str:
    return ("[\n" if index == 0 else ",\n") + json.dumps(answer)


def as_line(answer: dict) -> str:
    return f"{answer['path']}  " + "  ".join(f"{label} {p:.3f}" for label, p in answer["probabilities"].items())


def main() -> None:
    """The console entry point; a reader that stops early (`| head`) ends the command quietly."""
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
