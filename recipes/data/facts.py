"""What is told of a data set beside a number that was measured on it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Facts:
    """`stored` says how far the images are the original ones, `hub` is the Hub's name of the set.

    `limits` is what a model's card warns of; `test_images` are how many a score is a share of.
    """

    stored: str
    licence: str
    hub: str | None
    test_images: int
    limits: str = ""


FACTS = {
    "cifar10": Facts(
        stored="a copy whose images were stored as JPEG of quality 75, which is lossy: not "
        "comparable with figures on the original",
        licence="none stated; research use (Krizhevsky 2009)",
        hub="cifar10",
        test_images=10_000,
    ),
    "fashion_mnist": Facts(
        stored="complete and without loss",
        licence="MIT (Zalando Research)",
        hub="fashion_mnist",
        test_images=10_000,
        limits="The things are light on black and fill the image, as in the data; a photo of a "
        "dark thing on white is to be inverted first.",
    ),
    "generated": Facts("made by the recipe", "none needed", None, 64),
    "generated_grey": Facts("made by the recipe", "none needed", None, 64),
}
