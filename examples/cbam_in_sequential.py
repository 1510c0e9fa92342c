"""CBAM after each convolution of a small Sequential network.

Run      python examples/cbam_in_sequential.py
"""

import keras
import numpy as np

from keras_attention import explain, layers


def network(num_classes: int = 2) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.CBAM(reduction=4, name="cbam1"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.CBAM(reduction=8, name="cbam2"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(num_classes),
        ]
    )


def squares(images: int, seed: int = 0):
    """Noise with a bright square in the left half (class 0) or in the right one (class 1)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(images, 32, 32, 3)).astype("float32")
    y = rng.integers(0, 2, images)
    for image, label in zip(x, y, strict=True):
        row, column = rng.integers(0, 24), rng.integers(0, 8) + 16 * label
        image[row : row + 8, column : column + 8] += 2
    return x, y


def main() -> None:
    keras.utils.set_random_seed(0)
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    x, y = squares(64)
    model.fit(x, y, epochs=2, verbose=0)
    for name, attention in explain.attention_maps(model, x[:1]).items():
        print(f"{name}: {attention.kind} map {attention.array.shape}")


if __name__ == "__main__":
    main()
