"""How residual networks begin: from images to maps with `width` channels.

References: He et al., CVPR 2016, arXiv:1512.03385 ("imagenet", and "small" for images of 32
pixels); He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks",
CVPR 2019, arXiv:1812.01187 ("deep"); timm ("tiered"); Bello et al., "Revisiting ResNets: Improved
Training and Scaling Strategies", NeurIPS 2021, arXiv:2103.07579 (a convolution as the pool).
"""

import keras

from .blur import Blur
from .parts import channels, conv_norm, max_pool


def imagenet(x, width: int, pool: str):
    """A 7x7 convolution and a pool, both of stride 2."""
    x = conv_norm(x, width, 7, 2, name="stem", activation="relu")
    return POOLS[pool](x)


def small(x, width: int, pool: str):
    """A 3x3 convolution of stride 1, and no pool."""
    return conv_norm(x, width, 3, name="stem", activation="relu")


def deep(x, width: int, pool: str):
    """Three 3x3 convolutions in place of the 7x7 one, at first with half the channels."""
    return _three(x, (width // 2, width // 2, width), pool)


def tiered(x, width: int, pool: str):
    """Likewise, with channels that grow step by step."""
    return _three(x, (3 * width // 8, width // 2, width), pool)


def _three(x, widths, pool: str):
    for index, width in enumerate(widths, start=1):
        stride = 2 if index == 1 else 1
        x = conv_norm(x, max(1, width), 3, stride, name="stem", index=index, activation="relu")
    return POOLS[pool](x)


def maximum(x):
    """The 3x3 maximum at a stride of 2."""
    return max_pool(x, name="stem_pool")


def mean(x):
    """The 2x2 mean at a stride of 2."""
    return keras.layers.AveragePooling2D(2, name="stem_pool")(x)


def blurred(x):
    """The 3x3 maximum of every position, then a blur at a stride of 2."""
    return Blur(name="stem_blur")(max_pool(x, stride=1, name="stem_pool"))


def convolution(x):
    """A 3x3 convolution at a stride of 2."""
    return conv_norm(x, channels(x), 3, 2, name="stem_pool", activation="relu")


STEMS = {"imagenet": imagenet, "small": small, "deep": deep, "tiered": tiered}
POOLS = {"max": maximum, "mean": mean, "blur": blurred, "convolution": convolution}
