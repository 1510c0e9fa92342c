"""Files, functions and argument lists that fit in the head."""

import ast
import inspect

import keras
import pytest

from keras_attention.layers.registry import ATTENTION
from tests import source

LINES_A_FILE = 400
LINES_A_FUNCTION = 60
ARGUMENTS_A_LAYER = 8
# Published models set each of these apart from the others.
MORE_ARGUMENTS = {"conv_crf": 12, "halo": 10, "mhsa": 13}

FILES = sorted(
    path
    for folder in ("benchmarks", "examples", "keras_attention", "recipes", "tests")
    for path in (source.ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(source.ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= LINES_A_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert length(node) <= LINES_A_FUNCTION, f"{node.name} has {length(node)} lines"


def length(node):
    """Lines of a function, its docstring not counted."""
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("key", ATTENTION)
def test_layers_take_few_arguments(key):
    own = set(inspect.signature(ATTENTION[key].__init__).parameters) - {"self", "kwargs"}
    assert len(own) <= MORE_ARGUMENTS.get(key, ARGUMENTS_A_LAYER)
    assert issubclass(ATTENTION[key], keras.layers.Layer)


@pytest.mark.parametrize("path", source.modules(), ids=lambda p: str(p.relative_to(source.PACKAGE)))
def test_public_things_have_docstrings(path):
    tree = source.tree(path)
    assert ast.get_docstring(tree), path
    for node in tree.body:
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        exempt = path.name == "resnet.py" and isinstance(node, ast.FunctionDef)
        if named and not exempt:
            assert ast.get_docstring(node), f"{path.name}: {node.name}"
