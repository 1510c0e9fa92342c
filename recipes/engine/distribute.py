"""Several devices and hosts, with the engine that each backend has for them.

JAX `keras.distribution`, TensorFlow `tf.distribute`, torch `torch.distributed`. On all of them a
run sees the same batches as on one device: every process makes the whole batch, which depends on
the seed, the epoch and the step alone, and trains on its part of it. docs/scaling.md has the
commands.
"""

import contextlib
import datetime
import functools
import os
import sys
import traceback

import keras
import numpy as np

from keras_attention.layers.checks import one_of

from ..recipe import Recipe

# Seconds of silence after which a process counts as dead, and the others stop.
SILENCE = 30
# The exit code of a process that failed beside others.
FAILED = 1


class Devices:
    """One device in one process; subclasses are several.

    Attributes:
        replicas: Parts of a batch that are computed beside each other.
        count: Devices.
        processes, process: How many processes there are, and which one this is.
        batch_norm: Whether batch normalisation sees the "global" batch or its part "per replica".
    """

    kind = "none"
    batch_norm = "global"
    replicas = count = processes = 1
    process = 0

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes states, logs and results."""
        return self.process == 0

    def check(self, chosen: Recipe) -> None:
        """Raises: ValueError for a recipe that these devices cannot run as one device does."""
        if chosen.batch_size % self.replicas:
            raise ValueError(
                f"batch_size must be a multiple of the {self.replicas} replicas. "
                f"Received: batch_size={chosen.batch_size}"
            )
        if self.kind != "none" and chosen.test_views:
            raise ValueError("test_views must be False on several devices. Received: True")

    def scope(self):
        """The context in which a model is built, compiled, restored and trained."""
        return contextlib.nullcontext()

    def prepare(self, model: keras.Model) -> None:
        """Make a compiled model, whose metrics are built, train on all devices."""

    def settle(self, model: keras.Model) -> None:
        """Give a trained model the same weights on all devices."""

    @contextlib.contextmanager
    def together(self):
        """End this process at once where it fails, rather than have it wait for the others."""
        try:
            yield
        except FloatingPointError:  # of the whole batch: all processes stop here
            raise
        except Exception:
            if self.processes > 1:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(FAILED)
            raise

    def feed(self, batches):
        """What `fit` reads on this process.

        `batches((number, parts))` is a grain dataset of that one of so many parts of each batch.
        """
        return batches((self.process, self.processes))

    def from_first(self, number: int) -> int:
        """That number as the first process has it. All must ask at the same step."""
        return number

    def told(self) -> dict:
        return {
            "kind": self.kind,
            "devices": self.count,
            "processes": self.processes,
            "batch_norm": self.batch_norm,
        }


ONE = Devices()


class OnJax(Devices):
    """`keras.distribution`: arrays are global, so that a step is that of one device.

    "data" splits the batch over all devices. "model" splits it over the processes, and the kernels
    over the devices of each, between which the links are fast.
    """

    def __init__(self, kind: str):
        import jax

        if _many_on_jax() and not jax.distributed.is_initialized():
            address = os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
            number = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID")
            count = os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES")
            # As keras.distribution.initialize, which cannot say how long to wait for the dead.
            jax.distributed.initialize(
                address and address.split(",")[0],
                count and int(count),
                number and int(number),
                heartbeat_timeout_seconds=SILENCE,
            )
        self.kind = kind
        self.processes, self.process = jax.process_count(), jax.process_index()
        self.count = jax.device_count()
        if kind == "data":
            self.distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
            self.replicas = self.count
        else:
            self.distribution = _split_kernels(self.processes, self.count // self.processes)
            self.replicas = self.processes

    def scope(self):
        return self.distribution.scope()

    def from_first(self, number):
        from jax.experimental import multihost_utils

        return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def _many_on_jax() -> bool:
    counts = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
    return any(int(os.environ.get(count) or 1) > 1 for count in counts)


def _split_kernels(processes: int, parts: int):
    """Kernels in `parts` along their output, where that divides; all else whole."""
    mesh = keras.distribution.DeviceMesh((processes, parts), ("batch", "model"))

    class SplitKernels(keras.distribution.ModelParallel):
        def get_variable_layout(self, variable):
            # By shape, which the paths of a LayoutMap do not tell.
            whole = super().get_variable_layout(variable)
            if not variable.path.endswith("kernel") or variable.shape[-1] % parts:
                return whole
            axes = (*whole.axes[:-1], "model")
            return keras.distribution.TensorLayout(axes, mesh)

    return SplitKernels(
        layout_map=keras.distribution.LayoutMap(mesh),
        batch_dim_name="batch",
        auto_shard_dataset=False,
    )


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


class OnTorch(Devices):
    """`torch.distributed`, started by torchrun: a process per device.

    Keras's `fit` stays, with the mean over processes of the gradients as the optimiser gets them.
    So clipping, accumulation and averages see what one device would, and states have the same
    names; DistributedDataParallel would need a loop of its own and wrap the model. What it does
    better: it sends gradients while others are still computed.
    """

    kind = "data"
    batch_norm = "per replica"

    def __init__(self):
        import torch
        from torch import distributed

        if "WORLD_SIZE" not in os.environ:
            raise ValueError(
                "Several devices on torch need a process each: expected the variables that "
                "torchrun sets. Received: no WORLD_SIZE"
            )
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if not distributed.is_initialized():
            silence = datetime.timedelta(seconds=SILENCE)
            distributed.init_process_group("nccl" if cuda else "gloo", timeout=silence)
        self.device = "cuda" if cuda else "cpu"
        self.process, self.processes = distributed.get_rank(), distributed.get_world_size()
        self.count = self.replicas = self.processes

    def prepare(self, model):
        self.settle(model)
        loss, metrics, apply = model.compute_loss, model.compute_metrics, model.optimizer.apply

        def global_loss(*args, **kwargs):
            """The mean over all processes, with the gradient of this one's part."""
            mine = loss(*args, **kwargs)
            return mine + (self._mean(mine.detach()) - mine.detach())

        def global_metrics(x, y, y_pred, sample_weight=None):
            weights = None if sample_weight is None else self._gathered(sample_weight)
            return metrics(x, self._gathered(y), self._gathered(y_pred), weights)

        def global_apply(gradients, variables=None):
            return apply(self._means(gradients), variables)

        model.compute_loss, model.compute_metrics = global_loss, global_metrics
        model.optimizer.apply = global_apply

    def settle(self, model):
        from torch import distributed

        # The statistics of batch normalisation differ between the processes.
        for variable in model.variables:
            distributed.broadcast(variable.value.data, 0)

    def _mean(self, tensor):
        from torch import distributed

        tensor = tensor.clone()
        distributed.all_reduce(tensor)
        return tensor / self.processes

    def _means(self, tensors):
        """As `_mean` of each, but in one message."""
        import torch

        sent = [tensor.reshape(-1) for tensor in tensors if tensor is not None]
        means = iter(self._mean(torch.cat(sent)).split([len(tensor) for tensor in sent]))
        return [None if tensor is None else next(means).view_as(tensor) for tensor in tensors]

    def _gathered(self, tensor):
        import torch
        from torch import distributed

        tensor = keras.ops.convert_to_tensor(tensor, "float32").detach().contiguous()
        parts = [torch.empty_like(tensor) for _ in range(self.processes)]
        distributed.all_gather(parts, tensor)
        return torch.cat(parts)

    def from_first(self, number):
        import torch
        from torch import distributed

        told = torch.tensor([number], device=self.device)
        distributed.broadcast(told, 0)
        return int(told)


KINDS = ("data", "model", "none")


def start(kind: str = "none") -> Devices:
    """All devices of this run, which the environment tells; before anything is computed.

    Raises: ValueError for a kind that the backend has not.
    """
    backend = keras.backend.backend()
    if one_of(KINDS, "start", kind=kind) == "none":
        return ONE
    if backend == "jax":
        return OnJax(kind)
    if kind == "model":
        raise ValueError(
            "Only JAX splits a model: expected KERAS_BACKEND=jax or --distribute data. "
            f"Received: KERAS_BACKEND={backend}, --distribute model"
        )
    return OnTensorFlow() if backend == "tensorflow" else OnTorch()


def part(batch, parts: int, number: int) -> tuple:
    """Part `number` of so many equal ones of the arrays of a batch."""
    size = len(batch[0]) // parts
    return tuple(array[number * size : (number + 1) * size] for array in batch)


def numpy(value) -> np.ndarray:
    """A variable's value whole, on every process; all must ask where it is split over hosts."""
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        # A sum over the replicas of TensorFlow has no value before it is read.
        whole = value.read_value() if hasattr(value, "read_value") else value
        return keras.ops.convert_to_numpy(whole)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(value, tiled=True)
