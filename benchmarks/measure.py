"""How exact the measurements are, how often they are n/a, how well they agree with cardiologists, and their time.

    python benchmarks/measure.py [--only simulated|records] [--data-dir data/ptbxl] [--records 0] [--seeds 17]
                                 [--processes 2]

Prints the Markdown tables of docs/measurements.md. simulated: errors on simulated ECGs, whose intervals are known.
records: every record of the data set at 100 Hz (--records takes only so many), those that lie there at both 100 and
500 Hz, and the share of records that fit a cardiologist's statement.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

# One thread a process: the processes share the processors among themselves.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pandas as pd

from imle import LEADS, Ecg, PtbXl
from imle.assets import DEMO_COHORT
from imle.ecg import InvalidEcg, resample
from imle.measure import TITLES, Measurements, measure
from imle.measure.beats import FS_HZ, INDEPENDENT, align_beats, find_beats, quietly
from imle.measure.delineation import WAVE_COLUMNS, waves_beat_by_beat
from imle.ptbxl.catalogue import DATABASE
from imle.simulate import FINDINGS, SimulatedEcg, simulate

PTBXL = Path("data/ptbxl")
RATES_HZ = (100, 500)
NOISE_MV = (0, 0.02, 0.05)
FIRST_SEED = 7000  # none of those that the method was tried on
TOLERANCE_MS = {"rr": 20, "pr": 20, "qrs": 20, "qt": 30}
INTERVALS = ("pr", "qrs", "qt")
SIZED = {"rr": 0, "pr": 0, "qrs": 0, "qt": 0, "axis": 1, "st_mv": 3}  # digits after the point
NAMES = TITLES | {"rr": "RR", "axis": "axis, °", "st_mv": "ST, mV"}

# The true ST level, as `imle.measure` defines it: 60 ms after the J point, against the level before the QRS complex.
ST_AFTER_J_S, LEVEL_S = 0.060, (-0.030, -0.010)

# What a statement says of a measurement; the opposite is asked of normal ECGs.
STATEMENTS = (
    ("SBRAD", "heart rate under 60", lambda row: row.heart_rate < 60),
    ("STACH", "heart rate over 100", lambda row: row.heart_rate > 100),
    ("1AVB", "PR over 200 ms", lambda row: row.pr > 200),
    ("AFIB", "PR n/a", lambda row: row.pr.isna()),
    ("SR", "PR measured", lambda row: row.pr.notna()),
    ("CLBBB", "QRS 120 ms or more", lambda row: row.qrs >= 120),
    ("CRBBB", "QRS 120 ms or more", lambda row: row.qrs >= 120),
    ("IRBBB", "QRS under 120 ms", lambda row: row.qrs < 120),
    ("LAFB", "axis beyond -30°", lambda row: row.axis < -30),
    ("LPFB", "axis beyond 90°", lambda row: row.axis > 90),
    ("LNGQT", "QTc (Bazett) over 440 ms", lambda row: row.qtc_bazett > 440),
    ("NORM", "PR 120 to 200 ms", lambda row: row.pr.between(120, 200)),
    ("NORM", "QRS under 120 ms", lambda row: row.qrs < 120),
    ("NORM", "QTc (Bazett) 350 to 460 ms", lambda row: row.qtc_bazett.between(350, 460)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=PTBXL if (PTBXL / DATABASE).is_file() else DEMO_COHORT)
    parser.add_argument("--records", type=int, default=0, help="measure so many records, drawn by chance; 0 for all")
    parser.add_argument("--only", choices=("simulated", "records"), help="print only these tables")
    parser.add_argument("--seeds", type=int, default=17, help="simulated patients a finding, rate and noise")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    with ProcessPoolExecutor(args.processes) as pool:
        if args.only != "records":
            print_accuracy(pool, args.seeds)
        if args.only != "simulated":
            data = PtbXl(args.data_dir)
            measured = print_availability(pool, data, args.records)
            print_two_rates(pool, data)
            print_agreement(measured, data)


def print_accuracy(pool: ProcessPoolExecutor, seeds: int) -> None:
    cases = list(product(FINDINGS, range(FIRST_SEED, FIRST_SEED + seeds), RATES_HZ, NOISE_MV))
    errors = pd.DataFrame(pool.map(simulated_errors, cases, chunksize=8))
    noisiest = errors[errors.noise_mv == NOISE_MV[-1]]
    print(f"\n## Simulated ECGs ({len(cases)} records: {len(FINDINGS)} findings, {seeds} patients each)\n")
    within = [f"{NAMES[key]} within {ms} ms" for key, ms in TOLERANCE_MS.items()]
    print(f"| | noise, mV | {' | '.join([*within, 'n/a'])} |\n{'|---' * 7}|")
    print_rows(
        errors, noisiest, lambda rows: [*within_tolerance(rows), str(rows[list(TOLERANCE_MS)].isna().any(axis=1).sum())]
    )
    print(
        f"\nMedian and 95 % of the errors without their sign, in ms:\n\n| | noise, mV | {' | '.join(map(NAMES.get, SIZED))} |"
    )
    print("|---" * (2 + len(SIZED)) + "|")
    print_rows(errors, noisiest, lambda rows: [size_of_errors(rows[key], digits) for key, digits in SIZED.items()])
    alone = "; ".join(
        f"{NAMES[key]} within {TOLERANCE_MS[key]} ms: {_within(noisiest[f'neurokit_{key}'], TOLERANCE_MS[key])}"
        for key in INTERVALS
    )
    print(f"\nneurokit2 beat by beat, at the most noise, median over the beats: {alone}")


def print_rows(errors: pd.DataFrame, noisiest: pd.DataFrame, cells: Callable) -> None:
    """A row for each rate and noise, then, at the most noise, one for each finding."""
    for (fs_hz, noise_mv), rows in errors.groupby(["fs_hz", "noise_mv"]):
        print(f"| {fs_hz} Hz | {noise_mv:g} | {' | '.join(cells(rows))} |")
    for finding, rows in noisiest.groupby("finding", sort=False):
        print(f"| {finding} | {NOISE_MV[-1]:g} | {' | '.join(cells(rows))} |")


def within_tolerance(rows: pd.DataFrame) -> list[str]:
    return [_within(rows[key], ms) for key, ms in TOLERANCE_MS.items()]


def _within(errors: pd.Series, limit: float) -> str:
    return f"{(errors.abs() <= limit).mean():.1%}"  # n/a counts as outside


def size_of_errors(errors: pd.Series, digits: int) -> str:
    middle, most = errors.abs().quantile([0.5, 0.95])
    return f"{middle:.{digits}f}, {most:.{digits}f}"


def simulated_errors(case: tuple) -> dict:
    """Measured minus true by measurement; st_mv: the largest error over the leads against the noise-free ECG."""
    finding, seed, fs_hz, noise_mv = case
    record = simulate(finding, seed, fs_hz=fs_hz, noise_mv=noise_mv)
    found, truth = measure(record.ecg), record.truth
    true = {"rr": 60_000 / truth.heart_rate_bpm, "axis": truth.axis_deg}
    true |= {key: getattr(truth, f"{key}_ms") for key in INTERVALS}
    measured = {key: _value(value) for key, value in found.values.items()}
    measured["rr"] = 60_000 / measured["heart_rate"]
    row = {"finding": finding, "fs_hz": fs_hz, "noise_mv": noise_mv}
    row |= {key: measured[key] - value for key, value in true.items()}
    row["axis"] = (row["axis"] + 180) % 360 - 180
    own = neurokit_intervals(record.ecg)
    row |= {f"neurokit_{key}": own[key] - true[key] for key in INTERVALS}
    return row | {"st_mv": largest_st_error(record, found)}


def largest_st_error(record: SimulatedEcg, found: Measurements) -> float:
    """mV, over the leads: against the clean signal after the true J point of a beat amid the record."""
    truth, clean_mv = record.truth, resample(record.clean_mv, record.ecg.fs_hz, FS_HZ)
    onset_s = truth.qrs_onsets_s[len(truth.qrs_onsets_s) // 2]
    first, last = (round((onset_s + after_s) * FS_HZ) for after_s in LEVEL_S)
    level_mv = clean_mv[:, first:last].mean(axis=1)
    true_mv = clean_mv[:, round((onset_s + truth.qrs_ms / 1000 + ST_AFTER_J_S) * FS_HZ)] - level_mv
    return max(abs(_value(found.st_mv[lead]) - level) for lead, level in zip(LEADS, true_mv, strict=True))


def neurokit_intervals(ecg: Ecg) -> dict[str, float]:
    """What neurokit2's beat-by-beat delineation of the leads' size gives alone: medians over the beats, in ms."""
    signal_mv = ecg.at(FS_HZ).signal_mv.astype(float)
    beats = align_beats(signal_mv, find_beats(signal_mv))
    waves = waves_beat_by_beat(signal_mv[INDEPENDENT], beats.r_peaks) * 1000 / FS_HZ
    at = {name: waves[:, column] for column, name in enumerate(WAVE_COLUMNS)}
    pairs = {"pr": ("P_on", "QRS_on"), "qrs": ("QRS_on", "QRS_off"), "qt": ("QRS_on", "T_off")}
    return {
        key: float(quietly(lambda a=at[first], b=at[last]: np.nanmedian(b - a), np.nan))
        for key, (first, last) in pairs.items()
    }


def print_availability(pool: ProcessPoolExecutor, data: PtbXl, records: int) -> pd.DataFrame:
    ids = data.catalogue.index.to_numpy()
    if records:
        ids = np.sort(np.random.default_rng(0).choice(ids, min(records, len(ids)), replace=False))
    start_s = time.perf_counter()
    jobs = ((ecg_id, data.signals([ecg_id])[0], 100) for ecg_id in ids)
    rows = list(pool.map(measured_row, jobs, chunksize=32))
    took_s = time.perf_counter() - start_s
    measured = pd.DataFrame(rows).set_index("ecg_id")
    times_ms = measured.pop("took_ms")
    print(f"\n## {data.title}, all {len(ids)} records at 100 Hz\n" if not records else f"\n## {len(ids)} records\n")
    print(
        f"{took_s:.0f} s in {pool._max_workers} processes; a record takes {times_ms.median():.0f} ms (median),", end=" "
    )
    print(f"{times_ms.quantile(0.95):.0f} ms (95 %), {times_ms.max():.0f} ms (longest). Exceptions: ", end="")
    print(f"{measured.exception.notna().sum()} {Counter(measured.exception.dropna())}")
    print(f"Refused as no 12-lead ECG: {measured.refused.dropna().to_dict()}\n")
    print("| | n/a | share | median | 5 to 95 % | reasons |\n|---|---|---|---|---|---|")
    for key in TITLES:
        print(availability_line(TITLES[key], measured[key], measured[f"{key}_reason"]))
    for name in ("st_mv", "median_beat"):
        print(availability_line(name, measured[name], measured["st_mv_reason"]))
    return measured


def availability_line(title: str, values: pd.Series, reasons: pd.Series) -> str:
    missing = values.isna()
    why = ", ".join(f"{reason} {count}" for reason, count in Counter(reasons[missing]).most_common())
    low, middle, high = values.astype(float).quantile([0.05, 0.5, 0.95])
    return f"| {title} | {missing.sum()} | {missing.mean():.1%} | {middle:.4g} | {low:.4g} to {high:.4g} | {why} |"


def measured_row(job: tuple) -> dict:
    """One record's values, NaN for n/a, with their reasons; why it was refused, or what was raised, where that was so."""
    ecg_id, signal_mv, fs_hz = job
    start_s = time.perf_counter()
    try:
        ecg = Ecg(signal_mv, fs_hz)
    except InvalidEcg as refused:
        nothing = {f"{key}_reason": "record refused" for key in (*TITLES, "st_mv")}
        return {"ecg_id": ecg_id, "refused": str(refused)} | nothing
    try:
        found = measure(ecg)
    except Exception as error:  # none is expected; each would be counted
        return {"ecg_id": ecg_id, "exception": f"{type(error).__name__}: {error}"}
    took_ms = 1000 * (time.perf_counter() - start_s)
    row = {"ecg_id": ecg_id, "refused": None, "exception": None, "took_ms": took_ms, "beats": len(found.r_peaks_s)}
    for key, measured in found.values.items():
        row |= {key: _value(measured), f"{key}_reason": measured.reason}
    row |= {"st_mv": _value(found.st_mv["V2"]), "st_mv_reason": found.st_mv["V2"].reason}
    return row | {"median_beat": np.nan if found.median_beat is None else len(found.median_beat.r_peaks_s)}


