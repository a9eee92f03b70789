"""What a shard is: a Parquet file of records (`ecg_id`, `signal`); how a data set becomes shards, and how one is read.

`signal` is a list of 12,000 numbers, float32 in mV at 100 Hz: the 1,000 samples of lead I, then those of II, and so on
in the order of LEADS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, Ecg, InvalidEcg, UnreadableEcg
from imle.errors import BadChoice, Refusal, brief
from imle.leads import LEADS
from imle.model_folder import replacing
from imle.ptbxl import PtbXl

ID, SIGNAL = "ecg_id", "signal"
SAMPLES = len(LEADS) * MODEL_SAMPLES
# Records read at once: few enough for the processor's cache.
STEP = 64

Tell = Callable[[str, int, int], None]


class UnreadableShard(Refusal):
    """A file that is no shard; the message is one sentence."""


@dataclass(frozen=True)
class Row:
    """A record of a shard: its signal (12, 1000) mV, or, where that cannot be an ECG, one sentence why."""

    ecg_id: object
    signal_mv: np.ndarray | None
    reason: str | None = None


def shards_in(folder: Path) -> list[Path]:
    """The shards of a folder by name. BadChoice where it has none."""
    found = sorted(Path(folder).glob("[!.]*.parquet"))
    if not found:
        raise BadChoice(f"{folder} holds no Parquet files; `imle export-shards` makes some of a data set")
    return found


def export_shards(data: PtbXl, out: Path, records: int = 1000, tell: Tell = lambda *_: None) -> list[UnreadableEcg]:
    """Write the records of `data` into shards of so many each; returns those that could not be read and are left out.

    BadChoice where `out` has shards already.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.glob("*.parquet")):
        raise BadChoice(f"{out} holds shards already; choose an empty folder")
    store = data.build_store(lambda done, total: tell("reading", done, total))
    ids = data.catalogue.index.to_numpy()
    good = np.delete(ids, list(store.unreadable))
    for number, first in enumerate(range(0, len(good), records)):
        tell("writing", first, len(good))
        some = good[first : first + records]
        write_shard(out / f"records-{number:06d}.parquet", some, data.signals(some))
    return [UnreadableEcg(data.path(ids[row]), reason) for row, reason in store.unreadable.items()]


def write_shard(path: Path, ids: Sequence, signals_mv: np.ndarray) -> None:
    """Write records (n, 12, 1000) mV as one shard, whole or not at all."""
    flat = pa.array(np.ascontiguousarray(signals_mv, np.float32).reshape(-1))
    starts = pa.array(np.arange(len(ids) + 1) * SAMPLES, pa.int32())
    table = pa.table({ID: pa.array(ids), SIGNAL: pa.ListArray.from_arrays(starts, flat)})
    with replacing(path) as fresh:
        pq.write_table(table, fresh, compression="zstd")


def open_shard(path: Path) -> pq.ParquetFile:
    """The shard at `path`. UnreadableShard where it is none."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException):
        raise UnreadableShard(f"{path} is no Parquet file, or damaged; write it again") from None
    names = file.schema_arrow.names
    if missing := [name for name in (ID, SIGNAL) if name not in names]:
        raise UnreadableShard(f"{path} has no column {missing[0]!r}; {ID} and {SIGNAL} are needed")
    kind = file.schema_arrow.field(SIGNAL).type
    if not any(is_list(kind) for is_list in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)):
        raise UnreadableShard(f"{path} has {kind} as {SIGNAL}; a list of {SAMPLES} numbers is needed")
    return file


def rows_of(file: pq.ParquetFile) -> Iterator[list[Row]]:
    """The shard's records in order, STEP at a time. UnreadableShard where it turns out to be damaged."""
    try:
        for batch in file.iter_batches(STEP, columns=[ID, SIGNAL]):
            yield [_row(*pair) for pair in zip(batch.column(ID).to_pylist(), batch.column(SIGNAL), strict=True)]
    except (OSError, pa.ArrowException) as error:
        raise UnreadableShard(f"it is damaged ({brief(error)}); write it again") from None


def _row(ecg_id, signal: pa.ListScalar) -> Row:
    try:
        return Row(ecg_id, _checked(signal))
    except InvalidEcg as error:
        return Row(ecg_id, None, str(error))


def _checked(signal: pa.ListScalar) -> np.ndarray:
    """(12, 1000) float32. InvalidEcg where it cannot be a 12-lead ECG."""
    if signal.values is None:
        raise InvalidEcg(f"it has no signal; {SAMPLES} numbers are needed")
    try:
        numbers = np.asarray(signal.values.to_numpy(zero_copy_only=False), np.float32)
    except (TypeError, ValueError):
        raise InvalidEcg(f"its signal is not of numbers; {SAMPLES} of them are needed") from None
    if numbers.shape != (SAMPLES,):
        raise InvalidEcg(f"its signal has {len(numbers)} numbers; {SAMPLES} are needed (12 leads of {MODEL_SAMPLES})")
    return Ecg(numbers.reshape(len(LEADS), MODEL_SAMPLES), MODEL_FS_HZ).for_model()
