"""The two networks, the averaged generator and the step that trains them."""

import keras
from keras import ops

from . import augment, gradients, losses
from .recipe import GanRecipe

NETWORKS = ("generator", "discriminator", "average")


class Adams:
    """An optimiser for each network."""

    def __init__(self, generator, discriminator):
        self.generator, self.discriminator = generator, discriminator

    @property
    def variables(self) -> list:
        return [*self.generator.variables, *self.discriminator.variables]


class Gan(keras.Model):
    """A generator that learns to deceive a discriminator.

    Args:
        generator: A model of [latent, label], or of the latent alone.
        discriminator: A model of [image, label], or of the image alone, whose `training` argument
            moves the vectors u of its spectral norms and does nothing else.
        average: A second generator, with the weights of the first.
        chosen: The recipe.

    `train_step` takes a batch of `draws.batches`. On JAX it is a pure function of (state, batch),
    where a state is the values of `carried`.

    The discriminator's u move once in each of its steps, before the real and the generated images
    go through it together, and not in the generator's. The generator's batch norms and u move
    whenever it runs.

    The average is over all weights of the generator: its moving means and variances, and u, which
    the layers bring back to length 1, are averaged as what is trained is.
    """

    def __init__(self, generator, discriminator, average, chosen: GanRecipe):
        super().__init__(name="gan")
        self.generator, self.discriminator, self.average = generator, discriminator, average
        average.trainable = False
        self.chosen = chosen
        self.optimizer = Adams(
            _adam(generator, chosen, chosen.g_rate), _adam(discriminator, chosen, chosen.d_rate)
        )
        # The step at which a loss or its gradient was no number for the first time; 0 for none.
        self.broken = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="broken", autocast=False
        )

    @property
    def carried(self) -> list:
        """All variables that a step reads or changes."""
        return [*self.variables, *self.optimizer.variables]

    def train_step(self, *given):
        """One step of the generator, after those of the discriminator; returns what is logged."""
        if keras.backend.backend() != "jax":
            return self._step(*given)
        state, batch = given
        mapping = zip(self.carried, state, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            told = self._step(batch)
            state = [scope.get_current_value(variable) for variable in self.carried]
        return told, state

    def _step(self, batch):
        told = {}
        for number in range(self.chosen.d_steps):
            told |= self._discriminator_step(batch, number)
        told |= self._generator_step(batch, self.chosen.d_steps)
        with gradients.untracked():
            self._average()
            # All that is told: TensorFlow's relu makes a number of what is none.
            fine = ops.all(ops.isfinite(ops.stack(list(told.values()))))
            broken = ops.convert_to_tensor(self.broken)
            first = ops.logical_not(fine) & ops.equal(broken, 0)
            self.broken.assign(ops.where(first, ops.cast(self._done(), "float32"), broken))
        return told

    def _discriminator_step(self, batch, number):
        real = ops.cast(batch["images"][number], "float32") / 127.5 - 1
        label, other = batch["labels"][number], batch["drawn_labels"][number]
        with gradients.untracked():
            fake = self.generator(self._inputs(batch["latents"][number], other), training=True)
        pair = [augment.apply(x, self.chosen.augment, batch["draws"][number]) for x in (real, fake)]
        both = ops.stop_gradient(ops.concatenate(pair))
        labels = ops.concatenate([label, other])

        def judge(x, label, training=False):
            return self.discriminator(self._inputs(x, label), training=training)

        def loss():
            logits = judge(both, labels, training=True)
            on_real, on_fake = ops.split(logits, 2)
            hinge = losses.discriminator(on_real, on_fake)
            told = {"d_loss": hinge, "d_real": ops.mean(on_real), "d_fake": ops.mean(on_fake)}
            if not self.chosen.r1:
                return hinge, told
            penalty = losses.r1(lambda x: judge(x, label), pair[0])
            return hinge + self.chosen.r1 * penalty, told

        return self._apply("discriminator", loss)

    def _generator_step(self, batch, number):
        label = batch["drawn_labels"][number]

        def loss():
            fake = self.generator(self._inputs(batch["latents"][number], label), training=True)
            fake = augment.apply(fake, self.chosen.augment, batch["draws"][number])
            logits = self.discriminator(self._inputs(fake, label), training=False)
            value = losses.generator(logits)
            return value, {"g_loss": value}

        return self._apply("generator", loss)

    def _inputs(self, x, label):
        return [x, label] if self.chosen.conditional else x

    def _apply(self, name, loss):
        """Train the network `name` by a loss; returns what that tells, with the gradient's norm."""
        variables = getattr(self, name).trainable_variables
        told, slopes = gradients.of(loss, variables, self)
        with gradients.untracked():
            getattr(self.optimizer, name).apply(slopes, variables)
            squares = [ops.sum(ops.square(ops.cast(slope, "float32"))) for slope in slopes]
            return {**told, f"{name[0]}_gradient": ops.sqrt(sum(squares))}

    def _done(self):
        """The number of this step, counted from 1."""
        return ops.convert_to_tensor(self.optimizer.generator.iterations)

    def _average(self):
        momentum = ops.where(self._done() > self.chosen.ema_start, self.chosen.ema, 0.0)
        for mine, theirs in zip(self.average.weights, self.generator.weights, strict=True):
            new = ops.convert_to_tensor(theirs)
            mine.assign(new + ops.cast(momentum, new.dtype) * (ops.convert_to_tensor(mine) - new))


def _adam(network, chosen: GanRecipe, rate: float) -> keras.optimizers.Optimizer:
    adam = keras.optimizers.Adam(rate, chosen.beta_1, chosen.beta_2, chosen.epsilon)
    adam.build(network.trainable_variables)
    return adam


class Steps:
    """Calls `train_step`, compiled where the backend compiles, and leaves what it tells there.

    On JAX the variables of the model are up to date only after `sync`.
    """

    def __init__(self, gan: Gan):
        self.gan, self.state = gan, None
        self.function = gan.train_step
        if keras.backend.backend() == "jax":
            import jax

            self.function = jax.jit(gan.train_step, donate_argnums=0)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            self.function = tf.function(gan.train_step)

    def __call__(self, batch: dict) -> dict:
        batch = {name: ops.convert_to_tensor(array) for name, array in batch.items()}
        if keras.backend.backend() != "jax":
            return self.function(batch)
        if self.state is None:
            import jax

            # Copies, since what is given to the function is gone after it.
            self.state = [jax.numpy.array(variable.value) for variable in self.gan.carried]
        told, self.state = self.function(self.state, batch)
        return told

    def sync(self) -> None:
        if self.state is not None:
            for variable, value in zip(self.gan.carried, self.state, strict=True):
                variable.assign(value)
            self.state = None
