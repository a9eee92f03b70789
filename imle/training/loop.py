"""The training loop: epochs of batches, a checkpoint after each, the best epoch on fold 9 kept as a model folder."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import numpy as np

from imle import models
from imle.errors import Refusal
from imle.evaluation.metrics import best_thresholds, class_auc, macro_auc
from imle.labels import LABELS
from imle.model_folder import Card, read_card, save_model, write_atomically
from imle.ptbxl import PtbXl
from imle.ptbxl.dataset import SELECT_FOLD, TRAIN_FOLDS
from imle.scale import Scale
from imle.training.batches import epoch_batches
from imle.training.recipe import Recipe, dtype_policy

CHECKPOINT = "checkpoint.npz"
RECIPE_FILE = "recipe.json"
METRICS_FILE = "metrics.jsonl"


@dataclass(frozen=True)
class Progress:
    """What a run tells after every step: where it is, its mean loss this epoch, its speed."""

    epoch: int
    step: int
    steps: int
    loss: float
    records_per_s: float


class TrainingError(Refusal, ValueError):
    """A run that cannot start or go on; the message is one sentence."""


def train(
    data: PtbXl,
    network: str,
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    options: dict | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[dict], None] = lambda row: None,
) -> Card:
    """Train `network` on folds 1-8 of `data`, choose the epoch by macro ROC-AUC on fold 9, leave the model in `out`.

    `out` also gets recipe.json, metrics.jsonl (a row an epoch) and a checkpoint from which `resume` goes on.
    KeyboardInterrupt passes through; the best epoch so far is in `out` by then. Raises TrainingError.
    """
    out = Path(out)
    run = _Run(data, network, recipe, out, options or {})
    first = run.resume() if resume else run.start_fresh()
    for epoch in range(first, recipe.epochs):
        loss = run.train_epoch(epoch, on_step)
        on_epoch(run.close_epoch(epoch, loss))
    return run.best_card


def recipe_of_run(out) -> Recipe:
    """The recipe that the run in `out` was started with. TrainingError where there is no run."""
    settings = _settings_of_run(Path(out))
    return Recipe(**{field.name: settings[field.name] for field in fields(Recipe)})


def _settings_of_run(out: Path) -> dict:
    """recipe.json of the run in `out`; what it does not name came later and is off. TrainingError where there is no run."""
    if not (out / CHECKPOINT).is_file():
        raise TrainingError(f"{out} holds no run to resume; start one there first")
    return {**asdict(Recipe()), **json.loads((out / RECIPE_FILE).read_text())}


class _Run:
    """One run's state: the network under its optimiser, the records in memory, the best epoch so far."""

    def __init__(self, data: PtbXl, network: str, recipe: Recipe, out: Path, options: dict):
        self.recipe, self.out, self.data, self.network, self.options = recipe, out, data, network, options
        models.network(network)  # a wrong name is refused before minutes of reading
        train_ids, select_ids = data.ids(TRAIN_FOLDS), data.ids(SELECT_FOLD)
        if not len(train_ids) or not len(select_ids):
            raise TrainingError(
                f"{data.root} has no labelled records in folds 1-8 or none in fold 9; both are needed to train"
            )
        signals_mv = data.signals(train_ids)
        self.scale = Scale.of(signals_mv)
        self.signals, self.targets = self.scale.standardise(signals_mv), data.labels_of(train_ids)
        self.select_signals = self.scale.standardise(data.signals(select_ids))
        self.select_targets = data.labels_of(select_ids)
        self.steps = max(1, len(self.signals) // recipe.batch_size)
        keras.utils.set_random_seed(recipe.seed)
        self.model, self.trainer = compiled_trainer(network, options, recipe, dtype_policy(recipe.precision))
        self.best_auc, self.best_card = -1.0, None

    def start_fresh(self) -> int:
        if (self.out / CHECKPOINT).exists():
            raise TrainingError(f"{self.out} already holds a run; resume it, or give another folder")
        self.out.mkdir(parents=True, exist_ok=True)
        settings = {"network": self.network, "options": self.options, **asdict(self.recipe)}
        write_atomically(self.out / RECIPE_FILE, json.dumps(settings, indent=2) + "\n")
        (self.out / METRICS_FILE).write_text("")
        return 0

    def resume(self) -> int:
        """Take up the checkpoint in `out`; returns the first epoch still to run."""
        settings = _settings_of_run(self.out)
        mine = json.loads(json.dumps({"network": self.network, "options": self.options, **asdict(self.recipe)}))
        changed = sorted(key for key in mine if settings.get(key) != mine[key])
        if changed:
            raise TrainingError(
                f"{self.out} was started with another {changed[0]} ({settings.get(changed[0])}, now {mine[changed[0]]}); "
                "resume with the same settings or start a new run"
            )
        with np.load(self.out / CHECKPOINT) as saved:
            for index, variable in enumerate(self._variables()):
                variable.assign(saved[f"v{index}"])
            self.best_auc, epoch = float(saved["best_auc"]), int(saved["epoch"])
        self.best_card = read_card(self.out)
        return epoch + 1

    def train_epoch(self, epoch: int, on_step: Callable[[Progress], None]) -> float:
        """Run one epoch's batches; returns their mean loss. TrainingError where the loss is no number."""
        total, started = 0.0, time.monotonic()
        batches = epoch_batches(self.signals, self.targets, self.recipe, epoch)
        for step, (signals, targets) in enumerate(batches):
            rate = self.recipe.rate_at(epoch * self.steps + step, self.recipe.epochs * self.steps)
            self.trainer.optimizer.learning_rate.assign(rate)
            # reset_metrics: Keras otherwise gives the running mean over all batches since the last reset
            self.trainer.reset_metrics()
            total += float(self.trainer.train_on_batch(signals, targets))
            if not np.isfinite(total):
                raise TrainingError(
                    f"the loss is no number in epoch {epoch + 1}, step {step + 1}; lower the learning rate"
                )
            seconds = time.monotonic() - started
            on_step(Progress(epoch, step + 1, self.steps, total / (step + 1), (step + 1) * len(signals) / seconds))
        return total / self.steps

    def close_epoch(self, epoch: int, loss: float) -> dict:
        """Score fold 9, keep the model where it is the best so far, write checkpoint and metrics; returns the row."""
        logits = self.trainer.predict(self.select_signals, batch_size=64, verbose=0)
        probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
        auc = macro_auc(self.select_targets, probabilities)
        row = {
            "epoch": epoch + 1,
            "loss": round(loss, 5),
            "fold9_macro_auc": round(auc, 5),
            "fold9_auc": dict(
                zip(LABELS, class_auc(self.select_targets, probabilities).round(5).tolist(), strict=True)
            ),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        if auc > self.best_auc or self.best_card is None:
            self.best_auc = auc
            self._keep(epoch, auc, probabilities)
        self._checkpoint(epoch)
        with (self.out / METRICS_FILE).open("a") as file:
            file.write(json.dumps(row) + "\n")
        return row

    def _keep(self, epoch: int, auc: float, probabilities: np.ndarray) -> None:
        thresholds = best_thresholds(self.select_targets, probabilities)
        self.best_card = Card(
            network=self.network,
            options=self.options,
            **asdict(self.scale),
            thresholds=dict(zip(LABELS, thresholds.round(4).tolist(), strict=True)),
            metrics={"fold9": {"macro_auc": round(auc, 5), "records": len(self.select_targets)}},
            data={"title": self.data.title, "train_records": len(self.targets), "train_folds": list(TRAIN_FOLDS)},
            recipe={**asdict(self.recipe), "best_epoch": epoch + 1},
            commit=_commit(),
        )
        exact = _under_policy("float32", lambda: models.build(self.network, **self.options))
        exact.set_weights(self.model.get_weights())
        save_model(self.out, exact, self.best_card)

    def _checkpoint(self, epoch: int) -> None:
        fresh = self.out / f"new.{CHECKPOINT}"
        arrays = {f"v{index}": np.asarray(variable) for index, variable in enumerate(self._variables())}
        np.savez(fresh, epoch=epoch, best_auc=self.best_auc, **arrays)
        fresh.replace(self.out / CHECKPOINT)

    def _variables(self) -> list:
        return [*self.trainer.variables, *self.trainer.optimizer.variables]


def compiled_trainer(network: str, options: dict, recipe: Recipe, policy: str) -> tuple[keras.Model, keras.Model]:
    """The network under Keras's dtype `policy`, and the same from signal to logits with the recipe's optimiser and loss."""
    model = _under_policy(policy, lambda: models.build(network, **options))
    trainer = keras.Model(model.input, model.output["logits"])
    optimiser = keras.optimizers.AdamW(
        recipe.learning_rate, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip_norm
    )
    trainer.compile(optimiser, keras.losses.BinaryCrossentropy(from_logits=True))
    optimiser.build(trainer.trainable_variables)
    return model, trainer


def _under_policy(policy: str, build: Callable):
    """What `build` makes while `policy` is Keras's global dtype policy, which is put back after."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


def _commit() -> str:
    """The commit of the code that runs, with a `+` where files differ from it; empty outside a checkout."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
