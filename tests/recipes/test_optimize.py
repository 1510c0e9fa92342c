"""The optimiser of a recipe against updates by hand."""

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file

from recipes import data
from recipes.engine import optimize, run, score
from tests.recipes.test_recipes import CBAM, built, quick, tiny

LAYERS = ("stem", "stage1_block1_mlp", "stage2_block1_mlp", "logits")
RATE = 0.1
ON_TORCH = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="which weights there are is alike on each backend"
)
TOKENS = {
    "model": "vit_cifar_192x6",
    "model_options": {"width": 12, "depths": (1,), "hidden": 8, "patch": 8},
}


def net():
    """Four dense layers of three units, with other weights each."""
    x = image = keras.Input((3,))
    for number, name in enumerate(LAYERS):
        normal = keras.initializers.RandomNormal(seed=number)
        x = keras.layers.Dense(3, kernel_initializer=normal, name=name, bias_initializer="ones")(x)
    return keras.Model(image, x)


def fields(**given):
    """A recipe whose rate stays, without what a test does not ask for."""
    plain = {"schedule": "step", "warmup": 0.0, "momentum": 0.0, "nesterov": False,
             "weight_decay": 0.0, "label_smoothing": 0.0, "learning_rate": RATE}  # fmt: skip
    return quick(**{**plain, **given})


def values(model):
    return {w.path: ops.convert_to_numpy(w.value).copy() for w in model.trainable_variables}


def gradients(model, step=0):
    generator = np.random.default_rng(step)
    return {w.path: generator.normal(size=w.shape) for w in model.trainable_variables}


def stepped(model, optimizer, steps=1):
    """The weights before and after steps with known gradients."""
    before = values(model)
    for step in range(steps):
        given = gradients(model, step)
        weights = model.trainable_variables
        pairs = [(ops.convert_to_tensor(given[w.path], "float32"), w) for w in weights]
        optimizer.apply_gradients(pairs)
    return before, values(model)


def assert_steps(expected, given, steps=1, model=None):
    """`expected(path, weight, gradients)` is what the recipe makes of each weight."""
    model = model or net()
    before, after = stepped(model, optimize.make(model, given, RATE), steps)
    drawn = [gradients(model, step) for step in range(steps)]
    for path, weight in before.items():
        wanted = expected(path, weight.astype("float64"), [step[path] for step in drawn])
        np.testing.assert_allclose(after[path], wanted, rtol=1e-5, atol=1e-6, err_msg=path)


def decayed(path, weight, decay):
    return weight * (1 - RATE * decay) if path.endswith("kernel") else weight


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(nesterov):
    def expected(path, weight, drawn):
        velocity = 0
        for gradient in drawn:
            velocity = 0.9 * velocity - RATE * gradient
            ahead = 0.9 * velocity - RATE * gradient if nesterov else velocity
            weight = decayed(path, weight, 0.5) + ahead
        return weight

    assert_steps(expected, fields(momentum=0.9, nesterov=nesterov, weight_decay=0.5), steps=3)


@pytest.mark.parametrize("kind", ["adamw", "lamb"])
def test_adamw_and_lamb(kind):
    def expected(path, weight, drawn):
        first = second = 0
        for step, gradient in enumerate(drawn, start=1):
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            # Keras's AdamW adds epsilon before the correction of the start, its Lamb afterwards.
            start = np.sqrt(1 - 0.999**step)
            small = 1e-7 / start if kind == "adamw" else 1e-7
            update = first / (1 - 0.9**step) / (np.sqrt(second) / start + small)
            weight = decayed(path, weight, 0.5)
            trust = np.linalg.norm(weight) / np.linalg.norm(update) if kind == "lamb" else 1
            weight = weight - RATE * trust * update
        return weight

    assert_steps(expected, fields(optimizer=kind, weight_decay=0.5), steps=2)


