"""Devices and hosts of JAX."""

import os

import keras
import numpy as np

from .. import sharded
from .devices import SILENCE, Devices


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
        if self.processes > 1:
            self.state_suffix = sharded.SUFFIX
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
