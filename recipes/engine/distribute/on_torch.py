"""Devices and hosts of torch."""

import datetime
import os

import keras

from .devices import SILENCE, Devices


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
