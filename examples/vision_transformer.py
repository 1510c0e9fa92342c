"""A small vision transformer whose attention can be looked at.

Where a ViT of the Keras examples has `keras.layers.MultiHeadAttention(heads, width)(x, x)`, this
one has `MultiHeadSelfAttention(heads)(x)`: the same mathematics, with maps that `explain` finds.

Run      python examples/vision_transformer.py
"""

import keras
import numpy as np
from keras import ops

from keras_attention import explain, layers


@keras.saving.register_keras_serializable("my_project")
class AddPositions(keras.layers.Layer):
    """y = x + p, p one learned vector per token."""

    def build(self, input_shape):
        shape = (1, *input_shape[1:])
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        self.positions = self.add_weight(shape=shape, initializer=start, name="positions")

    def call(self, x):
        return x + ops.cast(self.positions, x.dtype)


def transformer(size=32, patch=8, width=32, depth=2, heads=4, num_classes=10) -> keras.Model:
    image = keras.Input((size, size, 3), name="image")
    x = keras.layers.Conv2D(width, patch, strides=patch, name="patches")(image)
    x = keras.layers.Reshape((-1, width), name="tokens")(x)
    x = AddPositions(name="positions")(x)
    for block in range(1, depth + 1):
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"block{block}_norm1")(x)
        y = layers.MultiHeadSelfAttention(heads, name=f"block{block}_attention")(y)
        x = keras.layers.Add(name=f"block{block}_add1")([x, y])
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"block{block}_norm2")(x)
        y = keras.layers.Dense(2 * width, activation="gelu", name=f"block{block}_mlp1")(y)
        y = keras.layers.Dense(width, name=f"block{block}_mlp2")(y)
        x = keras.layers.Add(name=f"block{block}_add2")([x, y])
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(num_classes, name="logits")(x))


def main() -> None:
    keras.utils.set_random_seed(0)
    model = transformer()
    images = np.random.default_rng(0).uniform(size=(2, 32, 32, 3)).astype("float32")
    for name, attention in explain.attention_maps(model, images).items():
        print(f"{name}: {attention.kind} map {attention.array.shape}")


if __name__ == "__main__":
    main()
