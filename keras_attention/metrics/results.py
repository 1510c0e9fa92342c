"""What a metric returns: the number, and what it takes to compare it with another."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Score:
    """One number that judges generated images.

    Attributes:
        metric: Such as "FD-resnet18w16_cifar10"; the name of the net is a part of it, since
            numbers of different nets cannot be compared.
        value: The number.
        deviation: The standard deviation over subsets or splits, where the metric has them.
        net: What made the features.
        real: How many real images.
        generated: How many generated images.
        reference: Which real images, in words.
        protocol: What else the number depends on.
    """

    metric: str
    value: float
    deviation: float | None
    net: str
    real: int
    generated: int
    reference: str = ""
    protocol: str = ""

    def __str__(self):
        spread = "" if self.deviation is None else f" (sd {self.deviation:.4g})"
        return f"{self.metric} {self.value:.6g}{spread}, {counts(self)}"


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """Four numbers from the balls that reach to the k-th neighbour.

    Attributes:
        precision: The share of generated images within some real ball.
        recall: The share of real images within some generated ball.
        density: In how many real balls a generated image lies, divided by k; may exceed 1.
        coverage: The share of real balls that hold a generated image.
        k, net, real, generated, reference, protocol: as in `Score`.
    """

    metric: str
    precision: float
    recall: float
    density: float
    coverage: float
    k: int
    net: str
    real: int
    generated: int
    reference: str = ""
    protocol: str = ""

    def __str__(self):
        four = f"{self.precision:.4f} {self.recall:.4f} {self.density:.4f} {self.coverage:.4f}"
        return f"{self.metric} {four}, {counts(self)}"


def counts(result: Score | Neighbours) -> str:
    """How many images of which sort, and how they were compared."""
    real = f" against {result.real:,} real" if result.real else ""
    of = f" of {result.reference}" if result.reference else ""
    return f"{result.generated:,} generated{real}{of}; {result.protocol}".removesuffix("; ")
