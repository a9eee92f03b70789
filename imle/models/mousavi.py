"""Mousavi and Afghah's network: convolutions over windows of all leads, then a bidirectional LSTM over the windows."""

import keras
from keras import layers, ops

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS
from imle.models.registry import register

KERNEL = (1, 2)


@register("mousavi", title="Mousavi et al.", source="doi:10.48550/arXiv.1812.07421")
def mousavi(
    classes: int = 5,
    windows: int = 20,
    filters: tuple[int, ...] = (32, 64, 128),
    lstm_units: int = 128,
    dense_units: int = 128,
    published_order: bool = False,
) -> keras.Model:
    """What each half second of the 12 leads looks like, and how that goes on from window to window.

    Input (12, 1000) standardised at 100 Hz; output logits (classes,). `published_order` cuts the record as the
    IMLE-Net authors' code does, which their checkpoint needs (see `split_windows`).
    """
    signal = keras.Input((len(LEADS), MODEL_SAMPLES), name="signal")
    x = split_windows(signal, windows, published_order)
    for stage, width in enumerate(filters):
        if stage > 0:
            x = layers.MaxPooling2D((1, 2))(x)
        x = layers.Conv2D(width, KERNEL, padding="same", activation="relu")(x)
    x = layers.Reshape((windows, -1), name="window_vectors")(x)
    x = layers.Bidirectional(layers.LSTM(lstm_units, return_sequences=True), name="bidirectional")(x)
    x = layers.Dense(dense_units, activation="relu", name="dense")(layers.Flatten()(x))
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(signal, {"logits": logits}, name="mousavi")


def split_windows(signal, windows: int, published_order: bool = False):
    """(n, 12, samples) -> (n, windows, samples / windows, 12): windows as rows of an image, the leads its colours.

    In the published order the same numbers are dealt out in the order in which they lie in memory, lead after lead,
    12 consecutive samples of one lead to a place: a window then holds 600 samples, 6 s, of one lead or of two.
    """
    lead_count, samples = signal.shape[1:]
    in_time = signal if published_order else ops.transpose(signal, (0, 2, 1))
    return ops.reshape(in_time, (-1, windows, samples // windows, lead_count))
