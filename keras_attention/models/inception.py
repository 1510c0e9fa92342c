"""The Inception graph of 2015 that Frechet Inception distances are measured in.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
arXiv:1512.00567, as the archive "inception-2015-12-05" has it: 1008 classes, averages that leave
padding out, and a maximum in the pooling branch of the last block.
"""

import functools

import keras

# Filters of the 1x1 convolution behind the pool of the blocks at 35 x 35.
POOLED = {"Mixed_5b": 32, "Mixed_5c": 64, "Mixed_5d": 64}
# Filters within the branches of 7 x 7 of the blocks at 17 x 17.
INNER = {"Mixed_6b": 128, "Mixed_6c": 160, "Mixed_6d": 160, "Mixed_6e": 192}
# How the blocks at 8 x 8 pool.
POOLS = {"Mixed_7b": keras.layers.AveragePooling2D, "Mixed_7c": keras.layers.MaxPooling2D}
CLASSES = 1008

concatenate = functools.partial(keras.layers.concatenate, axis=-1)


def inception_2015(side: int = 299) -> keras.Model:
    """Images (batch, side, side, 3) in -1..1 to "pool3", (batch, 2048), and "probabilities".

    The weights are random. Each layer has the name of its tensors in the files of
    `zoo.inception`, with "__" for a dot. The probabilities leave the bias of the last layer out,
    as Inception Scores do.
    """
    image = keras.Input((side, side, 3), name="image")
    x = conv(image, 32, 3, "Conv2d_1a_3x3", 2)
    x = conv(x, 32, 3, "Conv2d_2a_3x3", padding="valid")
    x = conv(x, 64, 3, "Conv2d_2b_3x3")
    x = shrunk(x)
    x = conv(x, 80, 1, "Conv2d_3b_1x1")
    x = conv(x, 192, 3, "Conv2d_4a_3x3", padding="valid")
    x = shrunk(x)
    for name, filters in POOLED.items():
        x = block_35(x, filters, name)
    x = to_17(x, "Mixed_6a")
    for name, filters in INNER.items():
        x = block_17(x, filters, name)
    x = to_8(x, "Mixed_7a")
    for name, pool in POOLS.items():
        x = block_8(x, pool, name)
    pool3 = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool3")(x)
    top = keras.layers.Dense(CLASSES, activation="softmax", use_bias=False, name="fc")
    outputs = {"pool3": pool3, "probabilities": top(pool3)}
    return keras.Model(image, outputs, name="inception_2015")


def block_35(x, pooled: int, name: str):
    """1x1; 5x5; two of 3x3; a pool."""
    one = conv(x, 64, 1, f"{name}__branch1x1")
    five = chain(x, f"{name}__branch5x5", (48, 1), (64, 5))
    three = chain(x, f"{name}__branch3x3dbl", (64, 1), (96, 3), (96, 3))
    return concatenate([one, five, three, conv(averaged(x), pooled, 1, f"{name}__branch_pool")])


def to_17(x, name: str):
    """Half the side, by strides and by a pool."""
    three = conv(x, 384, 3, f"{name}__branch3x3", 2)
    double = chain(x, f"{name}__branch3x3dbl", (64, 1), (96, 3), (96, 3, 2))
    return concatenate([three, double, shrunk(x)])


def block_17(x, inner: int, name: str):
    """1x1; 7x7 and two of 7x7, as rows and columns; a pool."""
    row, column = (1, 7), (7, 1)
    one = conv(x, 192, 1, f"{name}__branch1x1")
    seven = chain(x, f"{name}__branch7x7", (inner, 1), (inner, row), (192, column))
    steps = (inner, 1), (inner, column), (inner, row), (inner, column), (192, row)
    double = chain(x, f"{name}__branch7x7dbl", *steps)
    return concatenate([one, seven, double, conv(averaged(x), 192, 1, f"{name}__branch_pool")])


def to_8(x, name: str):
    """Half the side again."""
    three = chain(x, f"{name}__branch3x3", (192, 1), (320, 3, 2))
    steps = (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2)
    return concatenate([three, chain(x, f"{name}__branch7x7x3", *steps), shrunk(x)])


def block_8(x, pool, name: str):
    """1x1; 3x3 as a row beside a column, with and without a 3x3 before; a pool."""
    one = conv(x, 320, 1, f"{name}__branch1x1")
    three = conv(x, 384, 1, f"{name}__branch3x3_1")
    double = chain(x, f"{name}__branch3x3dbl", (448, 1), (384, 3))
    pooled = pool(3, 1, "same", data_format="channels_last")(x)
    return concatenate(
        [
            one,
            conv(three, 384, (1, 3), f"{name}__branch3x3_2a"),
            conv(three, 384, (3, 1), f"{name}__branch3x3_2b"),
            conv(double, 384, (1, 3), f"{name}__branch3x3dbl_3a"),
            conv(double, 384, (3, 1), f"{name}__branch3x3dbl_3b"),
            conv(pooled, 192, 1, f"{name}__branch_pool"),
        ]
    )


def chain(x, name: str, *steps: tuple):
    """Convolutions one after the other, numbered from 1: filters, size, and perhaps a stride."""
    for number, (filters, size, *stride) in enumerate(steps, start=1):
        x = conv(x, filters, size, f"{name}_{number}", *stride)
    return x


def conv(x, filters: int, size, name: str, stride: int = 1, padding: str = "same"):
    """Convolution, batch normalisation, ReLU; with a stride there is no padding."""
    padding = padding if stride == 1 else "valid"
    form = {"padding": padding, "data_format": "channels_last", "use_bias": False}
    x = keras.layers.Conv2D(filters, size, stride, name=f"{name}__conv", **form)(x)
    x = keras.layers.BatchNormalization(axis=-1, epsilon=1e-3, name=f"{name}__bn")(x)
    return keras.layers.Activation("relu", name=f"{name}__relu")(x)


def shrunk(x):
    """The maximum over 3x3 at every second place."""
    return keras.layers.MaxPooling2D(3, 2, data_format="channels_last")(x)


def averaged(x):
    """The mean over 3x3, of what is not padding."""
    return keras.layers.AveragePooling2D(3, 1, "same", data_format="channels_last")(x)
