"""An attention layer of your own in every block of a ResNet: pass the class, no registration.

Run      python examples/your_own_layer.py
"""

import keras
import numpy as np
from keras import ops

from keras_attention import explain, layers, models


@keras.saving.register_keras_serializable("my_project")
class Contrast(layers.AttentionLayer):
    """y = x * sigmoid(w * (mean_c |x| - mean_hwc |x|) + b): louder positions count more."""

    score_kind = "spatial"

    def build(self, input_shape):
        super().build(input_shape)
        self.slope = self.add_weight(shape=(), initializer="ones", name="slope")
        self.offset = self.add_weight(shape=(), initializer="zeros", name="offset")

    def call(self, x, return_attention_scores=False):
        loudness = ops.mean(ops.abs(x), self.channel, keepdims=True)
        contrast = loudness - ops.mean(loudness, self.space, keepdims=True)
        slope, offset = (ops.cast(weight, x.dtype) for weight in (self.slope, self.offset))
        gate = ops.sigmoid(slope * contrast + offset)
        y = self.blend(x, x * gate)
        if not return_attention_scores:
            return y
        return y, ops.cast(ops.squeeze(gate, self.channel), "float32")


def main() -> None:
    model = models.build(
        "resnet18", attention=Contrast, num_classes=10, input_shape=(64, 64, 3), width=8
    )
    image = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype("float32")
    for name, attention in explain.attention_maps(model, image).items():
        print(f"{name}: {attention.kind} map {attention.array.shape}")


if __name__ == "__main__":
    main()
