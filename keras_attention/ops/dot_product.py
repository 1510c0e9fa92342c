"""Scaled dot-product attention, with masks that never give NaN."""

import functools

import keras
from keras import ops

# Finite, since minus infinity in a whole row gives NaN; only ever added to float32.
MASKED = -1e9

# Of one head: 32 MiB in float32, exceeded by 2,897 tokens that attend to one another. Blocks of
# that size come straight from the system; smaller ones fragment the heap of torch on a CPU.
MAX_WEIGHTS = 2**23

# Beyond 65,536 tokens blocks grow instead. Keras tells shapes on torch by running all blocks of a
# made-up size, 571,787 positions for a video.
MAX_BLOCKS = 512

# From that many weights of one head on a fused kernel pays: 128 tokens.
FUSED_FROM = 2**14


def masked_softmax(logits, mask=None, axis: int = -1):
    """softmax(logits) over `axis` in float32, zero where `mask` is False.

    `mask` is boolean and broadcasts against `logits`. Where it leaves nothing, the weights are 0.
    """
    logits = ops.cast(logits, "float32")
    if mask is None:
        return _softmax(logits, axis)
    weights = _softmax(ops.where(mask, logits, MASKED), axis)
    return weights * ops.cast(mask, "float32")


def _softmax(logits, axis):
    if logits.shape[axis] == 1:  # Keras warns of it, but a map may well be one pixel
        return 0.0 * logits + 1.0
    return ops.softmax(logits, axis=axis)


def attend(
    query,
    key,
    value,
    *,
    scale=None,
    bias=None,
    mask=None,
    dropout=None,
    training=None,
    need_weights=True,
    max_weights=MAX_WEIGHTS,
):
    """The pair (y, weights): weights = softmax(scale * query key^T + bias), y = weights value.

    Args:
        query: (..., heads, queries, d). key: (..., heads, keys, d). value: (..., heads, keys, e).
        scale: Factor of the products; None is 1 / sqrt(d).
        bias: Added to the scaled products; broadcasts against (..., heads, queries, keys).
        mask: Boolean, True where a key may be used; broadcasts likewise.
        dropout: A `keras.layers.Dropout` for the weights, or None.
        need_weights: If False the weights are None, and without active dropout they need not be
            held: beyond `max_weights`, or where a size is unknown, they are computed block of
            queries by block, forward and again backward; below it torch's fused kernel may serve.
        max_weights: How many weights of one head may be held at once.
    Returns: y (..., heads, queries, e) in the dtype of `value`, and the weights before dropout in
        float32.
    """
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    dropped = dropout is not None and dropout.rate > 0 and training
    if not need_weights and not dropped:
        if _exceeds(query, key, max_weights):
            return _attend_by_blocks(query, key, value, bias, mask, max_weights), None
        if _has_fused_kernel(query, key, value, bias):
            return _attend_fused(query, key, value, mask), None
    weights = masked_softmax(_logits(query, key, bias), mask)
    applied = ops.cast(weights, value.dtype)
    if dropout is not None:
        applied = dropout(applied, training=training)
    return ops.matmul(applied, value), weights if need_weights else None


def _logits(query, key, bias):
    logits = ops.cast(ops.matmul(query, ops.swapaxes(key, -1, -2)), "float32")
    return logits if bias is None else logits + ops.cast(bias, "float32")


