"""ECGNet: residual convolutions fed by kernels of four lengths, and beside them an LSTM over the raw leads."""

import keras
from keras import layers, ops

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS
from imle.models.layers import TORCH_NORM, BatchNorm
from imle.models.registry import register


@register("ecgnet", title="ECGNet", source="doi:10.1109/MeMeA.2018.8438739")
def ecgnet(
    classes: int = 5,
    stem_kernels: tuple[int, ...] = (15, 17, 19, 21),
    filters: int = 16,
    kernel: int = 17,
    blocks: int = 15,
    lstm_units: int = 40,
    dropout: float = 0.1,
) -> keras.Model:
    """Shapes by convolution, the course of the ten seconds by recurrence, joined before the last layer.

    Input (12, 1000) standardised at 100 Hz; output logits (classes,). Layers carry the names of the published
    PyTorch modules (`block.3.bn1` is `block_3_bn1`), by which `imle.published` finds them.
    """
    signal = keras.Input((len(LEADS), MODEL_SAMPLES), name="signal")
    samples = layers.Permute((2, 1), name="samples")(signal)
    features = [
        shape_features(samples, stem_kernels, filters, kernel, blocks, dropout),
        last_state(samples, lstm_units),
    ]
    logits = layers.Dense(classes, dtype="float32", name="logits")(layers.Concatenate()(features))
    return keras.Model(signal, {"logits": logits}, name="ecgnet")


def shape_features(x, stem_kernels: tuple[int, ...], filters: int, kernel: int, blocks: int, dropout: float):
    """(n, samples, 12) -> (n, d): parallel convolutions joined along time, residual blocks, averages of 8 positions."""
    parallel = [
        convolve(x, filters, size, f"parallel_conv_{i}", padding="valid") for i, size in enumerate(stem_kernels)
    ]
    x = norm_relu(layers.Concatenate(axis=1)(parallel), "bn1")
    x = convolve(layers.ZeroPadding1D(2)(x), filters, kernel, "conv1", stride=2, padding="valid")
    for index in range(blocks):
        width = filters * (1 + (index + 1) // 4)
        x = residual_block(x, width, kernel, halve=index % 2 == 1, dropout=dropout, name=f"block_{index}")
    x = norm_relu(x, "bn2")
    x = layers.AveragePooling1D(8)(layers.ZeroPadding1D(2)(x))
    return layers.Flatten()(layers.Permute((2, 1))(x))  # filter by filter, as the last layer's weights are ordered


def residual_block(x, width: int, kernel: int, halve: bool, dropout: float, name: str):
    """Normalise, ReLU, drop, convolve, twice, beside a shortcut; `halve` takes the larger of two positions in both."""
    y = layers.Dropout(dropout)(norm_relu(x, f"{name}_bn1"))
    y = convolve(y, width, kernel, f"{name}_conv1")
    y = layers.Dropout(dropout)(norm_relu(y, f"{name}_bn2"))
    y = convolve(y, width, kernel, f"{name}_conv2")
    shortcut = x if width == x.shape[-1] else convolve(x, width, 1, f"{name}_downsample_0")
    if halve:
        y, shortcut = layers.MaxPooling1D(2)(y), layers.MaxPooling1D(2)(shortcut)
    return layers.Add()([y, shortcut])


def last_state(x, units: int):
    """(n, samples, 12) -> (n, units): what an LSTM holds after the last sample.

    The input's share of the gates is one matrix product for all samples, outside of the loop. Float32 always:
    over a thousand steps bfloat16 would lose what a step adds.
    """
    gates = layers.Dense(4 * units, dtype="float32", name="rnn_ih")(x)
    return layers.RNN(GatedState(units, dtype="float32"), dtype="float32", name="rnn_hh")(gates)


@keras.saving.register_keras_serializable("imle")
class GatedState(layers.Layer):
    """A step of an LSTM: the input's share of the gates (n, 4 x units) and the old state in, the new state out.

    Gates come in PyTorch's order (input, forget, cell, output), and the state's share has a bias of its own, as
    there. The second bias is redundant, but belongs to the published parameters.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(self.units, 4 * self.units), initializer="orthogonal")
        self.bias = self.add_weight(name="bias", shape=(4 * self.units,), initializer="zeros")

    def call(self, inputs, states, training=None):
        hidden, memory = states
        gates = inputs + ops.matmul(hidden, self.kernel) + self.bias
        admit, keep, new, show = ops.split(gates, 4, axis=-1)
        memory = ops.sigmoid(keep) * memory + ops.sigmoid(admit) * ops.tanh(new)
        hidden = ops.sigmoid(show) * ops.tanh(memory)
        return hidden, [hidden, memory]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def convolve(x, width: int, kernel: int, name: str, stride: int = 1, padding: str = "same"):
    return layers.Conv1D(width, kernel, strides=stride, padding=padding, use_bias=False, name=name)(x)


def norm_relu(x, name: str):
    return layers.ReLU()(BatchNorm(**TORCH_NORM, name=name)(x))
