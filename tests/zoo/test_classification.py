import keras
import numpy as np
import pytest
from PIL import Image

import keras_attention as ka
from keras_attention import zoo
from tests.source import ROOT

CBAM = "resnet18w16_cbam_cifar10"
CAT = ROOT / "docs/photos/cat_face.jpg"


def tiny(**options):
    arguments = {"stem": "small", "width": 2, "num_classes": 3, "input_shape": (16, 16, 3)}
    return ka.models.build("resnet18", **{**arguments, **options})


def test_probabilities_are_the_softmax_of_the_logits():
    model = tiny(labels=("ant", "bee", "cow"))
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype="uint8")
    logits = model.predict(image[None], verbose=0)[0].astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum()
    found = zoo.classify(model, image)
    assert sum(p.probability for p in found) == pytest.approx(1)
    assert [p.label for p in found] == [("ant", "bee", "cow")[i] for i in np.argsort(-expected)]
    assert [p.probability for p in found] == pytest.approx(sorted(expected)[::-1], rel=1e-5)


def test_the_centre_of_a_photo_is_scaled_down():
    model = tiny()
    photo = np.zeros((16, 48, 3), "uint8")
    photo[:, 16:32] = np.random.default_rng(0).integers(0, 256, (16, 16, 3))
    assert zoo.classify(model, photo) == zoo.classify(model, photo[:, 16:32])
    np.testing.assert_array_equal(zoo.centre(model, photo), photo[:, 16:32])
    assert zoo.centre(model, np.zeros((64, 90, 3), "uint8")).shape == (64, 64, 3)


def test_top_and_labels_of_an_unlabelled_model():
    found = zoo.classify(tiny(), np.zeros((16, 16, 3), "uint8"), top=2)
    assert len(found) == 2 and found[0].label.startswith("class ")
    assert len(zoo.classify(tiny(), np.zeros((16, 16, 3), "uint8"), top=9)) == 3
    with pytest.raises(ValueError, match="Received: top=0"):
        zoo.classify(tiny(), np.zeros((16, 16, 3), "uint8"), top=0)


def test_the_shipped_model_by_name():
    found = zoo.classify(CBAM, Image.open(CAT), top=3)
    assert len(found) == 3
    assert {p.label for p in found} <= set(zoo.info(CBAM).labels)


def test_channels_first():
    keras.config.set_image_data_format("channels_first")
    model = tiny(input_shape=(3, 16, 20))
    assert zoo.preprocess(model, np.zeros((30, 30, 3), "uint8")).shape == (3, 16, 20)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_a_model_of_grey_images_takes_any_picture(order):
    keras.config.set_image_data_format(order)
    last = order == "channels_last"
    shape = (16, 12, 1) if last else (1, 16, 12)
    model = tiny(input_shape=shape, mean=(0.3,), std=(0.3,))
    rgb = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype="uint8")
    grey = np.array(Image.fromarray(rgb).convert("L"))
    ready = zoo.preprocess(model, rgb)
    assert ready.shape == shape
    np.testing.assert_array_equal(ready[..., 0] if last else ready[0], grey)
    for picture in (Image.fromarray(rgb), Image.fromarray(grey), grey, grey[..., None]):
        np.testing.assert_array_equal(zoo.preprocess(model, picture), ready)
        assert zoo.classify(model, picture) == zoo.classify(model, rgb)
    assert zoo.centre(model, grey).shape == (16, 12, 3)


def test_a_grey_array_is_a_picture_for_any_model():
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), dtype="uint8")
    ready = zoo.preprocess(tiny(), grey)
    np.testing.assert_array_equal(ready, np.repeat(grey[..., None], 3, axis=-1))
    with pytest.raises(zoo.ImageError, match=r"Received: shape \(16, 16, 2\)"):
        zoo.preprocess(tiny(), np.zeros((16, 16, 2), "uint8"))


def test_models_that_do_not_take_an_image():
    tokens = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"one RGB or grey image. Received: input \(7,\)"):
        zoo.classify(tokens, np.zeros((4, 4, 3), "uint8"))
    maps = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 1)])
    with pytest.raises(ValueError, match="one row of logits"):
        zoo.classify(maps, np.zeros((8, 8, 3), "uint8"))
