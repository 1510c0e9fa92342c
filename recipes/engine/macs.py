"""How many multiplications a network takes for one image, counted by torch.

On another backend a process of its own counts, from the recipe: `python -m recipes.engine.macs`
reads it from its standard input. Where torch is not installed nothing is counted.
"""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np

from ..recipe import Recipe
from . import controls


def of_model(model: keras.Model, size: int) -> int:
    """Multiplications of convolutions and matrix products for one image of `size` pixels a side."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(np.zeros((1, size, size, model.input_shape[-1]), "uint8"), training=False)
    return counter.get_total_flops() // 2


def of_recipe(chosen: Recipe, num_classes: int) -> int | None:
    """Those of a recipe's network at its last size, or None without torch."""
    if importlib.util.find_spec("torch") is None:
        return None
    if keras.backend.backend() == "torch":
        made = controls.resolved(chosen, num_classes)
        return of_model(controls.network(made, made.attention, num_classes), chosen.sizes[-1][1])
    told = json.dumps([chosen.told(), num_classes])
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "recipes.engine.macs"]
    done = subprocess.run(command, input=told, env=environment, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else None


if __name__ == "__main__":
    fields, classes = json.load(sys.stdin)
    print(of_recipe(Recipe(**fields), classes))
