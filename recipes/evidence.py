"""What the runs found: docs/evidence.json from their folders, and docs/evidence.md from it.

Run      python -m recipes.evidence [--runs runs]
Reads    RUNS/RECIPE/ROW_seedN/result.json, as `recipes.ablate` leaves them, of generators
         score.json too, and RUNS/RECIPE/speed.json, which `benchmarks.rows` prints; what
         docs/evidence.json has already stays where there is no such file
Writes   docs/evidence.json, docs/evidence.md and a plot for each table in docs/evidence/; nothing
         where the seeds of a row were trained by different recipes, which ends with 2

No attention is compared with a plain network before that one reproduces its reference: a published
figure, or what its authors' own code reaches on the same images (`ANCHORS`). Expectations are those
of the recipes' files, which were written before the runs.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from . import ablate, provenance
from .engine import progress
from .gan import findings

ROOT = pathlib.Path(__file__).parents[1]
RESULTS, PAGE, PLOTS = (
    ROOT / "docs" / name for name in ("evidence.json", "evidence.md", "evidence")
)
# Of a result that is kept beside its score.
KEPT = (
    "accuracy", "accuracy_one_view", "seed", "epochs", "hours", "images_per_second", "parameters",
    "gmacs", "dataset", "test_fingerprint", "command", "commit", "commits", "hardware", "software",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A table: its recipe, its rows and what they say.

    `rows` are compared with the first of them. `compared` tells whether they are attention, which
    waits for the anchor. `reading` was written after the runs.
    """

    recipe: str
    title: str
    rows: tuple[str, ...]
    compared: bool = True
    reading: str = ""


EXPERIMENTS = (
    Experiment(
        "fashion_mnist_preact20", "The anchor: Fashion-MNIST", ("none", "se", "cbam", "eca")
    ),
    Experiment(
        "cifar10_airbench",
        "A fast network on CIFAR-10 (JPEG q75)",
        ("none", "se", "cbam", "eca", "constant", "wide"),
        reading="SE at the end of each of this network's three groups is the null that was "
        "expected: its pairs differ by -0.29, +0.29 and +0.27 points. CBAM there costs about half "
        "a point: all three pairs are below the plain network, by 0.62, 0.70 and 0.37 points, "
        "which is more than was expected. Whether that is what it computes, or the gate of 0.25 "
        "that it starts with and that ten epochs may be too few to leave, is for the row "
        "`constant` to tell, which was not run.",
    ),
    Experiment(
        "fashion_mnist_preact20_short",
        "The anchor's network in a fifth of its epochs",
        ("none",),
        compared=False,
        reading="The expectation was wrong: after 40 epochs this network makes 0.6 points more "
        "errors than was published after 200, so this recipe is no anchor. A third seed could not "
        "have brought the median into the range, and was not finished.",
    ),
    Experiment(
        "cifar10_cct2",
        "A small transformer without and with its self-attention",
        ("none", "own"),
        compared=False,
        reading="Better than the 78 % that were expected, and the self-attention is worth a little "
        "less than the 2 points that were. It is one pair, and the network without it is smaller "
        "by almost half its parameters: another of equal size was not trained, so this is no "
        "proof that attention, and not size, makes the difference. What pools the tokens attends "
        "in both.",
    ),
    Experiment(
        "flowers5_finetune",
        "A shipped model fine-tuned",
        ("scratch", "pretrained"),
        compared=False,
        reading="Weights of 32-pixel CIFAR-10 images help with 2,000 photos of flowers at 64 "
        "pixels: each of the three pairs gains more than the 5 points that were asked for. One "
        "error among the 250 test photos is 0.4 points.",
    ),
)
# The published error of the plain network on Fashion-MNIST, and what counts as the same.
ANCHOR, ANCHOR_RANGE, ANCHOR_SEEDS = 5.04, (4.75, 5.35), 3
# The published accuracy of the plain fast network on the lossless CIFAR-10, mean of 1,000 runs.
LOSSLESS = 94.01
# How fast the rows are side by side, by recipe. The runs did other work beside, each its own.
SPEED = "speed"
# The results of recipes.airbench_authors, and how many points ours may be from them.
AUTHORS, AUTHORS_RANGE = "airbench_authors", 0.5


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recipes.evidence", description=__doc__)
    parser.add_argument("--runs", type=pathlib.Path, help="default: runs")
    options = parser.parse_args(arguments)
    if options.runs and not options.runs.is_dir():
        print(f"evidence: --runs must be a folder. Received: {options.runs}", file=sys.stderr)
        return 2
    results = collected(
        options.runs or pathlib.Path("runs"), json.loads(RESULTS.read_text("utf-8"))
    )
    for title in (e.recipe for e in (*EXPERIMENTS, *findings.EXPERIMENTS)):
        if rows := provenance.mixed(results[title]):
            told = f"seeds of one row must be of one recipe. Received: {title}, {', '.join(rows)}"
            print(f"evidence: {told}", file=sys.stderr)
            return 2
    progress.write(RESULTS, json.dumps(results, indent=1) + "\n")
    progress.write(PAGE, page(results))
    PLOTS.mkdir(exist_ok=True)
    for experiment in EXPERIMENTS:
        shown = finished(results, experiment)
        if printable(results, experiment) and len(shown) > 1:
            ablate.plot(ablate.tabulate(shown), PLOTS / f"{experiment.recipe}.png")
    print(f"{PAGE}: {sum(len(found) for found in results.values())} results")
    return 0


