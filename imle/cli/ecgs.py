"""`imle predict`, `predict-all`, `explain`: what a model says of ECGs, and what it saw in one."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from imle.cli.shell import DEFAULT_DATA, DataDir, Engine, ModelName, complain, refusals, telling_bar
from imle.errors import Refusal

app = typer.Typer(add_completion=False)

RateHint = Annotated[float | None, typer.Option("--fs-hz", help="Samples a second, for files that do not say.")]
UnitHint = Annotated[
    str | None, typer.Option("--unit", help="mV, uV, nV, V, or raw counts as 200/mV, for files that do not say.")
]
LeadsHint = Annotated[
    str | None, typer.Option("--leads", help="I,II,...: a file's signals, where its own names are others.")
]
AgeHint = Annotated[float | None, typer.Option("--age", help="Years, where the file does not say.")]
SexHint = Annotated[str | None, typer.Option("--sex", help="F or M, where the file does not say.")]


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
