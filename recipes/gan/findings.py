"""The part of the page of evidence that is about generators."""

import dataclasses
import json
import pathlib

import numpy as np

from keras_attention import metrics

from .. import provenance
from . import shapes

KEPT = (
    "whole", "consistent", "of_whole", "by_chance", "last", "warnings", "seed", "steps", "hours",
    "images_per_second", "parameters", "dataset", "command", "commit", "commits", "hardware",
    "software",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A recipe of this folder, with the rows `ROWS`; `reading` was written after the runs."""

    recipe: str
    title: str
    reading: str = ""


EXPERIMENTS = (
    Experiment(
        "fashion_mnist_sagan",
        "Generated images: Fashion-MNIST",
        reading="One pair, after 4,000 of the recipe's 10,000 steps. The null that was expected: "
        "the two nets do not agree on which generator is better. All ten classes can be told in "
        "the grids, nothing warned of a collapse, and the diversity is that of real images. The "
        "factor before the attention, 0 at the start, is -0.12 at the end.",
    ),
    Experiment(
        "two_shapes_sagan",
        "Generated images: two far shapes of one colour",
        reading="Attention is ahead in both pairs that can be judged, by 6.7 and 8.5 points. That "
        "is more than the 3 standard deviations that were expected, but two pairs hardly give one, "
        "and runs of one kind differ by far more, from 26 to 90 % with attention. What halves of "
        "different samples would agree in was measured after the first pair, when the grids showed "
        "that its generators make few hues; beyond that the gaps are 5.7 and 17.6 points, 1.4 "
        "deviations. So this is no proof yet. The plain run of seed 1 failed: its discriminator "
        "had won by step 200, and until step 2,200 nothing was learnt, which the log's warnings "
        "say. That such a run is in no pair was decided when it was seen; counted, it would have "
        "favoured attention.",
    ),
)
ROWS = ("none", "sagan")


def collected(runs: pathlib.Path, known: dict) -> dict[str, dict[str, dict]]:
    """Results by recipe and by "ROW_seedN", each with its score.json where there is one."""
    found = {}
    for experiment in EXPERIMENTS:
        own = dict(known.get(experiment.recipe, {}))
        for row in ROWS:
            for path in provenance.finished(runs / experiment.recipe, row):
                result = json.loads((path / "result.json").read_text("utf-8"))
                one = provenance.kept(result, KEPT)
                if (score := path / "score.json").is_file():
                    one["score"] = json.loads(score.read_text("utf-8"))
                own[path.name] = one
        found[experiment.recipe] = own
    return found


def section(results: dict, experiment: Experiment) -> str:
    """What the page says of one experiment."""
    own = results.get(experiment.recipe, {})
    parts = [f"## {experiment.title}", provenance.expected(f"recipes.gan.{experiment.recipe}")]
    if not own:
        return "\n\n".join([*parts, "0 runs finished."])
    scored = {key: one["score"] for key, one in own.items() if "score" in one}
    if scored:
        parts += [_scores(scored), _floors(scored), _pairs(scored)]
    judged = {key: one for key, one in own.items() if "of_whole" in one}
    if judged:
        parts += [_judged(judged), _gap(judged)]
    parts += [experiment.reading] if experiment.reading else []
    rows = [f"| {key} | {own[key]['steps']} | " + _row(own[key]) for key in sorted(own)]
    head = f"| run | steps | {provenance.COLUMNS} |\n|---|---|---|---|---|---|"
    return "\n\n".join([part for part in parts if part] + ["\n".join([head, *rows])])


def _row(result: dict) -> str:
    return " | ".join(provenance.cells(result)) + " |"


def _nets(scored: dict) -> list[str]:
    return list(next(iter(scored.values()))["nets"])


def _scores(scored: dict) -> str:
    """A row for each run: distances in each net and the accuracy score."""
    nets = _nets(scored)
    columns = [f"FD-{net} | of an untrained one's" for net in nets]
    lines = [
        f"| run | {' | '.join(columns)} | CAS | of real images' |",
        "|---|" + "---|" * (2 * len(nets) + 2),
    ]
    for key in sorted(scored):
        one = scored[key]
        shares = one["summary"]["share_of_untrained"]
        cells = [
            f"{one['nets'][net]['frechet']['value']:.3f} | {100 * shares[net]:.1f} %"
            for net in nets
        ]
        made = one["classifier"]
        told = f"{100 * made['generated']:.2f} % | {100 * made['share']:.1f} %" if made else "- | -"
        lines.append(f"| {key} | {' | '.join(cells)} | {told} |")
    return "\n".join(lines)


def _floors(scored: dict) -> str:
    """What real and bad images get, from the first run's evaluation."""
    key = min(scored)
    one, nets = scored[key], _nets(scored)
    names = list(one["nets"][nets[0]]["floors"])
    lines = [
        f"| floor ({one['count']:,} images a side at most) | "
        + " | ".join(f"FD-{net}" for net in nets) + " |",
        "|---|" + "---|" * len(nets),
    ]  # fmt: skip
    for name in names:
        cells = [f"{one['nets'][net]['floors'][name]['frechet']:.3f}" for net in nets]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _pairs(scored: dict) -> str:
    """Attention against none by seed, where both are there: the sign in every net."""
    told = []
    for key in sorted(scored):
        row, _, seed = key.partition("_seed")
        plain = scored.get(f"none_seed{seed}")
        if row != "sagan" or plain is None or len(_nets(scored)) < 2:
            continue
        pair = [
            [metrics.Score(**net["frechet"]) for net in one["nets"].values()]
            for one in (plain, scored[key])
        ]
        both = metrics.agreement(*pair)
        parts = ", ".join(f"{gap:+.3f} in {net}" for net, gap in both.differences.items())
        agree = "the nets agree" if both.agree else "the nets do not agree, so nothing is said"
        told.append(f"Seed {seed}, FD with attention less FD without: {parts}; {agree}.")
    return "\n".join(told)


def _judged(judged: dict) -> str:
    lines = [
        "| run | samples with two whole shapes | of these of one colour | with halves of different "
        "samples |",
        "|---|---|---|---|",
    ]
    for key in sorted(judged):
        one = judged[key]
        names = ("whole", *(("of_whole", "by_chance") if _sound(one) else ()))
        cells = [f"{100 * one[name]:.1f} %" for name in names]
        lines.append(f"| {key} | {' | '.join([*cells, '-', '-'][:3])} |")
    return "\n".join(lines)


def _sound(one: dict) -> bool:
    return one["whole"] >= shapes.ENOUGH


def _gap(judged: dict) -> str:
    """The paired differences in standard deviations over the seeds, of two pairs at least.

    A run that makes hardly any whole samples is in no pair, which is told.
    """
    sound = {key: one for key, one in judged.items() if _sound(one)}
    share = {key: one["of_whole"] for key, one in sound.items()}
    beyond = {key: one["of_whole"] - one["by_chance"] for key, one in sound.items()}
    told = [
        f"Of {key} fewer than {100 * shapes.ENOUGH:.0f} % of the samples are whole, so it is in no "
        "pair."
        for key in sorted(judged.keys() - sound.keys())
    ]
    told += [_paired("Attention less none", share)]
    told.append(_paired("The same of what is beyond chance", beyond))
    return " ".join(line for line in told if line)


def _paired(name: str, share: dict[str, float]) -> str:
    seeds = [key.partition("_seed")[2] for key in sorted(share) if key.startswith("sagan_seed")]
    gaps = [
        share[f"sagan_seed{seed}"] - share[f"none_seed{seed}"]
        for seed in seeds
        if f"none_seed{seed}" in share
    ]
    if len(gaps) < 2:
        return ""
    spread = float(np.std(gaps, ddof=1))
    return (
        f"{name} over {len(gaps)} seeds: {100 * np.mean(gaps):+.1f} points, standard "
        f"deviation {100 * spread:.1f}, so {np.mean(gaps) / max(spread, 1e-9):.1f} of them."
    )
