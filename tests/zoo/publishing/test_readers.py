"""Published models through each of their readers, and our layers in networks of KerasHub."""

import keras
import numpy as np
import pytest
from huggingface_hub import snapshot_download
from keras import ops

from keras_attention import layers, zoo
from tests import fake_hub
from tests.models.nets import carry_weights, outputs, pixels, small

from .test_publish import GATE, OPTIONS, tuned

# The client's own, whenever it sends a file to LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

NETS = {
    "vit": (tuned, {"attention": GATE, "options": OPTIONS}),
    "resnet": (small, {"attention": "cbam", "options": {"width": 16, "stem": "small"}}),
}
ONE_COMMIT = ["*.json", "*.h5"]


@pytest.fixture(scope="module")
def keras_hub():
    return pytest.importorskip("keras_hub", reason="KerasHub is not installed")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with fake_hub.connected(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module", params=NETS)
def published(request, hub):
    """The address of a network on the Hub, its logits of some pixels, its commit."""
    build, arguments = NETS[request.param]
    model = build()
    generator = np.random.default_rng(0)
    for weight in model.non_trainable_weights:  # statistics as after some training
        if "moving" in weight.path:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    repo = f"readers/{request.param}"
    found = zoo.publish(model, repo, licence="MIT", **arguments)
    return f"hf://{repo}", outputs(model, pixels()), found.commit


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_this_library(published):
    place, expected, commit = published
    close(outputs(zoo.load(place), pixels()), expected)
    close(outputs(zoo.load(f"{place}@{commit}"), pixels()), expected)


def test_keras(published):
    place, expected, _ = published
    close(outputs(keras.saving.load_model(place), pixels()), expected)


def test_keras_reads_one_commit(published, hub, tmp_path):
    place, expected, commit = published
    hub.add(place.removeprefix("hf://"), {"assets.json": b"{}"})  # main moves on
    folder = snapshot_download(
        place.removeprefix("hf://"), revision=commit, allow_patterns=ONE_COMMIT, cache_dir=tmp_path
    )
    close(outputs(keras.saving.load_model(folder), pixels()), expected)


def test_keras_hub(published, keras_hub):
    place, expected, _ = published
    task = keras_hub.models.ImageClassifier.from_preset(place)
    close(task.predict(pixels(), verbose=0), expected)


def test_keras_hub_gives_it_other_classes(published, keras_hub):
    place, _, _ = published
    task = keras_hub.models.ImageClassifier.from_preset(place, num_classes=5)
    assert task.output_shape == (None, 5)
    body, ours = task.backbone, zoo.load(place, num_classes=0)
    close(outputs(body, pixels())[:, 0, 0], outputs(ours, pixels()))


@pytest.fixture
def backbone(keras_hub):
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )


def test_our_layer_in_a_backbone_of_keras_hub(backbone):
    ends = {
        layer.name: level
        for level, x in backbone.pyramid_outputs.items()
        for layer in backbone.layers
        if layer.output is x
    }
    assert set(ends.values()) == {"P2", "P3"}

    def with_attention(layer, *arguments, **options):
        y = layer(*arguments, **options)
        if layer.name in ends:
            y = layers.get("cbam", name=f"{ends[layer.name]}_attention")(y)
        return y

    plain = keras.Model(backbone.input, dict(backbone.pyramid_outputs))
    net = keras.models.clone_model(plain, call_function=with_attention)
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    maps = outputs(net, x)
    for level, y in maps.items():
        assert y.shape[1:] == tuple(backbone.pyramid_outputs[level].shape)[1:]
    again = keras.Model.from_config(net.get_config())
    carry_weights(net, again)
    for level, y in outputs(again, x).items():
        np.testing.assert_allclose(y, maps[level], rtol=1e-5, atol=1e-6)
    pooled = keras.layers.GlobalAveragePooling2D()(net.output["P3"])
    model = keras.Model(net.input, keras.layers.Dense(3)(pooled))
    gates = [net.get_layer(f"{level}_attention") for level in ("P2", "P3")]
    before = [[ops.convert_to_numpy(one) for one in gate.trainable_weights] for gate in gates]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, np.array([0, 1]), verbose=0)
    for gate, values in zip(gates, before, strict=True):
        moved = [
            np.abs(ops.convert_to_numpy(one) - value).max()
            for one, value in zip(gate.trainable_weights, values, strict=True)
        ]
        assert max(moved) > 0, gate.name


def test_preprocessing_of_keras_hub_before_a_network(keras_hub, published):
    tf = pytest.importorskip("tensorflow")
    place, expected, _ = published
    convert = keras_hub.layers.ImageConverter(image_size=(8, 8))
    images = tf.data.Dataset.from_tensor_slices(pixels()).batch(2).map(convert)
    (batch,) = (images.numpy() for images in images)
    close(outputs(zoo.load(place), batch), expected)
