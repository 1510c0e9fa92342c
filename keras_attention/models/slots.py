"""Which attention stands in which block of a staged network."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard, cast

from ..layers.checks import nearest
from ..layers.registry import Spec, get

Slots = Spec | Sequence | Mapping | None


def resolve(attention: Slots, depths: Sequence[int]) -> dict[tuple[int, int], Spec | None]:
    """The spec of every block, keyed by (stage, block), both counted from 1.

    Args:
        attention: One spec for all blocks; a list with one entry per stage, each a spec or a list
            with one spec per block; or a dict from addresses ("stage3", "stage4/block1") to
            specs, where a block's own address wins over its stage's. "none" is as None.
        depths: Number of blocks in each stage.
    Raises: ValueError for an address or a length that the network does not have.

    >>> slots.resolve({"stage2": "se", "stage2/block1": "cbam"}, (1, 2))
    {(1, 1): None, (2, 1): 'cbam', (2, 2): 'se'}
    """
    blocks = [
        (stage, block)
        for stage, depth in enumerate(depths, start=1)
        for block in range(1, depth + 1)
    ]
    if _is_addresses(attention):
        chosen = _from_addresses(attention, blocks)
    elif _is_list(attention):
        chosen = _from_lists(attention, depths)
    else:
        chosen = dict.fromkeys(blocks, cast("Spec | None", attention))
    return {place: None if spec == "none" else spec for place, spec in chosen.items()}


def instead_of(own: Slots, given: Slots, depths: Sequence[int]) -> Slots:
    """What a network with attention of its `own` has when a caller has `given` some.

    None keeps its own. Where a dict of addresses is given, so do the blocks that it does not name.
    """
    if given is None:
        return own
    if not _is_addresses(given):
        return given
    chosen = resolve(given, depths)
    return {
        f"stage{stage}/block{block}": chosen[stage, block]
        if {f"stage{stage}", f"stage{stage}/block{block}"} & given.keys()
        else spec
        for (stage, block), spec in resolve(own, depths).items()
    }


def _is_addresses(attention: object) -> TypeGuard[Mapping]:
    return isinstance(attention, Mapping) and "type" not in attention


def fill(spec: Spec | None, x, name: str):
    """`x` through a fresh layer of `spec`, or `x` itself for None.

    Raises: ValueError for a layer that does not keep the shape of its map, or gives several
        outputs.
    """
    layer = get(spec, name=name)
    if layer is None:
        return x
    y = layer(x)
    shape = getattr(y, "shape", None)
    if shape is None or tuple(shape) != tuple(x.shape):
        raise ValueError(
            f"{name}: this place needs attention that keeps the shape {tuple(x.shape)} of its map; "
            f"layers.list_layers(slot='gate') names such layers. Received: {layer!r}"
        )
    return y


def _is_list(attention: object) -> TypeGuard[Sequence]:
    return isinstance(attention, Sequence) and not isinstance(attention, str)


def _from_addresses(attention: Mapping, blocks) -> dict:
    chosen = {}
    stages = list(dict.fromkeys(f"stage{stage}" for stage, _ in blocks))
    known = stages + [f"stage{stage}/block{block}" for stage, block in blocks]
    for address in attention:
        if address not in known:
            raise ValueError(
                f"Unknown address in attention.{nearest(address, known)} Received: {address!r}. "
                f"Known: {', '.join(known)}; one spec for all blocks is a dict with a 'type'."
            )
    for stage, block in blocks:
        of_stage = attention.get(f"stage{stage}")
        chosen[stage, block] = attention.get(f"stage{stage}/block{block}", of_stage)
    return chosen


def _from_lists(attention: Sequence, depths: Sequence[int]) -> dict:
    if len(attention) != len(depths):
        raise ValueError(
            f"A list of attention needs one entry per stage, {len(depths)} here. "
            f"Received {len(attention)}: {attention!r}"
        )
    chosen = {}
    for stage, (entry, depth) in enumerate(zip(attention, depths, strict=True), start=1):
        entries = entry if _is_list(entry) else [entry] * depth
        if len(entries) != depth:
            raise ValueError(
                f"The list for stage{stage} needs one spec per block, {depth} here. "
                f"Received {len(entries)}: {entries!r}"
            )
        for block, spec in enumerate(entries, start=1):
            chosen[stage, block] = spec
    return chosen