def test_rates_and_layer_decay_multiply():
    deep = dict(zip(LAYERS, (0.5**3, 0.5**2, 0.5, 1), strict=True))

    def expected(path, weight, drawn):
        words = (3 if "bias" in path else 1) * (5 if "stage1" in path else 1)
        return decayed(path, weight, 0.5) - RATE * deep[path.split("/")[0]] * words * drawn[0]

    assert_steps(
        expected, fields(layer_decay=0.5, rates={"bias": 3.0, "stage1": 5.0}, weight_decay=0.5)
    )


@pytest.mark.parametrize("kind", optimize.OPTIMIZERS)
def test_rates_of_one_change_nothing(kind):
    given = fields(optimizer=kind, momentum=0.9, nesterov=True, weight_decay=0.01, clip_norm=1.0)
    _, plain = stepped(model := net(), optimize.make(model, given, RATE), 3)
    model = net()
    ones = {weight.path: 1.0 for weight in model.trainable_variables}
    assert optimize.rates(model, given) == ones
    slowed = optimize.with_rates(optimize.OPTIMIZERS[kind], model, ones)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(optimize.OPTIMIZERS, kind, slowed)
        _, found = stepped(model, optimize.make(model, given, RATE), 3)
    for path, weight in plain.items():
        np.testing.assert_allclose(found[path], weight, rtol=1e-6, atol=1e-7, err_msg=path)


def test_gradients_are_clipped_together():
    norm = np.sqrt(sum((g**2).sum() for g in gradients(net()).values()))
    assert norm > 1
    assert_steps(lambda path, w, drawn: w - RATE * drawn[0] / norm, fields(clip_norm=1.0))
    assert_steps(lambda path, w, drawn: w - RATE * drawn[0], fields(clip_norm=2 * float(norm)))


def test_decay_all():
    def expected(path, weight, drawn):
        return weight * (1 - RATE * 0.5) - RATE * drawn[0]

    assert_steps(expected, fields(weight_decay=0.5, decay_all=True))


@ON_TORCH
def test_weight_decay_spares_what_is_no_kernel():
    chosen = tiny(attention=CBAM, weight_decay=0.5)
    for model in (
        built(chosen, 0),
        built(quick(**{**TOKENS, "model": "vit_cifar_384x7"})),
    ):
        optimizer = optimize.make(model, chosen, RATE)
        weights = model.trainable_weights
        found = {w.path for w in weights if optimizer._use_weight_decay(w)}
        assert found == {w.path for w in weights if w.path.endswith("/kernel")}


def test_accumulated_steps_are_one_of_a_larger_batch():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(8, 3)).astype("float32"), np.eye(3, dtype="float32")[[0, 1] * 4]
    found = []
    for count in (1, 4):
        given = fields(accumulate=count, momentum=0.9, weight_decay=0.1, clip_norm=0.01, ema=0.5)
        optimize.compile_(model := net(), given, 2 * count)
        start = values(model)
        # The average takes up the last step while the batches of the next are accumulated.
        parts = [*np.split(np.tile(np.arange(8), 2), 2 * count), *[[0]] * (count - 1)]
        for part in parts:
            model.train_on_batch(x[part], y[part])
        found.append((values(model), averages(model)))
    for one, other in zip(*found, strict=True):
        assert any(np.abs(one[path] - start[path]).max() > 1e-4 for path in start)
        for path, weight in one.items():
            np.testing.assert_allclose(other[path], weight, atol=2e-7, err_msg=path)


def averages(model):
    """The averaged weights, which a model's own are replaced by."""
    kept = [ops.convert_to_numpy(w.value).copy() for w in model.trainable_variables]
    optimize.average(model)
    found = values(model)
    for weight, value in zip(model.trainable_variables, kept, strict=True):
        weight.assign(value)
    return found


