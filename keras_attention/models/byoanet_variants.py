"""The table of timm's ResNets with attention, read off its `byoanet.py` and `byobnet.py`."""

# timm adds the position terms without the factor of the products, and lets halos see the padding.
BOT = {"type": "bot", "num_heads": 4, "scale_position": False}
BOT16 = {**BOT, "key_dim": 16}
HALO = {
    "type": "halo", "block_size": 8, "halo_size": 3, "num_heads": 8,
    "mask_padding": False, "scale_position": False,
}  # fmt: skip
HALO2 = {**HALO, "halo_size": 2}
HALO16 = {**HALO2, "key_dim": 16}
# Where a stage begins the queries have its stride, and are counted without it.
STRIDED = {"strides": 2, "count_queries": True}
HALO7 = {**HALO, "block_size": 7, "halo_size": 2, "key_dim": 24}
LAMBDA = {"type": "lambda", "num_heads": 4, "key_dim": 16, "kernel_size": 9, "position_bias": True}
WHOLE_LAMBDA = {**LAMBDA, "kernel_size": None, "position_bias": False}
ECA = {"type": "eca"}
BAT = {"type": "bat", "num_blocks": 8}
GC = {"type": "gc", "fuse": "add", "reduction": 8, "epsilon": 1e-6}
# A sixteenth of the channels or, in a RegNetZ, a quarter: rounded to a multiple of 8.
SE8, SE16, SE24, SE32, SE40 = ({"type": "se", "hidden": hidden} for hidden in (8, 16, 24, 32, 40))
SE4 = {"type": "se", "reduction": 4}

GROUPS16, GROUPS32 = {"group_sizes": (16, 16, 16, 16)}, {"group_sizes": (32, 32, 32, 32)}

# Of nets with 26, 33 and 50 layers.
SIZE26 = {
    "depths": (2, 2, 2, 2), "channels": (256, 512, 1024, 2048), "hidden": (64, 128, 256, 512)
}  # fmt: skip
SIZE33 = {
    "depths": (2, 3, 3, 2), "channels": (256, 512, 1536, 1536), "hidden": (64, 128, 384, 384)
}  # fmt: skip
# The ones with self-attention are narrower in stage 3 and wider in stage 4.
SIZE33_MIXED = {
    "depths": (2, 3, 3, 2), "channels": (256, 512, 1024, 1536), "hidden": (64, 128, 256, 512),
    "mixers": ("stage2/block3", "stage3/block3", "stage4"), "features": 1280,
}  # fmt: skip
SIZE50 = {**SIZE26, "depths": (3, 4, 6, 3)}
SIZE51 = {"channels": (256, 512, 1536, 1536), "stem": (16, 32, 64, 128), "features": 2048}
REGNETZ_B = {
    "depths": (2, 6, 12, 2), "channels": (48, 96, 192, 288), "stem": (32,),
    "strides": (2, 2, 2, 2), "features": 1536, "size": 224,
}  # fmt: skip
REGNETZ_D = {
    "depths": (3, 6, 12, 3), "channels": (64, 128, 256, 384), "expansion": 4, "features": 1792
}  # fmt: skip

LAST3 = ("stage3/block2", "stage4")
EVERY5 = (
    "stage2/block4", "stage3/block2", "stage3/block4", "stage3/block6", "stage4/block2"
)  # fmt: skip
EVERY6 = ("stage2/block2", *EVERY5)

