"""Numbers that judge models, in NumPy alone: here, how near generated images come to real ones."""

from .floors import Agreement, Floor, agreement, floors
from .generative import (
    classification_accuracy_score,
    frechet_distance,
    inception_score,
    kernel_distance,
)
from .neighbours import prdc
from .results import Neighbours, Score

__all__ = [
    "Agreement",
    "Floor",
    "Neighbours",
    "Score",
    "agreement",
    "classification_accuracy_score",
    "floors",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "prdc",
]
