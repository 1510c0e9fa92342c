"""Chains of torch_struct, and the published ConvCRF as torch makes it."""

import math
import warnings

import numpy as np

from tests.torch_oracles.core import import_oracle


def linear_chain(unary, transitions, start, end, lengths=None):
    """torch_struct's distribution of a chain; at least one of the batch must have all sites.

    Its edges are [site, to, from] and hold the unary potentials too.
    """
    torch_struct = import_oracle("torch_struct")
    import torch

    unary = unary.copy()
    lengths = np.full(len(unary), unary.shape[1]) if lengths is None else lengths
    unary[:, 0] += start
    unary[np.arange(len(unary)), lengths - 1] += end
    edges = transitions.T[None, None] + unary[:, 1:, :, None]
    edges[:, 0] += unary[:, 0, None, :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it lists no constraints of its arguments
        return torch_struct.LinearChainCRF(torch.tensor(edges), lengths=torch.tensor(lengths))


def sites_of(edges):
    """The marginals or the choices (B, N, K) in those of edges."""
    edges = edges.detach().numpy()
    return np.concatenate([edges[:, :1].sum(axis=2), edges.sum(axis=3)], axis=1)


def conv_crf(logits, image, *, filter_size, blur, iterations, weight=0.2, color_std=13):
    """MarvinTeichmann/ConvCRF at commit 2199dd69, convcrf/convcrf.py, its GaussCRF by default.

    Written anew from what it does: unfolded windows, average pooling that does not count its
    padding, log-probabilities in the first messages, no softmax at the end.
    """
    import torch
    from torch.nn import functional

    def channels_first(x):
        return torch.tensor(np.moveaxis(x, -1, 1).copy(), dtype=torch.float64)

    def windows(x):
        batch, channels, height, width = x.shape
        x = functional.unfold(x, filter_size, padding=filter_size // 2)
        return x.reshape(batch, channels, filter_size**2, height, width)

    logits, image = channels_first(logits), channels_first(image)
    height, width = logits.shape[2:]
    margins = [math.ceil((blur - side % blur) % blur / 2) for side in (height, width)]

    def pool(x):
        if blur == 1:
            return x
        return functional.avg_pool2d(x, blur, padding=margins, count_include_pad=False)

    def unpool(x):
        if blur == 1:
            return x
        x = functional.interpolate(x, scale_factor=blur, mode="bilinear", align_corners=False)
        return x[:, :, margins[0] : margins[0] + height, margins[1] : margins[1] + width]

    mesh = np.stack(np.meshgrid(range(height), range(width), indexing="ij"), axis=-1)
    kernel = 0
    for factor, feature in ((3, channels_first(mesh[None] / 3.0)), (10, image / color_std)):
        feature = pool(feature)
        squares = (windows(feature) - feature[:, :, None]).square().sum(dim=1, keepdim=True)
        kernel = kernel + factor * torch.exp(-0.5 * squares)
    unary = torch.log_softmax(logits, dim=1)
    prediction = unary
    for step in range(iterations):
        message = unpool((kernel * windows(pool(prediction))).sum(dim=2))
        prediction = (1 - weight) * unary + weight * message
        if step < iterations - 1:
            prediction = torch.softmax(prediction, dim=1)
    return np.moveaxis(prediction.numpy(), 1, -1)