VARIANTS: dict[str, dict] = {
    # Without self-attention: none, or a gate in every block.
    "resnext26ts": {**SIZE26, **GROUPS32, "stem_pool": True},
    "seresnext26ts": {
        **SIZE26, **GROUPS32, "stem_pool": True,
        "attention": {"stage1": SE8, "stage2": SE8, "stage3": SE16, "stage4": SE32},
    },
    "eca_resnext26ts": {**SIZE26, **GROUPS32, "stem_pool": True, "attention": ECA},
    "gcresnext26ts": {**SIZE26, **GROUPS32, "stem_pool": True, "attention": GC},
    "bat_resnext26ts": {**SIZE26, **GROUPS32, "stem_pool": True, "attention": BAT},
    "resnet32ts": SIZE33,
    "resnet33ts": {**SIZE33, "features": 1280},
    "seresnet33ts": {
        **SIZE33, "features": 1280,
        "attention": {"stage1": SE8, "stage2": SE8, "stage3": SE24, "stage4": SE24},
    },
    "eca_resnet33ts": {**SIZE33, "features": 1280, "attention": ECA},
    "gcresnet33ts": {**SIZE33, "features": 1280, "attention": GC},
    "gcresnet50t": {**SIZE50, "activation": "relu", "attention": GC},
    "gcresnext50ts": {**SIZE50, **GROUPS32, "stem_pool": True, "attention": GC},
    # Four convolutions at the start, and depthwise ones at the end.
    "resnet51q": {
        **SIZE51, "depths": (2, 4, 6, 4), "hidden": (64, 128, 384, 1536),
        "group_sizes": (32, 32, 32, 1), "plain": 2,
    },
    "resnet61q": {
        **SIZE51, "depths": (1, 4, 6, 4), "hidden": (256, 128, 384, 1536),
        "group_sizes": (0, 32, 32, 1), "kinds": ("edge", "quad", "quad", "quad"),
    },
    # Srinivas et al. 2021.
    "botnet26t_256": {
        **SIZE26, "activation": "relu", "stem_pool": True, "mixers": LAST3,
        "attention": {"stage3/block2": BOT, "stage4": BOT},
    },
    "eca_botnext26ts_256": {
        **SIZE26, **GROUPS16, "stem_pool": True, "mixers": LAST3,
        "attention": {
            "stage1": ECA, "stage2": ECA, "stage3": ECA, "stage3/block2": BOT16, "stage4": BOT16,
        },
    },
    "sebotnet33ts_256": {
        **SIZE33_MIXED,
        "attention": {
            "stage1": SE8, "stage2": SE8, "stage2/block3": BOT,
            "stage3": SE16, "stage3/block3": BOT, "stage4": BOT,
        },
    },
    "botnet50ts_256": {
        **SIZE50, "stem_pool": True, "mixers": EVERY5, "attention": dict.fromkeys(EVERY5, BOT),
    },
    # Vaswani et al. 2021.
    "halonet26t": {
        **SIZE26, "activation": "relu", "stem_pool": True, "mixers": LAST3,
        "attention": {
            "stage3/block2": HALO2, "stage4/block1": {**HALO2, **STRIDED}, "stage4/block2": HALO2,
        },
    },
    "eca_halonext26ts": {
        **SIZE26, **GROUPS16, "stem_pool": True, "mixers": LAST3,
        "attention": {
            "stage1": ECA, "stage2": ECA, "stage3": ECA, "stage3/block2": HALO16,
            "stage4/block1": {**HALO16, **STRIDED}, "stage4/block2": HALO16,
        },
    },
    "sehalonet33ts": {
        **SIZE33_MIXED,
        "attention": {
            "stage1": SE8, "stage2": SE8, "stage2/block3": HALO, "stage3": SE16,
            "stage3/block3": HALO, "stage4/block1": {**HALO, **STRIDED}, "stage4/block2": HALO,
        },
    },
    "halonet50ts": {
        **SIZE50, "stem_pool": True, "mixers": EVERY5,
        "attention": {**dict.fromkeys(EVERY5, HALO), "stage2/block4": {**HALO, "num_heads": 4}},
    },
    "halo2botnet50ts_256": {
        **SIZE50, "mixers": EVERY6,
        "attention": {**dict.fromkeys(EVERY6, HALO), "stage4/block2": BOT},
    },
    # Bello 2021.
    "lambda_resnet26t": {
        **SIZE26, "activation": "relu", "stem_pool": True, "mixers": LAST3,
        "attention": {"stage3/block2": LAMBDA, "stage4": LAMBDA},
    },
    "lambda_resnet50ts": {
        **SIZE50, "stem_pool": True, "mixers": EVERY5, "attention": dict.fromkeys(EVERY5, LAMBDA),
    },
    "lambda_resnet26rpt_256": {
        **SIZE26, "activation": "relu", "stem_pool": True, "mixers": LAST3,
        "attention": {"stage3/block2": WHOLE_LAMBDA, "stage4": WHOLE_LAMBDA},
    },
    # One of each kind.
    "lamhalobotnet50ts_256": {
        **SIZE50, "mixers": EVERY6,
        "attention": {
            "stage2/block2": {**LAMBDA, "kernel_size": 13},
            "stage2/block4": {**LAMBDA, "kernel_size": 13},
            "stage3/block2": HALO, "stage3/block4": HALO, "stage3/block6": HALO,
            "stage4/block2": BOT,
        },
    },
    # Dollar et al. 2021: inverted residuals.
    "regnetz_b16": {
        **REGNETZ_B, **GROUPS16, "expansion": 3,
        "attention": {
            "stage1": SE4, "stage1/block2": SE40, "stage2": SE4, "stage2/block1": SE40,
            "stage3": SE4, "stage4": SE4,
        },
    },
    "regnetz_c16": {
        **REGNETZ_B, **GROUPS16, "expansion": 4, "size": 256, "attention": SE4,
    },
    "regnetz_d8": {**REGNETZ_D, "group_sizes": (8, 8, 8, 8), "attention": SE4},
    "regnetz_d32": {**REGNETZ_D, **GROUPS32, "attention": SE4},
    "regnetz_e8": {
        "depths": (3, 8, 16, 3), "channels": (96, 192, 384, 512), "expansion": 4,
        "group_sizes": (8, 8, 8, 8), "features": 2048, "attention": SE4,
    },
    "haloregnetz_b": {
        **REGNETZ_B, **GROUPS16, "expansion": 3,
        "mixers": ("stage3/block4", "stage3/block8", "stage3/block12", "stage4"),
        "attention": {
            "stage1": SE4, "stage1/block2": SE40, "stage2": SE4, "stage2/block1": SE40,
            "stage3": SE4, "stage3/block4": HALO7, "stage3/block8": HALO7, "stage3/block12": HALO7,
            "stage4/block1": HALO7, "stage4/block2": {**HALO7, "key_dim": 36},
        },
    },
}  # fmt: skip
