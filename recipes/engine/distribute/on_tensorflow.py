"""Devices and hosts of TensorFlow."""

import functools
import os

import keras

from .devices import Devices, part


class OnTensorFlow(Devices):
    """A `tf.distribute` strategy: of a TPU, of several workers (TF_CONFIG), or of this host."""

    kind = "data"

    def __init__(self):
        import tensorflow as tf

        if "TPU_NAME" in os.environ:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ["TPU_NAME"])
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
            self.strategy = tf.distribute.TPUStrategy(resolver)
        elif "TF_CONFIG" in os.environ:
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
            resolver = self.strategy.cluster_resolver
            workers = resolver.cluster_spec().as_dict()
            self.processes = sum(len(workers.get(job, ())) for job in ("chief", "worker"))
            chief = "chief" in workers and resolver.task_type != "chief"
            self.process = resolver.task_id + chief
        else:
            kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
            names = [device.name for device in tf.config.list_logical_devices(kind)]
            self.strategy = tf.distribute.MirroredStrategy(names)
        self.count = self.replicas = self.strategy.num_replicas_in_sync

    def check(self, chosen):
        super().check(chosen)
        if self.replicas > 1 and chosen.accumulate > 1:
            raise ValueError(
                "accumulate must be 1 on several replicas of TensorFlow, which cannot update "
                f"weights after some batches only. Received: accumulate={chosen.accumulate}"
            )

    def scope(self):
        return self.strategy.scope()

    def prepare(self, model):
        # Keras would build the model once more from a mean of batches, which workers cannot take;
        # without a strategy of its own a model has that of the scope.
        model._distribute_strategy = None
        if self.processes > 1:
            model.train_step = _in_rows(model.train_step)
            model.test_step = _in_rows(model.test_step)
        # Those inside other layers too, which `model.layers` does not list.
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # under float16
        if optimizer.global_clipnorm:
            _clip_after_sum(optimizer)

    def feed(self, batches):
        import tensorflow as tf

        def of_host(context):
            hosts = context.num_input_pipelines
            here = self.replicas // hosts

            def pieces():
                for batch in batches((context.input_pipeline_id, hosts)):
                    for number in range(here):
                        yield part(batch, here, number)

            first = next(pieces())
            signature = tuple(tf.TensorSpec(piece.shape, piece.dtype) for piece in first)
            dataset = tf.data.Dataset.from_generator(pieces, output_signature=signature)
            return dataset.prefetch(2 * here)

        return self.strategy.distribute_datasets_from_function(of_host)

    def from_first(self, number):
        import tensorflow as tf

        if self.processes == 1:
            return number
        total = self._total(tf.constant(int(number) if self.first else 0))
        here = self.replicas // self.processes
        return int(self.strategy.experimental_local_results(total)[0]) // here

    @functools.cached_property
    def _total(self):
        import tensorflow as tf

        def add(told):
            here = tf.identity(told)  # on the replica's device, which an argument is not
            return tf.distribute.get_replica_context().all_reduce("SUM", here)

        return tf.function(lambda told: self.strategy.run(add, (told,)))


def _clip_after_sum(optimizer) -> None:
    """Clip the norm of the whole batch's gradient; Keras clips that of each replica's part."""
    clip, total = optimizer._clip_gradients, optimizer._all_reduce_sum_gradients

    def clipped_total(pairs):
        gradients, variables = zip(*total(pairs), strict=True)
        return list(zip(clip(gradients), variables, strict=True))

    optimizer._clip_gradients = lambda gradients: gradients
    optimizer._all_reduce_sum_gradients = clipped_total


def _in_rows(step):
    """A step whose logs have an axis, over which Keras takes their mean on several workers."""

    def wrapped(data):
        return {name: keras.ops.expand_dims(value, 0) for name, value in step(data).items()}

    return wrapped
