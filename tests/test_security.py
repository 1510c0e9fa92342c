"""The oldest versions that may be installed are those without known holes."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from keras_attention.zoo.foreign import torch_file
from tests.source import ROOT

ROW = re.compile(r"^\| (\w+) \| ([\d.]+) \| (.+) \|$", re.MULTILINE)
FLOORS = {
    name: Version(floor) for name, floor, _ in ROW.findall((ROOT / "SECURITY.md").read_text())
}
# No known hole asks for more of these.
FREE = {"numpy", "packaging"}


def required() -> dict[str, Requirement]:
    """What is installed with the package, and with its torch backend."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["torch"]]
    return {one.name: one for one in map(Requirement, lines)}


def test_every_dependency_is_in_the_table():
    assert required().keys() - FREE == FLOORS.keys()
    assert FLOORS["keras"] >= Version("3.15.1") and FLOORS["torch"] >= Version("2.10")


@pytest.mark.parametrize("name", FLOORS)
def test_an_older_version_is_not_installed(name):
    floors = [Version(one.version) for one in required()[name].specifier if one.operator == ">="]
    assert floors and floors[0] >= FLOORS[name]


def test_a_torch_that_executes_what_it_reads_is_refused():
    assert torch_file.OLDEST_TORCH >= FLOORS["torch"].release


def test_pinned_versions_are_not_older():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)", text, re.MULTILINE))
    assert all(Version(pins[name]) >= floor for name, floor in FLOORS.items())
