"""Where images come from, and what batches are made of them."""

import io
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from recipes import data, train
from recipes.data import pictures
from tests.backends import on_torch_alone
from tests.recipes.prepared_sets import LABELS, encoded, write_folder, write_tfds
from tests.recipes.test_recipes import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


def batches_of(chosen, first, last, seed=0, skip=0, dataset="generated"):
    split = data.load(dataset).splits["train"]
    span = {"first": first, "last": last, "skip": skip}
    return list(data.batches(split, chosen, size=16, seed=seed, **span))


def same(some, others):
    return len(some) == len(others) and all(
        np.array_equal(x, other_x) and np.array_equal(y, other_y)
        for (x, y), (other_x, other_y) in zip(some, others, strict=True)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("pictures"))


STEPS = ("crop", "flip", "cutout", "erase", "jitter", "rand_augment", "three_augment")


@on_torch_alone
@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
def test_batches_depend_on_seed_epoch_and_step_alone(streamed, folder):
    name = folder if streamed else "generated"
    chosen = tiny(augment=("resized_crop", *STEPS), mixup=0.2, cutmix=1.0, batch_size=4)
    whole = batches_of(chosen, 0, 2, dataset=name)
    steps = len(whole) // 2
    assert steps == (3 if streamed else 16) and whole[0][0].shape == (4, 16, 16, 3)
    assert same(whole[steps:], batches_of(chosen, 1, 2, dataset=name))
    assert same(whole[2:], batches_of(chosen, 0, 2, skip=2, dataset=name))
    assert not same(whole[:steps], whole[steps:])
    assert not same(whole, batches_of(chosen, 0, 2, seed=1, dataset=name))


@on_torch_alone
def test_an_epoch_shows_each_image_once():
    labels = np.concatenate([y.argmax(-1) for _, y in batches_of(tiny(), 0, 1)])
    assert sorted(labels) == sorted(np.arange(64) % 10)
    once, later = data.order(10, 1, 0, 0), data.order(10, 1, 0, 1)
    assert sorted(once) == list(range(10)) and list(once) != list(later)


@on_torch_alone
def test_repeated_augmentation():
    order = data.order(10, 3, 0, 0)
    # Ten places: three images three times, and one for what is left.
    assert len(order) == 10 and len(set(order)) == 4
    assert (order[:9].reshape(3, 3) == order[:9:3, None]).all()
    split = data.Split(data.load("generated").splits["train"].images, np.arange(64))
    chosen = tiny(repeats=4, augment=("flip", "crop"))
    x, y = next(iter(data.batches(split, chosen, size=32, first=0, last=1, seed=0)))
    assert (y.argmax(-1).reshape(4, 4) == y.argmax(-1)[::4, None]).all()
    assert not np.array_equal(x[0], x[1])


def test_missing_data_tells_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Set TFDS_DATA_DIR.*t.load\\('imagenet2012'\\)"):
        data.load("imagenet2012")
    assert command("dataset='cifar10'", tmp_path) == 2
    error = capsys.readouterr().err
    assert "t.load('cifar10')" in error and error.count("\n") == 1


