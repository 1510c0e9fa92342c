"""`keras-attention sample`, with a tiny generator in the place of the package's models."""

import numpy as np
import pytest
from PIL import Image

from keras_attention import cli, models
from tests.backends import on_torch_alone
from tests.zoo.generators import LABELS, NAME, shipped, tiny

pytestmark = on_torch_alone


@pytest.fixture(scope="module")
def generator():
    return tiny()


@pytest.fixture(scope="module", autouse=True)
def project(generator, tmp_path_factory):
    with shipped(tmp_path_factory.mktemp("project"), generator):
        yield


def sampled(path, *words):
    assert cli.main(["sample", NAME, "--out", str(path), *words]) == 0
    with Image.open(path) as picture:
        return np.asarray(picture)


def rows_of(generator, labels, across, **options):
    """A row of the grid for each label."""
    each = [label for label in labels for _ in range(across)]
    return models.grid(models.sample(generator, each, **options), across)[..., 0]


def test_a_row_for_each_class(tmp_path, generator, capsys):
    found = sampled(tmp_path / "all.png")
    np.testing.assert_array_equal(found, rows_of(generator, LABELS, 8, seed=0))
    assert "3 rows of 8 pictures" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["all.png"]


def test_classes_by_name_and_number_in_turn(tmp_path, generator):
    words = ["--classes", "coat,0", "--grid", "3x2", "--seed", "5", "--truncation", "1.5"]
    expected = rows_of(generator, [2, 0, 2], 2, seed=5, truncation=1.5)
    np.testing.assert_array_equal(sampled(tmp_path / "some.png", *words), expected)


def test_without_classes(tmp_path, tmp_path_factory):
    plain = tiny(labels=None, num_classes=0)
    folder = tmp_path_factory.mktemp("plain")
    arguments = {"attention": "sagan", "num_classes": 0, "latent": 6, "channels": 1, "width": 2}
    with shipped(folder, plain, arguments=arguments, labels=[]):
        found = sampled(tmp_path / "a.JPG", "--grid", "1x3")
    assert found.shape == (32, 96)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "coatt"], "Did you mean 'coat'"),
        (["--classes", "3"], "labels must be classes from 0 to 2"),
        (["--classes", "bag,coat", "--grid", "1x8"], "2 classes need as many rows"),
        (["--seed", "-1"], "Received: seed=-1"),
        (["--out", "samples.svg"], "must end in one of ['.jpg', '.png']"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, capsys):
    out = [] if "--out" in words else ["--out", str(tmp_path / "a.png")]
    assert cli.main(["sample", NAME, *out, *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("grid", ["8", "0x8", "8xa", "x"])
def test_a_grid_is_rows_and_columns(grid, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["sample", NAME, "--grid", grid])
    assert left.value.code == 2 and "rows x columns, such as 8x8" in capsys.readouterr().err
