"""The scripts in `examples/` run as they stand and print what they promise."""

import runpy

import keras
import numpy as np

from keras_attention import layers
from tests.source import ROOT

SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def script(name):
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


def test_there_are_four():
    assert SCRIPTS == [
        "any_layer_by_name",
        "cbam_in_sequential",
        "vision_transformer",
        "your_own_layer",
    ]


def test_cbam_in_sequential(capsys):
    script("cbam_in_sequential")["main"]()
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "cbam1/channel: channel map (1, 16)",
        "cbam1/spatial: spatial map (1, 32, 32)",
        "cbam2/channel: channel map (1, 32)",
        "cbam2/spatial: spatial map (1, 16, 16)",
    ]


def test_any_layer_by_name(capsys):
    script("any_layer_by_name")["main"](["se", "eca"])
    printed = capsys.readouterr().out.splitlines()
    # se: 32 to 2 to 32 and 64 to 4 to 64, with biases; eca: two kernels of 3.
    assert [line.split()[:3] for line in printed] == [["se", "adds", "742"], ["eca", "adds", "6"]]


def test_your_own_layer(capsys):
    script("your_own_layer")["main"]()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 8 and all(": spatial map (1, " in line for line in printed)


def test_vision_transformer(capsys):
    script("vision_transformer")["main"]()
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"block{block}_attention: pairwise map (2, 4, 16, 16)" for block in (1, 2)]


def test_the_transformer_is_the_one_with_keras_attention():
    """With the same weights, Keras's own layer in its place gives the same."""
    ours = layers.MultiHeadSelfAttention(4)
    theirs = keras.layers.MultiHeadAttention(4, 8)
    x = np.random.default_rng(0).normal(size=(2, 16, 32)).astype("float32")
    ours.build(x.shape)
    theirs.build(x.shape, x.shape)
    rng = np.random.default_rng(1)
    qkv, qkv_bias, proj, proj_bias = (
        rng.normal(0, 0.3, weight.shape).astype("float32") for weight in ours.weights
    )
    ours.set_weights([qkv, qkv_bias, proj, proj_bias])
    parts = []
    for kernel, bias in zip(np.split(qkv, 3, 1), np.split(qkv_bias, 3), strict=True):
        parts += [kernel.reshape(32, 4, 8), bias.reshape(4, 8)]
    # Keras keeps query, key, value in this order, as its weights' paths say.
    order = [weight.path.split("/")[-2] for weight in theirs.weights]
    assert order == ["query", "query", "key", "key", "value", "value", *["attention_output"] * 2]
    theirs.set_weights([*parts, proj.reshape(4, 8, 32), proj_bias])
    a, b = (keras.ops.convert_to_numpy(y) for y in (ours(x), theirs(x, x)))
    assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()
