"""IMLE-Net plus: leads read apart from each other, then weighed; attention over time and over leads for each class."""

import keras
from keras import layers, ops

from imle.leads import LEADS
from imle.models.layers import BatchNorm
from imle.models.registry import register

KERNEL = (1, 7)
STEM_STRIDE = 2


@register(
    "imle_net_plus", title="IMLE-Net plus", source="doi:10.1109/SMC52423.2021.9658706 (changed: attention a class)"
)
def imle_net_plus(
    classes: int = 5,
    windows: int = 25,
    filters: tuple[int, ...] = (32, 64, 96, 128),
    strides: tuple[int, ...] = (2, 2, 1, 1),
    blocks: tuple[int, ...] = (2, 2, 1, 1),
    attention_units: int = 64,
    head_units: int = 64,
    dropout: float = 0.3,
    samples: int = 1000,
) -> keras.Model:
    """Where each class looks, in time and among the leads, over features of each lead alone.

    Input (12, samples) standardised at 100 Hz. Residual blocks shared by the leads give a feature vector for every
    80 ms of each lead; an embedding tells them which lead they read. For each class, one attention over time sums up
    a lead, one over the leads sums up the record, and a small head of its own answers. What is weighed holds one lead
    alone, so that a lead's weight is that lead's; only the weights themselves see the mean of all leads.

    Outputs: logits (classes,); attention beat (classes, 12, windows, positions), rhythm (classes, 12, windows),
    channel (classes, 12), each summing to 1 over its last axis. beat times rhythm is the attention over time.
    """
    signal = keras.Input((len(LEADS), samples), name="signal")
    features = lead_features(signal, filters, strides, blocks)
    lead_vectors, over_time = ClassTimeAttention(classes, attention_units, name="time_att")(features)
    beat, rhythm = split_windows(over_time, windows)
    vectors, channel = ClassLeadAttention(classes, attention_units, name="channel_att")(lead_vectors)
    vectors = layers.Dropout(dropout, name="dropout")(vectors)
    logits = ClassHeads(head_units, dtype="float32", name="logits")(vectors)
    return keras.Model(
        signal, {"logits": logits, "beat": beat, "rhythm": rhythm, "channel": channel}, name="imle_net_plus"
    )


def lead_features(signal, filters: tuple[int, ...], strides: tuple[int, ...], blocks: tuple[int, ...]):
    """(12, samples) -> (12, positions, filters[-1]): the leads lie as rows of an image, which no kernel spans."""
    lead_count, samples = signal.shape[1:]
    x = layers.Reshape((lead_count, samples, 1), name="rows")(signal)
    x = layers.Conv2D(filters[0], KERNEL, strides=(1, STEM_STRIDE), padding="same", name="stem")(x)
    for stage, (width, stride, count) in enumerate(zip(filters, strides, blocks, strict=True)):
        for block in range(count):
            x = residual_block(x, width, stride if block == 0 else 1)
        if stage == 1:
            x = LeadEmbedding(name="lead_embedding")(x)
    return layers.ReLU()(BatchNorm()(x))


def residual_block(x, width: int, stride: int):
    """Normalisation and ReLU before each of two convolutions (He et al. 2016, doi:10.1007/978-3-319-46493-0_38)."""
    y = layers.ReLU()(BatchNorm()(x))
    if stride > 1 or x.shape[-1] != width:
        x = layers.Conv2D(width, 1, strides=(1, stride))(y)
    y = layers.Conv2D(width, KERNEL, strides=(1, stride), padding="same", use_bias=False)(y)
    y = layers.ReLU()(BatchNorm()(y))
    return layers.Add()([x, layers.Conv2D(width, KERNEL, padding="same")(y)])


