"""Checks of constructor arguments; each returns the value or says what was expected."""

import difflib


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


def nearest(word, known, fall_back: str = "") -> str:
    """ " Did you mean 'x'?", or nothing where no known name is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else fall_back
