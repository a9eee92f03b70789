"""Where a run tells of itself: JSON lines and TensorBoard always, Weights & Biases and MLflow where asked for."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path
from typing import Protocol

from imle.errors import BadChoice
from imle.model_folder import METRICS_FILE, write_atomically


class Tracker(Protocol):
    """Hears of every epoch of a run; `close` comes once, also after a failure."""

    def epoch(self, row: dict) -> None: ...

    def close(self) -> None: ...


def scalars(row: dict) -> dict[str, float]:
    """A row's numbers by name, those a label as `fold9_auc/MI`; its epoch and time are no scalars."""
    plain = {}
    for name, value in row.items():
        if isinstance(value, dict):
            plain |= {f"{name}/{label}": float(part) for label, part in value.items() if part is not None}
        elif name not in ("epoch", "time"):
            plain[name] = float(value)
    return plain


class JsonLines:
    """A JSON object an epoch in metrics.jsonl; rows after the first `done` epochs, of a run that was cut off, go."""

    def __init__(self, out: Path, done: int):
        self.path = out / METRICS_FILE
        lines = self.path.read_text().splitlines() if done else []
        write_atomically(self.path, "".join(f"{line}\n" for line in lines[:done]))

    def epoch(self, row: dict) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def close(self) -> None: ...


class TensorBoard:
    """TensorBoard's event file, a scalar a figure and step (the epoch).

    Written here, as the format is small and its libraries import TensorFlow: records of TFRecord (length, its
    checksum, payload, its checksum), each payload a protocol buffer `Event`.
    """

    def __init__(self, out: Path):
        self.path = out / f"events.out.tfevents.{time.time():.6f}.imle.{os.getpid()}"
        self._write(_bytes_field(3, b"brain.Event:2"))

    def epoch(self, row: dict) -> None:
        values = b"".join(
            _bytes_field(1, _bytes_field(1, name.encode()) + b"\x15" + struct.pack("<f", value))
            for name, value in scalars(row).items()
        )
        self._write(b"\x10" + _varint(row["epoch"]) + _bytes_field(5, values))

    def close(self) -> None: ...

    def _write(self, event: bytes) -> None:
        event = b"\x09" + struct.pack("<d", time.time()) + event
        length = struct.pack("<Q", len(event))
        with self.path.open("ab") as file:
            file.write(length + _checksum(length) + event + _checksum(event))


def _bytes_field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _checksum(data: bytes) -> bytes:
    """The CRC-32C (Castagnoli) of `data`, turned and shifted as TFRecord wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


class Wandb:
    """Weights & Biases; WANDB_MODE=offline keeps everything in the run's folder. BadChoice where it is not installed."""

    def __init__(self, out: Path, settings: dict):
        wandb = _imported("wandb")
        # The same id again, so that a resumed run goes on in its own chart.
        name = out.resolve().name
        self.run = wandb.init(project="imle", name=name, id=name, resume="allow", dir=str(out), config=settings)

    def epoch(self, row: dict) -> None:
        self.run.log(scalars(row), step=row["epoch"])

    def close(self) -> None:
        self.run.finish()


class MlFlow:
    """MLflow, where MLFLOW_TRACKING_URI says. BadChoice where it is not installed."""

    def __init__(self, out: Path, settings: dict):
        self.mlflow = _imported("mlflow")
        self.mlflow.set_experiment("imle")
        self.mlflow.start_run(run_name=out.resolve().name)
        self.mlflow.log_params(settings)

    def epoch(self, row: dict) -> None:
        # A slash is a folder to MLflow, which is what a label's figure wants.
        self.mlflow.log_metrics(scalars(row), step=row["epoch"])

    def close(self) -> None:
        self.mlflow.end_run()


EXTRAS = {"wandb": Wandb, "mlflow": MlFlow}


def require_extras(names) -> None:
    """BadChoice where one of these trackers is unknown or not installed, before minutes of reading."""
    for name in names:
        if name not in EXTRAS:
            raise BadChoice(f"there is no tracker {name!r}; choose one of {', '.join(EXTRAS)}")
        _imported(name)


def _imported(name: str):
    try:
        return __import__(name)
    except ImportError:
        raise BadChoice(
            f"{name} is not installed; `pip install -e '.[{name}]'` in this project's folder adds it, "
            f"or train without --{name}"
        ) from None
