"""What the page of evidence says of every run: what was expected, where and how it was made."""

import hashlib
import importlib
import json
import pathlib
import re
from collections.abc import Mapping, Sequence

COLUMNS = "hours | commit | on | command"


def cells(result: dict) -> list[str]:
    """The cells of COLUMNS."""
    commits = ", ".join(short(commit) for commit in result.get("commits", [result["commit"]]))
    where = f"{result['hardware']}; {result['software']}"
    return [f"{result['hours']}", commits, where, f"`{result['command']}`"]


def finished(folder: pathlib.Path, row: str) -> list[pathlib.Path]:
    """The folders ROW_seedN with a result, by name; what is called otherwise was something else."""
    return sorted(
        path.parent
        for path in folder.glob("*/result.json")
        if re.fullmatch(rf"{re.escape(row)}_seed\d+", path.parent.name)
    )


def mixed(own: Mapping[str, Mapping]) -> list[str]:
    """The rows of one experiment, "ROW_seedN", whose seeds were of several recipes."""
    recipes: dict[str, set] = {}
    for key, result in own.items():
        recipes.setdefault(key.rpartition("_seed")[0], set()).add(result["recipe_sha256"])
    return sorted(row for row, hashes in recipes.items() if len(hashes) > 1)


def kept(result: dict, names: Sequence[str]) -> dict:
    """These fields of a result, and a hash of its recipe."""
    recipe = json.dumps(result["recipe"], sort_keys=True).encode()
    found = {name: result[name] for name in names if name in result}
    found["command"] = command(result)
    return {**found, "recipe_sha256": hashlib.sha256(recipe).hexdigest()[:12]}


def command(result: dict) -> str:
    """How a run was made; where it was written is no part of what it found."""
    return re.sub(r" --output \S+", "", result["command"])


def expected(module: str) -> str:
    """The lines of a recipe's file that say what was expected of it."""
    text = importlib.import_module(module).__doc__ or ""
    start = text.index("Expect ")
    lines = []
    for line in text[start:].removeprefix("Expect").splitlines():
        if line and not line.startswith(" "):
            break
        lines.append(line.strip())
    told = " ".join(filter(None, lines)).removeprefix("written before the first run: ")
    return f"Expected, before the runs: {told}."


def short(commit: str) -> str:
    """A commit as a table has it."""
    name, plus, changed = commit.partition("+")
    return name[:9] + plus + changed
