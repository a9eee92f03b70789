"""One training step, on one device or spread over several of TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import keras
import numpy as np

from imle.errors import BadChoice


def all_gpus() -> tuple[str, ...]:
    """The names of the GPUs that TensorFlow sees, such as `GPU:0`; none under another backend."""
    if keras.backend.backend() != "tensorflow":
        return ()
    import tensorflow as tf

    return tuple(f"GPU:{index}" for index in range(len(tf.config.list_logical_devices("GPU"))))


def strategy_over(devices: Sequence[str]):
    """TensorFlow's MirroredStrategy over `devices`; None for fewer than two. BadChoice under another backend.

    One a process: a second, for a network of another size, was seen to fail on the first one's collective operations.
    """
    if len(devices) < 2:
        return None
    if keras.backend.backend() != "tensorflow":
        raise BadChoice(f"several devices need Keras's TensorFlow backend, not {keras.backend.backend()}")
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(devices))


def scope_of(strategy):
    """Within it, what is built lies on all of the strategy's devices."""
    return strategy.scope() if strategy else nullcontext()


def step_of(trainer: keras.Model, strategy) -> Callable[[np.ndarray, np.ndarray], float]:
    """A function that takes one step of the compiled `trainer` on (signals, targets) and returns the mean loss."""
    return mirrored_step(trainer, strategy) if strategy else single_step(trainer)


def single_step(trainer: keras.Model) -> Callable[[np.ndarray, np.ndarray], float]:
    def step(signals, targets):
        # Keras otherwise gives the running mean over all batches since the last reset.
        trainer.reset_metrics()
        return float(trainer.train_on_batch(signals, targets))

    return step


def mirrored_step(trainer: keras.Model, strategy) -> Callable[[np.ndarray, np.ndarray], float]:
    """A step on a batch dealt out to the devices. `train_on_batch` would give each device the whole of it."""
    import tensorflow as tf

    count = strategy.num_replicas_in_sync

    @tf.function
    def on_all(batch):
        logs = strategy.run(trainer.train_step, args=(batch,))
        return strategy.reduce("MEAN", logs["loss"], axis=None)

    def dealt(array):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(array[context.replica_id_in_sync_group :: count])
        )

    def step(signals, targets):
        trainer.reset_metrics()
        return float(on_all((dealt(signals), dealt(targets))))

    return step
