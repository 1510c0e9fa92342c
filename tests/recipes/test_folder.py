"""Which run a folder is of."""

import json

import pytest

from recipes import recipe
from recipes.engine import folder
from recipes.gan import recipe as gan
from tests.backends import on_torch_alone
from tests.recipes.test_recipes import tiny

pytestmark = on_torch_alone
STATE = "state-00001-0000000.safetensors"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("none", [], 0, False), "runs/x/none_seed0"),
        (("cbam", [], 2, True), "runs/quick/x/cbam_seed2"),
        (("se", ["mixup=0.2", "ema=.9"], 0, False), "runs/x/se_ema=.9_mixup=0.2_seed0"),
        (("se", ["ema=.9", "mixup=0.2"], 0, False), "runs/x/se_ema=.9_mixup=0.2_seed0"),
        (("{'stage4/block1': 'se'}", [], 0, False), "runs/x/stage4-block1-se_seed0"),
        (("none", ["dataset=folder:../p q"], 0, True), "runs/quick/x/none_dataset=folder-..-p-q_"),
    ],
)
def test_what_is_tried_out_has_a_folder_of_its_own(given, name):
    found = folder.name("x", *given)
    assert found.startswith(name) and found.count("/") == name.count("/")


@pytest.fixture
def begun(tmp_path):
    """A run that was interrupted after its first epoch, and the result of one before it."""
    folder.claim(tmp_path, tiny(), 1, resume=True)
    (tmp_path / STATE).write_bytes(b"")
    (tmp_path / "result.json").write_text("{}")
    return tmp_path


def kept(path):
    return json.loads((path / "recipe.json").read_text("utf-8"))


def test_a_run_says_whose_it_is(begun):
    assert kept(begun) == {"seed": 1, **tiny().told()}
    folder.claim(begun, tiny(), 1, resume=True)
    assert (begun / STATE).exists() and (begun / "result.json").exists()


@pytest.mark.parametrize(
    ("fields", "seed", "was", "now"),
    [
        ({"learning_rate": 0.3}, 1, r"learning_rate=0\.2", r"learning_rate=0\.3"),
        ({}, 0, "seed=1", "seed=0"),
        (
            {"attention": "se", "mixup": 0.2},
            1,
            r"attention=None, mixup=0\.0",
            "attention='se', mix",
        ),
    ],
)
def test_no_run_goes_on_from_another(begun, fields, seed, was, now):
    before = kept(begun)
    with pytest.raises(recipe.Mistake, match=f"was begun with {was}. .*Received: {now}"):
        folder.claim(begun, tiny(**fields), seed, resume=True)
    with pytest.raises(recipe.Mistake):
        folder.claim(begun, tiny(**fields), seed, resume=True, first=False)
    assert kept(begun) == before and (begun / STATE).exists()


def test_what_no_step_depends_on_may_change(begun):
    folder.claim(begun, tiny(test_views=True), 1, resume=True)
    assert kept(begun)["test_views"] is True and (begun / STATE).exists()


def test_a_longer_run_of_a_generator_goes_on(tmp_path):
    chosen = gan.find("two_shapes_sagan")(quick=True)
    folder.claim(tmp_path, chosen, 0, resume=True)
    (tmp_path / STATE).write_bytes(b"")
    folder.claim(tmp_path, chosen.replace(steps=9000), 0, resume=True)
    assert kept(tmp_path)["steps"] == 9000
    with pytest.raises(recipe.Mistake, match=r"was begun with r1=0\.0"):
        folder.claim(tmp_path, chosen.replace(r1=10.0), 0, resume=True)


def test_a_run_that_begins_anew_leaves_nothing_of_the_old_one(begun):
    folder.claim(begun, tiny(learning_rate=0.3), 1, resume=False, first=False)
    assert (begun / STATE).exists()  # the first process alone writes
    folder.claim(begun, tiny(learning_rate=0.3), 1, resume=False)
    assert {path.name for path in begun.iterdir()} == {"recipe.json"}
    assert kept(begun)["learning_rate"] == 0.3


def test_a_run_without_a_state_begins_with_what_is_given(begun):
    (begun / STATE).unlink()
    folder.claim(begun, tiny(), 2, resume=True)
    assert kept(begun)["seed"] == 2 and not (begun / "result.json").exists()


def test_a_run_of_an_older_version_goes_on(begun):
    (begun / "recipe.json").unlink()
    folder.claim(begun, tiny(), 5, resume=True)
    assert (begun / STATE).exists() and kept(begun)["seed"] == 5
