"""The training recipe: every setting in one table a network (recipes.toml), written into each run's folder."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from imle.errors import BadChoice
from imle.processor import has_bfloat16
from imle.tasks import SUPERCLASS, Task

RECIPES = Path(__file__).with_name("recipes.toml")
# The least and the most that a whole number may be; None: no end. NumPy, which Keras seeds too, takes no greater seed.
BOUNDS = {"epochs": (1, None), "batch_size": (1, None), "seed": (0, 2**32 - 1)}


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; what is not in recipes.toml for a network is as here, chosen on fold 9.

    The learning rate follows one cycle: a cosine rise over `warmup_share` of all steps to `learning_rate`, a cosine
    fall to nothing. A batch is shifted in time by up to `max_shift_s`, scaled by exp(N(0, `gain_sd`)) and given
    noise of `noise_sd` standard deviations of the training signal.

    Off by default: fold 9 and the model get the mean of the weights over the steps, an older one counting
    `ema_decay` times less a step; a label's positives weigh (negatives / positives) ** `class_weighting`; a record
    and its labels are mixed with another's, by shares from Beta(`mixup`, `mixup`) (Zhang et al. 2018,
    doi:10.48550/arXiv.1710.09412); each lead is zero with probability `lead_dropout`; up to the share `max_crop` of a
    record is cut away and the rest stretched to ten seconds; the labels are by the share `teacher_share` what the model
    `teacher` (a shipped one's name, or a folder) answers to the same batch; the loss has, `guideline_share` times, minus the
    logarithm of the share of a label's attention that lies on the leads which assets/guidelines.toml names for the record.
    """

    epochs: int = 9
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_share: float = 0.25
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    max_shift_s: float = 0.5
    gain_sd: float = 0.1
    noise_sd: float = 0.03
    seed: int = 0
    precision: str = "auto"
    ema_decay: float = 0.0
    class_weighting: float = 0.0
    mixup: float = 0.0
    lead_dropout: float = 0.0
    max_crop: float = 0.0
    teacher: str = ""
    teacher_share: float = 0.7
    guideline_share: float = 0.0

    def __post_init__(self):
        _require_kinds(self)
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value < least:
                raise BadChoice(f"{name} is {value}; at least {least} is needed")
            if most is not None and value > most:
                raise BadChoice(f"{name} is {value}; at most {most} is possible")
        for name in (
            "class_weighting",
            "mixup",
            "gain_sd",
            "noise_sd",
            "max_shift_s",
            "weight_decay",
            "guideline_share",
        ):
            if getattr(self, name) < 0:
                raise BadChoice(f"{name} is {getattr(self, name)}; 0 (off) or more is needed")
        if not 0 <= self.teacher_share <= 1:
            raise BadChoice(f"teacher_share is {self.teacher_share}; 0 to 1 is needed")
        for name in ("ema_decay", "lead_dropout", "max_crop", "warmup_share"):
            if not 0 <= getattr(self, name) < 1:
                raise BadChoice(f"{name} is {getattr(self, name)}; 0 (off) or more, and less than 1, is needed")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise BadChoice(f"{name} is {getattr(self, name)}; more than 0 is needed")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise BadChoice(f"precision is {self.precision!r}; auto, float32 or bfloat16 can be chosen")

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step `step` of `steps`."""
        rise = max(1, round(self.warmup_share * steps))
        if step < rise:
            share = (1 - math.cos(math.pi * (step + 1) / rise)) / 2
        else:
            share = (1 + math.cos(math.pi * (step - rise + 1) / (steps - rise))) / 2
        return self.learning_rate * max(share, 1e-3)


def recipe_for(network: str, **changes) -> Recipe:
    """The recipe of recipes.toml for `network` with these changes; the defaults for a network that it does not name.

    Raises BadChoice for a setting that no recipe has, or a value that it cannot take.
    """
    return changed(Recipe(), **{**recipes().get(network, {}), **changes})


def starting_recipe(network: str, task: Task, **changes) -> Recipe:
    """As `recipe_for`; the recipes' teachers tell the superclasses, so that one for another task has none unless named."""
    return recipe_for(network, **({} if task is SUPERCLASS else {"teacher": ""}) | changes)


def recipes() -> dict[str, dict]:
    """What recipes.toml says: a network's name -> its settings."""
    return tomllib.loads(RECIPES.read_text())


def changed(recipe: Recipe, **changes) -> Recipe:
    """`recipe` with these changes; BadChoice for a setting that no recipe has, or a value that it cannot take."""
    known = [field.name for field in fields(Recipe)]
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadChoice(f"a recipe has no setting {name!r}{hint} (known: {', '.join(known)})")
    return replace(recipe, **changes)


def read_settings(texts: list[str]) -> dict:
    """`NAME=VALUE` texts as a recipe's changes; a value is as in TOML, or a bare word. BadChoice for another text."""
    changes = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadChoice(f"{text!r} sets nothing; write NAME=VALUE, such as noise_sd=0.05")
        try:
            changes[name.strip().replace("-", "_")] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[name.strip().replace("-", "_")] = value.strip()
    return changes


def _require_kinds(recipe: Recipe) -> None:
    """BadChoice where a setting is not of its default's kind: a text for a number, a fraction for a count, no finite number."""
    for field in fields(recipe):
        value, default = getattr(recipe, field.name), field.default
        takes = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, takes) or isinstance(value, bool) != isinstance(default, bool):
            raise BadChoice(f"{field.name} is {value!r}; a value like {default!r} is needed")
        if isinstance(value, float) and not math.isfinite(value):
            raise BadChoice(f"{field.name} is {value}; a finite number like {default!r} is needed")


def dtype_policy(precision: str) -> str:
    """The Keras policy for a recipe's precision: `auto` takes bfloat16 where the processor multiplies it in hardware."""
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16() else "float32"
    return "mixed_bfloat16" if precision == "bfloat16" else "float32"
