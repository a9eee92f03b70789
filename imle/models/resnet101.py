"""ResNet-101 in one dimension: He et al.'s bottleneck network with long kernels, all leads at once."""

import keras
from keras import layers

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS
from imle.models.layers import TORCH_NORM, BatchNorm
from imle.models.registry import register

EXPANSION = 4


@register("resnet101", title="ResNet-101", source="doi:10.1109/CVPR.2016.90")
def resnet101(
    classes: int = 5,
    blocks: tuple[int, ...] = (3, 4, 23, 3),
    filters: int = 64,
    stem_kernel: int = 15,
    kernels: tuple[int, int, int] = (7, 11, 7),
    dropout: float = 0.2,
) -> keras.Model:
    """Four stages of bottlenecks; each but the first halves the positions and doubles the filters.

    Input (12, 1000) standardised at 100 Hz; output logits (classes,). Layers carry the names of the published
    PyTorch modules (`layer3.0.bn1` is `layer3_0_bn1`), by which `imle.published` finds them.
    """
    signal = keras.Input((len(LEADS), MODEL_SAMPLES), name="signal")
    x = convolve(layers.Permute((2, 1))(signal), filters, stem_kernel, "conv1", stride=2)
    x = layers.ReLU()(norm(x, "bn1"))
    x = layers.MaxPooling1D(3, strides=2)(layers.ZeroPadding1D(1)(x))
    for stage, count in enumerate(blocks):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            x = bottleneck(x, filters * 2**stage, kernels, stride, dropout, name=f"layer{stage + 1}_{index}")
    x = layers.GlobalAveragePooling1D()(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(signal, {"logits": logits}, name="resnet101")


def bottleneck(x, width: int, kernels: tuple[int, int, int], stride: int, dropout: float, name: str):
    """Three convolutions, narrow between wide ends, beside a shortcut that is convolved where the shape changes."""
    wide = EXPANSION * width
    y = layers.ReLU()(norm(convolve(x, width, kernels[0], f"{name}_conv1"), f"{name}_bn1"))
    y = layers.ReLU()(norm(convolve(y, width, kernels[1], f"{name}_conv2", stride), f"{name}_bn2"))
    y = layers.Dropout(dropout)(y)
    y = norm(convolve(y, wide, kernels[2], f"{name}_conv3"), f"{name}_bn3")
    if x.shape[-1] != wide or stride > 1:
        x = norm(convolve(x, wide, 1, f"{name}_downsample_0", stride), f"{name}_downsample_1")
    return layers.ReLU()(layers.Add()([y, x]))


def convolve(x, width: int, kernel: int, name: str, stride: int = 1):
    """Kernel of odd length, without bias, both ends padded alike: Keras's 'same' would shift it where it strides.

    Initial weights are normal with variance 2 / (kernel² x width), the rule for images, as published.
    """
    normal = keras.initializers.RandomNormal(stddev=(2 / (kernel**2 * width)) ** 0.5)
    padded = layers.ZeroPadding1D(kernel // 2)(x) if kernel > 1 else x
    return layers.Conv1D(width, kernel, strides=stride, use_bias=False, kernel_initializer=normal, name=name)(padded)


def norm(x, name: str):
    return BatchNorm(**TORCH_NORM, name=name)(x)
