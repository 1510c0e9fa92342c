"""The losses of the two networks, from the discriminator's logits."""

from keras import ops

from . import gradients


def discriminator(real, fake):
    """mean(max(0, 1 - real)) + mean(max(0, 1 + fake)), the hinge loss.

    Reference: Lim and Ye, "Geometric GAN", 2017, arXiv:1705.02894.
    """
    return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))


def generator(fake):
    """-mean(fake)."""
    return -ops.mean(fake)


def r1(judge, images):
    """The mean over images of |gradient of judge(image)|^2 / 2; `judge` gives logits (B, 1).

    Reference: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?",
        ICML 2018, arXiv:1801.04406, equation (9).
    """
    slope = gradients.of_input(lambda x: ops.sum(judge(x)), images)
    return ops.mean(ops.sum(ops.square(slope), axis=(1, 2, 3))) / 2