def command(field, output):
    words = ["cifar10_resnet18w16", "--quick", "--output", str(output), "--set", field]
    words += ["--set", "model=airbench94", "--set", "model_options={'width': 2}"]
    words += ["--set", "batch_size=4", "--set", "sizes=((1, 16),)", "--set", "precision='float32'"]
    return train.main(words)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Two splits in both formats; the shards of the first are of unequal length."""
    roots = {kind: tmp_path_factory.mktemp(kind) for kind in ("tfrecord", "array_record")}
    shards = [[(encoded(3 * n + k), (n + k) % 3) for k in range(3 - n)] for n in range(2)]
    png = [[(encoded(n, "PNG"), n) for n in range(3)]]
    for kind, root in roots.items():
        write_tfds(root, "cifar10", kind, {"train": shards, "test": png})
        write_tfds(root, "pets", kind, {"train": shards, "validation": png}, "1.9.0")
        write_tfds(root, "pets", kind, {"train": png, "validation": shards}, "1.10.0")
    return roots, [example for shard in shards for example in shard]


@on_torch_alone
@pytest.mark.parametrize("kind", ["tfrecord", "array_record"])
def test_both_formats_give_the_same_pixels(kind, records, monkeypatch):
    roots, examples = records
    monkeypatch.setenv("TFDS_DATA_DIR", str(roots[kind]))
    found = data.load("cifar10")
    assert found.title == "cifar10 (JPEG)" and found.names == LABELS
    train_split = found.splits["train"]
    expected = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image, _ in examples])
    np.testing.assert_array_equal(train_split.images, expected)
    assert list(train_split.labels) == [label for _, label in examples]
    streamed = data.load("pets").splits["test"]  # the validation of the newest version
    np.testing.assert_array_equal(streamed.labels, train_split.labels)
    np.testing.assert_array_equal(
        np.concatenate(list(data.test_images(streamed, 20))),
        np.stack([pictures.array(pictures.fitted(pictures.image(x), 20)) for x in expected]),
    )
    subset = data.subset(data.load("pets").splits["train"], 3)
    assert len(subset) == 3 and sorted(subset.labels) == [0, 1, 2]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its decoder")
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pixels_are_those_of_tensorflow(kind):
    import tensorflow as tf

    for number in range(5):
        stored = encoded(number, kind, (57, 43))
        lossless = {} if kind == "PNG" else {"dct_method": "INTEGER_ACCURATE"}
        decode = tf.io.decode_png if kind == "PNG" else tf.io.decode_jpeg
        found = pictures.array(pictures.decoded(stored, "here"))
        np.testing.assert_array_equal(found, decode(stored, 3, **lossless).numpy())


@on_torch_alone
def test_broken_records(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    shards = {"train": [[(encoded(0), 0), (encoded(1)[:300], 1)]]}
    write_tfds(tmp_path, "pets", "tfrecord", shards)
    with pytest.raises(data.Unusable, match="pets, split train, image 1 is not a picture"):
        data.load("pets", ("train",)).splits["train"].test([0, 1], 8, 1.0)
    with pytest.raises(data.Unusable, match="Unknown split of pets. Received: 'test'"):
        data.load("pets")
    path = next(tmp_path.glob("pets/*/*.tfrecord*"))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(data.Unusable, match="ends within record 1 of 2"):
        data.load("pets", ("train",))
    write_tfds(tmp_path, "boxes", "tfrecord", shards, feature="kind")
    with pytest.raises(data.Unusable, match="image and label. Received: boxes with image, kind"):
        data.load("boxes", ("train",))


@on_torch_alone
def test_folders(folder):
    found = data.load(folder)
    assert found.title == folder and found.names == LABELS
    assert list(found.splits["test"].labels) == [0] * 4 + [1] * 4 + [2] * 4
    root = pathlib.Path(folder.removeprefix("folder:"))
    with Image.open(root / "train" / "dog" / "1.jpg") as image:
        middle = np.asarray(image.resize((24, 37)).crop((0, 6, 24, 30)))
    images, labels = found.splits["train"].take(np.array([5]), 24)
    np.testing.assert_array_equal(images[0], middle)
    assert labels == [1] and found.splits["train"].classes == 3
    before = found.splits["train"].fingerprint()
    assert before != found.splits["test"].fingerprint()
    assert data.load(folder).splits["train"].fingerprint() == before
    assert data.sample(found.splits["train"], 5, 8).shape == (5, 8, 8, 3)
    some = data.subset(found.splits["train"], 6)
    assert list(some.labels) == [0, 0, 1, 1, 2, 2] and len(some) == 6
    images, labels = some.take(np.array([3]), 24)
    np.testing.assert_array_equal(images[0], middle)
    assert labels == [1]


@on_torch_alone
def test_wrong_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"needs {tmp_path}/train.*mkdir -p"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "train").mkdir()
    with pytest.raises(data.Unusable, match=f"Received none in: {tmp_path}/train"):
        data.load(f"folder:{tmp_path}", ("train",))
    (tmp_path / "train" / "cat").mkdir()
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no picture", "utf-8")
    with pytest.raises(data.Unusable, match=f"Received none in: {tmp_path}/train/cat"):
        data.load(f"folder:{tmp_path}", ("train",))
    (tmp_path / "train" / "cat" / "0.jpg").write_bytes(encoded(0))
    (tmp_path / "val" / "dog").mkdir(parents=True)
    (tmp_path / "val" / "dog" / "0.jpg").write_bytes(encoded(0))
    with pytest.raises(data.Unusable, match="test and train differ in cat, dog"):
        data.load(f"folder:{tmp_path}")


def test_a_broken_file_ends_a_run_with_one_line(tmp_path, capsys):
    """Also on TensorFlow, which wraps what a pipeline raises."""
    name = write_folder(tmp_path / "set")
    broken = tmp_path / "set" / "train" / "owl" / "3.jpg"  # in the last batch of the epoch
    broken.write_bytes(broken.read_bytes()[:200])
    assert command(f"dataset={name!r}", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"train: {broken} is not a picture") and error.count("\n") == 1


# Trains where `import tensorflow` fails as it does where it is not installed.
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] != "tensorflow":
            return PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from recipes.engine import macs
from tests.recipes import test_data
macs.of_recipe = lambda *_: None
assert test_data.command(sys.argv[1], sys.argv[2]) == 0
assert "tensorflow" not in sys.modules
"""


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="without TensorFlow")
def test_a_run_without_tensorflow(tmp_path, monkeypatch):
    shard = [[(encoded(n), n % 3) for n in range(8)]]
    write_tfds(tmp_path, "pets", "array_record", {"train": shard, "test": shard})
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    words = [sys.executable, "-c", WITHOUT, "dataset='pets'", str(tmp_path / "run")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"train_images": 8' in done.stdout


@on_torch_alone
def test_images_for_a_test_are_the_middle():
    ramp = np.broadcast_to(np.arange(40, dtype="uint8")[:, None, None] * 6, (2, 40, 40, 3))
    split = data.Split(np.ascontiguousarray(ramp), np.arange(2))
    np.testing.assert_array_equal(data.test_images(split, 40), ramp)
    half = data.test_images(split, 20, 0.5)
    np.testing.assert_array_equal(half, ramp[:, 10:30, 10:30])


@on_torch_alone
@pytest.mark.parametrize(("old", "new"), [(32, 16), (20, 28), (32, 24)])
def test_resize_is_that_of_keras(old, new):
    x = np.random.default_rng(0).integers(0, 256, (3, old, old, 2), "uint8")
    expected = keras.ops.image.resize(
        x.astype("float32"), (new, new), antialias=True, data_format="channels_last"
    )
    np.testing.assert_allclose(
        pictures.resize(x, new), keras.ops.convert_to_numpy(expected), atol=1e-3
    )
