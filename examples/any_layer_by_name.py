"""The same functional network with any attention gate of the registry, by its name.

Run      python examples/any_layer_by_name.py se coordinate simam
"""

import sys

import keras

from keras_attention import layers


def network(attention: str | dict | None) -> keras.Model:
    image = keras.Input((32, 32, 3), name="image")
    x = image
    for stage, filters in enumerate((32, 64), start=1):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", name=f"conv{stage}")(x)
        x = keras.layers.ReLU(name=f"relu{stage}")(x)
        gate = layers.get(attention, name=f"attention{stage}")  # a fresh layer at each call
        if gate is not None:
            x = gate(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, keras.layers.Dense(10, name="logits")(x))


def main(names: list[str]) -> None:
    plain = network(None).count_params()
    for name in names or layers.list_layers(kind="channel", slot="gate"):
        added = network(name).count_params() - plain
        print(f"{name:16} adds {added:6,} parameters to {plain:,}")


if __name__ == "__main__":
    main(sys.argv[1:])
