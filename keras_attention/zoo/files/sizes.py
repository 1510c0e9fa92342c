"""How large images may be: a description could ask for any memory."""

from ..errors import ManifestError

LARGEST_SIDE = 4096  # pixels; no architecture here comes near it


def check_size(size: tuple[int, int], source: str) -> tuple[int, int]:
    """The size of images, (height, width), if it is one that a model here can have."""
    if not 1 <= min(size) <= max(size) <= LARGEST_SIDE:
        raise ManifestError(
            f"{source}: images have sides of 1 to {LARGEST_SIDE} pixels. Received: size={size}"
        )
    return size
