"""The project's own source files, for tests that read them."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "keras_attention"


def modules() -> list[pathlib.Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def tree(path: pathlib.Path) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: pathlib.Path) -> list[str]:
    """The absolute names of all modules that one imports, wherever in the file."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = [*base, *([node.module] if node.module else [])]
            found += [".".join([*parts, alias.name]) for alias in node.names]
    return found
