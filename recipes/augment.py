"""Augmentation of a batch inside a tf.data pipeline, from a seed and nothing else."""

from keras_attention.layers.checks import nearest

from .recipe import Recipe


def apply(x, recipe: Recipe, seed):
    """`x` (B, H, W, C), uint8, after the steps that the recipe names, in their order."""
    for number, name in enumerate(recipe.augment):
        if name not in STEPS:
            raise ValueError(
                f"Unknown augmentation.{nearest(name, STEPS)} Received: {name!r}. "
                f"Known: {', '.join(STEPS)}."
            )
        x = STEPS[name](x, recipe, [seed[0] * len(STEPS) + number, seed[1]])
    return x


def crop(x, recipe: Recipe, seed):
    """Reflect the border outwards and cut a window of the old size at a random place."""
    import tensorflow as tf

    count, height, width = tf.shape(x)[0], x.shape[1], x.shape[2]
    reach = recipe.crop_padding
    shift = tf.random.stateless_uniform((2, count, 1), seed, 0, 2 * reach + 1, tf.int32)
    x = tf.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT")
    x = tf.gather(x, shift[0] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(x, shift[1] + tf.range(width), axis=2, batch_dims=1)


def flip(x, recipe: Recipe, seed):
    """Mirror every other image, left to right, by chance."""
    import tensorflow as tf

    chance = tf.random.stateless_uniform((tf.shape(x)[0], 1, 1, 1), seed)
    return tf.where(chance < 0.5, tf.reverse(x, [2]), x)


def cutout(x, recipe: Recipe, seed):
    """Paint a square around a random pixel in the mean colour (DeVries and Taylor 2017)."""
    import tensorflow as tf

    count, height, width = tf.shape(x)[0], x.shape[1], x.shape[2]
    centre = tf.random.stateless_uniform((2, count, 1), seed)
    first = [
        tf.cast(centre[axis] * side, tf.int32) - recipe.cutout_size // 2
        for axis, side in enumerate((height, width))
    ]
    rows, columns = (
        (tf.range(side) >= start) & (tf.range(side) < start + recipe.cutout_size)
        for side, start in zip((height, width), first, strict=True)
    )
    hidden = (rows[:, :, None] & columns[:, None, :])[..., None]
    colour = tf.cast([round(255 * mean) for mean in recipe.mean], x.dtype)
    return tf.where(hidden, colour, x)


def resize(x, size: int):
    """The batch at `size` pixels a side; smoothed first where that is smaller."""
    import tensorflow as tf

    if x.shape[1] == size:
        return x
    return tf.image.resize(x, (size, size), antialias=True)


STEPS = {"crop": crop, "cutout": cutout, "flip": flip}