def collected(runs: pathlib.Path, known: dict) -> dict[str, dict[str, dict]]:
    """Results by recipe and by "ROW_seedN": those of the folders, and else those that are known."""
    found = {}
    for experiment in EXPERIMENTS:
        own = dict(known.get(experiment.recipe, {}))
        for row in experiment.rows:
            for path in provenance.finished(runs / experiment.recipe, row):
                result = json.loads((path / "result.json").read_text("utf-8"))
                own[path.name] = provenance.kept(result, KEPT)
        found[experiment.recipe] = own
    found[SPEED] = dict(known.get(SPEED, {}))
    for experiment in EXPERIMENTS:
        if (path := runs / experiment.recipe / "speed.json").is_file():
            found[SPEED][experiment.recipe] = json.loads(path.read_text("utf-8"))
    found[AUTHORS] = dict(known.get(AUTHORS, {}))
    for path in sorted((runs / AUTHORS).glob("seed*/result.json")):
        result = json.loads(path.read_text("utf-8"))
        found[AUTHORS][path.parent.name] = provenance.kept(result, KEPT)
    return found | findings.collected(runs, known)


def finished(results: dict, experiment: Experiment) -> dict[str, list[dict]]:
    """The results of each row, of the same seeds in all.

    A row with fewer seeds than the first waits; where all others would, their common seeds do.
    """
    own = results.get(experiment.recipe, {})
    seeds = {
        row: {int(key.rpartition("_seed")[2]) for key in own if key.rpartition("_seed")[0] == row}
        for row in experiment.rows
    }
    first = seeds[experiment.rows[0]]
    rows = [row for row in experiment.rows if first and seeds[row] >= first]
    begun = [row for row in experiment.rows if seeds[row] & first]
    shared = set.intersection(first, *(seeds[row] for row in begun))
    if len(rows) == 1 and shared:
        rows, first = begun, shared
    return {row: [own[f"{row}_seed{seed}"] for seed in sorted(first)] for row in rows}


def errors(results: dict, recipe: str, row: str = "none_") -> list[float]:
    """The errors of the plain network in percent, by seed."""
    own = results.get(recipe, {})
    return [100 * (1 - own[key]["accuracy"]) for key in sorted(own) if key.startswith(f"{row}seed")]


def published_holds(results: dict) -> bool:
    """Whether the median error of enough seeds on Fashion-MNIST is the published one."""
    found = errors(results, "fashion_mnist_preact20")
    low, high = ANCHOR_RANGE
    return len(found) >= ANCHOR_SEEDS and low <= float(np.median(found)) <= high


def authors_hold(results: dict) -> bool:
    """Whether the plain fast network makes as many errors as its authors' own code makes here."""
    ours, theirs = errors(results, "cifar10_airbench"), errors(results, AUTHORS, "")
    return bool(ours and theirs) and abs(np.mean(ours) - np.mean(theirs)) <= AUTHORS_RANGE


ANCHORS = {"fashion_mnist_preact20": published_holds, "cifar10_airbench": authors_hold}


def printable(results: dict, experiment: Experiment) -> bool:
    """Whether an experiment's rows may stand beside each other."""
    return not experiment.compared or ANCHORS[experiment.recipe](results)


def page(results: dict) -> str:
    """docs/evidence.md."""
    parts = [HEAD, _published(results), _authors(results), _offset(results)]
    for experiment in EXPERIMENTS:
        parts.append(_section(results, experiment))
    parts += [findings.section(results, experiment) for experiment in findings.EXPERIMENTS]
    return "\n\n".join(part.strip() for part in parts) + "\n"


HEAD = """\
# Evidence

Made by `python -m recipes.evidence` from the results of `recipes.train` and `recipes.ablate`. A
row is the mean and the deviation over seeds of the accuracy after the last epoch, on the test set,
which is looked at once. Pairs have one seed: the same first weights of what the networks share, the
same order of the images, the same augmentation. Nulls stand here like anything else. What was
expected was written into the recipe before its runs."""


WAIT = "Until it holds, no attention is compared with that network on this page."


