"""Inception Scores and Frechet Inception distances, in a graph that the result names."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from .. import metrics
from ..models.inception import inception_2015
from . import feature_nets
from .errors import ImageError, OfflineError, WeightsError
from .files import header
from .files import weights as weight_files

# How many generated images an FID is of; another number is a part of its name.
CANONICAL = 50_000
LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Tensors that files have and neither pool3 nor the probabilities need.
UNUSED = ("fc.bias", ".num_batches_tracked")
RESIZE = "bilinear as in TensorFlow 1: no half-pixel centres, no antialiasing"


@dataclasses.dataclass(frozen=True, eq=False)
class Inception:
    """An Inception network with weights.

    Attributes:
        graph: "inception_2015", or "inception_v3_keras", a network with other weights.
        model: Images in -1..1 to features and probabilities, in that order.
        side: Of the images that it takes, in pixels.
        scale: What 0..255 is divided by after `shift` is taken off, to lie in -1..1.
        shift: See there.
    """

    graph: str
    model: keras.Model
    side: int = 299
    scale: float = 128.0
    shift: float = 128.0

    def __call__(self, images, batch_size: int = 32) -> tuple[np.ndarray, np.ndarray]:
        """Features and probabilities of images (images, height, width, 3) in 0..255."""
        given = feature_nets.checked(images, self.graph)
        if given.shape[-1] != 3:
            raise ImageError(
                f"{self.graph} takes RGB: np.repeat(images, 3, axis=-1) makes it of grey. "
                f"Received: images of shape {given.shape}"
            )
        found = zip(
            *feature_nets.outputs(self.model, given, self._prepared, batch_size), strict=True
        )
        features, probabilities = (np.concatenate(batches) for batches in found)
        return features, probabilities

    def _prepared(self, images: np.ndarray) -> np.ndarray:
        return (resized(images, self.side) - self.shift) / self.scale

    @property
    def protocol(self) -> str:
        """What a number in this graph depends on besides the images."""
        return f"{self.graph}, {self.side} pixels, {RESIZE}"


def inception(
    weights: str | os.PathLike = "imagenet", application: Callable | None = None
) -> Inception:
    """An Inception network with the weights that were asked for, never with random ones.

    Args:
        weights: "imagenet" takes `keras.applications.InceptionV3`, whose weights Keras downloads
            when it is called and keeps. They are not those of FID: numbers are called
            FD-inception_v3_keras and IS-inception_v3_keras. A path takes the graph of FID,
            "inception-2015-12-05", from your own safetensors file.
        application: What to call for `keras.applications.InceptionV3`.
    Raises: OfflineError where Keras cannot get its weights; FileNotFoundError, IntegrityError or
        WeightsError for a file that is missing, no safetensors file, or has other tensors.

    The file has float tensors as torch orders them, under the names of pytorch-fid and
    torch-fidelity: for each convolution such as "Conv2d_1a_3x3" or "Mixed_5b.branch3x3dbl_2"
    "<name>.conv.weight" and "<name>.bn." with "weight", "bias", "running_mean", "running_var";
    and "fc.weight" (1008, 2048). Their torch file, "pt_inception-2015-12-05", becomes one by
    `safetensors.torch.save_file(torch.load(file, weights_only=True), "inception.safetensors")`.
    """
    before = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    try:
        if weights == "imagenet":
            return _of_keras(application or keras.applications.InceptionV3)
        return _of_file(pathlib.Path(weights))
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_image_data_format(before[1])


def fid(generated, real, net: Inception, reference: str, batch_size: int = 32) -> metrics.Score:
    """The Frechet distance of two sets of images in an Inception network.

    An FID is in the graph of 2015, of 50,000 generated images: it is called "FID". Of another
    number it is called such as "FID-10000"; in another graph "FD-<graph>".

    Args:
        generated: Images (images, height, width, 3) in 0..255.
        real: Images of the reference, of any size.
        net: What `inception` gives.
        reference: Which images `real` are, such as "CIFAR-10 (JPEG), test": a part of the result.
        batch_size: How many images at a time.
    Raises: ImageError for images of another shape or range; ValueError for an empty reference.
    Warns: As `metrics.frechet_distance`, up to 2,048 images.
    """
    if not reference:
        raise ValueError("fid: reference must say which images are real. Received: reference=''")
    ours, theirs = (net(images, batch_size)[0] for images in (generated, real))
    score = metrics.frechet_distance(theirs, ours, net.graph, reference)
    name = "FID" if score.generated == CANONICAL else f"FID-{score.generated}"
    name = name if net.graph == "inception_2015" else score.metric
    return dataclasses.replace(score, metric=name, protocol=net.protocol)


def inception_score(
    generated, net: Inception, splits: int = 10, batch_size: int = 32
) -> metrics.Score:
    """The Inception Score of images (images, height, width, 3) in 0..255.

    "IS" in the graph of 2015 (1,008 outputs, without the bias, as its authors took them), and
    "IS-<graph>" in another. Published ones are of 50,000 images in 10 splits.
    """
    score = metrics.inception_score(net(generated, batch_size)[1], net.graph, splits=splits)
    name = "IS" if net.graph == "inception_2015" else score.metric
    return dataclasses.replace(score, metric=name, protocol=f"{net.protocol}; {score.protocol}")


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Images (images, height, width, channels) at another size, bilinear as in TensorFlow 1."""
    rows, columns = (_weights(size, side) for size in images.shape[1:3])
    upright = np.einsum("sh,nhwc->nswc", rows, images.astype("float32"), optimize=True)
    return np.einsum("tw,nswc->nstc", columns, upright, optimize=True)