def split_windows(over_time, windows: int):
    """(classes, 12, positions) -> beat (classes, 12, windows, positions a window) and rhythm (classes, 12, windows)."""
    classes, lead_count, positions = over_time.shape[1:]
    shares = ops.reshape(over_time, (-1, classes, lead_count, windows, positions // windows))
    rhythm = ops.sum(shares, axis=-1)
    return shares / ops.maximum(ops.expand_dims(rhythm, -1), 1e-30), rhythm


@keras.saving.register_keras_serializable("imle")
class LeadEmbedding(layers.Layer):
    """Adds a learnt vector for each lead to all its positions; input and output (12, positions, d)."""

    def build(self, input_shape):
        lead_count, _, size = input_shape[1:]
        self.embedding = self.add_weight(name="embedding", shape=(lead_count, 1, size), initializer="zeros")

    def call(self, inputs):
        return inputs + self.embedding


@keras.saving.register_keras_serializable("imle")
class ClassTimeAttention(layers.Layer):
    """For each class, the weighted mean of each lead's positions; the weights are softmax(V tanh(W x + b)) over time.

    Input (12, positions, d); output the means (classes, 12, d) and the weights (classes, 12, positions), float32.
    Without a bias for each position, unlike IMLE-Net's: when something happens says nothing about what it is.
    """

    def __init__(self, classes: int, units: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.units = classes, units

    def build(self, input_shape):
        size = input_shape[-1]
        self.att_weight = self.add_weight(name="att_weight", shape=(size, self.units), initializer="glorot_uniform")
        self.att_bias = self.add_weight(name="att_bias", shape=(self.units,), initializer="zeros")
        self.Vatt = self.add_weight(name="Vatt", shape=(self.units, self.classes), initializer="glorot_uniform")

    def call(self, inputs):
        hidden = ops.tanh(ops.matmul(inputs, self.att_weight) + self.att_bias)
        scores = ops.transpose(ops.matmul(hidden, self.Vatt), (0, 1, 3, 2))
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        means = ops.matmul(ops.cast(weights, inputs.dtype), inputs)
        return ops.transpose(means, (0, 2, 1, 3)), ops.transpose(weights, (0, 2, 1, 3))

    def compute_output_spec(self, inputs):
        n, lead_count, positions, size = inputs.shape
        means = keras.KerasTensor((n, self.classes, lead_count, size), dtype=self.compute_dtype)
        return means, keras.KerasTensor((n, self.classes, lead_count, positions), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "units": self.units}


@keras.saving.register_keras_serializable("imle")
class ClassLeadAttention(layers.Layer):
    """For each class, the weighted mean of the leads' vectors; a lead's score sees its own vector and their mean.

    Input (classes, 12, d); output the means (classes, d) and the weights (classes, 12), float32.
    """

    def __init__(self, classes: int, units: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.units = classes, units

    def build(self, input_shape):
        lead_count, size = input_shape[-2:]
        glorot = "glorot_uniform"
        self.own_weight = self.add_weight(name="own_weight", shape=(size, self.units), initializer=glorot)
        self.mean_weight = self.add_weight(name="mean_weight", shape=(size, self.units), initializer=glorot)
        self.att_bias = self.add_weight(
            name="att_bias", shape=(self.classes, lead_count, self.units), initializer="zeros"
        )
        self.Vatt = self.add_weight(
            name="Vatt", shape=(self.classes, self.units, 1), initializer=_glorot_for_each(self.classes)
        )

    def call(self, inputs):
        mean = ops.mean(inputs, axis=-2, keepdims=True)
        own = ops.matmul(inputs, self.own_weight) + ops.matmul(mean, self.mean_weight)
        scores = ops.squeeze(ops.matmul(ops.tanh(own + self.att_bias), self.Vatt), -1)
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        rows = ops.expand_dims(ops.cast(weights, inputs.dtype), -2)
        return ops.squeeze(ops.matmul(rows, inputs), -2), weights

    def compute_output_spec(self, inputs):
        n, classes, lead_count, size = inputs.shape
        means = keras.KerasTensor((n, classes, size), dtype=self.compute_dtype)
        return means, keras.KerasTensor((n, classes, lead_count), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "units": self.units}


@keras.saving.register_keras_serializable("imle")
class ClassHeads(layers.Layer):
    """A hidden layer and a logit of its own for each class: (classes, d) -> (classes,)."""

    def __init__(self, units: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        classes, size = input_shape[-2:]
        init = _glorot_for_each(classes)
        self.hidden = self.add_weight(name="hidden", shape=(classes, size, self.units), initializer=init)
        self.hidden_bias = self.add_weight(name="hidden_bias", shape=(classes, 1, self.units), initializer="zeros")
        self.out = self.add_weight(name="out", shape=(classes, self.units, 1), initializer=init)
        self.out_bias = self.add_weight(name="out_bias", shape=(classes,), initializer="zeros")

    def call(self, inputs):
        rows = ops.expand_dims(inputs, -2)
        hidden = ops.relu(ops.matmul(rows, self.hidden) + self.hidden_bias)
        return ops.squeeze(ops.matmul(hidden, self.out), (-2, -1)) + self.out_bias

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _glorot_for_each(classes: int) -> keras.Initializer:
    """Glorot's scale for a stack of matrices, whose first axis Keras would take for the places of a kernel."""
    return keras.initializers.VarianceScaling(classes, mode="fan_avg", distribution="uniform")
