"""Weights in torch's own format, read without executing what a file may hold."""

import io

import numpy as np

from ..errors import ConversionError

# Older ones can be made to execute code by a file, weights_only or not.
OLDEST_TORCH = (2, 10)


def read_pth(content: bytes, source: str) -> dict[str, np.ndarray]:
    """The arrays of a torch file of weights; nothing else that it may hold is executed.

    Raises: ConversionError without a torch that does this safely, or for another content.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ConversionError(
            f"{source} is a torch file: torch >= 2.10 must be installed to convert it once, "
            "whatever the backend. `pip install torch`."
        ) from error
    release = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if release < OLDEST_TORCH:
        raise ConversionError(
            f"{source}: only torch >= 2.10 reads foreign files safely. "
            f"Received: torch {torch.__version__}"
        )
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise ConversionError(f"{source} is no torch file of weights: {error}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]  # beside the state of a training
    tensors = isinstance(state, dict) and all(hasattr(t, "numpy") for t in state.values())
    if not tensors:
        raise ConversionError(f"{source} must hold a dict of tensors. Received: {type(state)}")
    return {name: tensor.numpy() for name, tensor in state.items()}