def split_heads(x, heads: int):
    """(B, N, heads * d) -> (B, heads, N, d)."""
    x = ops.reshape(x, (*ops.shape(x)[:-1], heads, x.shape[-1] // heads))
    return ops.moveaxis(x, -2, -3)


def merge_heads(x):
    """The inverse of `split_heads`: (B, heads, N, d) -> (B, N, heads * d)."""
    x = ops.moveaxis(x, -3, -2)
    return ops.reshape(x, (*ops.shape(x)[:-2], x.shape[-2] * x.shape[-1]))


# The kernel of a backend. On a CPU, in float32, torch's took 0.8 and 0.4 times as long as the
# lines above for 197 and 1,024 tokens (0.9 and 0.6 with gradients), but 1.1 times for 49; those of
# JAX and TensorFlow took 1.1 to 2 times as long for all three. It adds a bias in half precision
# and takes no mask beside it, so a bias goes the plain way.


def _has_fused_kernel(query, key, value, bias) -> bool:
    if keras.backend.backend() != "torch":
        return False
    wanted = keras.config.is_flash_attention_enabled() is not False  # None: nobody said no
    fits = len(query.shape) == len(key.shape) == len(value.shape) == 4 and bias is None
    return wanted and fits and query.shape[-2] * key.shape[-2] >= FUSED_FROM


def _attend_fused(query, key, value, mask):
    parts = (ops.swapaxes(x, 1, 2) for x in (query, key, value))
    y = ops.dot_product_attention(*parts, mask=mask, scale=1.0)
    y = ops.cast(ops.swapaxes(y, 1, 2), value.dtype)
    if mask is None:
        return y
    # Without any valid key the kernel returns the mean of all values.
    return y * ops.cast(ops.any(mask, axis=-1, keepdims=True), y.dtype)


# By blocks of queries. Each row of a softmax is whole, so the result is exact. The gradient is
# written out, since by themselves backends keep the weights of every block for it.


def _exceeds(query, key, max_weights: int) -> bool:
    """Whether there are more weights than that, or possibly so."""
    sizes = query.shape[-2], key.shape[-2]
    if not all(isinstance(size, int) for size in sizes):
        return None in sizes  # JAX has symbols in place of sizes where it only tells shapes
    return sizes[0] * sizes[1] > max_weights


def _blocks(queries, keys, max_weights: int):
    """How many blocks, and how many queries in each. Sizes are integers or scalar tensors."""
    largest = (max_weights // keys, -(-queries // MAX_BLOCKS))
    known = isinstance(queries, int) and isinstance(keys, int)
    largest = max(largest) if known else ops.maximum(*largest)
    count = -(-queries // largest)
    return count, -(-queries // count)


def _attend_by_blocks(query, key, value, bias, mask, max_weights: int):
    """`attend` with a scaled query; holds about `max_weights` weights of each head at once."""
    queries = ops.shape(query)[-2]
    count, block = _blocks(queries, ops.shape(key)[-2], max_weights)
    given = {"query": query, "bias": bias, "mask": mask}
    given = {
        name: _split_queries(x, query, count, block) for name, x in given.items() if x is not None
    }
    if mask is not None:
        given["mask"] = ops.cast(given["mask"], "float32")  # booleans have no gradient in JAX
    given = {"key": key, "value": value, **given}

    def attention(*tensors):
        inputs = dict(zip(given, tensors, strict=True))
        return _outputs(inputs, count), functools.partial(_gradients, inputs, count)

    y = ops.custom_gradient(attention)(*given.values())  # (count, ..., block, e)
    y = ops.moveaxis(y, 0, -3)
    shape = ops.shape(y)
    return ops.reshape(y, (*shape[:-3], count * block, shape[-1]))[..., :queries, :]


def _split_queries(x, query, count, block):
    """(..., queries, n) -> (count, ..., block, n), or (1, ..., 1, n) where all queries share it."""
    x = ops.reshape(x, (*[1] * (len(query.shape) - len(x.shape)), *ops.shape(x)))
    if x.shape[-2] == 1:
        return ops.expand_dims(x, 0)
    *rest, queries, n = ops.shape(x)
    padding = ops.zeros((*rest, count * block - queries, n), x.dtype)
    x = ops.concatenate([x, padding], axis=-2)
    return ops.moveaxis(ops.reshape(x, (*rest, count, block, n)), -3, 0)


def _weights_of(inputs, index):
    """The softmax of one block of queries, and these queries."""
    own = {name: inputs[name] for name in ("query", "bias", "mask") if name in inputs}
    # Not `x[index]`: where torch only tells shapes, an index has no value, and Keras would go on
    # to run all of it for a batch of 83.
    own = {name: x[0] if x.shape[0] == 1 else ops.take(x, index, axis=0) for name, x in own.items()}
    mask = None if "mask" not in own else ops.cast(own["mask"], "bool")
    logits = _logits(own["query"], inputs["key"], own.get("bias"))
    return masked_softmax(logits, mask), own["query"]


def _outputs(inputs, count):
    if keras.backend.backend() == "tensorflow":  # or an eager tape keeps every block all the same
        inputs = {name: ops.stop_gradient(x) for name, x in inputs.items()}
    value = inputs["value"]

    def output(index):
        weights, _ = _weights_of(inputs, index)
        return ops.matmul(ops.cast(weights, value.dtype), value)

    return ops.map(output, ops.arange(count))


def _gradients(inputs, count, *arguments, upstream=None):
    """The gradient of each input, as `keras.ops.custom_gradient` asks for them."""
    if upstream is None:
        (upstream,) = arguments
    else:  # torch names the gradient of the output, and hands over the inputs
        inputs = dict(zip(inputs, arguments, strict=True))

    def add_block(index, sums):
        index = _after(index, sums[0])
        dy = upstream[index]
        weights, query = _weights_of(inputs, index)
        dweights = ops.cast(ops.matmul(dy, ops.swapaxes(inputs["value"], -1, -2)), "float32")
        centre = ops.sum(weights * dweights, axis=-1, keepdims=True)
        dlogits = weights * (dweights - centre)
        rounded = ops.cast(dlogits, dy.dtype)
        found = {
            "query": ops.matmul(rounded, inputs["key"]),
            "key": ops.matmul(ops.swapaxes(rounded, -1, -2), query),
            "value": ops.matmul(ops.swapaxes(ops.cast(weights, dy.dtype), -1, -2), dy),
            "bias": dlogits,
        }
        return tuple(
            _add(total, found.get(name), index, whole=name in ("key", "value"))
            for name, total in zip(inputs, sums, strict=True)
        )

    sums = tuple(ops.zeros_like(x, dtype="float32") for x in inputs.values())
    sums = ops.fori_loop(0, count, add_block, sums)
    return tuple(ops.cast(one, x.dtype) for one, x in zip(sums, inputs.values(), strict=True))


def _after(index, total):
    """`index`, not known before `total` is.

    TensorFlow runs several steps of a loop at once, each with its block of weights, unless a step
    needs what the one before it gave.
    """
    if keras.backend.backend() != "tensorflow":
        return index
    return ops.where(ops.isnan(total[(0,) * len(total.shape)]), index, index)


def _add(total, found, index, whole: bool):
    """`total` with the gradient that one block found, in its place or, if shared, on top."""
    if found is None:
        return total
    found = ops.cast(found, "float32")
    if not whole:
        found = ops.expand_dims(found, 0)
    shared = [axis for axis, size in enumerate(total.shape) if size == 1]
    if shared:
        found = ops.sum(found, axis=shared, keepdims=True)
    if whole or total.shape[0] == 1:
        return total + found
    # Not `slice_update`, through which TensorFlow has no gradient.
    return ops.scatter_update(total, ops.reshape(index, (1, 1)), found)
