"""Other libraries' torch modules for the layers they have, configured to compute the same.

Each entry is a function of the channels and the side of the map that returns the options of our
layer, the torch module, and how the map reaches that module: "map" (batch, channels, height,
width), "last" (channels last), "tokens" (batch, tokens, channels) or "heads" (batch, heads,
tokens, width).
"""

import functools

from tests.torch_oracles.core import import_oracle

HEADS = 8


def layer(module: str, name: str, form: str = "map", ours: dict | None = None, **options):
    """An entry for a module whose only argument without a name is the number of channels."""

    def make(channels, side):
        return ours or {}, getattr(import_oracle(module), name)(channels, **options), form

    return make


def _cbam(channels, side):
    return {}, import_oracle("timm.layers.cbam").CbamModule(channels, mlp_bias=True), "map"


def _coordinate(channels, side):
    made = import_oracle("timm.layers.coord_attn").CoordAttn(
        channels, bias=True, rd_channels=max(8, channels // 32)
    )
    return {}, made, "map"


def _bot(channels, side):
    made = import_oracle("timm.layers.bottleneck_attn").BottleneckAttn(
        channels, feat_size=(side, side), num_heads=4, scale_pos_embed=True
    )
    return {}, made, "map"


def _window(version):
    def make(channels, side):
        swin = import_oracle("torchvision.models.swin_transformer")
        name = "ShiftedWindowAttention" + ("V2" if version == 2 else "")
        made = getattr(swin, name)(channels, [7, 7], [3, 3], 4)
        return {"shift": 3, "version": version}, made, "last"

    return make


def _attention_pool(channels, side):
    import torch

    norm = functools.partial(torch.nn.LayerNorm, eps=1e-6)
    pool = import_oracle("timm.layers.attention_pool").AttentionPoolLatent
    return {}, pool(channels, num_heads=HEADS, norm_layer=norm), "tokens"


def _non_local(channels, side):
    made = import_oracle("timm.layers.non_local_attn").NonLocalAttn(
        channels, rd_channels=channels // 2, use_scale=False
    )
    return {}, made, "map"


def _linear(channels, side):
    lite = import_oracle("timm.models.efficientvit_mit").LiteMLA
    made = lite(channels, channels, dim=channels // HEADS, scales=())
    return {"feature_map": "relu", "epsilon": 1e-5}, made, "map"


SE = "timm.layers.squeeze_excite"
PEERS = {
    "attention_pool": _attention_pool,
    "bam": layer("pytorchcv.models.bamresnet", "BamBlock", ours={"combine": "product"}),
    "bot": _bot,
    "cbam": _cbam,
    "channel_affinity": lambda channels, side: (
        {},
        import_oracle("pytorchcv.models.danet").ChaAttBlock(),
        "map",
    ),
    "channel_gate": layer("timm.layers.cbam", "ChannelAttn", mlp_bias=True),
    "class": layer("timm.models.cait", "ClassAttn", "tokens", num_heads=HEADS, qkv_bias=True),
    "coordinate": _coordinate,
    "eca": layer("timm.layers.eca", "EcaModule"),
    "ese": layer(SE, "EffectiveSEModule"),
    "gc": layer(
        "timm.layers.global_context",
        "GlobalContext",
        rd_ratio=1 / 16,
        rd_divisor=1,
        fuse_add=True,
        fuse_scale=False,
    ),
    "halo": layer(
        "timm.layers.halo_attn",
        "HaloAttn",
        ours={"block_size": 7, "mask_padding": False, "scale_position": False},
        block_size=7,
        halo_size=3,
        num_heads=8,
    ),
    "lambda": layer(
        "timm.layers.lambda_layer",
        "LambdaLayer",
        ours={"kernel_size": 9, "position_bias": True},
        num_heads=4,
        dim_head=16,
        r=9,
    ),
    "linear": _linear,
    "mhsa": layer("timm.layers.attention", "Attention", "tokens", num_heads=HEADS, qkv_bias=True),
    "non_local": _non_local,
    "position": layer("pytorchcv.models.danet", "PosAttBlock"),
    "se": layer(SE, "SEModule", rd_ratio=1 / 16, rd_divisor=1),
    "sk": lambda channels, side: (
        {},
        import_oracle("pytorchcv.models.sknet").SKConvBlock(channels, channels, 1),
        "map",
    ),
    "spatial_gate": lambda channels, side: (
        {},
        import_oracle("timm.layers.cbam").SpatialAttn(),
        "map",
    ),
    "split": lambda channels, side: (
        {},
        import_oracle("timm.layers.split_attn").SplitAttn(
            channels, radix=2, norm_layer=import_oracle("torch.nn").BatchNorm2d
        ),
        "map",
    ),
    "talking_heads": layer(
        "timm.models.cait", "TalkingHeadAttn", "tokens", num_heads=HEADS, qkv_bias=True
    ),
    "window": _window(1),
    "window_v2": _window(2),
    "xca": layer("timm.models.xcit", "XCA", "tokens", num_heads=HEADS, qkv_bias=True),
}
