"""Where single pixels look: rows of pairwise attention over the image they belong to."""

import math
from collections.abc import Sequence

import numpy as np

from . import plot
from .capture import AttentionMap

# Points of a figure and the rims of their maps, apart in colour and in lightness.
MARKS = ("#d62728", "#2ca02c", "#1f77b4", "#ff7f0e", "#9467bd", "#17becf")


def query_maps(
    attention: AttentionMap,
    pixels: Sequence[tuple[int, int]],
    size: tuple[int, int],
    *,
    grid: tuple[int, int] | None = None,
    extra: int = 0,
) -> np.ndarray:
    """The weights that each of these pixels gives to the positions of the map.

    Args:
        attention: A "pairwise" map of one image, (1, heads, queries, keys), whose mean over heads
            is taken; such as that of `sagan`, of `non_local` or of a vision transformer.
        pixels: (row, column) of each, in pixels of the image.
        size: (height, width) of the image in pixels.
        grid: (rows, columns) of the queries; None for as many rows as columns. Keys may be coarser
            by one factor on both sides, as where they are pooled.
        extra: How many tokens stand before those of the image, such as the class token, 1.
    Returns: (pixels, rows, columns), of which each map sums to 1 where the attention's rows do.
    Raises: ValueError for another kind of map, more than one image, a grid that does not fit, and
        pixels outside of the image.

    >>> maps = explain.attention_maps(generator, [latent, label])
    >>> explain.query_maps(maps["block2_attention"], [(8, 20)], (32, 32)).shape
    (1, 8, 8)
    """
    weights = _weights(attention)[extra:, extra:]
    rows, columns = grid or _square(len(weights))
    if rows * columns != len(weights):
        raise ValueError(
            f"query_maps: {len(weights)} queries are no grid of {rows}x{columns}. "
            f"Received: grid={grid}, extra={extra}"
        )
    coarser = max(1, math.isqrt(len(weights) // max(1, weights.shape[1])))
    keys = (rows // coarser, columns // coarser)
    if keys[0] * keys[1] != weights.shape[1] or not weights.size:
        raise ValueError(
            f"query_maps: {weights.shape[1]} keys are no part of a grid of {rows}x{columns}. "
            f"Received: grid={grid}, extra={extra}"
        )
    height, width = size
    places = []
    for row, column in pixels:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"query_maps: pixels must lie in an image of {height}x{width}. "
                f"Received: pixels={list(pixels)}"
            )
        places.append(row * rows // height * columns + column * columns // width)
    return weights[places].reshape(len(places), *keys)


def query_figure(image, attention: AttentionMap, pixels: Sequence[tuple[int, int]], **options):
    """The image with marks on some pixels, and beside it what each of them attends to.

    As figure 1 of Zhang et al., arXiv:1805.08318. Each panel has its own range of colours, from
    the least weight (dark) to the largest (bright).

    Args:
        image: RGB or grey in 0..255, (height, width, 3 or 1).
        attention, pixels: As for `query_maps`.
        **options: `grid` and `extra` of `query_maps`.
    Returns: A `matplotlib.figure.Figure`.
    Raises: ValueError as `query_maps`, or for more than six pixels; ImportError without matplotlib.
    """
    drawing = plot.drawing()
    picture = np.asarray(image)
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = np.repeat(picture, 3, axis=-1)
    if not 1 <= len(pixels) <= len(MARKS):
        raise ValueError(f"query_figure: one to {len(MARKS)} pixels. Received: {len(pixels)}")
    heats = query_maps(attention, pixels, picture.shape[:2], **options)
    canvas = drawing.Figure(figsize=(2.0 * (1 + len(heats)), 2.0), layout="constrained")
    panels = canvas.subplots(1, 1 + len(heats))
    panels[0].imshow(picture.astype("uint8"))
    for panel, heat, (row, column), mark in zip(panels[1:], heats, pixels, MARKS, strict=False):
        panels[0].plot(column, row, "o", color=mark, markersize=6, markeredgecolor="white")
        panel.imshow(plot.overlay(picture, heat, alpha=0.65))
        panel.plot(column, row, "o", color=mark, markersize=6, markeredgecolor="white")
    for panel in panels:
        panel.set_axis_off()
    return canvas


def _weights(attention: AttentionMap) -> np.ndarray:
    """(queries, keys), the mean over heads of one image's."""
    array = np.asarray(attention.array)
    if attention.kind != "pairwise" or array.ndim not in (3, 4) or len(array) != 1:
        raise ValueError(
            "query_maps needs the pairwise map of one image, (1, heads, queries, keys). "
            f"Received: kind={attention.kind!r}, shape={array.shape}"
        )
    return array[0].mean(axis=0) if array.ndim == 4 else array[0]


def _square(count: int) -> tuple[int, int]:
    side = math.isqrt(count)
    if side * side != count:
        raise ValueError(
            f"query_maps: {count} queries are no square: pass grid=(rows, columns), or extra=1 "
            "where there is a class token. Received: grid=None"
        )
    return side, side
