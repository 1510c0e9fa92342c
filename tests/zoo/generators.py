"""A tiny generator, and a project that ships it as the package ships its models."""

import contextlib
import hashlib
import json

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save

from keras_attention import models
from keras_attention.zoo import cached, index, loading
from tests.layers.tools import randomise

NAME = "sagan32_tiny"
LABELS = ("ankle boot", "bag", "coat")
# What its owner tells of it, and what it tells itself.
OPTIONS = {"width": 2, "attention_at": 16}
ARGUMENTS = {"attention": "sagan", "num_classes": 3, "latent": 6, "channels": 1, **OPTIONS}


def tiny(seed=0, labels=LABELS, **options):
    """A generator as after some training."""
    model = models.build_generator("sagan32", labels=labels, **{**ARGUMENTS, **options})
    randomise(model, seed + 4)
    # Neither black nor white: what is cut off could change unseen.
    model.get_layer("to_image").bias.assign([0.0] * model.output_shape[-1])
    return model


def pictures(model, labels=3):
    """What the model makes of seed 7."""
    return models.sample(model, labels, seed=7)


def check_same(found, expected):
    """Pictures that differ by no more than how a backend rounds."""
    assert found.shape == expected.shape and np.ptp(expected) > 100
    assert np.abs(found.astype(int) - expected).max() <= 1


def entry(content, **fields):
    """The entry of an index, for weights of that content."""
    return {
        "task": "generation",
        "architecture": "sagan32",
        "arguments": ARGUMENTS,
        "input_size": [32, 32],
        "labels": LABELS,
        "attention": "sagan",
        "parameters": 10_000,
        "data": "made up",
        "metric": "FID",
        "score": 21.5,
        "licence": "Apache-2.0",
        "file": f"{NAME}.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        **fields,
    }


def weights_of(model):
    """The file of its weights."""
    values = {one.path: ops.convert_to_numpy(one.value) for one in model.weights}
    return save({path: np.array(value, order="C") for path, value in values.items()})


@contextlib.contextmanager
def shipped(folder, model, **fields):
    """Work where the index names this model alone, with these fields in place of its own."""
    content = weights_of(model)
    (folder / "weights").mkdir()
    (folder / "weights" / f"{NAME}.safetensors").write_bytes(content)
    (folder / "index.json").write_text(json.dumps({NAME: entry(content, **fields)}), "utf-8")
    card = folder / "zoo" / NAME
    card.mkdir(parents=True)
    (card / "README.md").write_text(f"# {NAME}\n", "utf-8")
    (card / "metrics.json").write_text('{"metric": "FID", "score": 21.5}', "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for module in (loading, cached):
            patch.setattr(module, "WEIGHTS", folder / "weights")
        patch.setattr(index, "PATH", folder / "index.json")
        patch.chdir(folder)
        index._read.cache_clear()
        try:
            yield folder
        finally:
            index._read.cache_clear()
