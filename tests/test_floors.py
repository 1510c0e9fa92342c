"""Imports point down: ops, then layers and metrics, models, zoo and explain, cli."""

import pytest

from tests import source

FLOORS = {"ops": 1, "layers": 2, "metrics": 2, "models": 3, "zoo": 4, "explain": 4, "cli": 5}
BACKENDS = {"tensorflow", "torch", "jax"}
# Gradients differ by backend; only torch reads torch's files.
MAY_IMPORT_A_BACKEND = {("explain", "gradients.py"), ("zoo", "foreign", "torch_file.py")}
OUTSIDE = {"recipes", "benchmarks", "tests"}


def floor(parts):
    """The floor a module stands on; the package's own __init__ stands above all."""
    return FLOORS.get(parts[0].removesuffix(".py"), 6)


@pytest.mark.parametrize("path", source.modules(), ids=lambda p: str(p.relative_to(source.PACKAGE)))
def test_imports_point_down(path):
    parts = path.relative_to(source.PACKAGE).parts
    for name in source.imported(path):
        words = name.split(".")
        assert words[0] not in OUTSIDE, f"{path} imports {name}"
        if words[0] == "keras":
            assert words[1:2] != ["src"], f"{path} uses Keras's private {name}"
        if words[0] in BACKENDS:
            assert parts in MAY_IMPORT_A_BACKEND, f"{path} imports {name}"
        if words[0] != "keras_attention" or len(words) < 2 or words[1] not in FLOORS:
            continue
        if words[1] != parts[0].removesuffix(".py"):
            assert FLOORS[words[1]] < floor(parts), f"{path} imports {name} from beside or above"


def test_the_package_holds_nothing_outside_the_floors():
    names = {
        path.name.removesuffix(".py")
        for path in source.PACKAGE.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    }
    assert names - {"__init__"} <= set(FLOORS)
