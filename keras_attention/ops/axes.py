"""Where space and channels are in a feature map, for either data format."""

DATA_FORMATS = ("channels_last", "channels_first")


def channel_axis(data_format: str, rank: int = 4) -> int:
    """The axis of the channels in a batch of maps with `rank` axes, counted from the front."""
    return 1 if data_format == "channels_first" else rank - 1


def space_axes(data_format: str, rank: int = 4) -> tuple[int, ...]:
    """The axes that are neither the batch nor the channels, in their order."""
    channel = channel_axis(data_format, rank)
    return tuple(axis for axis in range(1, rank) if axis != channel)