def test_weights_are_averaged():
    def expected(path, weight, drawn):
        first = weight - RATE * drawn[0]
        return 0.75 * first + 0.25 * (first - RATE * drawn[1])

    model = net()
    optimizer = optimize.make(model, fields(ema=0.75), RATE)
    before, after = stepped(model, optimizer, 2)
    type(optimizer).finalize_variable_values(optimizer, model.trainable_variables)
    drawn = [gradients(model, step) for step in range(2)]
    for path, found in values(model).items():
        wanted = expected(path, before[path], [step[path] for step in drawn])
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert np.abs(found - after[path]).max() > 1e-3


def test_weights_are_drawn_back_to_the_slow_ones():
    every, steps = 2, 6
    model = net()
    optimizer = optimize.make(model, fields(lookahead=every), RATE, steps)
    start = values(model)
    stepped(model, optimizer, steps - 1)
    drawn = [gradients(model, step) for step in range(steps - 1)]
    found = values(model)
    type(optimizer).finalize_variable_values(optimizer, model.trainable_variables)
    for path, weight in start.items():
        fast, slow = weight, None
        for step in range(1, steps):
            fast = fast - RATE * drawn[step - 1][path]
            slow = fast if step == 1 else slow
            if step % every == 0:
                kept = 0.95**every * (step / steps) ** 3
                fast = slow = kept * slow + (1 - kept) * fast
        np.testing.assert_allclose(found[path], fast, atol=1e-5, err_msg=path)
        np.testing.assert_allclose(values(model)[path], slow, atol=1e-5, err_msg=path)
    with pytest.raises(ValueError, match="lookahead goes without ema"):
        optimize.check(fields(lookahead=5, ema=0.9))
    with pytest.raises(ValueError, match="lookahead=-1"):
        optimize.check(fields(lookahead=-1))


def test_training_of_some_weights_ends_before():
    given = fields(until={"stem": 0.5, "logits/bias": 0.25}, weight_decay=0.5, decay_all=True)
    optimizer = optimize.make(model := net(), given, RATE, 8)
    before, after = stepped(model, optimizer, 5)
    drawn = [gradients(model, step) for step in range(5)]
    for path, weight in before.items():
        last = 4 if "stem" in path else 2 if path == "logits/bias" else 5
        for step in range(last):
            weight = weight * (1 - RATE * (0.5 if last == 5 else 0)) - RATE * drawn[step][path]
        np.testing.assert_allclose(after[path], weight, atol=1e-5, err_msg=path)


def test_averaged_weights_are_saved_and_scored(tmp_path, monkeypatch):
    scored = []
    monkeypatch.setattr(score, "accuracy", lambda model, *_: scored.append(values(model)) or 0.5)
    run.train(tiny(sizes=((1, 16),), ema=0.9, learning_rate=1.0, **TOKENS), 0, tmp_path)
    saved = load_file(tmp_path / "weights.safetensors")
    state = load_file(next(tmp_path.glob("state-*.safetensors")))
    for path, weight in scored[-1].items():
        np.testing.assert_array_equal(saved[path], weight, err_msg=path)
    trained = {path: state[f"model/{path}"] for path in scored[-1]}
    assert np.abs(trained["patches/kernel"] - saved["patches/kernel"]).max() > 1e-3


def test_frozen_layers_are_not_trained():
    model = built(tiny(freeze=("patches", "positions", "stage", "norm"), **TOKENS))
    given = fields(weight_decay=0.5)
    optimize.compile_(model, given, 1)
    before = {w.path: ops.convert_to_numpy(w.value).copy() for w in model.weights}
    split = data.load("generated").splits["train"]
    model.train_on_batch(split.images[:8], np.eye(10)[split.labels[:8]])
    moved = {w.path for w in model.weights if not np.array_equal(w.numpy(), before[w.path])}
    assert moved == {"logits/kernel", "logits/bias"}


