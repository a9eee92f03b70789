"""What a model answers for one shard: probabilities, or how much each lead counted. One shard in, one shard out.

An answered shard has every record of its source, in order: `ecg_id`, the answers, and `refused`, one sentence where the
record could not be answered. It knows of what it was made, so that a run goes on with those that are missing or stale.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imle.errors import BadChoice
from imle.explain.attribution import ATTENTION, attribute_each, check_explains, index_of
from imle.inference import Predictor, default_engine, load_model
from imle.leads import LEADS
from imle.model_folder import model_digest, replacing
from imle.shards.files import ID, Row, open_shard, rows_of

REFUSED, LABEL = "refused", "label"
ABOUT = b"imle"


@dataclass(frozen=True)
class Question:
    """What is asked of every record.

    model: a shipped one's name, or a folder. engine: of imle.inference.ENGINES. method: None for the probabilities;
    "attention" for the channel attention; else of imle.explain.attribution.METHODS, for each lead's share of the
    attribution's size. labels: whose.
    """

    model: str
    engine: str
    method: str | None = None
    labels: tuple[str, ...] = ()

    def checked(self) -> tuple[Question, Predictor]:
        """The question with all that it leaves open, and the model. Raises what `load_model` does, and BadChoice."""
        predictor = load_model(self.model, self.engine)
        if self.method is None:
            return Question(self.model, self.engine, None, predictor.labels), predictor
        check_explains(predictor, self.method)
        for label in self.labels:
            index_of(predictor, label)
        return Question(self.model, self.engine, self.method, self._labels_asked(predictor)), predictor

    def _labels_asked(self, predictor: Predictor) -> tuple[str, ...]:
        """All where none is named; none where the attention asked for is the same for all."""
        if self.method == ATTENTION and not predictor.attended_labels:
            if self.labels:
                raise BadChoice(f"the attention of {predictor.name} is the same for every label; leave --label out")
            return ()
        return self.labels or predictor.labels

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the numbers in an answered shard."""
        return self.labels if self.method is None else LEADS


def ask(model, engine: str | None = None, method: str | None = None, labels: Sequence[str] = ()) -> Question:
    """A question by the engine that suits this machine, where none is named."""
    return Question(str(model), engine or default_engine(), method, tuple(labels))


@dataclass(frozen=True)
class Answered:
    """A shard that was answered: how many records it has, and a sentence for each that was refused."""

    shard: str
    records: int
    refused: tuple[str, ...]


def basis(question: Question, predictor: Predictor) -> dict:
    """Of what all answers of a run are made: another as soon as the question or the model's weights change."""
    asked = {**asdict(question), "labels": list(question.labels), "model": predictor.name}
    return {**asked, "digest": model_digest(predictor.folder)}


def about(made_of: dict, shard: Path) -> dict:
    """Of what the answers to `shard` are made; equal while they need not be made again."""
    stat = shard.stat()
    return {**made_of, "source": f"{stat.st_size} {stat.st_mtime_ns}"}


def is_answered(made_of: dict, shard: Path, target: Path) -> bool:
    """Whether `target` holds the answers to `shard` so made. BadChoice where it holds those to another question."""
    try:
        stored = json.loads(pq.read_schema(target).metadata[ABOUT])
    except FileNotFoundError:
        return False
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        raise BadChoice(f"{target} is no shard of answers, and in their way; choose another folder") from None
    if {**stored, "source": ""} != {**made_of, "source": ""}:
        raise BadChoice(
            f"{target} holds answers of {stored.get('model')} ({stored.get('engine')}, "
            f"{stored.get('method') or 'probabilities'}), or of its earlier weights; choose another folder"
        )
    return stored == about(made_of, shard)


def answer_shard(question: Question, predictor: Predictor, made_of: dict, shard: Path, target: Path) -> Answered:
    """Write the answers for every record of `shard` to `target`, whole or not at all. UnreadableShard where it is none.

    question, predictor: as `checked` gives them; made_of: as `basis` does.
    """
    file = open_shard(shard)
    schema = _schema(question, file.schema_arrow.field(ID).type).with_metadata(
        {ABOUT: json.dumps(about(made_of, shard))}
    )
    refused, records = [], 0
    with replacing(target) as fresh, pq.ParquetWriter(fresh, schema, compression="zstd") as writer:
        for rows in rows_of(file):
            refused += [
                f"{shard}: record {records + place} ({ID} {row.ecg_id}): {row.reason}"
                for place, row in enumerate(rows, start=1)
                if row.reason
            ]
            records += len(rows)
            writer.write_table(pa.Table.from_pandas(_answers(question, predictor, rows), schema, preserve_index=False))
    return Answered(str(shard), records, tuple(refused))


def _schema(question: Question, id_type: pa.DataType) -> pa.Schema:
    label = [] if question.method is None else [(LABEL, pa.string())]
    numbers = [(name, pa.float32()) for name in question.columns]
    return pa.schema([(ID, id_type), *label, *numbers, (REFUSED, pa.string())])


def _answers(question: Question, predictor: Predictor, rows: list[Row]) -> pd.DataFrame:
    """The answers for these records; a refused one has no numbers."""
    good = [place for place, row in enumerate(rows) if row.signal_mv is not None]
    signals_mv = np.stack([rows[place].signal_mv for place in good]) if good else None
    parts = [
        pd.DataFrame(numbers, good, list(question.columns)).assign(**({LABEL: label} if question.method else {}))
        for label, numbers in (_numbers(question, predictor, signals_mv) if good else ())
    ]
    bad = [place for place in range(len(rows)) if place not in set(good)]
    if bad:
        parts.append(pd.DataFrame({REFUSED: [rows[place].reason for place in bad]}, bad, dtype=object))
    found = pd.concat(parts).sort_index(kind="stable")
    found[ID] = [rows[place].ecg_id for place in found.index]
    return found.reindex(columns=[ID, *([LABEL] if question.method else []), *question.columns, REFUSED])


def _numbers(question: Question, predictor: Predictor, signals_mv: np.ndarray):
    """(label, (n, columns)) by label; one pair without a label where there is no difference."""
    if question.method is None:
        yield None, predictor.predict(signals_mv)
    elif question.method == ATTENTION:
        attention = predictor.attend(signals_mv)
        for label in question.labels or (None,):
            yield label, attention.of(label).channel
    else:
        for label, found in attribute_each(predictor, signals_mv, question.labels, question.method).items():
            size = np.abs(found).sum(axis=2, dtype=np.float64)
            yield label, size / np.maximum(size.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