def _weights(size: int, side: int) -> np.ndarray:
    """(side, size): of what each new place is made."""
    places = np.arange(side) * (size / side)
    lower = np.floor(places).astype(int)
    upper, share = np.minimum(lower + 1, size - 1), places - lower
    weights = np.zeros((side, size), "float32")
    np.add.at(weights, (np.arange(side), lower), 1 - share)
    np.add.at(weights, (np.arange(side), upper), share)
    return weights


def _of_keras(application: Callable) -> Inception:
    try:
        model = application(weights="imagenet")
    except Exception as error:  # Keras raises its bare class where it cannot download
        raise OfflineError(
            "The weights of keras.applications.InceptionV3 cannot be had; without them there is "
            "no Inception Score and no FID. Connect, or put Keras's file "
            "inception_v3_weights_tf_dim_ordering_tf_kernels.h5 into the folder models of "
            "KERAS_HOME (~/.keras), or give inception a file of the graph of 2015, or take "
            f"features of a net that is here. Keras said: {error}"
        ) from error
    pool = model.get_layer("avg_pool").output
    both = keras.Model(model.input, [pool, model.output], name="inception_v3_keras")
    return Inception(both.name, both, model.input_shape[1], 127.5, 127.5)


def _of_file(path: pathlib.Path) -> Inception:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no weight file of Inception. Received: weights={str(path)!r}; "
            "known besides a path: 'imagenet'"
        )
    shapes = {name: one.shape for name, one in header.read(path).items() if _is_used(name)}
    model = inception_2015()
    targets = {_foreign(weight.path): weight for weight in model.weights}
    wanted = {name: _torch_shape(tuple(weight.shape)) for name, weight in targets.items()}
    weight_files.check(shapes, wanted, str(path), model.name)
    arrays = weight_files.parse(path.read_bytes(), str(path))
    for name, weight in targets.items():
        array = arrays[name]
        if array.dtype.kind != "f":
            raise WeightsError(f"{path} holds {array.dtype} in {name!r}, not floats")
        weight.assign(array.transpose(_order(array.ndim)))
    return Inception(model.name, model)


def _is_used(name: str) -> bool:
    return not name.endswith(UNUSED)


def _foreign(path: str) -> str:
    """ "Mixed_5b.branch1x1.conv.weight" of "Mixed_5b__branch1x1__conv/kernel"."""
    layer, _, leaf = path.partition("/")
    return f"{layer.replace('__', '.')}.{LEAVES[leaf]}"


def _order(rank: int) -> tuple[int, ...]:
    """torch's (out, in, rows, columns) or (out, in) in Keras's order."""
    return {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[rank]


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The inverse: the shape that torch has."""
    return tuple(shape[axis] for axis in np.argsort(_order(len(shape))))
