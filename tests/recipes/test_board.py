"""What shows a run while it goes on: events for TensorBoard, and a bar on a terminal."""

import io
import struct
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_attention import explain, models
from recipes import train
from recipes.engine import bar, board
from recipes.recipe import Recipe

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="what attention_maps gives is tested on each"
)

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), "uint8")


def net(name, attention=None, **options):
    model = models.build(name, attention, num_classes=3, input_shape=(16, 16, 3), **options)
    model.compile(keras.optimizers.SGD(0.25))
    return model


def events(folder):
    """The records of the one file of a folder, whose check sums must be right."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    (path,) = folder.iterdir()
    held, found = path.read_bytes(), []
    while held:
        (length,) = struct.unpack("<Q", held[:8])
        data, held = held[: 16 + length], held[16 + length :]
        assert struct.unpack("<I", data[8:12])[0] == masked_crc32c(data[:8])
        assert struct.unpack("<I", data[-4:])[0] == masked_crc32c(data[12:-4])
        found.append(event_pb2.Event.FromString(data[12:-4]))
    return found


def written(folder, model, epochs, **options):
    """The values by (step, tag) that a run of so many epochs leaves."""
    shown = board.Board(folder, IMAGES, **options)
    shown.set_model(model)
    for epoch in range(epochs):
        shown.on_epoch_end(epoch, {"loss": 3.0 - epoch, "accuracy": epoch / 4})
    first, *rest = events(folder)
    assert "tfevents" in next(folder.iterdir()).name and first.file_version == "brain.Event:2"
    return {(event.step, value.tag): value for event in rest for value in event.summary.value}


def test_scalars_and_maps(tmp_path):
    model = net("resnet18", {"stage2": "cbam"}, width=16, stem="small")
    found = written(tmp_path / "board", model, 4, every=3)
    scalars = {key: value.simple_value for key, value in found.items() if "/" not in key[1]}
    for epoch in range(4):
        assert scalars.pop((epoch + 1, "loss")) == 3.0 - epoch
        assert scalars.pop((epoch + 1, "accuracy")) == epoch / 4
        assert scalars.pop((epoch + 1, "learning_rate")) == 0.25
    assert not scalars
    tags = [f"attention/stage2_block{number}_attention/spatial" for number in (1, 2)]
    drawn = sorted(key for key in found if "/" in key[1])
    assert drawn == [(step, tag) for step in (1, 3) for tag in tags]
    image = Image.open(io.BytesIO(found[3, tags[0]].image.encoded_image_string))
    assert image.size == (found[3, tags[0]].image.width, found[3, tags[0]].image.height) == (32, 16)
    (heats,) = (
        kept.array
        for name, kept in explain.attention_maps(model, IMAGES).items()
        if name == "stage2_block1_attention/spatial"
    )
    wanted = [explain.overlay(one, heat) for one, heat in zip(IMAGES, heats, strict=True)]
    np.testing.assert_array_equal(np.asarray(image), np.concatenate(wanted, axis=1))


def test_a_net_without_attention_has_scalars_alone(tmp_path, monkeypatch):
    model = net("resnet18", width=2, stem="small")
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # an import of it would fail
    found = written(tmp_path, model, 1)
    assert {tag for _, tag in found} == {"loss", "accuracy", "learning_rate"}


def test_tokens_are_drawn_as_what_they_receive():
    weights = np.random.default_rng(0).random((2, 3, 5, 5))
    heats = board.heats_of(explain.AttentionMap("pairwise", weights))
    for image in range(2):
        for place in range(4):  # the first token is that of the class
            wanted = np.mean([weights[image, h, q, 1 + place] for h in range(3) for q in range(5)])
            assert heats[image, place // 2, place % 2] == pytest.approx(wanted)
    assert board.heats_of(explain.AttentionMap("channel", weights[:, 0])) is None


CHOSEN = Recipe(
    "generated", "resnet18", {}, mean=(0.5,), std=(0.5,), sizes=((2, 16), (1, 32))
)  # fmt: skip


def test_the_bar_tells_how_long_the_run_takes():
    out = io.StringIO()
    shown = bar.Bar(CHOSEN, steps=10, out=out)
    shown.on_epoch_begin(1)
    # 5 of this epoch are left, and an epoch of images four times as large: 45 steps of 4 s.
    assert shown.line(5, 20.0, 1.5) == (
        "epoch 2/3 [===============               ] 5/10, loss 1.5000, 3 min 00 s left"
    )
    shown.on_train_batch_end(0, {"loss": 2.0})
    shown.on_train_batch_end(1, {"loss": 2.0})  # too soon after the other
    shown.on_epoch_end(1)
    assert out.getvalue().count("\r") == 2 and out.getvalue().endswith("\r\x1b[K")


def test_the_bar_counts_what_was_done_before():
    shown = bar.Bar(CHOSEN, steps=10, skipped=6, out=io.StringIO())
    shown.on_epoch_begin(2)
    assert shown.line(2, 2.0, 1.0).endswith("] 8/10, loss 1.0000, 2 s left")
    shown.on_epoch_begin(2)
    assert " 2/10, " in shown.line(2, 2.0, 1.0)


def test_times_are_told_in_two_parts():
    assert [bar.told(s) for s in (0.2, 59.7, 3599, 3600, 90_061)] == [
        "0 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "25 h 01 min"
    ]  # fmt: skip


def test_a_run_writes_events_where_it_is_told_to(tmp_path, monkeypatch, capsys):
    words = ["cifar10_vit", "--quick", "--output", str(tmp_path / "run")]
    assert train.main([*words, "--tensorboard"]) == 0
    steps = [event.step for event in events(tmp_path / "run" / "board")]
    assert steps == [0, 1, 2]
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    capsys.readouterr()
    assert train.main([*words, "--tensorboard"]) == 2
    assert "--tensorboard needs the tensorboard package" in capsys.readouterr().err
