import numpy as np
import pytest
from PIL import Image

from keras_attention import zoo
from keras_attention.zoo import images


def gradient(height=6, width=8):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 20, columns * 20, rows + columns], axis=-1).astype("uint8")


def test_arrays_pass_and_floats_are_rounded():
    np.testing.assert_array_equal(images.read(gradient()), gradient())
    np.testing.assert_array_equal(images.read(gradient() + 0.4), gradient())


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_lossless_files(tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(gradient()).save(path)
    np.testing.assert_array_equal(images.read(path), gradient())
    np.testing.assert_array_equal(images.read(str(path)), gradient())


def test_exif_turns_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    path = tmp_path / "turned.png"
    Image.fromarray(gradient()).save(path, exif=exif)
    np.testing.assert_array_equal(images.read(path), np.rot90(gradient(), -1))


def test_grey_palette_and_transparency():
    grey = Image.fromarray(gradient()[..., 0])
    assert (images.read(grey) == gradient()[..., :1]).all()
    clear = Image.new("RGBA", (3, 2), (200, 0, 0, 0))
    assert (images.read(clear) == 255).all()
    assert images.read(Image.fromarray(gradient()).convert("P")).shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(4), r"Received: shape \(4,\)"),
        (np.zeros((4, 0)), r"Received: shape \(4, 0\)"),
        (np.zeros((4, 4, 2)), r"Received: shape \(4, 4, 2\)"),
        (np.full((4, 4), -1.0), "must lie in 0..255"),
        (np.zeros((4, 4, 4)), r"Received: shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3)), r"Received: shape \(0, 4, 3\)"),
        (np.full((4, 4, 3), -1.0), "must lie in 0..255"),
        (np.full((4, 4, 3), 300), "must lie in 0..255"),
        (np.full((4, 4, 3), np.nan), "must lie in 0..255"),
        (np.full((4, 4, 3), 0.5), "multiply by 255"),
    ],
)
def test_bad_arrays(bad, message):
    with pytest.raises(zoo.ImageError, match=message):
        images.read(bad)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image at"):
        images.read(tmp_path / "none.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    with pytest.raises(zoo.ImageError, match="not an image that can be read"):
        images.read(text)
    with pytest.raises(zoo.ImageError, match="not an image that can be read"):
        images.read(tmp_path)
    cut = tmp_path / "cut.png"
    Image.fromarray(gradient(60, 80)).save(cut)
    cut.write_bytes(cut.read_bytes()[:-60])
    with pytest.raises(zoo.ImageError, match="not an image that can be read"):
        images.read(cut)


def test_too_many_pixels_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.fromarray(gradient()).save(path)
    monkeypatch.setattr(images, "MOST_PIXELS", 47)
    with pytest.raises(zoo.ImageError, match="47 pixels at most.*8 x 6"):
        images.read(path)


def test_centre_and_fit():
    np.testing.assert_array_equal(images.centre(gradient(), 1, 1), gradient()[:, 1:7])
    np.testing.assert_array_equal(images.centre(gradient(8, 6), 32, 32), gradient(8, 6)[1:7])
    assert images.fit(gradient(), 3, 3).shape == (3, 3, 3)
    np.testing.assert_array_equal(images.fit(gradient(6, 6), 6, 6), gradient(6, 6))
    np.testing.assert_array_equal(images.fit(gradient(), None, None), gradient())
    constant = np.full((50, 70, 3), 93, "uint8")
    assert (images.fit(constant, 32, 32) == 93).all()