def test_binary_crossentropy():
    given = fields(loss="binary_crossentropy", label_smoothing=0.1)
    optimize.compile_(model := net(), given, 1)
    x, y = np.ones((2, 3), "float32"), np.eye(3, dtype="float32")[:2]
    logits, soft = ops.convert_to_numpy(model(x)), y * 0.9 + 0.05
    p = 1 / (1 + np.exp(-logits))
    wanted = -(soft * np.log(p) + (1 - soft) * np.log(1 - p)).mean()
    assert float(model.test_on_batch(x, y)[0]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="against torch's own optimiser")
@pytest.mark.parametrize("nesterov", [False, True])
def test_decay_against_an_l2_penalty(nesterov):
    """The same end, where the penalty has moved a weight from 1 to 0.909; apart on the way there.

    The decay acts at once, a penalty through the momentum, thus ten steps later: the paths are at
    most 0.01 apart.
    """
    import torch

    curvature, target, penalty = torch.tensor([0.1, 1.0, 3.0]), torch.ones(3), 0.01
    theirs = torch.zeros(3, requires_grad=True)
    sgd = torch.optim.SGD([theirs], RATE / 4, momentum=0.9, weight_decay=penalty, nesterov=nesterov)
    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dense(1, use_bias=False)(image))
    (ours,) = model.trainable_variables
    ours.assign(np.zeros((3, 1)))
    given = fields(momentum=0.9, nesterov=nesterov, weight_decay=penalty / (1 - 0.9))
    optimizer = optimize.make(model, given, RATE / 4)
    apart = []
    for _ in range(400):
        theirs.grad = curvature * (theirs.detach() - target)
        sgd.step()
        value = ours.value.detach()[:, 0]
        optimizer.apply_gradients([((curvature * (value - target))[:, None], ours)])
        apart.append((ours.value.detach()[:, 0] - theirs.detach()).abs().max().item())
    assert 1e-3 < max(apart) < 0.01 and apart[-1] < 1e-5
    assert theirs.tolist() == pytest.approx((curvature / (curvature + penalty)).tolist(), abs=1e-4)


@ON_TORCH
def test_one_cycle_is_that_of_torch():
    import torch

    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        sgd, 0.3, total_steps=41, pct_start=11 / 41, div_factor=25, final_div_factor=1e3
    )
    given = {"schedule": "one_cycle", "warmup": 0.25, "start_rate": 1 / 25, "final_rate": 4e-5}
    rate = optimize.Schedule.of(tiny(learning_rate=0.3, **given), 40)
    for step in range(41):
        assert float(rate(step)) == pytest.approx(cycle.get_last_lr()[0], rel=1e-5)
        sgd.step()
        cycle.step() if step < 40 else None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"schedule": "cosine", "warmup": 0.0}, {0: 1, 10: 0.5 + 0.5 * 2**-0.5, 20: 0.5, 40: 0}),
        ({"schedule": "cosine", "warmup": 0.25}, {0: 0, 5: 0.5, 10: 1, 25: 0.5, 40: 0}),
        (
            {"schedule": "linear", "warmup": 0.25, "start_rate": 0.2, "final_rate": 0.1},
            {0: 0.2, 5: 0.6, 10: 1, 25: 0.55, 40: 0.1},
        ),
        (
            {"schedule": "step", "warmup": 0.0, "drop_at": (0.5, 0.75)},
            {0: 1, 19: 1, 20: 0.1, 29: 0.1, 30: 0.01, 40: 0.01},
        ),
    ],
)
def test_schedules(given, expected):
    rate = optimize.Schedule.of(tiny(learning_rate=0.3, **given), 40)
    told = {step: float(ops.convert_to_numpy(rate(step))) for step in expected}
    assert told == pytest.approx({step: 0.3 * part for step, part in expected.items()}, abs=1e-7)
    again = optimize.Schedule.from_config({**rate.get_config()})
    assert float(ops.convert_to_numpy(again(7))) == pytest.approx(float(rate(7)))
