"""Rajpurkar et al.'s network: 33 convolutions in 16 pre-activation residual blocks, all leads at once."""

import keras
from keras import layers, ops

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS
from imle.models.layers import BatchNorm
from imle.models.registry import register


@register("rajpurkar", title="Rajpurkar et al.", source="doi:10.48550/arXiv.1707.01836")
def rajpurkar(
    classes: int = 5,
    blocks: int = 16,
    filters: int = 32,
    kernel: int = 16,
    widen_every: int = 4,
    dropout: float = 0.2,
) -> keras.Model:
    """A deep residual network: every second block halves the samples, every fourth but the first doubles the filters.

    Input (12, 1000) standardised at 100 Hz; output logits (classes,).
    """
    signal = keras.Input((len(LEADS), MODEL_SAMPLES), name="signal")
    leads = layers.Permute((2, 1))(signal)
    x = norm_relu(LeadConv1D(filters, kernel, padding="same", kernel_initializer="he_normal")(leads))
    for index in range(blocks):
        width = filters * 2 ** (index // widen_every)
        x = residual_block(x, width, kernel, stride=1 + index % 2, dropout=dropout, first=index == 0)
    logits = layers.Dense(classes, dtype="float32", name="logits")(layers.Flatten()(norm_relu(x)))
    return keras.Model(signal, {"logits": logits}, name="rajpurkar")


def residual_block(x, width: int, kernel: int, stride: int, dropout: float, first: bool):
    """Two convolutions and a shortcut without weights: a maximum over what the stride skips, zeros for new filters.

    The first block's input has been normalised by the stem, so it is not again.
    """
    shortcut = layers.MaxPooling1D(stride, padding="same")(x) if stride > 1 else x
    if width > x.shape[-1]:
        shortcut = ops.pad(shortcut, ((0, 0), (0, 0), (0, width - x.shape[-1])))
    y = x if first else norm_relu(x)
    y = layers.Dropout(dropout)(norm_relu(convolve(y, width, kernel, stride)))
    return layers.Add()([shortcut, convolve(y, width, kernel)])


def convolve(x, width: int, kernel: int, stride: int = 1):
    return layers.Conv1D(width, kernel, strides=stride, padding="same", kernel_initializer="he_normal")(x)


def norm_relu(x):
    return layers.ReLU()(BatchNorm()(x))


@keras.saving.register_keras_serializable("imle")
class LeadConv1D(layers.Conv1D):
    """Conv1D (with bias, without activation) over the leads and as many of zeros as make 16 channels.

    The zeros change no weight and no answer. They avoid an error: on processors with AMX, oneDNN (in TensorFlow 2.21
    and OpenVINO 2026.4) answers a bfloat16 convolution of fewer than 16 channels wrongly where channels x kernel is a
    multiple of 32 above 32.
    """

    def call(self, inputs):
        missing = max(0, 16 - inputs.shape[-1])
        inputs = ops.pad(inputs, ((0, 0), (0, 0), (0, missing)))
        kernel = ops.pad(self.kernel, ((0, 0), (0, missing), (0, 0)))
        return ops.conv(inputs, kernel, self.strides, self.padding) + self.bias
