"""Networks small enough to write the whole step by hand, and the same step in torch."""

import keras
import numpy as np

from keras_attention.layers.spectral_norm import SpectralConv2D, SpectralDense
from recipes.gan import draws
from recipes.gan.model import Gan
from recipes.gan.recipe import GanRecipe

SIDE, LATENT, BATCH = 8, 3, 4


def chosen(**fields):
    options = {
        "dataset": "generated", "model": "sagan32", "steps": 4, "size": SIDE, "latent": LATENT,
        "batch_size": BATCH, "conditional": False, "ema": 0.5, "ema_start": 1, "beta_1": 0.5,
        "log_every": 1, "sample_every": 2,
    }  # fmt: skip
    return GanRecipe(**{**options, **fields})


def generator(scope, channels=3):
    """tanh(conv(relu(batch norm(dense(z)))))."""
    with keras.name_scope(scope):
        z = keras.Input((LATENT,), name="latent")
        x = SpectralDense(SIDE * SIDE * 2, name="dense")(z)
        x = keras.layers.Reshape((SIDE, SIDE, 2), name="map")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="norm")(x)
        x = keras.layers.ReLU(name="relu")(x)
        x = keras.layers.Activation("tanh")(SpectralConv2D(channels, 3, name="conv")(x))
    return keras.Model(z, x)


def discriminator(channels=3):
    """dense(sum of relu(conv(x)))."""
    with keras.name_scope("discriminator"):
        image = keras.Input((SIDE, SIDE, channels), name="image")
        x = keras.layers.ReLU(name="relu")(SpectralConv2D(4, 3, name="conv")(image))
        x = keras.layers.Flatten(name="flat")(keras.layers.AveragePooling2D(4, name="pool")(x))
        logit = SpectralDense(1, name="logit")(x)
    return keras.Model(image, logit)


def gan(recipe, seed=0):
    """A model of these networks, whose weights are the same in every backend."""
    made = generator("generator"), discriminator(), generator("average")
    rng = np.random.default_rng(seed)
    for network in made[:2]:
        for weight in network.weights:
            fresh = rng.normal(0, 0.5, weight.shape)
            weight.assign(abs(fresh) + 0.5 if "variance" in weight.path else fresh)
    for theirs, mine in zip(made[0].weights, made[2].weights, strict=True):
        mine.assign(theirs)
    return Gan(*made, recipe)


def batch(recipe, step=0, seed=0):
    """A batch of made-up images."""
    _, classes, split = draws.load(recipe)
    return draws.batch(split, recipe, classes, seed, step)


def numpy(model):
    """The weights of a model by path."""
    return {
        weight.path: np.array(keras.ops.convert_to_numpy(weight)).copy() for weight in model.weights
    }


class ByHand:
    """A step in torch, written from the equations: Adam, the power method and all.

    `passes` is whether the discriminator sees real and generated images one after the other.
    """

    def __init__(self, model, recipe):
        import torch

        self.torch, self.recipe = torch, recipe
        self.weights = {k: torch.tensor(v) for k, v in numpy(model).items()}
        self.trained = {
            name: [w.path for w in getattr(model, name).trainable_weights]
            for name in ("generator", "discriminator")
        }
        self.moments = {k: [torch.zeros_like(v)] * 2 for k, v in self.weights.items()}
        self.count = {"generator": 0, "discriminator": 0}

    def kernel(self, layer, move):
        kernel, u = self.weights[f"{layer}/kernel"], self.weights[f"{layer}/u"]
        matrix = kernel.reshape(-1, kernel.shape[-1])
        u = u / u.norm()
        if move:
            fixed = matrix.detach()
            v = fixed @ u
            u = v / v.norm() @ fixed
            u = u / u.norm()
            self.weights[f"{layer}/u"] = u
        return kernel / (matrix @ u).norm()

    def conv(self, layer, x, move):
        kernel = self.kernel(layer, move).permute(3, 2, 0, 1)
        bias = self.weights[f"{layer}/bias"]
        return self.torch.nn.functional.conv2d(x, kernel, bias, padding=1)

    def generate(self, latent):
        torch, w = self.torch, self.weights
        x = latent @ self.kernel("generator/dense", True) + w["generator/dense/bias"]
        x = x.reshape(-1, SIDE, SIDE, 2)
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2), correction=0)
        for name, new in (("mean", mean), ("variance", variance)):
            path = f"generator/norm/moving_{name}"
            w[path] = 0.9 * w[path] + 0.1 * new.detach()
        x = (x - mean) / torch.sqrt(variance + 1e-3)
        x = torch.relu(x * w["generator/norm/gamma"] + w["generator/norm/beta"])
        return torch.tanh(self.conv("generator/conv", x.permute(0, 3, 1, 2), True))

    def judge(self, x, move):
        torch = self.torch
        x = torch.relu(self.conv("discriminator/conv", x, move))
        x = torch.nn.functional.avg_pool2d(x, 4).permute(0, 2, 3, 1).flatten(1)
        kernel = self.kernel("discriminator/logit", move)
        return x @ kernel + self.weights["discriminator/logit/bias"]

    def adam(self, name, loss, rate):
        torch, recipe = self.torch, self.recipe
        self.count[name] += 1
        step, slopes = self.count[name], {}
        for path in self.trained[name]:
            self.weights[path].requires_grad_(True)
        values = [self.weights[path] for path in self.trained[name]]
        value = loss()
        slopes = torch.autograd.grad(value, values)
        one, two = recipe.beta_1, recipe.beta_2
        for path, slope in zip(self.trained[name], slopes, strict=True):
            m, v = self.moments[path]
            m, v = one * m + (1 - one) * slope, two * v + (1 - two) * slope**2
            self.moments[path] = [m, v]
            scale = rate * (1 - two**step) ** 0.5 / (1 - one**step)
            moved = scale * m / (v.sqrt() + recipe.epsilon)
            self.weights[path] = (self.weights[path] - moved).detach()
        norm = sum((slope**2).sum() for slope in slopes) ** 0.5
        return float(value.detach()), float(norm)

    def step(self, batch):
        torch, recipe = self.torch, self.recipe
        latents = torch.tensor(batch["latents"])
        for number in range(recipe.d_steps):
            real = torch.tensor(batch["images"][number] / np.float32(127.5) - 1)
            real = real.permute(0, 3, 1, 2)
            with torch.no_grad():
                fake = self.generate(latents[number])

            def hinge(real=real, fake=fake):
                on_real, on_fake = self.judge(real, True), self.judge(fake, False)
                value = torch.relu(1 - on_real).mean() + torch.relu(1 + on_fake).mean()
                if not recipe.r1:
                    return value
                x = real.clone().requires_grad_(True)
                slope = torch.autograd.grad(self.judge(x, False).sum(), x, create_graph=True)[0]
                return value + recipe.r1 / 2 * (slope**2).sum((1, 2, 3)).mean()

            d_loss, d_gradient = self.adam("discriminator", hinge, recipe.d_rate)

        def deceive():
            return -self.judge(self.generate(latents[-1]), False).mean()

        g_loss, g_gradient = self.adam("generator", deceive, recipe.g_rate)
        momentum = recipe.ema if self.count["generator"] > recipe.ema_start else 0.0
        for path in [path for path in self.weights if path.startswith("average/")]:
            new = self.weights["generator/" + path.partition("/")[2]].detach()
            self.weights[path] = momentum * self.weights[path] + (1 - momentum) * new
        told = {"d_loss": d_loss, "g_loss": g_loss}
        return {**told, "d_gradient": d_gradient, "g_gradient": g_gradient}
