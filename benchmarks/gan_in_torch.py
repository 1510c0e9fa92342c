"""The networks of "sagan32" and their training step as one writes them in torch, channels first."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

MOMENTUM = 0.9


def one_thread() -> None:
    torch.set_num_threads(1)


def conv(inputs, outputs, size=3, bias=True):
    return spectral_norm(nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=bias))


class Norm(nn.Module):
    """Batch normalisation whose scale and shift are those of a class."""

    def __init__(self, channels, classes):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, 1e-4, 1 - MOMENTUM, affine=False)
        self.scale, self.shift = (nn.Embedding(classes, channels) for _ in range(2))
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x, label):
        scale, shift = (table(label)[:, :, None, None] for table in (self.scale, self.shift))
        return self.norm(x) * scale + shift


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.query, self.key = (conv(channels, channels // 8, 1, False) for _ in range(2))
        self.value = conv(channels, channels // 2, 1, False)
        self.out = conv(channels // 2, channels, 1, False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        query = self.query(x).flatten(2)
        key, value = (
            functional.max_pool2d(part(x), 2).flatten(2) for part in (self.key, self.value)
        )
        weights = torch.softmax(query.transpose(1, 2) @ key, -1)  # (B, N, N / 4)
        y = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(y)


class GeneratorBlock(nn.Module):
    def __init__(self, inputs, outputs, classes):
        super().__init__()
        self.norm1, self.norm2 = Norm(inputs, classes), Norm(outputs, classes)
        self.conv1, self.conv2 = conv(inputs, outputs), conv(outputs, outputs)
        self.shortcut = conv(inputs, outputs, 1)

    def forward(self, x, label):
        y = functional.interpolate(torch.relu(self.norm1(x, label)), scale_factor=2)
        y = self.conv2(torch.relu(self.norm2(self.conv1(y), label)))
        return y + functional.interpolate(self.shortcut(x), scale_factor=2)


class Generator(nn.Module):
    def __init__(self, width, latent, classes, channels):
        super().__init__()
        self.width = 4 * width
        self.project = spectral_norm(nn.Linear(latent, 16 * self.width))
        self.blocks = nn.ModuleList(
            GeneratorBlock(self.width, self.width, classes) for _ in range(3)
        )
        self.attention = Attention(self.width)
        self.norm = nn.BatchNorm2d(self.width, 1e-4, 1 - MOMENTUM)
        self.image = conv(self.width, channels)

    def forward(self, latent, label):
        x = self.project(latent).unflatten(1, (self.width, 4, 4))
        x = self.attention(self.blocks[1](self.blocks[0](x, label), label))
        x = self.blocks[2](x, label)
        return torch.tanh(self.image(torch.relu(self.norm(x))))


class DiscriminatorBlock(nn.Module):
    def __init__(self, inputs, outputs, halve, first):
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, outputs), conv(outputs, outputs)
        self.shortcut = conv(inputs, outputs, 1) if halve or inputs != outputs else None
        self.halve, self.first = halve, first

    def forward(self, x):
        y = self.conv2(torch.relu(self.conv1(x if self.first else torch.relu(x))))
        if self.halve:
            x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
        return y + (self.shortcut(x) if self.shortcut else x)


class Discriminator(nn.Module):
    def __init__(self, width, classes, channels):
        super().__init__()
        width = 2 * width
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(width if number else channels, width, number < 2, number == 0)
            for number in range(4)
        )
        self.attention = Attention(width)
        self.logit = spectral_norm(nn.Linear(width, 1))
        self.embedding = spectral_norm(nn.Embedding(classes, width))

    def forward(self, x, label):
        x = self.attention(self.blocks[0](x))
        for block in self.blocks[1:]:
            x = block(x)
        h = torch.relu(x).sum((2, 3))
        return self.logit(h) + (self.embedding(label) * h).sum(1, keepdim=True)


class Step:
    """One step of the discriminator and one of the generator, with a batch of `draws.batches`."""

    def __init__(self, chosen, classes, channels):
        self.generator = Generator(chosen.width, chosen.latent, classes, channels)
        self.discriminator = Discriminator(chosen.width, classes, channels)
        self.average, self.ema = copy.deepcopy(self.generator), chosen.ema
        betas = (chosen.beta_1, chosen.beta_2)
        rates = (self.generator, chosen.g_rate), (self.discriminator, chosen.d_rate)
        self.g_adam, self.d_adam = (
            torch.optim.Adam(network.parameters(), rate, betas) for network, rate in rates
        )

    def parameters(self) -> dict[str, int]:
        return {
            name: sum(weight.numel() for weight in getattr(self, name).parameters())
            for name in ("generator", "discriminator")
        }

    def __call__(self, batch) -> float:
        names = ("images", "labels", "latents", "drawn_labels")
        images, labels, latents, drawn = (torch.from_numpy(batch[name]) for name in names)
        real = images[0].permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            fake = self.generator(latents[0], drawn[0])
        self.discriminator.train()
        on_real = self.discriminator(real, labels[0])
        self.discriminator.eval()  # u stays
        on_fake = self.discriminator(fake, drawn[0])
        loss = torch.relu(1 - on_real).mean() + torch.relu(1 + on_fake).mean()
        self._moved(self.d_adam, loss, self.discriminator)
        fake = self.generator(latents[1], drawn[1])
        loss = -self.discriminator(fake, drawn[1]).mean()
        self._moved(self.g_adam, loss, self.generator)
        with torch.no_grad():
            pairs = zip(
                self.average.state_dict().values(),
                self.generator.state_dict().values(),
                strict=True,
            )
            for mine, new in pairs:
                if mine.is_floating_point():
                    mine.lerp_(new, 1 - self.ema)
        return float(loss.detach())

    @staticmethod
    def _moved(adam, loss, network):
        adam.zero_grad(set_to_none=True)
        loss.backward(inputs=list(network.parameters()))
        adam.step()
