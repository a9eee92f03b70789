"""IMLE-Net: a record read beat by beat, rhythm by rhythm, lead by lead, with attention at each level."""

import keras
from keras import layers, ops

from imle.leads import LEADS
from imle.models.layers import Attention, BatchNorm
from imle.models.registry import register

KERNEL = (1, 8)


@register("imle_net", title="IMLE-Net", source="doi:10.1109/SMC52423.2021.9658706")
def imle_net(
    classes: int = 5,
    windows: int = 20,
    filters: tuple[int, ...] = (32, 64, 128),
    lstm_units: int = 64,
    attention_units: int = 64,
    dropout: float = 0.3,
    samples: int = 1000,
) -> keras.Model:
    """Beat, rhythm and channel attention over a 12-lead record; one network shared by all leads.

    Input (12, samples) standardised at 100 Hz. Outputs: logits (classes,); attention beat (12, windows, 13),
    rhythm (12, windows), channel (12,), each summing to 1 over its last axis. Dropout acts before the last
    layer while training; the published network has none, and none of its weights.
    """
    signal = keras.Input((len(LEADS), samples), name="signal")
    vectors, beat = beat_level(signal, windows, filters, attention_units)
    vectors, rhythm = rhythm_level(vectors, lstm_units, attention_units)
    vector, channel = Attention(attention_units, name="channel_att")(vectors)
    vector = layers.Dropout(dropout, name="dropout")(vector)
    logits = layers.Dense(classes, dtype="float32", name="logits")(vector)
    return keras.Model(signal, {"logits": logits, "beat": beat, "rhythm": rhythm, "channel": channel}, name="imle_net")


def beat_level(signal, windows: int, filters: tuple[int, ...], attention_units: int):
    """(12, samples) -> a vector a window (12, windows, d) and the attention over its positions (12, windows, positions).

    The windows lie as rows of an image, so that one convolution with a kernel of height 1 reads all of them:
    the mathematics of a Conv1D over n x 240 windows, but one large matrix product for the processor.
    """
    lead_count, samples = signal.shape[1:]
    rows = lead_count * windows
    x = layers.Reshape((rows, samples // windows, 1), name="windows")(signal)
    x = layers.Conv2D(filters[0], KERNEL, padding="same", activation="relu", name="stem")(x)
    for stage, width in enumerate(filters):
        x = residual_block(x, width, stride=1 if stage == 0 else 2)
        x = residual_block(x, width)
    vectors, weights = Attention(attention_units, name="beat_att")(x)
    vectors = layers.Reshape((lead_count, windows, filters[-1]), name="window_vectors")(vectors)
    return vectors, layers.Reshape((lead_count, windows, x.shape[2]), dtype="float32", name="beat")(weights)


def residual_block(x, width: int, stride: int = 1):
    """Two convolutions and a shortcut, ReLU before batch normalisation as published; stride 2 halves the positions."""
    shortcut = x if stride == 1 else layers.Conv2D(width, 1, strides=(1, stride))(x)
    y = layers.Conv2D(width, KERNEL, strides=(1, stride), padding="same", activation="relu")(x)
    y = BatchNorm()(y)
    y = layers.Conv2D(width, KERNEL, padding="same")(y)
    return BatchNorm()(layers.ReLU()(layers.Add()([shortcut, y])))


def rhythm_level(vectors, lstm_units: int, attention_units: int):
    """(12, windows, d) -> a vector a lead (12, 2 x lstm_units) and the attention over its windows (12, windows)."""
    lead_count, windows, size = vectors.shape[1:]
    leads_as_batch = ops.reshape(vectors, (-1, windows, size))
    # Unrolled, as OpenVINO runs a loop's steps one kernel at a time: a fifth more records a second.
    lstm = layers.LSTM(lstm_units, return_sequences=True, unroll=True)
    context = layers.Bidirectional(lstm, name="bidirectional")(leads_as_batch)
    context, weights = Attention(attention_units, name="rhythm_att")(context)
    context = ops.reshape(context, (-1, lead_count, 2 * lstm_units))
    return context, ops.reshape(weights, (-1, lead_count, windows))
