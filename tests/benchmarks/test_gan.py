"""The step in torch that ours is timed against is that of the same networks."""

import keras
import numpy as np
import pytest

pytest.importorskip("torch")
from benchmarks import gan

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the same for every backend"
)


def test_both_are_the_same_networks_and_train():
    chosen, batch = gan.made(quick=True)
    for side in (gan.ours, gan.theirs):
        step, counts = side(chosen, batch)
        losses = [step() for _ in range(3)]
        assert np.isfinite(losses).all() and len(set(losses)) == 3
        assert counts == {"generator": 50_178, "discriminator": 4_426}
