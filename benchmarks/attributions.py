"""Times every attribution method on one record and on eight, beside one forward pass of the same model.

    python benchmarks/attributions.py [--model imle_net] [--label MI]

Seconds a record after one call to warm up, the best of a few; the forward pass is the predictor's, on its default
engine. The aim for integrated gradients on one record is 1.5 s on two processors.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from imle import load_model
from imle.explain.attribution import attribute, methods_of
from imle.explain.gradients import precision_of_means
from imle.simulate import simulate

RECORDS = 8
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="imle_net", help="a shipped model or a model folder")
    parser.add_argument("--label", default="MI")
    args = parser.parse_args()
    predictor = load_model(args.model)
    signals_mv = np.stack([simulate("inferior infarction", seed).ecg.for_model() for seed in range(RECORDS)])
    forward_s = best_s(lambda: predictor.run(signals_mv[:1]))
    print(f"{args.model}, {args.label}, {len(os.sched_getaffinity(0))} processors, seconds a record")
    print(f"  integrated gradients and SmoothGrad in {precision_of_means(predictor)}")
    print(f"  {'':22} {'alone':>8} {'of ' + str(RECORDS):>8}   x forward pass")
    print(f"  {'forward pass':22} {forward_s:8.3f} {best_s(lambda: predictor.run(signals_mv)) / RECORDS:8.3f}")
    for method in methods_of(predictor):
        alone_s = best_s(lambda name=method: attribute(predictor, signals_mv[0], args.label, name))
        together_s = best_s(lambda name=method: attribute(predictor, signals_mv, args.label, name)) / RECORDS
        print(f"  {method:22} {alone_s:8.3f} {together_s:8.3f}   {alone_s / forward_s:8.1f}", flush=True)


def best_s(run: Callable) -> float:
    """The shortest of some calls, after one to warm up."""
    run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
