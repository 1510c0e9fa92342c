"""Fewer tokens, as the authors' torch code goes about it: with indices, for the whole batch."""

import math


def merge_tokens(tokens, metric, sizes, r, prefix):
    """`facebookresearch/ToMe tome/merge.py` for one or no class token, or one and a distilled one.

    Takes and returns torch tensors: tokens and sizes. The rest of A is in the order of its places.
    """
    import torch

    unit = torch.nn.functional.normalize(metric, dim=-1)
    similar = torch.einsum("bac,bdc->bad", unit[:, 0::2], unit[:, 1::2])
    if prefix > 0:
        similar[:, 0] = -math.inf
    if prefix > 1:
        similar[:, :, 0] = -math.inf
    value, partner = similar.max(dim=-1)
    order = value.argsort(dim=-1, descending=True)
    source, stay = order[:, :r], order[:, r:].sort(dim=-1).values
    target = partner.gather(1, source)

    def moved(x):
        """Sums of (B, N, C) over what goes together."""
        wide = (-1, -1, x.shape[-1])
        a, b = x[:, 0::2], x[:, 1::2]
        gone = a.gather(1, source[..., None].expand(wide))
        b = b.scatter_add(1, target[..., None].expand(wide), gone)
        a = a.gather(1, stay[..., None].expand(wide))
        return torch.cat([a[:, :1], b[:, :1], a[:, 1:], b[:, 1:]] if prefix > 1 else [a, b], dim=1)

    size = moved(sizes[..., None])
    return moved(tokens * sizes[..., None]) / size, size[..., 0]


def keep_tokens(tokens, attention, keep_rate):
    """`youweiliang/evit evit.py`, a block with fuse_token=True, between attention and MLP."""
    import torch

    patches = tokens[:, 1:]
    share = attention[:, :, 1:].mean(dim=1)
    k = math.ceil(keep_rate * patches.shape[1])
    best = share.topk(k, dim=1, largest=True, sorted=True).indices
    kept = torch.stack([image[index] for image, index in zip(patches, best, strict=True)])
    left = torch.ones_like(share).scatter(1, best, 0.0)
    fused = (patches * (share * left)[..., None]).sum(dim=1, keepdim=True)
    return torch.cat([tokens[:, :1], kept, fused], dim=1)
