"""Mean field inference on maps: q(z) = prod_i q_i(z_i), where each q_i hears from its neighbours.

Maps are channels last, their sides may be unknown until the call, and all is in float32.
"""

from keras import ops

from . import resize

# The grid: every site has up to four neighbours.


def grid_update(q, unary, right, down):
    """softmax(u + what the four neighbours say): the best q of each site, were the others to stay.

    Args:
        q: (B, H, W, K), the distribution at each site. unary: (B, H, W, K).
        right: (K, K), the potential of [left, right] neighbours. down: that of [upper, lower] ones.
    """
    padded = ops.pad(q, ((0, 0), (1, 1), (1, 1), (0, 0)))  # beyond the border nobody says anything
    from_left = ops.matmul(padded[:, 1:-1, :-2], right)
    from_right = ops.matmul(padded[:, 1:-1, 2:], ops.transpose(right))
    from_above = ops.matmul(padded[:, :-2, 1:-1], down)
    from_below = ops.matmul(padded[:, 2:, 1:-1], ops.transpose(down))
    return ops.softmax(unary + from_left + from_right + from_above + from_below, axis=-1)


def grid(unary, right, down, iterations: int, damping: float = 0.0):
    """q after that many updates of all sites at once, from softmax(u); the arguments as above.

    With `damping` d an update goes to (1 - d) * new + d * old.
    """
    unary, right, down = (ops.cast(one, "float32") for one in (unary, right, down))
    q = ops.softmax(unary, axis=-1)
    for _ in range(iterations):
        q = (1 - damping) * grid_update(q, unary, right, down) + damping * q
    return q


# Windows: every site has all sites of a square around it, itself too, as its neighbours.


def windowed(logits, kernel, update_weight, *, blur=1, iterations=5, unary_weight=1, q=None):
    """(unary_weight - w) log softmax(logits) + w sum_j K_ij q_j, where q is its softmax before.

    Args:
        logits: (B, H, W, K).
        kernel: (B, H', W', size * size) from `gaussian_kernel`, H' = ceil(H / blur).
        update_weight: (K,), the w of each class.
        blur: The messages are means over squares of that side, brought back bilinearly.
        q: What the first messages are made of; None is softmax(logits).
    """
    unary = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    q = ops.exp(unary) if q is None else q
    update_weight = ops.cast(update_weight, "float32")
    y = unary
    for step in range(iterations):
        q = ops.softmax(y, axis=-1) if step else q
        message = expand(_message(kernel, shrink(q, blur)), blur, *ops.shape(q)[1:3])
        y = (unary_weight - update_weight) * unary + update_weight * message
    return y


def gaussian_kernel(features, weights, size: int):
    """sum_m weights[m] exp(-|f_m,i - f_m,j|^2 / 2), (B, H, W, size * size), for j around i.

    The j of a window are row-major; those outside the map mean nothing.

    Args:
        features: Maps (B or 1, H, W, C), one for each m, divided by its standard deviation.
        size: Odd side of the window.
    """
    parts = []
    for near in zip(*(_shifts(one, size) for one in features), strict=True):
        squares = [
            ops.sum(ops.square(one - other), axis=-1)
            for one, other in zip(features, near, strict=True)
        ]
        terms = zip(weights, squares, strict=True)
        parts.append(sum(weight * ops.exp(-0.5 * square) for weight, square in terms))
    return ops.stack(parts, axis=-1)


def _message(kernel, q):
    """sum_j K_ij q_j over the window around i."""
    size = round(kernel.shape[-1] ** 0.5)
    return sum(kernel[..., slot : slot + 1] * near for slot, near in enumerate(_shifts(q, size)))


def _shifts(x, size):
    """For each place of a window, row by row, the map of what stands there; zeros outside."""
    reach = size // 2
    padded = ops.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    for row in range(size):
        rows = padded[:, row : row + 1 - size or None]
        for column in range(size):
            yield rows[:, :, column : column + 1 - size or None]


def positions(height, width):
    """The map (1, height, width, 2) of the row and the column of each site."""
    rows, columns = (ops.cast(ops.arange(side), "float32") for side in (height, width))
    rows = ops.broadcast_to(rows[:, None], (height, width))
    columns = ops.broadcast_to(columns[None, :], (height, width))
    return ops.stack([rows, columns], axis=-1)[None]


def shrink(x, blur: int):
    """The means of squares of side `blur`; where the sides are no multiples, of what is there."""
    if blur == 1:
        return x
    padding = [_margins(side, blur) for side in ops.shape(x)[1:3]]
    sums, counts = (
        ops.average_pool(
            ops.pad(part, ((0, 0), *padding, (0, 0))), blur, blur, data_format="channels_last"
        )
        for part in (x, ops.ones_like(x[:1, :, :, :1]))
    )
    return sums / counts


def expand(x, blur: int, height, width):
    """`shrink` undone by bilinear interpolation, to that height and width."""
    if blur == 1:
        return x
    sizes = [side * blur for side in ops.shape(x)[1:3]]
    top, left = (_margins(side, blur)[0] for side in (height, width))
    return resize.bilinear(x, sizes, (1, 2))[:, top : top + height, left : left + width]


def _margins(side, blur):
    """Zeros before and after, so that `blur` divides the side; the one more is before."""
    missing = -side % blur
    return (missing + 1) // 2, missing // 2
