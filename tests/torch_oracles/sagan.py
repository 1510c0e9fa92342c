"""SAGAN's networks in torch and float64, written from the papers' equations, on our weights.

Maps are (batch, channels, height, width). Doubling and means stand where the authors have them,
before and after the 1x1 convolutions. In training mode the vectors of the power method move, and
`moved` holds the new ones.
"""

import torch
from torch.nn import functional

from tests.layers.tools import to_numpy


class Network:
    """The weights of one of our models as tensors in float64, and what the layers share."""

    def __init__(self, model, epsilon, training=False):
        values = {weight.path: to_numpy(weight).astype("float64") for weight in model.weights}
        self.weights = {path: torch.tensor(value) for path, value in values.items()}
        for weight in model.trainable_weights:
            self.weights[weight.path].requires_grad_()
        self.epsilon, self.training, self.moved = epsilon, training, {}

    def spectral(self, name):
        """W / sigma(W) as (outputs, the rest), by algorithm 1 of Miyato et al."""
        kernel = self.weights[f"{name}/kernel"]
        matrix = kernel.reshape(-1, kernel.shape[-1]).T
        u = functional.normalize(self.weights[f"{name}/u"], dim=0)
        fixed = matrix.detach()
        if self.training:
            v = functional.normalize(fixed.T @ u, dim=0)
            u = functional.normalize(fixed @ v, dim=0)
            self.moved[f"{name}/u"] = u
        v = functional.normalize(fixed.T @ u, dim=0)
        return matrix / (u @ matrix @ v)

    def dense(self, x, name):
        return x @ self.spectral(name).T + self.weights[f"{name}/bias"]

    def conv(self, x, name):
        height, width, inputs, outputs = self.weights[f"{name}/kernel"].shape
        kernel = self.spectral(name).reshape(outputs, height, width, inputs).permute(0, 3, 1, 2)
        return functional.conv2d(x, kernel, self.weights.get(f"{name}/bias"), padding=height // 2)

    def norm(self, x, name, label=None):
        path = name if label is None else f"{name}/norm"
        mean, variance = (self.weights[f"{path}/moving_{of}"] for of in ("mean", "variance"))
        x = functional.batch_norm(
            x, mean.clone(), variance.clone(), training=self.training, eps=self.epsilon
        )
        scale, shift = (self.weights[f"{name}/{of}"] for of in ("gamma", "beta"))
        if label is not None:
            rows = functional.one_hot(label, len(scale)).double()
            scale, shift = rows @ scale, rows @ shift
        return x * scale[..., None, None] + shift[..., None, None]

    def attention(self, x, name):
        """y = x + gamma W_out sum_j beta_ij g_j, without a scale of the products."""
        if f"{name}/gamma" not in self.weights:
            return x

        def project(tokens, part):  # (B, N, channels)
            return tokens @ self.spectral(f"{name}/{part}").T

        tokens = x.flatten(2).mT
        theta, phi, g = (
            project(tokens, part).mT.unflatten(2, x.shape[2:]) for part in ("query", "key", "value")
        )
        phi, g = (functional.max_pool2d(part, 2).flatten(2) for part in (phi, g))
        beta = torch.softmax(theta.flatten(2).mT @ phi, dim=-1)
        y = project(beta @ g.mT, "out").mT.reshape(x.shape)
        return x + self.weights[f"{name}/gamma"] * y


def generator(net, z, label=None):
    """The maps after each block, by its name, and the "image"."""
    x = net.dense(z, "project").unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    found, number = {}, 1
    while f"block{number}_conv1/kernel" in net.weights:
        name = f"block{number}"
        y = functional.interpolate(net.norm(x, f"{name}_norm1", label).relu(), scale_factor=2)
        y = net.norm(net.conv(y, f"{name}_conv1"), f"{name}_norm2", label).relu()
        x = functional.interpolate(x, scale_factor=2)
        x = net.conv(x, f"{name}_shortcut_conv") + net.conv(y, f"{name}_conv2")
        x = net.attention(x, f"{name}_attention")
        found[name] = x
        number += 1
    x = net.norm(x, "norm").relu()
    return {**found, "image": torch.tanh(net.conv(x, "to_image"))}


def discriminator(net, x, label=None, halvings=2):
    """The maps after each block, by its name, and the "logit"."""
    found, number = {}, 1
    while f"block{number}_conv1/kernel" in net.weights:
        name = f"block{number}"
        y = net.conv(x if number == 1 else x.relu(), f"{name}_conv1")
        y = net.conv(y.relu(), f"{name}_conv2")
        if f"{name}_shortcut_conv/kernel" in net.weights:
            x = net.conv(x, f"{name}_shortcut_conv")
        if number <= halvings:
            x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
        x = net.attention(x + y, f"{name}_attention")
        found[name] = x
        number += 1
    h = x.relu().sum((2, 3))
    logit = net.dense(h, "logit")
    if label is not None:
        rows = functional.one_hot(label, len(net.weights["embedding/kernel"])).double()
        logit = logit + ((rows @ net.spectral("embedding").T) * h).sum(1, keepdim=True)
    return {**found, "logit": logit}
