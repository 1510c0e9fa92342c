"""Paired runs of one recipe with different attention, and the table that they give.

Run      python -m recipes.ablate cifar10_airbench --attention none,se,cbam,constant,wide --seeds 3
Writes   runs/RECIPE/ROW_seedN for each run (one that is finished is not run again, one that was
         interrupted goes on, and one with other fields than these is a mistake), and
         runs/RECIPE/table.json, table.md and table.png

The first row is what the others are compared with, seed by seed. "own" is the attention that the
recipe's network has by itself, "none" takes that away too, "constant" is a gate of 0.25 that never
changes, and "wide" the plain network with as many parameters as with CBAM.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

import numpy as np

from . import recipe, train
from .engine import progress


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    rows = options.attention.split(",")
    try:
        train.resolved([options.recipe, *_changes(options)])
    except (TypeError, ValueError) as error:
        print(f"ablate: {error}", file=sys.stderr)
        return 2
    folder = pathlib.Path(options.output or f"runs/{'quick/' * options.quick}{options.recipe}")
    for seed in range(options.seeds):  # so that each further seed completes a pair of all rows
        for row in rows:
            if not run(options, folder, row, seed):
                return 1
    table = tabulate({row: results(folder, row, options.seeds) for row in rows})
    progress.write(folder / "table.json", json.dumps(table, indent=1) + "\n")
    progress.write(folder / "table.md", markdown(table))
    plot(table, folder / "table.png")
    print(markdown(table))
    return 0


def run(options, folder: pathlib.Path, row: str, seed: int) -> bool:
    """Train one row with one seed in a process of its own; whether that went well."""
    output = folder / f"{row}_seed{seed}"
    words = [options.recipe, "--seed", str(seed), "--output", str(output), *_changes(options)]
    words += [] if row == "own" else ["--attention", row]
    if (path := output / "result.json").exists():
        return _is_of(path, words)
    command = [sys.executable, "-m", "recipes.train", *words]
    print(f"{row}, seed {seed}: {output}", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    with (output / "log.txt").open("a", encoding="utf-8") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if status:
        print(f"ablate: {row}, seed {seed} ended with {status}: {output}/log.txt", file=sys.stderr)
    return status == 0


def _changes(options) -> list[str]:
    """The words of a command line that change the recipe of every row."""
    changed = (word for field in options.set for word in ("--set", field))
    return [*changed, *(["--quick"] if options.quick else [])]


def _is_of(path: pathlib.Path, words: list[str]) -> bool:
    """Whether a result is of the recipe that these words of a command line give."""
    kept = json.loads(path.read_text("utf-8"))["recipe"]
    was, now = recipe.differences(kept, train.resolved(words).told())
    if was:
        told = f"{path} was found with {was}. Give another --output. Received: {now}"
        print(f"ablate: {told}", file=sys.stderr)
    return not was


def results(folder: pathlib.Path, row: str, seeds: int) -> list[dict]:
    """What the runs of a row found, by seed."""
    paths = [folder / f"{row}_seed{seed}" / "result.json" for seed in range(seeds)]
    return [json.loads(path.read_text("utf-8")) for path in paths]


def tabulate(rows: dict[str, list[dict]]) -> list[dict]:
    """A line for each row of results: its scores, and its differences from the first row's."""
    baseline = next(iter(rows))
    first = np.array([result["accuracy"] for result in rows[baseline]])
    table = []
    for row, found in rows.items():
        scores = np.array([result["accuracy"] for result in found])
        table.append(
            {
                "attention": row,
                "accuracy": scores.tolist(),
                "mean": float(scores.mean()),
                "sd": float(scores.std(ddof=1)) if len(scores) > 1 else None,
                "difference": paired(scores - first) if row != baseline else None,
                "parameters": found[0]["parameters"],
                "gmacs": found[0]["gmacs"],
                "images_per_second": float(np.mean([r["images_per_second"] for r in found])),
                "hours": float(np.mean([r["hours"] for r in found])),
                "commits": sorted({r["commit"] for r in found}),
                "hardware": sorted({r["hardware"] for r in found}),
                "dataset": found[0]["dataset"],
            }
        )
    return table


def paired(differences: np.ndarray) -> dict:
    """The mean of the differences of pairs, and its interval of 95 % (Student's t).

    With a single pair there is no interval.
    """
    mean, count = float(differences.mean()), len(differences)
    if count < 2:
        return {"mean": mean, "low": None, "high": None, "pairs": count}
    from scipy import stats

    reach = float(stats.t.ppf(0.975, count - 1) * differences.std(ddof=1) / math.sqrt(count))
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "pairs": count}


def markdown(table: list[dict], speed: Mapping[str, Mapping] | None = None) -> str:
    """The table for people: accuracies and differences in points.

    Images a second are those of the runs, or of `speed` by row where that is given.
    """
    lines = [
        "| attention | accuracy, % | paired difference (95 %) | parameters | GMACs | images/s |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        spread = "" if row["sd"] is None else f" ± {100 * row['sd']:.2f}"
        gmacs = "-" if row["gmacs"] is None else f"{row['gmacs']:.4f}"
        one = row if speed is None else speed.get(row["attention"], {})
        rate = f"{one['images_per_second']:.0f}" if one else "-"
        lines.append(
            f"| {row['attention']} | {100 * row['mean']:.2f}{spread} | {_told(row['difference'])} "
            f"| {row['parameters']:,} | {gmacs} | {rate} |"
        )
    seeds = len(table[0]["accuracy"])
    lines += ["", f"{table[0]['dataset']}, {seeds} seed{'s' * (seeds > 1)}, last epoch."]
    return "\n".join(lines) + "\n"


def _told(difference: dict | None) -> str:
    if difference is None:
        return "-"
    told = f"{100 * difference['mean']:+.2f}"
    if difference["low"] is None:
        return told
    return f"{told} ({100 * difference['low']:+.2f} to {100 * difference['high']:+.2f})"


def plot(table: list[dict], path: pathlib.Path) -> None:
    """Every score as a dot, the means as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1 + len(table), 3), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(table):
        scores = [100 * score for score in row["accuracy"]]
        axes.plot([place] * len(scores), scores, "o", color="tab:blue", alpha=0.6)
        axes.hlines(100 * row["mean"], place - 0.2, place + 0.2, color="black")
    axes.set_xticks(range(len(table)), [row["attention"] for row in table])
    axes.set_ylabel("test accuracy, %")
    beside = path.with_name(path.name + ".part")
    figure.savefig(beside, format="png", dpi=150)
    os.replace(beside, path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.ablate", description=__doc__)
    parser.add_argument("recipe", help=f"one of: {', '.join(recipe.names())}")
    parser.add_argument("--attention", default="none,se,eca,cbam,constant,wide", metavar="ROWS")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument(
        "--output", metavar="DIR", help="default: runs/RECIPE; runs/quick/RECIPE with --quick"
    )
    parser.add_argument("--quick", action="store_true", help="seconds, on generated images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
