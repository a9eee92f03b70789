"""IMLE-Net laid out as its authors did: one Conv1D over n x 240 windows, Keras's own batch normalisation, float32.

The mathematics and the weights (in order) are those of imle.models.imle_net; only the layout differs. It is what
`make bench` compares with, in the same run.
"""

import keras
from keras import layers, ops

from imle.models.layers import Attention


def published_imle_net() -> keras.Model:
    """(n, 12, 1000) standardised -> the same dict of outputs as imle_net."""
    signal = keras.Input((12, 1000), name="signal")
    x = ops.reshape(signal, (-1, 50, 1))
    x = layers.Conv1D(32, 8, padding="same", activation="relu")(x)
    for stage, width in enumerate((32, 64, 128)):
        x = _block(x, width, stride=1 if stage == 0 else 2)
        x = _block(x, width)
    x, beat = Attention(name="beat_att")(x)
    x = ops.reshape(x, (-1, 20, 128))
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    x, rhythm = Attention(name="rhythm_att")(x)
    x = ops.reshape(x, (-1, 12, 128))
    x, channel = Attention(name="channel_att")(x)
    logits = layers.Dense(5, name="logits")(x)
    beat, rhythm = ops.reshape(beat, (-1, 12, 20, 13)), ops.reshape(rhythm, (-1, 12, 20))
    return keras.Model(signal, {"logits": logits, "beat": beat, "rhythm": rhythm, "channel": channel})


def _block(x, width: int, stride: int = 1):
    y = layers.Conv1D(width, 8, strides=stride, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(y)
    y = layers.Conv1D(width, 8, padding="same")(y)
    shortcut = x if stride == 1 else layers.Conv1D(width, 1, strides=stride)(x)
    return layers.BatchNormalization()(layers.ReLU()(layers.Add()([shortcut, y])))


def with_weights_of(model: keras.Model) -> keras.Model:
    """The published layout with the weights of an imle_net, so that both must answer alike."""
    twin = published_imle_net()
    pairs = zip(
        model.get_weights(), twin.weights, strict=True
    )  # a Conv2D kernel (1, k, in, out) is a Conv1D's (k, in, out)
    twin.set_weights([value.reshape(variable.shape) for value, variable in pairs])
    return twin
