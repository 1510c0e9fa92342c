"""Augmentation of a batch inside a tf.data pipeline, from a seed and nothing else."""

from keras_attention.layers.checks import nearest, one_of

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
    """Extend the border by `crop_mode` and cut a window of the old size at a random place."""
    import tensorflow as tf

    count, height, width = tf.shape(x)[0], x.shape[1], x.shape[2]
    reach = recipe.crop_padding
    shift = tf.random.stateless_uniform((2, count, 1), seed, 0, 2 * reach + 1, tf.int32)
    mode = one_of(MODES, "recipe", crop_mode=recipe.crop_mode).upper()
    x = tf.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode)
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


def mix(x, y, recipe: Recipe, seed):
    """The batch `x` with targets `y`, or with itself in another order by MixUp or CutMix.

    One share for the whole batch, as in timm; the order is the reverse, since batches are shuffled.
    """
    import tensorflow as tf

    alphas = [alpha for alpha in (recipe.mixup, recipe.cutmix) if alpha]
    if not alphas:
        return x, y
    seed = [seed[0] * MIXED + len(STEPS), seed[1]]
    pick = tf.random.stateless_uniform((), seed, 0, len(alphas), tf.int32)
    gammas = tf.random.stateless_gamma((2,), [seed[0] + 1, seed[1]], tf.gather(alphas, pick))
    share = gammas[0] / tf.reduce_sum(gammas)
    if recipe.mixup and (not recipe.cutmix or pick == 0):
        x = tf.cast(x, "float32")
        x = share * x + (1 - share) * x[::-1]
    else:
        x, share = _cut_and_paste(x, share, [seed[0] + 2, seed[1]])
    return x, share * y + (1 - share) * y[::-1]


def _cut_and_paste(x, share, seed):
    """Each image with a box of another, and the share of it that is left (Yun et al. 2019)."""
    import tensorflow as tf

    x = tf.cast(x, "float32")
    sides = tf.cast(tf.shape(x)[1:3], "float32")
    half = sides * tf.sqrt(1 - share) / 2
    centre = tf.random.stateless_uniform((2,), seed) * sides
    low, high = tf.maximum(centre - half, 0), tf.minimum(centre + half, sides)
    low, high = tf.cast(tf.round(low), tf.int32), tf.cast(tf.round(high), tf.int32)
    rows, columns = tf.range(tf.shape(x)[1]), tf.range(tf.shape(x)[2])
    box = ((rows >= low[0]) & (rows < high[0]))[:, None] & (columns >= low[1]) & (columns < high[1])
    left = 1 - tf.reduce_mean(tf.cast(box, "float32"))
    return tf.where(box[None, :, :, None], x[::-1], x), left


MODES = ("constant", "reflect")
# Far beyond the numbers of the steps, so that no two draws have the same seed.
MIXED = 1000
STEPS = {"crop": crop, "cutout": cutout, "flip": flip}
