"""The training loop: epochs of batches, a checkpoint after each, the best epoch on fold 9 kept as a model folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import numpy as np

from imle import models
from imle.errors import Refusal
from imle.evaluation.metrics import best_thresholds, class_auc
from imle.explain.guidelines import read_guidelines
from imle.locks import take
from imle.model_folder import CARD_FILE, Card, read_card, replacing, save_model, write_atomically, write_card
from imle.models.precision import under_policy
from imle.ptbxl import PtbXl
from imle.ptbxl.dataset import SELECT_FOLD, TRAIN_FOLDS
from imle.scale import Scale
from imle.tasks import SUPERCLASS
from imle.training.averaging import AveragedWeights
from imle.training.batches import epoch_batches
from imle.training.devices import scope_of, step_of, strategy_over
from imle.training.distillation import teacher_of
from imle.training.fine_tuning import source_card, take_over
from imle.training.guiding import guided_loss, guided_output, guideline_leads, with_leads
from imle.training.losses import loss_for
from imle.training.recipe import Recipe, dtype_policy
from imle.training.sharing import Helpers, shared_step
from imle.training.trackers import EXTRAS, JsonLines, TensorBoard, Tracker, require_extras

CHECKPOINT = "checkpoint.npz"
RECIPE_FILE = "recipe.json"
# Held while the run trains; the process of a job holds another lock in the same folder.
LOCK = "training.lock"


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
    start: Path | str | None = None,
    trackers: Sequence[str] = (),
    devices: Sequence[str] = (),
    helpers: Helpers | None = None,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[dict], None] = lambda row: None,
) -> Card:
    """Train `network` on folds 1-8 of `data`, choose the epoch by macro ROC-AUC on fold 9, leave the model in `out`.

    `out` also gets recipe.json, metrics.jsonl (a row an epoch), TensorBoard's events and a checkpoint from which
    `resume` goes on, in float32 on a CPU bit for bit. Labels and folds are those of the task of `data`.
    start: a folder with a model of the same network, whose weights and scale are taken over. trackers: of EXTRAS.
    devices: TensorFlow's names of those to share each batch; one or none leaves the choice to the backend.
    helpers: starts other processes that share each batch (see imle.training.sharing); `devices` do not count then.
    KeyboardInterrupt passes through; the best epoch so far is in `out` by then. Raises TrainingError, also where `out`
    holds a model, or another run, that this one would write over.
    """
    out, start = Path(out), Path(start) if start else None
    require_extras(trackers)
    if start is not None:
        options = {**source_card(start, network).options, **(options or {})}
    models.network(network)  # a wrong name is refused before minutes of reading
    with held(out, resume):
        run = _Run(data, network, recipe, out, options or {}, start, devices, helpers)
        first = run.resume() if resume else run.start_fresh()
        with told_to(run.trackers(first, trackers)) as tell:
            for epoch in range(first, recipe.epochs):
                row = run.train_epoch(epoch, on_step)
                on_epoch(run.close_epoch(epoch, row, tell))
    return run.best_card


@contextmanager
def held(out: Path, resume: bool) -> Iterator[None]:
    """`out`, made where it is missing, held against a second run in it. TrainingError where one cannot be begun or resumed."""
    # Before anything is written, so that a folder which is refused stays as it is.
    if resume:
        settings_of_run(out)
    else:
        require_free(out)
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("a") as lock:
        if not take(lock):
            raise TrainingError(f"another run is training in {out}; wait for it, stop it, or give another folder")
        try:
            yield
        finally:
            if made and [path.name for path in out.iterdir()] == [LOCK]:  # refused before anything was written
                shutil.rmtree(out)


def require_free(out: Path) -> None:
    """TrainingError where `out` holds a run, or a model that came from elsewhere."""
    if (out / CHECKPOINT).exists():
        raise TrainingError(f"{out} already holds a run; resume it, or give another folder")
    if (out / CARD_FILE).exists():
        raise TrainingError(
            f"{out} holds a model and no run to resume; give another folder, or remove that model ({CARD_FILE}) first"
        )


@contextmanager
def told_to(trackers: list[Tracker]) -> Iterator[Callable[[dict], None]]:
    """A function that tells a row to all `trackers`, which are closed after."""

    def tell(row: dict) -> None:
        for tracker in trackers:
            tracker.epoch(row)

    try:
        yield tell
    finally:
        for tracker in trackers:
            tracker.close()


def recipe_of_run(out) -> Recipe:
    """The recipe that the run in `out` was started with. TrainingError where there is no run."""
    settings = settings_of_run(out)
    return Recipe(**{field.name: settings[field.name] for field in fields(Recipe)})


def settings_of_run(out) -> dict:
    """The network, options, task and start of the run in `out`, and the settings of its recipe.

    What its recipe.json does not name came later and is off. TrainingError where there is no run.
    """
    out = Path(out)
    if not (out / CHECKPOINT).is_file():
        raise TrainingError(f"{out} holds no run to resume; start one there first")
    return {"task": SUPERCLASS.name, "start": None, **asdict(Recipe()), **json.loads((out / RECIPE_FILE).read_text())}


class _Run:
    """One run's state: the network under its optimiser, the records in memory, the best epoch so far."""

    def __init__(
        self,
        data: PtbXl,
        network: str,
        recipe: Recipe,
        out: Path,
        options: dict,
        start: Path | None,
        devices: Sequence[str],
        helpers: Helpers | None,
    ):
        self.recipe, self.out, self.data, self.network, self.options = recipe, out, data, network, options
        self.start, self.task = start, data.task
        train_ids, select_ids = data.ids(TRAIN_FOLDS), data.ids(SELECT_FOLD)
        if not len(train_ids) or not len(select_ids):
            raise TrainingError(
                f"{data.root} has no labelled records in folds 1-8 or none in fold 9; both are needed to train"
            )
        signals_mv = data.signals(train_ids)
        self.scale = read_card(start).scale if start else Scale.of(signals_mv)
        self.signals, self.targets = self.scale.standardise(signals_mv), data.labels_of(train_ids)
        self.taught_targets = self.targets
        if recipe.guideline_share:
            leads = guideline_leads(data, train_ids, self.task.labels, read_guidelines())
            self.taught_targets = with_leads(self.targets, leads)
        self.select_signals = self.scale.standardise(data.signals(select_ids))
        self.select_targets = data.labels_of(select_ids)
        self.steps = max(1, len(self.signals) // recipe.batch_size)
        keras.utils.set_random_seed(recipe.seed)
        strategy = None if helpers else strategy_over(devices)
        loss = loss_for(self.task, self.targets, recipe.class_weighting)
        built_of = network, self._build_options(), recipe, dtype_policy(recipe.precision), loss
        with scope_of(strategy):
            self.model, self.trainer = compiled_trainer(*built_of)
        if start:
            take_over(self.model, start)
        self.step = shared_step(self.trainer, helpers(*built_of)) if helpers else step_of(self.trainer, strategy)
        self.averaged = AveragedWeights(self.model, recipe.ema_decay) if recipe.ema_decay else None
        self.teacher = (
            teacher_of(recipe.teacher, recipe.teacher_share, self.scale, self.task.labels) if recipe.teacher else None
        )
        self.best_auc, self.best_card = -1.0, None

    def start_fresh(self) -> int:
        require_free(self.out)  # again: another run may have ended before this one held the folder
        write_atomically(self.out / RECIPE_FILE, json.dumps(self._settings(), indent=2) + "\n")
        return 0

    def resume(self) -> int:
        """Take up the checkpoint in `out`; returns the first epoch still to run."""
        settings = settings_of_run(self.out)
        mine = json.loads(json.dumps(self._settings()))
        changed = sorted(key for key in mine if settings.get(key) != mine[key])
        if changed:
            raise TrainingError(
                f"{self.out} was started with another {changed[0]} ({settings.get(changed[0])}, now {mine[changed[0]]}); "
                "resume with the same settings or start a new run"
            )
        self.best_card = read_card(self.out)
        return self._restore() + 1

    def _restore(self) -> int:
        """Take everything from the checkpoint; returns the epoch after which it was written."""
        with np.load(self.out / CHECKPOINT) as saved:
            for index, variable in enumerate(self._variables()):
                variable.assign(saved[f"v{index}"])
            if self.averaged:
                self.averaged.restore(saved)
            self.best_auc = float(saved["best_auc"])
            return int(saved["epoch"])

    def trackers(self, done: int, extras: Sequence[str]) -> list[Tracker]:
        """Those that hear of the epochs after the first `done`."""
        always = [JsonLines(self.out, done), TensorBoard(self.out)]
        return always + [EXTRAS[name](self.out, self._settings()) for name in extras]

    def train_epoch(self, epoch: int, on_step: Callable[[Progress], None]) -> dict:
        """Run one epoch's batches; returns their mean loss and the last learning rate.

        Where the loss is no number the epoch begins anew from its checkpoint: in bfloat16 that was seen once in a run
        which did not repeat it. TrainingError where it is so again, or where the first epoch has no checkpoint yet.
        """
        try:
            return self._train_epoch(epoch, on_step)
        except TrainingError:
            if not epoch:
                raise
            self._restore()
            return self._train_epoch(epoch, on_step)

    def _train_epoch(self, epoch: int, on_step: Callable[[Progress], None]) -> dict:
        total, started = 0.0, time.monotonic()
        batches = epoch_batches(self.signals, self.taught_targets, self.recipe, epoch)
        if self.teacher:
            batches = self.teacher.teach(batches)
        for step, (signals, targets) in enumerate(batches):
            rate = self.recipe.rate_at(epoch * self.steps + step, self.recipe.epochs * self.steps)
            self.trainer.optimizer.learning_rate.assign(rate)
            total += self.step(signals, targets)
            if not np.isfinite(total):
                raise TrainingError(
                    f"the loss is no number in epoch {epoch + 1}, step {step + 1}; lower the learning rate"
                )
            if self.averaged:
                self.averaged.update()
            seconds = time.monotonic() - started
            on_step(Progress(epoch, step + 1, self.steps, total / (step + 1), (step + 1) * len(signals) / seconds))
        return {"loss": round(total / self.steps, 5), "learning_rate": float(f"{rate:.4g}")}

    def close_epoch(self, epoch: int, row: dict, tell: Callable[[dict], None]) -> dict:
        """Score fold 9, keep the model where it is the best so far, tell the row, write the checkpoint; returns the row."""
        with self.averaged.in_place() if self.averaged else nullcontext():
            outputs = self.trainer.predict(self.select_signals, batch_size=64, verbose=0)
            logits = outputs[:, : len(self.task.labels)]
            probabilities = self.task.answers(logits.astype(np.float64))
            by_label = class_auc(self.select_targets, probabilities)
            auc = mean_of_ranked(by_label)
            if auc > self.best_auc or self.best_card is None:
                self.best_auc = auc
                self._keep(epoch, auc, probabilities)
        self.best_card.recipe["epochs_done"] = epoch + 1
        write_card(self.out, self.best_card)
        row = {
            "epoch": epoch + 1,
            **row,
            "fold9_macro_auc": round(auc, 5),
            "fold9_auc": {
                label: None if np.isnan(area) else round(float(area), 5)
                for label, area in zip(self.task.labels, by_label, strict=True)
            },
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        # Told before the checkpoint is written: a run cut off between tells the row again, rather than never.
        tell(row)
        self._checkpoint(epoch)
        return row

    def _keep(self, epoch: int, auc: float, probabilities: np.ndarray) -> None:
        thresholds = best_thresholds(self.select_targets, probabilities)
        self.best_card = Card(
            network=self.network,
            options=self.options,
            **asdict(self.scale),
            thresholds=dict(zip(self.task.labels, thresholds.round(4).tolist(), strict=True)),
            metrics={"fold9": {"macro_auc": round(auc, 5), "records": len(self.select_targets)}},
            data={
                "title": self.data.title,
                "train_records": len(self.targets),
                "train_folds": list(TRAIN_FOLDS),
                **({"started_from": self.start.name} if self.start else {}),
            },
            recipe={**asdict(self.recipe), "best_epoch": epoch + 1},
            commit=_commit(),
            labels=self.task.labels,
            task=self.task.name,
        )
        exact = under_policy("float32", lambda: models.build(self.network, **self._build_options()))
        exact.set_weights(self.model.get_weights())
        save_model(self.out, exact, self.best_card)

    def _checkpoint(self, epoch: int) -> None:
        arrays = {f"v{index}": np.asarray(variable) for index, variable in enumerate(self._variables())}
        if self.averaged:
            arrays |= self.averaged.state()
        with replacing(self.out / CHECKPOINT) as fresh:
            np.savez(fresh, epoch=epoch, best_auc=self.best_auc, **arrays)

    def _settings(self) -> dict:
        """All that a run must be resumed with."""
        start = str(self.start) if self.start else None
        run = {"network": self.network, "options": self.options, "task": self.task.name, "start": start}
        return {**run, **asdict(self.recipe)}

    def _build_options(self) -> dict:
        return {"classes": len(self.task.labels), **self.options}

    def _variables(self) -> list:
        # All that a step changes, the states of random seeds among them; without those of metrics, which each step resets.
        return [*self.trainer.variables, *self.trainer.optimizer.variables]


def mean_of_ranked(areas: np.ndarray) -> float:
    """The mean area of the labels that fold 9 can rank, which in PTB-XL are all; 0 where it can rank none.

    A small data set's fold 9 may have a label in all of its records or in none.
    """
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else 0.0


def compiled_trainer(
    network: str, options: dict, recipe: Recipe, policy: str, loss: Callable | None = None
) -> tuple[keras.Model, keras.Model]:
    """The network under Keras's dtype `policy`, and the same from signal to logits with the recipe's optimiser and `loss`.

    Without `loss` it is binary cross-entropy, which the superclasses take. Where guidelines guide the attention, it gives
    what `guided_output` does.
    """
    model = under_policy(policy, lambda: models.build(network, **options))
    output, loss = model.output["logits"], loss or keras.losses.BinaryCrossentropy(from_logits=True)
    if recipe.guideline_share:
        loss = guided_loss(loss, output.shape[-1], recipe.guideline_share)
        output = under_policy(policy, lambda: guided_output(model))
    trainer = keras.Model(model.input, output)
    optimiser = keras.optimizers.AdamW(
        recipe.learning_rate, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip_norm
    )
    trainer.compile(optimiser, loss)
    optimiser.build(trainer.trainable_variables)
    return model, trainer


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
