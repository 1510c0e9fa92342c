"""Attention weights over the image they belong to."""

import math
import re
from collections.abc import Mapping

import numpy as np

from .capture import AttentionMap

# RGB at equal steps from the lowest to the highest weight: black, violet, red, orange, cream. The
# lightness grows throughout, so that order survives grey print and colour blindness.
COLOURS = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))

# Sides above this many pixels only slow a figure down.
LARGEST_SIDE = 512


def overlay(image, heat, alpha: float = 0.5) -> np.ndarray:
    """`image` with the map `heat` over it in colours, from dark (lowest) to bright (highest).

    Args:
        image: RGB in 0..255, (height, width, 3).
        heat: A map (rows, columns) of any range, such as one image of a "spatial" attention map.
            It is scaled to the image bilinearly, and in value so that its minimum and maximum are
            the ends of the colours; a constant map is all dark.
        alpha: Share of the colours in the result, from 0 (the image) to 1 (the map).
    Returns: RGB, uint8, (height, width, 3).
    Raises: ValueError for another shape, values outside 0..255, a map that is not finite or an
        `alpha` outside 0..1.

    >>> maps = explain.attention_maps(model, image)
    >>> explain.overlay(image, maps["stage4_block2_attention/spatial"].array[0])
    """
    image, heat = _image(image), _heat(heat)
    if not 0 <= alpha <= 1:
        raise ValueError(f"overlay: alpha must be in 0..1. Received: alpha={alpha!r}")
    span = float(np.ptp(heat))
    level = (heat - heat.min()) / span if span > 0 else np.zeros_like(heat)
    level = _resized(level, image.shape[:2])
    stops = np.linspace(0, 1, len(COLOURS))
    colours = [np.interp(level, stops, channel) for channel in np.transpose(COLOURS)]
    mixed = (1 - alpha) * image + alpha * np.stack(colours, axis=-1)
    return np.rint(mixed).astype("uint8")


def figure(image, maps: Mapping[str, AttentionMap], title: str | None = None):
    """The photo beside the spatial attention of each stage, averaged over the stage's blocks.

    Each panel has its own range of colours, which its bar states. The weights are factors on the
    features there; they are not by themselves the reason for a prediction.

    Of a "pool" map, as that which pools the tokens of a transformer, the panel has the mean over
    heads and queries, in the grid of the image's proportions; a class token has no place in it.
    "pairwise" maps have one for each query: `query_figure` draws them.

    Args:
        image: RGB in 0..255, (height, width, 3): the photo that the model saw.
        maps: What `attention_maps` gave for that one image.
        title: A line above the panels.
    Returns: A `matplotlib.figure.Figure`, which no window shows: `savefig` writes it.
    Raises: ValueError for more than one image, or without a map to draw; ImportError without
        matplotlib.

    >>> explain.figure(image, explain.attention_maps(model, image)).savefig("attention.png")
    """
    matplotlib = drawing()
    photo, stages = _thumbnail(_image(image)), _stages(maps, *np.shape(image)[:2])
    height, width = photo.shape[:2]
    canvas = matplotlib.Figure(
        figsize=(2.6 * (1 + len(stages)), 2.4 * height / width + 1.0), layout="constrained"
    )
    panels, bars = canvas.subplots(2, 1 + len(stages), height_ratios=(2.4 * height / width, 0.1))
    panels[0].imshow(photo)
    panels[0].set_title("photo", fontsize=9)
    canvas.delaxes(bars[0])
    for panel, bar, (name, blocks) in zip(panels[1:], bars[1:], stages.items(), strict=True):
        heat = _mean(blocks)
        grey = np.repeat(photo.mean(axis=-1, keepdims=True), 3, axis=-1)
        panel.imshow(overlay(grey, heat, alpha=0.65))
        count = f"mean of {len(blocks)} blocks" if len(blocks) > 1 else "1 block"
        panel.set_title(f"{name}: {count}, {heat.shape[0]}x{heat.shape[1]}", fontsize=9)
        _draw_range(bar, float(heat.min()), float(heat.max()))
    for panel in panels:
        panel.set_axis_off()
    if title is not None:
        canvas.suptitle(title, fontsize=11)
    return canvas


