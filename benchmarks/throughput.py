"""Records a second, predicting and training, beside the layout that the authors published, in one run.

    python benchmarks/throughput.py [--rounds 5] [--batch 32]

The contestants take turns, round after round, so that a busy moment of a shared machine falls on all of them; a
row gives the best round of each and the ratio to the published layout. Answers are compared too: a layout that
computed something else would be no layout.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from published_layout import published_imle_net, with_weights_of

from imle.inference import ENGINES, load_model, model_folder
from imle.model_folder import load_keras
from imle.training.loop import compiled_trainer
from imle.training.recipe import Recipe, dtype_policy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--model", default="imle_net", help="a shipped model or a model folder")
    args = parser.parse_args()
    print(f"{os.cpu_count()} processors, batch {args.batch}, best of {args.rounds} rounds, records a second\n")
    predicting(args)
    training(args)


def predicting(args) -> None:
    predictors = {engine: load_model(args.model, engine) for engine in ENGINES}
    card = predictors["exact"].card
    signals_mv = np.random.default_rng(0).normal(0, card.sd_mv, (args.batch, 12, 1000)).astype(np.float32)
    published = with_weights_of(load_keras(model_folder(args.model)))
    standardised = card.scale.standardise(signals_mv)

    def run_published():
        return published.predict_on_batch(standardised)["logits"]

    contestants = {"published layout, TensorFlow float32": run_published}
    contestants |= {f"imle_net, {ENGINES[e]}": lambda p=p: p.predict(signals_mv) for e, p in predictors.items()}
    reference = 1 / (1 + np.exp(-run_published()))
    notes = {
        name: f"largest change in a probability {np.abs(run() - reference).max():.0e}"
        for name, run in list(contestants.items())[1:]
    }
    table("Predicting", contestants, args.batch, args.rounds, notes)
    one = {f"imle_net, {ENGINES[e]}": lambda p=p: p.predict(signals_mv[:1]) for e, p in predictors.items()}
    seconds = best_seconds(one, args.rounds)
    print("One record: " + ", ".join(f"{1e3 * s:.1f} ms ({name[10:]})" for name, s in seconds.items()) + "\n")


def training(args) -> None:
    rng = np.random.default_rng(0)
    signals = rng.standard_normal((args.batch, 12, 1000), np.float32)
    targets = (rng.random((args.batch, 5)) > 0.5).astype(np.float32)
    recipes = {"bfloat16": Recipe(precision="bfloat16"), "float32": Recipe(precision="float32")}
    trainers = {"published layout, float32": _plain_trainer(published_imle_net())}
    for precision, recipe in recipes.items():
        _, trainer = compiled_trainer("imle_net", {}, recipe, dtype_policy(precision))
        trainers[f"imle_net, {precision}"] = trainer
    table(
        "Training",
        {name: lambda t=t: t.train_on_batch(signals, targets) for name, t in trainers.items()},
        args.batch,
        args.rounds,
        {},
    )


def table(title: str, contestants: dict[str, Callable], records: int, rounds: int, notes: dict[str, str]) -> None:
    """Print a row a contestant; the first is what the others are measured against."""
    seconds = best_seconds(contestants, rounds)
    slowest = next(iter(seconds.values()))
    print(title)
    for name, best in seconds.items():
        print(f"  {name:42} {records / best:7.1f}   x {slowest / best:5.1f}   {notes.get(name, '')}".rstrip())
    print()


def best_seconds(contestants: dict[str, Callable], rounds: int) -> dict[str, float]:
    """The shortest time of each over the rounds, in which they take turns; two calls before that to warm up."""
    for run in contestants.values():
        run()
        run()
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(rounds):
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def _plain_trainer(model: keras.Model) -> keras.Model:
    trainer = keras.Model(model.input, model.output["logits"])
    trainer.compile(keras.optimizers.Adam(), keras.losses.BinaryCrossentropy(from_logits=True))
    return trainer


if __name__ == "__main__":
    main()