def _published(results: dict) -> str:
    found = errors(results, "fashion_mnist_preact20")
    told = ", ".join(f"{error:.2f} %" for error in found) or "no seed is finished"
    low, high = ANCHOR_RANGE
    holds = f"It holds: the median is {np.median(found):.2f} %." if found else ""
    verdict = holds if published_holds(results) else WAIT
    return (
        "## Does the plain network reproduce a published figure?\n\n"
        f"The network of `fashion_mnist_preact20` has {ANCHOR} % errors on Fashion-MNIST after "
        "200 epochs in the repository that it follows (hysts/pytorch_image_classification, median "
        f"of 3 seeds). Asked of ours: the median of {ANCHOR_SEEDS} seeds between {low} and {high} "
        f"%. Found: {told}. {verdict}"
    )


def _authors(results: dict) -> str:
    """The section on the fast network, whose figure was published for other images."""
    ours, theirs = errors(results, "cifar10_airbench"), errors(results, AUTHORS, "")
    found = (
        f"their code makes {np.mean(theirs):.2f} % errors ({_seeds(theirs)}), ours "
        f"{np.mean(ours):.2f} % ({_seeds(ours)}): {np.mean(ours) - np.mean(theirs):+.2f} points."
        if ours and theirs
        else "no run is finished."
    )
    own = results.get(AUTHORS, {})
    lines = [_line(key, own[key]) for key in sorted(own)]
    return "\n\n".join(
        [
            "## Does the fast network do what its authors' own code does?",
            "What was published for the network of `cifar10_airbench` is of images without losses, "
            "which are not at hand. So its authors' file, not a line of it changed, was run on the "
            f"images of this page. Asked of ours: within {AUTHORS_RANGE} points. Found: "
            f"{found} {'It holds.' if authors_hold(results) else WAIT}",
            *(["\n".join([TABLE, *lines])] if lines else []),
        ]
    )


def _seeds(found: Sequence[float]) -> str:
    return f"{len(found)} seed{'s' * (len(found) > 1)}"


def offset_told(results: dict) -> str:
    """How far figures on this CIFAR-10 are from those on the original, in a sentence."""
    found = errors(results, "cifar10_airbench")
    if not found:
        return "How far it is from the original is not measured yet."
    lossless = 100 - LOSSLESS
    return (
        f"A network with {lossless:.2f} % errors on the original has {np.mean(found):.2f} % here "
        f"({_seeds(found)} of `cifar10_airbench`): the offset of this CIFAR-10 is "
        f"{np.mean(found) - lossless:+.2f} points."
    )


def _offset(results: dict) -> str:
    return (
        "## How far is this CIFAR-10 from the original?\n\n"
        "The images here were stored as JPEG of quality 75, for training and test alike. The "
        "figure on the original is the mean of 1,000 runs of the network's authors. "
        f"{offset_told(results)}"
    )


def _section(results: dict, experiment: Experiment) -> str:
    rows = finished(results, experiment)
    count = len(results.get(experiment.recipe, {}))
    parts = [f"## {experiment.title}", provenance.expected(f"recipes.{experiment.recipe}")]
    if not rows or (len(rows) == 1 and experiment.compared):
        parts.append(f"{count} run{'s' * (count != 1)} finished; no pair yet.")
    elif not printable(results, experiment):
        parts.append(f"{count} runs finished; compared when the anchor holds.")
    else:
        speed = results.get(SPEED, {}).get(experiment.recipe, {"rows": {}})
        parts.append(ablate.markdown(ablate.tabulate(rows), speed["rows"]).strip())
        parts += [_speed(speed)] if speed["rows"] else []
        if len(rows) > 1:
            parts.append(f"![accuracies](evidence/{experiment.recipe}.png)")
        parts += [experiment.reading] if experiment.reading else []
    parts += [offset_told(results)] if experiment.recipe.startswith("cifar10") else []
    shown = printable(results, experiment)
    own = results.get(experiment.recipe, {})
    lines = [_line(key, own[key]) for key in sorted(own) if shown or key.startswith("none_seed")]
    if lines:
        parts.append("\n".join([TABLE, *lines]))
    return "\n\n".join(parts)


def _speed(speed: dict) -> str:
    """How the images a second of a table were measured, and the ratios that count."""
    told = [
        f"one of {row} {one['ratio']:.3f} times ({one['low']:.3f} to {one['high']:.3f})"
        for row, one in speed["rows"].items()
        if "ratio" in one
    ]
    return (
        f"Images a second are of training steps side by side, in {speed['rounds']} rounds "
        f"(`{speed['command']}`; {speed['hardware']}; {speed['software']}; commit "
        f"{provenance.short(speed['commit'])}). Beside a step of "
        f"{next(iter(speed['rows']))} takes {', '.join(told)} as long, with intervals of 95 %."
    )


TABLE = f"| run | accuracy, % | {provenance.COLUMNS} |\n|---|---|---|---|---|---|"


def _line(key: str, result: dict) -> str:
    cells = (key, f"{100 * result['accuracy']:.2f}", *provenance.cells(result))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