def print_two_rates(pool: ProcessPoolExecutor, data: PtbXl) -> None:
    ids = [ecg_id for ecg_id in data.catalogue.index if data.has(ecg_id, 500)]
    if not ids:
        print("\nNo record lies there at 500 Hz.")
        return
    rows = {
        fs_hz: pd.DataFrame(
            pool.map(measured_row, ((i, data.record(i, fs_hz).signal_mv, fs_hz) for i in ids), chunksize=8)
        )
        for fs_hz in RATES_HZ
    }
    print(f"\n## 500 Hz against 100 Hz, {len(ids)} records; longest {rows[500].took_ms.max():.0f} ms at 500 Hz\n")
    print(
        "| | median difference | 90 % of differences within | n/a at 500 Hz only | n/a at 100 Hz only |\n|---|---|---|---|---|"
    )
    for key in TITLES:
        fine, coarse = rows[500][key].astype(float), rows[100][key].astype(float)
        apart = (fine - coarse + 180) % 360 - 180 if key == "axis" else fine - coarse
        only = (fine.isna() & coarse.notna()).sum(), (coarse.isna() & fine.notna()).sum()
        print(f"| {TITLES[key]} | {apart.median():.1f} | {apart.abs().quantile(0.9):.1f} | {only[0]} | {only[1]} |")


def print_agreement(measured: pd.DataFrame, data: PtbXl) -> None:
    codes = data.catalogue.loc[measured.index, "codes"]
    print("\n## Agreement with cardiologists' statements\n")
    print("| statement | expected | records | measured | of those as expected |\n|---|---|---|---|---|")
    for code, expected, holds in STATEMENTS:
        rows = measured[codes.map(lambda own, code=code: code in own)]
        known = rows if "n/a" in expected or expected == "PR measured" else rows[rows[_key(expected)].notna()]
        print(f"| {code} | {expected} | {len(rows)} | {len(known)} | {holds(known).mean():.1%} |")


def _key(expected: str) -> str:
    return next(key for key in ("heart_rate", "pr", "qrs", "qtc_bazett", "axis") if expected.startswith(_word(key)))


def _word(key: str) -> str:
    return {"heart_rate": "heart rate", "qtc_bazett": "QTc (Bazett)", "axis": "axis"}.get(key, TITLES[key])


def _value(measured) -> float:
    return np.nan if measured.value is None else measured.value


if __name__ == "__main__":
    main()
