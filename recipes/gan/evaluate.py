"""Judge a finished run: `python -m recipes.gan.evaluate RUN --nets NET,NET`.

Writes RUN/score.json: Frechet and kernel distance, precision, recall, density and coverage in each
net, with the floors beside them, and the classification accuracy score beside that of as many real
images. A net is a published classifier, or the folder of a finished run of recipes.train; one of
them at least should have seen the same data set. A net of RGB images is shown grey ones too. The
last line is a summary. With --against OTHER, a run that has its score.json, the difference of the
two in each net is told, and whether all nets agree in its sign. Exit codes: 0, or 2 for a mistake
in the command or missing files.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Mapping

import keras
import numpy as np

import keras_attention as ka
from keras_attention import metrics, zoo

from .. import recipe as recipes
from .. import ship
from ..engine import progress
from . import classifier, draws, run
from .recipe import GanRecipe

# A seed of its own: these samples are none that were looked at while training.
SEED = 20_000


@dataclasses.dataclass(frozen=True)
class Images:
    """What is compared, all uint8 and of the size of the data set's own images."""

    train: np.ndarray
    test: np.ndarray
    others: Mapping[str, np.ndarray]
    generated: np.ndarray


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        result = json.loads((options.run / "result.json").read_text("utf-8"))
        nets = {name: feature_net(name) for name in options.nets.split(",")}
        found = judged(options.run, result, nets, options.count, options.epochs)
        progress.write(options.run / "score.json", json.dumps(found, indent=1) + "\n")
        if options.against:
            other = json.loads((options.against / "score.json").read_text("utf-8"))
            print(json.dumps({"frechet": dataclasses.asdict(agreement(found, other))}))
    except FileNotFoundError as error:
        missing = f"{error.filename} is missing: RUN is a finished run of recipes.gan"
        print(f"evaluate: {missing if error.filename else error}", file=sys.stderr)
        return 2
    except (ValueError, zoo.ZooError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found["summary"]))
    return 0


def judged(
    folder: pathlib.Path,
    result: dict,
    nets: Mapping[str, keras.Model],
    count: int,
    epochs: int,
) -> dict:
    """What score.json holds of the run in `folder`, from `count` images of each sort at most."""
    chosen, classes = GanRecipe(**result["recipe"]), result["classes"]
    found = draws.data.load(chosen.dataset, ("train", "test"))
    train, test = (found.splits[split] for split in ("train", "test"))
    generator = run.load_generator(folder, result)
    # A run and its twin without attention started from one generator: they share this floor.
    start = run.untrained(chosen, classes, result["channels"], result["seed"], ("generator",))[0]
    images = compared(chosen, train, test, generator, start, count)
    told: dict = {"data": found.title, "count": count, "seed": SEED, "nets": {}}
    for name, net in nets.items():
        told["nets"][name] = in_net(name, net, images)
    told["classifier"] = accuracy(chosen, classes, train, test, generator, epochs)
    told["summary"] = summary(told)
    return told


def compared(chosen: GanRecipe, train, test, generator, untrained, count: int) -> Images:
    """The images of one evaluation."""
    rng = np.random.default_rng(SEED)
    some = [np.sort(rng.permutation(len(split))[:count]) for split in (train, test)]
    real, held = (
        split.at(places).images for split, places in zip((train, test), some, strict=True)
    )
    others = {
        "noise": rng.integers(0, 256, real.shape, "uint8"),
        "an untrained generator": made(untrained, chosen, len(real), real.shape[1]),
    }
    return Images(real, held, others, made(generator, chosen, len(real), real.shape[1]))


def made(generator, chosen: GanRecipe, count: int, side: int, seed: int = SEED) -> np.ndarray:
    """`count` samples, of all classes in turn, as the data set has its images."""
    images = ka.models.sample(generator, count, seed, batch_size=250)
    if chosen.fit == "pad" and side < chosen.size:
        start = (chosen.size - side) // 2
        return images[:, start : start + side, start : start + side]
    return images


