"""Records a second, predicting and training, beside the layout that the authors published, in one run.

    python benchmarks/throughput.py [--rounds 2] [--model imle_net]

Every contestant runs in a process of its own: what ran before in the same process was seen to halve TensorFlow's speed.
Below the tables stands what share of the processor's matrix peak the convolutions reach: their multiplications and
additions (three times as many in training as in prediction), over the time of the whole call, over what TensorFlow reaches
on one large matrix product in the same number format. The processes take turns, so that a busy moment of a shared machine falls
on all of them; a row gives a contestant's best round and the ratio to the first row. The published layout appears
twice: as its authors call it (`predict` and `fit` over an array) and batch by batch as this package calls its own.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

BATCH = 32
RECORDS = 96
REPEATS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="imle_net", help="a shipped model or a model folder")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--convolution-flop", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        print(best_seconds(CONTESTANTS[args.contestant](args.model)))
        return
    if args.convolution_flop:
        print(convolution_flop())
        return
    print(
        f"{len(os.sched_getaffinity(0))} processors, {RECORDS} records, best of {args.rounds} rounds, records a second"
    )
    timed = [name for name in CONTESTANTS if name.startswith(("predicting", "training"))]
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(args.rounds):
        for name in timed:
            best[name] = min(best[name], seconds_of(name, args.model))
    for task in ("predicting", "training"):
        rows = {name: seconds for name, seconds in best.items() if name.startswith(task)}
        first = next(iter(rows.values()))
        print()
        for name, seconds in rows.items():
            print(f"  {name:56} {RECORDS / seconds:7.1f}   x {first / seconds:4.1f}")
    print()
    flop = answer_of(["--convolution-flop"])
    for name, times in OF_PEAK.items():
        number = "bfloat16" if "bfloat16" in name else "float32"
        peak = seconds_of(f"matrix product, {number}", args.model)
        share = times * RECORDS * flop / best[name] / (PRODUCT_FLOP / peak)
        print(f"  {name:56} {share:6.0%} of {PRODUCT_FLOP / peak / 1e12:.2f} TFLOP/s ({number})")


def seconds_of(name: str, model: str) -> float:
    """The time of one contestant."""
    return answer_of(["--model", model, "--contestant", name])


def answer_of(words: list[str]) -> float:
    """The number that this file prints last in a fresh process, whose libraries' greetings are not shown."""
    call = [sys.executable, __file__, *words]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return float(done.stdout.split()[-1])


def best_seconds(run: Callable) -> float:
    """The shortest of some calls, after one to warm up."""
    run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def signals() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((RECORDS, 12, 1000), np.float32)


def targets() -> np.ndarray:
    return (np.random.default_rng(1).random((RECORDS, 5)) > 0.5).astype(np.float32)


def batches(*arrays: np.ndarray):
    for first in range(0, RECORDS, BATCH):
        yield tuple(array[first : first + BATCH] for array in arrays)


def published_predictor(call: str) -> Callable:
    def prepare(model: str) -> Callable:
        from published_layout import with_weights_of

        from imle.inference import model_folder
        from imle.model_folder import load_keras

        network, x = with_weights_of(load_keras(model_folder(model))), signals()
        if call == "predict":
            return lambda: network.predict(x, batch_size=BATCH, verbose=0)
        return lambda: [network.predict_on_batch(part) for (part,) in batches(x)]

    return prepare


def our_predictor(engine: str) -> Callable:
    def prepare(model: str) -> Callable:
        from imle.inference import load_model

        predictor, x = load_model(model, engine), signals()
        return lambda: predictor.predict(x)

    return prepare


def published_trainer(call: str) -> Callable:
    def prepare(model: str) -> Callable:
        import keras
        from published_layout import published_imle_net

        network, x, y = published_imle_net(), signals(), targets()
        trainer = keras.Model(network.input, network.output["logits"])
        trainer.compile(keras.optimizers.Adam(), keras.losses.BinaryCrossentropy(from_logits=True))
        if call == "fit":
            return lambda: trainer.fit(x, y, batch_size=BATCH, verbose=0)
        return lambda: [trainer.train_on_batch(*part) for part in batches(x, y)]

    return prepare


def our_trainer(precision: str) -> Callable:
    def prepare(model: str) -> Callable:
        from imle.training.loop import compiled_trainer
        from imle.training.recipe import Recipe, dtype_policy

        recipe, x, y = Recipe(precision=precision), signals(), targets()
        _, trainer = compiled_trainer("imle_net", {}, recipe, dtype_policy(precision))
        return lambda: [trainer.train_on_batch(*part) for part in batches(x, y)]

    return prepare


def matrix_product(number: str) -> Callable:
    def prepare(model: str) -> Callable:
        import tensorflow as tf

        size = (PRODUCT_SIZE, PRODUCT_SIZE)
        left, right = (tf.cast(tf.random.normal(size, seed=seed), number) for seed in (0, 1))
        return lambda: tf.matmul(left, right).numpy()

    return prepare


def convolution_flop() -> int:
    """Multiplications and additions of imle_net's convolutions for one record."""
    from keras import layers

    from imle import models

    network = models.build("imle_net")
    return sum(
        2 * int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))
        for layer in network.layers
        if isinstance(layer, layers.Conv2D)
    )


PRODUCT_SIZE = 4096
PRODUCT_FLOP = 2 * PRODUCT_SIZE**3
# How many times the convolutions of a forward pass: a training step also goes back, to the inputs and to the weights.
OF_PEAK = {
    "predicting: imle_net, OpenVINO bfloat16": 1,
    "predicting: imle_net, OpenVINO float32": 1,
    "training: imle_net, bfloat16": 3,
    "training: imle_net, float32": 3,
}
CONTESTANTS = {
    "matrix product, float32": matrix_product("float32"),
    "matrix product, bfloat16": matrix_product("bfloat16"),
    "predicting: published layout, float32, model.predict": published_predictor("predict"),
    "predicting: published layout, float32, batch by batch": published_predictor("predict_on_batch"),
    "predicting: imle_net, OpenVINO bfloat16": our_predictor("fast"),
    "predicting: imle_net, OpenVINO int8": our_predictor("int8"),
    "predicting: imle_net, OpenVINO float32": our_predictor("exact"),
    "predicting: imle_net, Keras float32": our_predictor("keras"),
    "training: published layout, float32, model.fit": published_trainer("fit"),
    "training: published layout, float32, batch by batch": published_trainer("train_on_batch"),
    "training: imle_net, bfloat16": our_trainer("bfloat16"),
    "training: imle_net, float32": our_trainer("float32"),
}


if __name__ == "__main__":
    main()
