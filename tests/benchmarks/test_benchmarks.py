"""What is timed side by side computes the same, and the stopwatch works."""

import functools
import math
import time

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks import engine, fused, hashing, memory, pipeline, rows, timing
from benchmarks import layers as tables
from benchmarks.peers import PEERS
from keras_attention import layers
from tests.backends import on_torch_alone
from tests.layers.tools import assert_close, built, random_map, randomise


@pytest.mark.parametrize("key", ["cbam", "eca", "se"])
def test_by_hand_is_the_same_maths(key):
    x = random_map((2, 5, 6, 16))
    layer = built(layers.get(key, data_format="channels_last"), x.shape)
    randomise(layer)
    weights = [ops.convert_to_numpy(weight) for weight in layer.weights]
    y = fused.reference(key, weights)(ops.convert_to_tensor(x))
    assert_close(y, layer(x), 1e-5 * np.abs(x).max())


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the peers are torch modules")
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_has_as_many_parameters(name):
    channels, side = 64, 14
    options, module, form = PEERS[name](channels, side)
    shape = (1, side * side, channels) if form == "tokens" else (1, side, side, channels)
    layer = layers.get(name.removesuffix("_v2"), data_format="channels_last", **options)
    built(layer, shape)
    ours = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
    # It ends in a normalisation, ours in a bias; its keys have a bias, which it sets to zero.
    more = channels if name in ("linear", "window_v2") else 0
    assert ours + more == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("key", memory.OPTIONS)
def test_time_and_memory_of_a_layer(key):
    found = memory.measure(key, 64, "default", train=True)
    assert found["seconds"] > 0 and found["megabytes"] >= 0


def test_a_slower_function_takes_longer():
    ours, theirs = timing.paired(lambda: time.sleep(0.004), lambda: time.sleep(0.001), rounds=3)
    assert ours > 2 * theirs


def test_a_table():
    assert tables.table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |\n"


def test_rows_are_compared_with_the_first():
    # As fast as the first in the mean, where the machine halved its speed in the second round.
    found = rows.summary(
        {"none": [1.0, 2.0, 1.0], "se": [1.25, 2.5, 1.25], "wide": [2.0, 1.0, 1.0]},
        {"none": 10, "se": 20, "wide": 10},
    )
    assert found["none"] == {"images_per_second": 10.0}
    assert found["se"]["images_per_second"] == 16.0
    assert found["se"]["ratio"] == found["se"]["low"] == found["se"]["high"] == 1.25
    assert found["wide"]["low"] < found["wide"]["ratio"] == 1.0 < found["wide"]["high"]


def test_one_round_gives_no_interval():
    with pytest.raises(ValueError, match="integer >= 2. Received: rounds=1"):
        rows.compare("cifar10_resnet18w16", ["none", "se"], 1)


@on_torch_alone
def test_steps_of_all_rows_are_timed():
    narrow = ["--set", "model_options={'width': 2, 'stem': 'small'}", "--quick"]
    policy = keras.config.dtype_policy()
    found = rows.compare("cifar10_resnet18w16", ["none", "eca", "constant"], 2, *narrow)
    keras.config.set_dtype_policy(policy)
    assert list(found) == ["none", "eca", "constant"]
    assert all(one["images_per_second"] > 0 for one in found.values())
    assert found["eca"]["low"] < found["eca"]["ratio"] < found["eca"]["high"]


def test_each_function_runs_in_each_round():
    called = []
    functions = {name: functools.partial(called.append, name) for name in "abc"}
    found = timing.alternating(functions, 2, seconds=0)
    assert {name: len(times) for name, times in found.items()} == dict.fromkeys("abc", 2)
    assert "".join(called[-6:]) == "cbaabc"


def test_what_a_hash_adds():
    names = ("wall", "waited", "cpu", "first_wall", "first_waited", "hash_cpu")
    one = dict(zip(names, (2.0, 0.1, 1.5, 4.0, 0.2, 0.05), strict=True))
    found = hashing.summary([(one, {**one, "wall": 1.9}), (one, {**one, "wall": 2.1})])
    assert found["share"] == [0.0, -0.05, 0.05]
    assert found["waited_share"] == [0.05] * 3 and found["first_waited_share"] == [0.05] * 3


# On torch alone, where no step is compiled; what is timed is the same on all backends.
@on_torch_alone
def test_the_engine_and_the_pipeline_are_timed():
    narrow = {"model_options": {"width": 2, "stem": "small"}, "batch_size": 8}
    policy = keras.config.dtype_policy()
    found = engine.compare(2, 2, **narrow)
    keras.config.set_dtype_policy(policy)
    assert np.exp(engine._log_ratios({"engine": [0.5], "bare": [1.0]})) == pytest.approx([2])
    assert found["low"] < found["ratio"] < found["high"] and found["cpu"] > 0
    slow = iter(lambda: time.sleep(0.002), 0)
    made, steps = pipeline.rates(slow, lambda: time.sleep(0.001), 3, 3)
    assert 0 < made < 500 and 1.2 * made < steps < 1000
