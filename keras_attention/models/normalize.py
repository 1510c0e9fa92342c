"""The first layer of a model, which keeps how images are made ready for it."""

from collections.abc import Sequence

import keras

from ..layers.checks import one_of
from ..ops import axes

INTERPOLATIONS = ("bicubic", "bilinear")


@keras.saving.register_keras_serializable("keras_attention")
class Normalize(keras.layers.Normalization):
    """y = (x / 255 - mean) / std, for RGB in 0..255.

    Args:
        mean: Mean of each channel, for RGB in 0..1.
        std: Deviation of each channel, for RGB in 0..1.
        crop: What part of the resized image's shorter side the model sees, in 0..1. It is not
            applied here, but read by whoever makes images ready.
        interpolation: How such an image is resized, "bicubic" or "bilinear"; read likewise.
        **kwargs: Arguments of `keras.layers.Layer`.
    Raises: ValueError for a crop outside 0..1 or another interpolation.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        crop: float = 1.0,
        interpolation: str = "bicubic",
        **kwargs,
    ):
        kwargs.pop("variance", None)
        self.pixel_mean, self.pixel_std = tuple(mean), tuple(std)
        super().__init__(
            axis=kwargs.pop("axis", axes.channel_axis(keras.config.image_data_format())),
            mean=[255.0 * m for m in mean],
            variance=[(255.0 * s) ** 2 for s in std],
            **kwargs,
        )
        if not 0 < crop <= 1:
            raise ValueError(f"Normalize: crop must be in 0..1. Received: crop={crop}")
        self.crop = float(crop)
        self.interpolation = one_of(INTERPOLATIONS, "Normalize", interpolation=interpolation)

    def get_config(self):
        config = super().get_config()
        for name in ("mean", "variance", "invert"):
            config.pop(name, None)
        return {
            **config,
            "mean": list(self.pixel_mean),
            "std": list(self.pixel_std),
            "crop": self.crop,
            "interpolation": self.interpolation,
        }
