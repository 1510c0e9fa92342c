import keras
import pytest
from keras import ops

from keras_attention.layers import AttentionLayer, SqueezeExcite
from tests.layers.tools import assert_close, built, random_map, to_layout


class Fixed(AttentionLayer):
    """Halves its map, so that only the base has weights."""

    def call(self, x):
        return self.blend(x, x / 2)


def test_the_data_format_is_read_once_and_kept():
    keras.config.set_image_data_format("channels_first")
    layer = Fixed()
    keras.config.set_image_data_format("channels_last")
    assert layer.data_format == layer.get_config()["data_format"] == "channels_first"
    assert Fixed.from_config(layer.get_config()).data_format == "channels_first"
    assert (layer.channel, layer.space) == (1, (2, 3))
    assert Fixed().data_format == "channels_last"


@pytest.mark.parametrize("data_format", ["channels_middle", "", 1])
def test_rejects_other_data_formats(data_format):
    message = r"Fixed: data_format must be one of \['channels_last', 'channels_first'\]. Received: "
    with pytest.raises(ValueError, match=f"{message}data_format={data_format!r}"):
        Fixed(data_format=data_format)


@pytest.mark.parametrize(
    "data_format, layout",
    [
        ("channels_last", "height, width, channels"),
        ("channels_first", "channels, height, width"),
    ],
)
def test_a_wrong_rank_is_answered_with_the_layout(data_format, layout):
    message = rf"Fixed 'f' needs a map \(batch, {layout}\) .* Received: input_shape=\(2, 5\)"
    with pytest.raises(ValueError, match=message):
        Fixed(name="f", data_format=data_format)(ops.zeros((2, 5)))


def test_the_blend_runs_from_the_input_to_the_layer():
    x = random_map()
    layer = built(Fixed(identity_init=True))
    for scale, expected in {0.0: x, 1.0: x / 2, 0.5: 0.75 * x}.items():
        layer.identity_scale.assign(scale)
        assert_close(layer(x), expected)


def test_without_the_flag_there_is_no_scale():
    assert not built(Fixed()).weights
    assert_close(Fixed()(random_map()), random_map() / 2)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_convolution_and_norm_keep_the_map(data_format):
    layer = Fixed(data_format=data_format, dtype="mixed_bfloat16")
    x = to_layout(random_map(), data_format)
    for part in (layer.add_conv(8, 8, 3), layer.add_norm(8)):
        assert part(x).shape == x.shape
        assert part.dtype_policy.name == "mixed_bfloat16"
    assert layer.add_dense(8, 5).kernel.shape == (8, 5)


def test_a_global_precision_reaches_the_sublayers():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = SqueezeExcite()
    layer.build((1, 4, 4, 16))
    assert layer.squeeze.dtype_policy.name == "mixed_bfloat16"


@pytest.mark.parametrize("size", [8, None])
def test_an_unknown_batch_stays_unknown(size):
    """On JAX shapes are inferred with a batch that stands for it."""
    layer = SqueezeExcite(2)
    y, gate = layer(keras.Input((size, size, 4)), return_attention_scores=True)
    assert y.shape == (None, size, size, 4) and gate.shape[0] is None
    assert layer(keras.KerasTensor((3, 8, 8, 4))).shape == (3, 8, 8, 4)
