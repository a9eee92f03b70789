"""Layers that several networks share: attention as IMLE-Net defines it, and a fast batch normalisation."""

import keras
from keras import ops

# PyTorch's batch normalisation in Keras's words (its momentum of 0.1 is the new batch's share), for networks published in it.
TORCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


@keras.saving.register_keras_serializable("imle")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras's batch normalisation over the last axis, on TensorFlow by its fused kernel.

    Keras itself takes moments, scale and shift as separate float32 operations, which cost half of a training
    step on a CPU. The fused kernel does one pass and takes bfloat16 as it is. Mathematics and weights are the
    same; only the running variance is the unbiased estimate, as in tf.keras and PyTorch.
    """

    def call(self, inputs, training=None, mask=None):
        if keras.backend.backend() != "tensorflow" or keras.config.image_data_format() != "channels_last":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        rows = inputs
        while len(rows.shape) < 4:  # the kernel takes images; positions become one row of pixels
            rows = ops.expand_dims(rows, 1)
        training = bool(training) and self.trainable
        running = {} if training else {"mean": self.moving_mean.value, "variance": self.moving_variance.value}
        out, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            rows, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=training, **running
        )
        if training:
            keep = self.momentum
            self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
            self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return ops.reshape(out, ops.shape(inputs))


@keras.saving.register_keras_serializable("imle")
class Attention(keras.layers.Layer):
    """Weighted mean of vectors, the weights being softmax(V tanh(W x + b)) over the positions.

    Input (..., positions, d); output: the mean (..., d) and the weights (..., positions), float32, which sum to 1.
    W is d x units, b positions x units, V units x 1 (Reddy et al. 2021, doi:10.1109/SMC52423.2021.9658706, eq. 1-3).
    """

    def __init__(self, units: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        positions, size = input_shape[-2:]
        self.att_weight = self.add_weight(name="att_weight", shape=(size, self.units), initializer="glorot_uniform")
        self.att_bias = self.add_weight(name="att_bias", shape=(positions, self.units), initializer="zeros")
        self.Vatt = self.add_weight(name="Vatt", shape=(self.units, 1), initializer="glorot_uniform")

    def call(self, inputs):
        hidden = ops.tanh(ops.matmul(inputs, self.att_weight) + self.att_bias)
        scores = ops.squeeze(ops.matmul(hidden, self.Vatt), -1)
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)  # bfloat16 weights would not sum to 1
        rows = ops.expand_dims(ops.cast(weights, inputs.dtype), -2)
        return ops.squeeze(ops.matmul(rows, inputs), -2), weights

    def compute_output_spec(self, inputs):
        *outer, positions, size = inputs.shape
        mean = keras.KerasTensor((*outer, size), dtype=self.compute_dtype)
        return mean, keras.KerasTensor((*outer, positions), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "units": self.units}
