"""What each attention layer of a model weighted, for given images."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping

import keras
import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention weights of one layer.

    Attributes:
        kind: "channel", "spatial", "pairwise", "pool" or "temporal", or what a layer calls it.
        array: The weights in float32, with images first: (images, channels) for a "channel" map,
            (images, height, width) for a "spatial" one.
    """

    kind: str
    array: np.ndarray


def attention_maps(model: keras.Model, images) -> dict[str, AttentionMap]:
    """The attention weights that each layer of `model` applies to `images`, by the layer's name.

    They say by which factors features were scaled, which is not by itself why the model answered
    as it did. The model is left as it was.

    Args:
        model: A Functional or a built Sequential model. Every layer with a `score_kind` counts
            whose `call` takes `return_attention_scores`, in nested models too; of a layer used
            more than once, its first use.
        images: One image or a batch, as the model takes them: for a model of `models.build`, RGB
            in 0..255, (height, width, 3) or (images, height, width, 3), or channels first. For a
            model of several inputs a list with an array for each, as [noise, labels].
    Returns: A dict in the order of the layers. A layer with several maps has an entry for each,
        and a layer of a nested model has that model's name in front:
        "resnet18/stage1_block1_attention/spatial".
    Raises: ValueError for a model of another sort or without attention layers, and for images of
        another shape.

    >>> model = models.build("resnet18", "cbam", input_shape=(64, 64, 3))
    >>> explain.attention_maps(model, images)["stage4_block2_attention/spatial"].array.shape
    (8, 2, 2)
    """
    if not _is_graph(model):
        raise ValueError(
            "attention_maps needs a Functional or a built Sequential model, whose layers it can "
            f"see: wrap others by keras.Model(inputs, outputs). Received: model={model!r}"
        )
    if not _holds_attention(model):
        raise ValueError(
            f"The model {model.name!r} has no attention layer: none of its layers has a score_kind "
            "and takes return_attention_scores."
        )
    return dict(_collect(model, _batches(model, images), ""))


def _is_graph(model) -> bool:
    """Whether the layers of `model` and the tensors between them can be asked for."""
    if isinstance(model, keras.Sequential):
        return model.built and bool(getattr(model, "inputs", None))
    return isinstance(model, keras.Model) and isinstance(model, keras.Function)


def _is_attention(layer) -> bool:
    return bool(getattr(layer, "score_kind", None)) and (
        "return_attention_scores" in inspect.signature(layer.call).parameters
    )


def _holds_attention(model) -> bool:
    return _is_graph(model) and any(
        _is_attention(layer) or _holds_attention(layer) for layer in model.layers
    )


def _collect(model, inputs: list, prefix: str) -> Iterator[tuple[str, AttentionMap]]:
    """The maps of a model and of those nested in it, each from what the layer was fed."""
    wanted = [layer for layer in model.layers if _is_attention(layer) or _holds_attention(layer)]
    # A nested model overrides `input` by its own placeholder; the base class has the outer tensor.
    feeds = {layer.name: keras.Operation.input.fget(layer) for layer in wanted}
    try:
        feeder = keras.Model(model.inputs, feeds, name="feeder")
    except ValueError as error:
        raise ValueError(
            f"An attention layer of {model.name!r} was first used in another model, and only its "
            "first use can be found. Save the model and load it again: that separates the two."
        ) from error
    fed = feeder(inputs, training=False)
    for layer in wanted:
        if _is_attention(layer):
            # The layer runs on its own on plain tensors, which leaves no trace in the graph.
            _, scores = layer(fed[layer.name], training=False, return_attention_scores=True)
            yield from _named(layer, scores, f"{prefix}{layer.name}")
        else:
            flat = keras.tree.flatten(fed[layer.name])
            yield from _collect(layer, flat, f"{prefix}{layer.name}/")


def _named(layer, scores, name: str) -> Iterator[tuple[str, AttentionMap]]:
    kinds = layer.score_kind
    if not isinstance(scores, Mapping):
        yield name, AttentionMap(str(kinds), _to_numpy(scores))
        return
    for key, score in scores.items():
        kind = kinds[key] if isinstance(kinds, Mapping) else kinds
        yield f"{name}/{key}", AttentionMap(kind, _to_numpy(score))


def _to_numpy(tensor) -> np.ndarray:
    return np.array(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def _batches(model, images) -> list[np.ndarray]:
    """An array for each input of `model`, with a batch axis and checked against that input."""
    if len(model.inputs) == 1:
        return [_batch(model, model.inputs[0], images)]
    names = [x.name for x in model.inputs]
    if not isinstance(images, list | tuple) or len(images) != len(names):
        given = f"{len(images)} entries" if isinstance(images, list | tuple) else type(images)
        raise ValueError(
            f"{model.name!r} takes a list of {len(names)} arrays: {names}. Received: images={given}"
        )
    batches = [_batch(model, x, one) for x, one in zip(model.inputs, images, strict=True)]
    if len({len(batch) for batch in batches}) > 1:
        raise ValueError(
            f"{model.name!r} takes as many rows of each of its inputs {names}. "
            f"Received: {[len(batch) for batch in batches]}"
        )
    return batches


def _batch(model, placeholder, images) -> np.ndarray:
    """`images` with a batch axis, checked against one input of `model`."""
    wanted = tuple(placeholder.shape)[1:]
    x = np.asarray(images)
    if x.ndim == len(wanted):
        x = x[None]
    fits = x.ndim == len(wanted) + 1 and all(
        side in (None, given) for side, given in zip(wanted, x.shape[1:], strict=True)
    )
    if not fits or not len(x) or x.dtype.kind not in "uif":
        raise ValueError(
            f"{model.name!r} takes numbers of shape {wanted} for one image, or "
            f"{('images', *wanted)}. Received: shape={np.shape(images)}, dtype={x.dtype}"
        )
    return x