def in_net(name: str, net: keras.Model, images: Images) -> dict:
    """All distances in one net, with their floors."""
    real, held, generated = (
        features(net, x) for x in (images.train, images.test, images.generated)
    )
    others = {what: features(net, x) for what, x in images.others.items()}
    size = min(1000, len(real) // 2, len(held))  # a floor compares the halves
    found = {
        "frechet": metrics.frechet_distance(real, generated, name, "train"),
        "kernel": metrics.kernel_distance(real, generated, name, "train", subset_size=size),
        "neighbours": metrics.prdc(real, generated, name, "train"),
    }
    floors = metrics.floors(real, held, others, name, subset_size=size)
    noise = metrics.prdc(real, others["noise"], name, "train")
    return {
        **{what: dataclasses.asdict(score) for what, score in found.items()},
        "neighbours_of_noise": dataclasses.asdict(noise),
        "floors": {
            floor.name: {"frechet": floor.frechet.value, "kernel": floor.kernel.value}
            for floor in floors
        },
    }


def features(net: keras.Model, images: np.ndarray) -> np.ndarray:
    """Those of `zoo.features`; a net of RGB images is shown grey ones too."""
    shape = net.input_shape[1:]
    wants_rgb = 3 in (shape[0], shape[-1])
    return zoo.features(
        net, np.repeat(images, 3, -1) if wants_rgb and images.shape[-1] == 1 else images
    )


def accuracy(chosen: GanRecipe, classes: int, train, test, generator, epochs: int) -> dict | None:
    """The accuracy score of generated and of as many real images; None without classes."""
    if not classes:
        return None
    side, name = train.images.shape[1], classifier.NAME.format(epochs=epochs)
    generated = made(generator, chosen, len(train), side, SEED + 1)
    labels = ka.models.sampling.checked_labels(len(train), classes)

    def fitted(images, labels):
        return classifier.train(images, labels, classes, epochs=epochs)

    scores = {
        what: metrics.classification_accuracy_score(
            images, given, test.images, test.labels, fitted, name, "test"
        ).value
        for what, images, given in (
            ("generated", generated, labels),
            ("real", train.images, train.labels),
        )
    }
    return {
        "name": name,
        "images": len(train),
        **scores,
        "share": scores["generated"] / scores["real"],
    }


def summary(told: dict) -> dict:
    """The numbers that a generator is asked for."""
    shares = {
        name: net["frechet"]["value"] / net["floors"]["train and an untrained generator"]["frechet"]
        for name, net in told["nets"].items()
    }
    scored = told["classifier"]
    return {
        "frechet": {name: round(net["frechet"]["value"], 4) for name, net in told["nets"].items()},
        "share_of_untrained": {name: round(share, 4) for name, share in shares.items()},
        "accuracy_share_of_real": scored and round(scored["share"], 4),
    }


def agreement(found: dict, other: dict) -> metrics.Agreement:
    """The Frechet distances of another run less those of this one, net by net."""
    first, second = (
        [metrics.Score(**net["frechet"]) for net in told["nets"].values()]
        for told in (found, other)
    )
    return metrics.agreement(first, second)


def feature_net(name: str) -> keras.Model:
    """A published classifier, or the network of a finished run of recipes.train in a folder."""
    folder = pathlib.Path(name)
    if not (folder / "result.json").is_file():
        return zoo.load(name)
    result = json.loads((folder / "result.json").read_text("utf-8"))
    chosen = recipes.Recipe(**result["recipe"])
    labels = draws.data.load(chosen.dataset, ("test",)).names
    told = ship.configuration(chosen, labels)
    model = ka.models.build(told["architecture"], **told["arguments"])
    ship.assign_file(model, folder / "weights.safetensors")
    return model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes.gan.evaluate", description=__doc__)
    parser.add_argument("run", type=pathlib.Path, help="folder that recipes.gan wrote")
    parser.add_argument("--nets", required=True, help="two at least, with commas between")
    parser.add_argument("--count", type=int, default=10_000, help="images a side; default: 10000")
    parser.add_argument("--epochs", type=int, default=5, help="of the classifier; default: 5")
    parser.add_argument("--against", type=pathlib.Path, help="another run with a score.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
