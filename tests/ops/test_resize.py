import numpy as np
import PIL.Image
import pytest
from keras import ops

from keras_attention.ops import resize
from tests.layers.tools import assert_close, assert_equal, random_map, to_numpy
from tests.oracles import pooling
from tests.torch_oracles.core import import_oracle

SHAPE = (2, 4, 5, 3)


@pytest.mark.parametrize("size", [(3, 4), (1, 7), (6, 10)])
def test_is_that_of_keras(size):
    x = random_map(SHAPE)
    expected = ops.image.resize(x, size, "bilinear", data_format="channels_last", antialias=False)
    found = resize.bilinear(ops.convert_to_tensor(x), size, (1, 2))
    assert_close(found, expected)
    assert_close(found, pooling.bilinear(x, *size))


def test_any_axes():
    x = ops.convert_to_tensor(random_map(SHAPE))
    first = resize.bilinear(ops.moveaxis(x, -1, 1), (3, 4), (2, 3))
    assert_close(ops.moveaxis(first, 1, -1), resize.bilinear(x, (3, 4), (1, 2)))


def test_the_same_size_changes_nothing():
    x = ops.convert_to_tensor(random_map(SHAPE))
    assert_equal(resize.bilinear(x, (4, 5), (1, 2)), x)


def test_a_ramp_stays_a_ramp_and_a_constant_a_constant():
    ramp = ops.convert_to_tensor(np.arange(4, dtype="float32"))
    y = to_numpy(resize.bilinear(ramp, (8,), (0,)))
    assert_close(y, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    y = resize.bilinear(ops.full(SHAPE, 3.0, "float16"), (9, 2), (1, 2))
    assert y.dtype == ops.full((), 1, "float16").dtype
    assert_close(y, np.full((2, 9, 2, 3), 3.0))


# Both are shrunk, both grow, one of each, one row, and by factors that are no whole numbers.
@pytest.mark.parametrize("size", [(3, 4), (6, 10), (2, 11), (9, 3), (1, 7), (7, 16)])
def test_bicubic_is_that_of_torch(size):
    torch = import_oracle("torch")
    x = random_map((2, 7, 8, 3))
    planes = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    expected = torch.nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=True)
    found = resize.bicubic(ops.convert_to_tensor(x), size, (1, 2))
    assert_close(found, expected.numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("size", [(37, 37), (16, 16), (7, 9)])
def test_bicubic_is_that_of_pillow(size):
    x = random_map((1, 14, 14, 1))[0, :, :, 0]
    image = PIL.Image.fromarray(x).resize(size[::-1], PIL.Image.Resampling.BICUBIC)
    assert_close(resize.bicubic(ops.convert_to_tensor(x), size, (0, 1)), np.asarray(image))


def test_bicubic_of_the_same_size_changes_nothing():
    x = ops.convert_to_tensor(random_map(SHAPE))
    assert_close(resize.bicubic(x, (4, 5), (1, 2)), x, 1e-6)


def test_bicubic_keeps_constants_and_types():
    y = resize.bicubic(ops.full(SHAPE, 3.0, "float16"), (9, 2), (1, 2))
    assert y.dtype == ops.full((), 1, "float16").dtype
    assert_close(y, np.full((2, 9, 2, 3), 3.0))
