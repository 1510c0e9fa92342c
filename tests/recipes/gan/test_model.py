"""A step is the one of the equations, written by hand in torch; so the backends agree."""

import keras
import numpy as np
import pytest

from recipes.gan import gradients, losses
from recipes.gan.model import Steps
from tests.recipes.gan import nets

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "fields", [{}, {"d_steps": 3, "r1": 0.3, "d_rate": 1e-2}], ids=["one to one", "three, R1"]
)
def test_steps_are_those_written_by_hand(fields):
    recipe = nets.chosen(**fields)
    gan = nets.gan(recipe)
    by_hand, steps = nets.ByHand(gan, recipe), Steps(gan)
    for step in range(3):
        batch = nets.batch(recipe, step)
        told, wanted = steps(batch), by_hand.step(batch)
        for name, number in wanted.items():
            extra = recipe.r1 and name == "d_loss"  # the log has the hinge loss alone
            if not extra:
                assert abs(float(told[name]) - number) < 1e-5 * max(1, abs(number)), (step, name)
    steps.sync()
    for path, array in nets.numpy(gan).items():
        if path in by_hand.weights:
            np.testing.assert_allclose(
                array, by_hand.weights[path].numpy(), rtol=0, atol=1e-5, err_msg=path
            )
    assert int(gan.optimizer.generator.iterations) == 3
    assert int(gan.optimizer.discriminator.iterations) == 3 * recipe.d_steps


def power(kernel, u):
    """u after one step of the power method, in float64."""
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
    u = matrix.T @ (matrix @ u)
    return u / np.linalg.norm(u)


def test_u_moves_once_for_each_real_batch():
    recipe = nets.chosen(d_steps=2, d_rate=0.0, g_rate=0.0, r1=0.1)
    gan = nets.gan(recipe)
    before = nets.numpy(gan)
    steps = Steps(gan)
    steps(nets.batch(recipe))
    steps.sync()
    after = nets.numpy(gan)
    moves = {"discriminator": 2, "generator": 3}  # the generator's whenever it runs
    for path in ("discriminator/conv", "discriminator/logit", "generator/dense", "generator/conv"):
        u = before[f"{path}/u"]
        for _ in range(moves[path.partition("/")[0]]):
            u = power(before[f"{path}/kernel"], u)
        np.testing.assert_allclose(after[f"{path}/u"], u, atol=1e-6, err_msg=path)
        np.testing.assert_array_equal(after[f"{path}/kernel"], before[f"{path}/kernel"])


def test_losses_and_their_gradients():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 2, (2, 6, 1)).astype("float32")
    wanted = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()
    assert abs(float(losses.discriminator(real, fake)) - wanted) < 1e-6
    assert abs(float(losses.generator(fake)) + fake.mean()) < 1e-6
    for place, other in ((0, (real < 1) / -6), (1, (fake > -1) / 6)):
        pair = [keras.ops.convert_to_tensor(x) for x in (real, fake)]

        def loss(x, place=place, pair=pair):
            given = [*pair[:place], x, *pair[place + 1 :]]
            return losses.discriminator(*given)

        slope = gradients.of_input(loss, pair[place])
        np.testing.assert_allclose(plain(slope), other, atol=1e-6)


def test_r1_is_half_the_square_of_the_slope():
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 1)).astype("float32")
    weights = np.arange(4, dtype="float32").reshape(2, 2, 1)

    def judge(x):  # gradient 2 w x
        return keras.ops.sum(keras.ops.convert_to_tensor(weights) * x**2, axis=(1, 2, 3))[:, None]

    wanted = ((2 * weights * x) ** 2).sum((1, 2, 3)).mean() / 2
    found = losses.r1(judge, keras.ops.convert_to_tensor(x))
    assert abs(float(plain(found)) - wanted) < 1e-5


def plain(x):
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX compiles a pure function")
def test_the_step_is_pure_and_compiled_once():
    recipe = nets.chosen()
    gan = nets.gan(recipe)
    before, steps = nets.numpy(gan), Steps(gan)
    for step in range(3):
        steps(nets.batch(recipe, step))
    assert steps.function._cache_size() == 1
    for path, array in nets.numpy(gan).items():
        np.testing.assert_array_equal(array, before[path], err_msg=path)
    steps.sync()
    assert not np.array_equal(
        nets.numpy(gan)["generator/conv/kernel"], before["generator/conv/kernel"]
    )


def test_the_first_step_without_a_number_is_kept():
    recipe = nets.chosen()
    gan = nets.gan(recipe)
    steps = Steps(gan)
    for step in range(4):
        batch = nets.batch(recipe, step)
        if step == 1:
            batch["latents"] = batch["latents"] * np.float32("nan")
        steps(batch)
    steps.sync()
    assert float(gan.broken) == 2
