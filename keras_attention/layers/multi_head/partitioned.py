"""What block and grid attention share: all but how the map is partitioned."""

import keras
from keras import ops

from ...ops import axes, relative, windows
from ...ops.dot_product import attend, merge_heads, split_heads
from ..checks import divides


def build(layer, channels: int, size: int) -> None:
    """Give `layer` its projections, a table of position biases for `size` x `size`, and dropout."""
    owner = f"{type(layer).__name__} {layer.name!r}"
    divides(channels, "channels", owner, key_dim=layer.key_dim)
    layer.num_heads = channels // layer.key_dim
    layer.qkv = layer.add_dense(channels, 3 * channels, use_bias=layer.use_bias, name="qkv")
    layer.position_bias = layer.add_weight(
        shape=((2 * size - 1) ** 2, layer.num_heads),
        initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        autocast=False,
        name="position_bias",
    )
    layer.proj = layer.add_dense(channels, channels, name="proj")
    layer.drop = layer.add(keras.layers.Dropout, None, layer.dropout, name="dropout")


def call(layer, x, size: int, partition: windows.Partition, training, return_attention_scores):
    """The output of `layer`, whose positions attend to those of their own part."""
    last = axes.to_last(x, layer.data_format)
    batch, height, width = ops.shape(last)[:3]
    padded = windows.pad(last, size)
    qkv = layer.qkv(partition.split(padded, size))  # (B parts, size size, 3 C)

    def to_map(tokens):
        y = partition.merge(tokens, size, *ops.shape(padded)[1:3])
        return windows.crop(y, height, width)

    y, weights = attend(
        *(split_heads(part, layer.num_heads) for part in ops.split(qkv, 3, axis=-1)),
        bias=relative.table_bias(layer.position_bias, size, size),
        mask=windows.key_mask(height, width, size, batch, partition.split),
        dropout=layer.drop,
        training=training,
    )
    y = layer.blend(x, axes.from_last(to_map(layer.proj(merge_heads(y))), layer.data_format))
    if not return_attention_scores:
        return y
    weights = axes.to_tokens(to_map(merge_heads(weights)), "channels_last")
    weights = split_heads(weights, layer.num_heads)  # (B, heads, N, size size)
    rows, columns = (partition.slots(side, size) for side in (height, width))
    return y, windows.dense(weights, rows, columns, (size, size))
