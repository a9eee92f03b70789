"""Milliseconds a record takes to read: into the waveform store, one by one, and through wfdb, in one run.

    python benchmarks/store.py [--data-dir data/ptbxl] [--rounds 3]

The store is built anew in a temporary folder; the one in use is left alone. The contestants take turns, so that a
busy moment of a shared machine falls on all of them, and each row gives its best round. All read from the page
cache after the first round: what remains is the processor's time, of which the disk would hide the most.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb

from imle import PtbXl, read_ecg
from imle.assets import DEMO_COHORT
from imle.ptbxl.catalogue import DATABASE
from imle.ptbxl.store import open_store

PTBXL = Path("data/ptbxl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=PTBXL if (PTBXL / DATABASE).is_file() else DEMO_COHORT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=500, help="records read one by one")
    args = parser.parse_args()
    data = PtbXl(args.data_dir)
    names = data.catalogue["filename_lr"].tolist()
    rng = np.random.default_rng(0)
    sample = [str(data.root / name) for name in rng.choice(names, min(args.sample, len(names)), replace=False)]
    print(f"{data.title}, {len(names)} records; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    contestants = {
        "waveform store": (len(names), lambda: build_store(data.root, names)),
        "read_ecg": (len(sample), lambda: [read_ecg(stem) for stem in sample]),
        "wfdb.rdsamp": (len(sample), lambda: [wfdb.rdsamp(stem) for stem in sample]),
    }
    print_table(contestants, args.rounds)


def build_store(root: Path, names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        open_store(root, names, folder=Path(folder))


def print_table(contestants: dict[str, tuple[int, Callable]], rounds: int) -> None:
    best = dict.fromkeys(contestants, (np.inf, np.inf))
    for _ in range(rounds):
        for name, (records, run) in contestants.items():
            best[name] = min(best[name], timed(run, records))
    slowest = best["wfdb.rdsamp"][0]
    print(f"{'':16}{'records':>9}{'ms a record':>13}{'of CPU':>9}{'times faster':>14}")
    for name, (wall_ms, cpu_ms) in best.items():
        print(f"{name:16}{contestants[name][0]:9}{wall_ms:13.4f}{cpu_ms:9.4f}{slowest / wall_ms:14.1f}")


def timed(run: Callable, records: int) -> tuple[float, float]:
    """Milliseconds a record: by the clock, and of processor time in all threads."""
    clock_s, cpu_s = time.perf_counter(), time.process_time()
    run()
    return 1e3 * (time.perf_counter() - clock_s) / records, 1e3 * (time.process_time() - cpu_s) / records


if __name__ == "__main__":
    main()
