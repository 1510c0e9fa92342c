"""A compact convolutional transformer, computed by hand from its weights."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import models

from .nets import outputs, pixels

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="its layers are tested on each backend"
)

AROUND = [(0, 0), (1, 1), (1, 1), (0, 0)]
WINDOW = [(row, column) for row in range(3) for column in range(3)]


def normalised(x, model, name):
    gamma, beta = weights_of(model, name)
    deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return (x - x.mean(-1, keepdims=True)) / deviation * gamma + beta


def weights_of(model, name):
    return [ops.convert_to_numpy(weight.value) for weight in model.get_layer(name).weights]


def test_by_hand():
    model = models.build(
        "cct_7_3x1_32", {"type": "mhsa", "num_heads": 2}, num_classes=3, input_shape=(8, 8, 3),
        width=4, depths=(1,), hidden=6,
    )  # fmt: skip
    generator = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(weight.numpy() + generator.normal(0, 0.3, weight.shape))
    x = pixels((2, 8, 8, 3))
    wide = np.pad(ops.convert_to_numpy(model.get_layer("normalize")(x)), AROUND)
    (kernel,) = weights_of(model, "stem_conv1")
    maps = sum(wide[:, row : row + 8, column : column + 8] @ kernel[row, column]
               for row, column in WINDOW)  # fmt: skip
    wide = np.pad(np.maximum(maps, 0), AROUND)
    maps = np.max(
        [wide[:, row : row + 7 : 2, column : column + 7 : 2] for row, column in WINDOW], 0
    )
    (table,) = weights_of(model, "positions")
    tokens = (maps + table).reshape(2, 16, 4)
    mixed = model.get_layer("stage1_block1_attention")(
        normalised(tokens, model, "stage1_block1_norm1").astype("float32")
    )
    y = normalised(tokens + ops.convert_to_numpy(mixed), model, "stage1_block1_norm2")
    kernel, bias = weights_of(model, "stage1_block1_mlp_in")
    hidden = y @ kernel + bias
    hidden = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
    kernel, bias = weights_of(model, "stage1_block1_mlp_out")
    y = normalised(y + hidden @ kernel + bias, model, "norm")
    (query,) = weights_of(model, "pool")
    share = np.exp(y @ query) / np.exp(y @ query).sum(-1, keepdims=True)
    kernel, bias = weights_of(model, "logits")
    wanted = (share[..., None] * y).sum(1) @ kernel + bias
    np.testing.assert_allclose(outputs(model, x), wanted, rtol=1e-4, atol=1e-4)
