"""The graph of FID against torchvision's Inception, changed where the graph of 2015 differs."""

import keras
import numpy as np
import pytest

from keras_attention import zoo
from keras_attention.models import inception
from keras_attention.zoo import inceptions
from tests.torch_oracles.core import import_oracle

ON_TORCH = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="against torchvision; takes long to compile"
)


@pytest.fixture(scope="module")
def original():
    """torchvision's network with the classes of 2015 and random weights that keep signals up."""
    torch, tv = pytest.importorskip("torch"), import_oracle("torchvision.models.inception")
    net = tv.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    random = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=random)
        elif name.endswith(("bn.weight", "running_var")):
            tensor.uniform_(0.5, 1.5, generator=random)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3, generator=random)
    return net.eval()


def judged(net, images, monkeypatch):
    """pool3 and probabilities: averages without padding, the last of them a maximum, no bias."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    average, pools = functional.avg_pool2d, []
    net.fc.bias.data.zero_()
    net.avgpool.register_forward_hook(lambda _, inputs, output: pools.append(output))
    last = []
    net.Mixed_7c.register_forward_pre_hook(lambda *_: last.append(True))
    net.Mixed_7c.register_forward_hook(lambda *_: last.clear())

    def pool(x, **options):
        if last:
            return functional.max_pool2d(x, **options)
        return average(x, **options, count_include_pad=False)

    monkeypatch.setattr(functional, "avg_pool2d", pool)
    with torch.no_grad():
        scaled = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 128) / 128
        probabilities = functional.softmax(net(scaled), dim=1)
    return pools[0].flatten(1).numpy(), probabilities.numpy()


@ON_TORCH
def test_a_converted_file_gives_the_same(original, tmp_path, monkeypatch):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(original.state_dict(), tmp_path / "inception.safetensors")
    net = zoo.inception(tmp_path / "inception.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (2, 299, 299, 3), "uint8")
    features, probabilities = net(images)
    expected, likely = judged(original, images, monkeypatch)
    assert features.shape == (2, 2048)
    assert net.graph == "inception_2015"
    scale = abs(expected).max()
    np.testing.assert_allclose(features / scale, expected / scale, atol=1e-5)
    np.testing.assert_allclose(probabilities, likely, atol=1e-5)


@ON_TORCH
def test_a_file_of_other_tensors_is_refused(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    tiny = {"fc.weight": np.zeros((10, 2048), "float32"), "fc.bias": np.zeros(10, "float32")}
    path = tmp_path / "other.safetensors"
    safetensors.save_file(tiny | {"more.weight": tiny["fc.bias"]}, path)
    expected = (
        r"Missing: \['Conv2d_1a_3x3.bn.bias'.*Left over: \['more.weight'\].*"
        r"fc.weight \(10, 2048\) for \(1008, 2048\)"
    )
    with pytest.raises(zoo.WeightsError, match=expected):
        zoo.inception(path)
    path.write_bytes(b"short")
    with pytest.raises(zoo.IntegrityError, match="not a readable safetensors file"):
        zoo.inception(path)


def test_averages_leave_padding_out():
    found = keras.ops.convert_to_numpy(inception.averaged(np.ones((1, 5, 5, 2), "float32")))
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize(("rows", "columns", "side"), [(5, 7, 11), (32, 32, 299), (20, 9, 6)])
def test_resizing_is_that_of_tensorflow_1(rows, columns, side):
    """Place i of the result lies at i * size / side, between its two neighbours."""
    image = np.random.default_rng(0).integers(0, 256, (rows, columns, 1)).astype("float32")
    found = inceptions.resized(image[None], side)[0, ..., 0]
    for row, column in np.random.default_rng(1).integers(0, side, (60, 2)):
        y, x = row * rows / side, column * columns / side
        top, left = int(y), int(x)
        below, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
        upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
        lower = image[below, left] * (1 - (x - left)) + image[below, right] * (x - left)
        expected = upper * (1 - (y - top)) + lower * (y - top)
        np.testing.assert_allclose(found[row, column], expected[0], rtol=1e-4)