def _draw_range(bar, low: float, high: float) -> None:
    """The colours in a bar, with the lowest and the highest weight at its ends."""
    ramp = np.linspace(0, 1, 256, dtype="float32")[None]
    bar.imshow(overlay(np.zeros((1, 256, 3)), ramp, alpha=1), aspect="auto", extent=(0, 1, 0, 1))
    bar.set_yticks([])
    label = "attention weight"
    if low < high:
        first, last = bar.set_xticks([0, 1], labels=[f"{low:.3g}", f"{high:.3g}"])
        first.label1.set_horizontalalignment("left")
        last.label1.set_horizontalalignment("right")
    else:
        bar.set_xticks([])
        label = f"{label} {low:.3g} everywhere"
    bar.tick_params(labelsize=8, length=0)
    bar.set_xlabel(label, fontsize=8, labelpad=-8 if low < high else 3)


def _mean(heats: list[np.ndarray]) -> np.ndarray:
    """The mean of maps, at the size of the largest."""
    size = max(heat.shape for heat in heats)
    return np.mean([_resized(heat, size) for heat in heats], axis=0)


def _stages(maps: Mapping[str, AttentionMap], height: int, width: int) -> dict[str, list]:
    """The maps of one image by stage, in order; a layer of no stage is one by itself."""
    stages: dict[str, list[np.ndarray]] = {}
    for name, entry in maps.items():
        if entry.kind not in ("spatial", "pool"):
            continue
        if len(entry.array) != 1:
            raise ValueError(
                f"figure needs the maps of one image. Received: {name!r} of {len(entry.array)}"
            )
        stage = re.match(r"(.*?)stage(\d+)_", name)
        key = f"{stage[1]}stage {stage[2]}" if stage else name
        heat = entry.array[0]
        if entry.kind == "pool":
            heat = _of_tokens(heat, height, width, name)
        stages.setdefault(key, []).append(_heat(heat))
    if not stages:
        kinds = sorted({entry.kind for entry in maps.values()})
        raise ValueError(
            "figure draws spatial attention, such as that of 'cbam' and 'spatial_gate', and what "
            f"pools tokens; query_figure draws pairwise maps. Received: maps of the kinds {kinds}"
        )
    return stages


def _of_tokens(weights: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    """Weights (..., tokens) as a mean map of the proportions of an image."""
    mean = np.asarray(weights).reshape(-1, np.shape(weights)[-1]).mean(axis=0)
    for extra in (0, 1):
        count = len(mean) - extra
        rows = math.isqrt(count * height // width)
        # Another grid of as many tokens would show weights in the wrong places.
        if rows and count % rows == 0 and rows * rows * width == count * height:
            return mean[extra:].reshape(rows, count // rows)
    raise ValueError(
        f"figure: {name!r} has {len(mean)} tokens, with or without one for the class no grid of "
        f"the image's proportions. Received: an image of {height}x{width}"
    )


def _image(image) -> np.ndarray:
    x = np.asarray(image)
    if x.ndim != 3 or x.shape[2] != 3 or not x.size or x.dtype.kind not in "uif":
        raise ValueError(
            "image must be numbers of shape (height, width, 3). "
            f"Received: shape={x.shape}, dtype={x.dtype}"
        )
    if not (x.min() >= 0 and x.max() <= 255):
        raise ValueError(f"image must be in 0..255. Received: {x.min()} to {x.max()}")
    return x.astype("float32") if x.dtype.kind == "f" else x


def _heat(heat) -> np.ndarray:
    x = np.asarray(heat)
    if x.ndim != 2 or not x.size or x.dtype.kind not in "uif" or not np.isfinite(x).all():
        raise ValueError(
            "A heat map must be finite numbers of shape (rows, columns). "
            f"Received: shape={x.shape}, dtype={x.dtype}"
        )
    return x.astype("float32")


def _resized(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`heat` scaled bilinearly to (height, width)."""
    from PIL import Image

    if heat.shape == size:
        return heat
    return np.asarray(Image.fromarray(heat).resize(size[::-1], Image.Resampling.BILINEAR))


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """`image` as uint8, no side longer than LARGEST_SIDE."""
    from PIL import Image

    small = Image.fromarray(np.rint(image).astype("uint8"))
    small.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BICUBIC)
    return np.asarray(small)


def drawing():
    """The part of matplotlib that draws without a window."""
    try:
        from matplotlib import figure
    except ImportError as error:
        raise ImportError(
            'figure needs matplotlib: pip install "keras-attention-zoo[explain]"'
        ) from error
    return figure
