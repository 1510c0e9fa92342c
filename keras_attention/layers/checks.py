"""Checks of arguments; each returns the value or says what was expected."""

import difflib
import functools

from keras import ops


def at_least(minimum: int, owner: str, **argument):
    """The one integer passed by name, if it is `minimum` or more."""
    ((name, value),) = argument.items()
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(
            f"{owner}: {name} must be an integer >= {minimum}. Received: {name}={value!r}"
        )
    return value


def optional_at_least(minimum: int, owner: str, **argument):
    """Like `at_least`, but None passes."""
    ((_, value),) = argument.items()
    return None if value is None else at_least(minimum, owner, **argument)


def odd(owner: str, **argument):
    """The one integer passed by name, if it is odd and positive."""
    ((name, value),) = argument.items()
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or value % 2 == 0:
        raise ValueError(f"{owner}: {name} must be an odd integer >= 1. Received: {name}={value!r}")
    return value


def divides(total: int, what: str, owner: str, **argument):
    """The one integer passed by name, if it divides the `total` number of `what`."""
    ((name, value),) = argument.items()
    if total % value:
        raise ValueError(f"{owner}: {name} must divide {total} {what}. Received: {name}={value!r}")
    return value


def reduced(channels: int, owner: str, **argument) -> int:
    """The channels divided by the one integer passed by name, if that leaves a channel."""
    ((name, value),) = argument.items()
    if value > channels:
        raise ValueError(
            f"{owner}: {name} must be at most the {channels} channels of the input. "
            f"Received: {name}={value!r}"
        )
    return channels // value


def one_of(known, owner: str, **argument):
    """The one value passed by name, if it is one of `known`."""
    ((name, value),) = argument.items()
    if value not in known:
        raise ValueError(
            f"{owner}: {name} must be one of {list(known)}.{nearest(value, known)} "
            f"Received: {name}={value!r}"
        )
    return value


def rate(owner: str, **argument):
    """The one number passed by name, if it is a probability below 1."""
    ((name, value),) = argument.items()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{owner}: {name} must be in [0, 1). Received: {name}={value!r}")
    return value


def optional_pair(owner: str, **argument):
    """The (height, width) passed by name as a tuple, if both are integers >= 1; None passes."""
    ((name, value),) = argument.items()
    if value is None:
        return None
    whole = isinstance(value, list | tuple) and len(value) == 2
    if not whole or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in value):
        raise ValueError(
            f"{owner}: {name} must be None or (height, width), two integers >= 1. "
            f"Received: {name}={value!r}"
        )
    return tuple(value)


def side_or_pair(owner: str, **argument):
    """The one size passed by name: an integer >= 1, or a (height, width) of them as a tuple."""
    ((_, value),) = argument.items()
    several = isinstance(value, list | tuple)
    return optional_pair(owner, **argument) if several else at_least(1, owner, **argument)


def positive(owner: str, **argument):
    """The one number passed by name, if it is above 0."""
    ((name, value),) = argument.items()
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{owner}: {name} must be above 0. Received: {name}={value!r}")
    return value


def not_negative(owner: str, **argument):
    """The one number passed by name, if it is 0 or more."""
    ((name, value),) = argument.items()
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{owner}: {name} must be at least 0. Received: {name}={value!r}")
    return value


def several_positions(owner: str, shape, space: tuple[int, ...]) -> None:
    """Refuse a map that is known to have one position, and so no variance over space."""
    if all(shape[axis] == 1 for axis in space):
        raise ValueError(
            f"{owner} needs more than one position in a map. Received: input_shape={tuple(shape)}"
        )


def shapes(input_shape, names: tuple[str, ...], owner: str, required: int = 1) -> list[tuple]:
    """The shapes of a list of inputs called `names`, of which the first ones are `required`.

    A single shape stands for a list of one.
    """
    several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
    given = [tuple(shape) for shape in input_shape] if several else [tuple(input_shape)]
    if not required <= len(given) <= len(names):
        forms = [f"[{', '.join(names[:count])}]" for count in range(required, len(names) + 1)]
        raise ValueError(
            f"{owner} needs the inputs {' or '.join(forms)}. Received: input_shape={input_shape}"
        )
    return given


def class_token(shapes: list, channels: int, owner: str) -> None:
    """Refuse a class token of another shape than (batch, 1, channels); an empty list passes."""
    for shape in shapes:
        if len(shape) != 3 or shape[1] not in (1, None) or shape[2] != channels:
            raise ValueError(
                f"{owner} needs a class token (batch, 1, {channels}) beside the video. "
                f"Received: class_shape={tuple(shape)}"
            )


def mask_of(x, mask, owner: str, inputs: tuple[int, ...] = (0,)):
    """`mask` as booleans, if it fits the tokens `x`; None passes.

    A list of masks has one, or None, for each input of the layer; those of `inputs` are joined.
    Sizes that are unknown while a graph is made are not compared.
    """
    if isinstance(mask, list | tuple):
        masks = [mask_of(x, mask[index], owner) for index in inputs if index < len(mask)]
        masks = [one for one in masks if one is not None]
        return functools.reduce(ops.logical_and, masks) if masks else None
    if mask is None:
        return None
    wanted, shape = tuple(x.shape[:2]), tuple(mask.shape)
    pairs = zip(wanted, shape, strict=False)
    if len(shape) != 2 or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise ValueError(
            f"{owner}: mask must have the shape (batch, tokens) = {wanted}. "
            f"Received: mask of shape {shape}"
        )
    return ops.cast(mask, "bool")


def nearest(word, known, fall_back: str = "") -> str:
    """ " Did you mean 'x'?", or nothing where no known name is near."""
    word = str(word)
    near = difflib.get_close_matches(word, [one for one in known if one is not None])
    swapped = [one for one in near if sorted(one) == sorted(word)]  # "bma" is "bam", not "bat"
    return f" Did you mean {(swapped or near)[0]!r}?" if near else fall_back
