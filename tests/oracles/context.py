"""Global context, and layers that choose between branches of their own."""

import numpy as np

from tests.oracles.maths import batch_norm, dense, layer_norm, relu, sigmoid, softmax


def global_context(x, weights, fuse="add", epsilon=1e-5):
    """Cao et al. 2019, equation (5), an image at a time; "scale" is the other fusion of table 1."""
    y, scores = [], []
    for image in x:
        tokens = image.reshape(-1, image.shape[-1])
        attention = softmax(dense(tokens, weights, "score")[:, 0])
        context = attention @ tokens
        hidden = relu(layer_norm(dense(context, weights, "squeeze"), weights, "norm", epsilon))
        t = dense(hidden, weights, "expand")
        y.append(image + t if fuse == "add" else image * sigmoid(t))
        scores.append(attention[None])
    return np.array(y), np.array(scores)


def grouped_convolution(x, kernel, strides=1, dilation=1, groups=1):
    """Windows centred at every `strides`-th pixel from the first, zeros outside, filter by filter.

    The kernel is (rows, columns, inputs of a group, filters), and the filters of a group are
    neighbours.
    """
    batch, height, width, _ = x.shape
    rows, columns, inputs, filters = kernel.shape
    centres = range(0, height, strides), range(0, width, strides)
    y = np.zeros((batch, len(centres[0]), len(centres[1]), filters))
    for index in range(filters):
        start = inputs * (index // (filters // groups))
        own = x[..., start : start + inputs]
        for out_row, i in enumerate(centres[0]):
            for out_column, j in enumerate(centres[1]):
                for row in range(rows):
                    for column in range(columns):
                        u = i + dilation * (row - rows // 2)
                        v = j + dilation * (column - columns // 2)
                        if 0 <= u < height and 0 <= v < width:
                            tap = own[:, u, v] @ kernel[row, column, :, index]
                            y[:, out_row, out_column, index] += tap
    return y


def selective_kernel(
    x, weights, kernel_sizes=(3, 5), strides=1, groups=1, dilate=True, split_input=False
):
    """Li et al. 2019, equations (1) to (6), with any number of paths."""
    count = len(kernel_sizes)
    inputs = np.split(x, count, axis=-1) if split_input else [x] * count
    branches = []
    for index, size in enumerate(kernel_sizes):
        number = index + 1
        dilation = (size - 1) // 2 if dilate and size > 3 else 1
        kernel = weights[f"paths_{number}/kernel"]
        assert kernel.shape[0] == (min(size, 3) if dilate else size)
        u = grouped_convolution(inputs[index], kernel, strides, dilation, groups)
        branches.append(relu(batch_norm(u, weights, f"path_norms_{number}", 1e-5)))
    branches = np.array(branches)  # (paths, B, H, W, C)
    s = branches.sum(axis=0).mean(axis=(1, 2))
    z = relu(batch_norm(dense(s, weights, "squeeze"), weights, "norm", 1e-5))
    filters = s.shape[-1]
    logits = [
        z @ weights["select/kernel"][:, path * filters : (path + 1) * filters]
        for path in range(count)
    ]
    a = softmax(np.array(logits), axis=0)
    y = sum(a[path][:, None, None] * branches[path] for path in range(count))
    return y, a.swapaxes(0, 1)


def split_attention(x, weights, radix=2, groups=1, strides=1):
    """Zhang et al. 2020, section 3.1 with the radix-major order of section 3.2, unit by unit."""
    u = grouped_convolution(x, weights["conv/kernel"], strides, groups=groups * radix)
    u = relu(batch_norm(u, weights, "norm", 1e-5))
    filters = u.shape[-1] // radix
    parts = [u[..., part * filters : (part + 1) * filters] for part in range(radix)]
    s = sum(parts).mean(axis=(1, 2))
    hidden = _grouped_dense(s, weights, "squeeze", groups)
    hidden = relu(batch_norm(hidden, weights, "squeeze_norm", 1e-5))
    logits = _grouped_dense(hidden, weights, "attend", groups)
    width = filters // groups  # channels of a group
    a = np.zeros((len(x), radix, filters))
    for channel in range(filters):
        group, place = divmod(channel, width)
        own = [logits[:, (group * radix + part) * width + place] for part in range(radix)]
        a[:, :, channel] = (softmax if radix > 1 else sigmoid)(np.stack(own, axis=-1))
    y = sum(a[:, part, None, None] * parts[part] for part in range(radix))
    return y, a


def _grouped_dense(z, weights, name, groups):
    """Each group of outputs sees its group of inputs only."""
    kernel = weights[f"{name}/kernel"][0, 0]  # (inputs of a group, outputs)
    outputs = np.split(kernel, groups, axis=-1)
    inputs = np.split(z, groups, axis=-1)
    y = [one @ own for one, own in zip(inputs, outputs, strict=True)]
    return np.concatenate(y, axis=-1) + weights[f"{name}/bias"]
