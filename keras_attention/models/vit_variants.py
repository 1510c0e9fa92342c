"""The vision transformers by name; what the arguments mean is said by `vit.network`."""

# Dosovitskiy et al. 2021, table 1, and Touvron et al. 2021, table 1. Each is a width, a number of
# blocks, the hidden units of their MLPs and their attention.
TINY = {"width": 192, "depths": (12,), "hidden": 768, "attention": {"type": "mhsa", "num_heads": 3}}
SMALL = {
    "width": 384, "depths": (12,), "hidden": 1536, "attention": {"type": "mhsa", "num_heads": 6}
}  # fmt: skip
MEDIUM = {
    "width": 512, "depths": (12,), "hidden": 2048, "attention": {"type": "mhsa", "num_heads": 8}
}  # fmt: skip
BETWIXT = {
    "width": 640, "depths": (12,), "hidden": 2560, "attention": {"type": "mhsa", "num_heads": 10}
}  # fmt: skip
BASE = {
    "width": 768, "depths": (12,), "hidden": 3072, "attention": {"type": "mhsa", "num_heads": 12}
}  # fmt: skip
LARGE = {
    "width": 1024, "depths": (24,), "hidden": 4096, "attention": {"type": "mhsa", "num_heads": 16}
}  # fmt: skip
HUGE = {
    "width": 1280, "depths": (32,), "hidden": 5120, "attention": {"type": "mhsa", "num_heads": 16}
}  # fmt: skip

# Zhai et al., "Scaling Vision Transformers", CVPR 2022, table 2.
GIANT = {
    "width": 1408, "depths": (40,), "hidden": 6144, "attention": {"type": "mhsa", "num_heads": 16}
}  # fmt: skip
GIGANTIC = {
    "width": 1664, "depths": (48,), "hidden": 8192, "attention": {"type": "mhsa", "num_heads": 16}
}  # fmt: skip

# Alabdulmohsin et al., "Getting ViT in Shape", NeurIPS 2023, and what timm made of it.
SO400M = {
    "width": 1152, "depths": (27,), "hidden": 4304, "attention": {"type": "mhsa", "num_heads": 16}
}  # fmt: skip
SO150M = {
    "width": 896, "depths": (18,), "hidden": 2304, "attention": {"type": "mhsa", "num_heads": 14}
}  # fmt: skip
SO150M2 = {
    "width": 832, "depths": (21,), "hidden": 2176, "layer_scale": 1e-5,
    "attention": {"type": "mhsa", "num_heads": 13, "use_bias": False},
}  # fmt: skip

# The giants of DINOv2 and SigLIP 2.
GIANT_SWIGLU = {
    "width": 1536, "depths": (40,), "hidden": 4096, "activation": "swiglu",
    "attention": {"type": "mhsa", "num_heads": 24},
}  # fmt: skip
GIANT_OPT = {
    "width": 1536, "depths": (40,), "hidden": 6144, "activation": "gelu_tanh",
    "attention": {"type": "mhsa", "num_heads": 16},
}  # fmt: skip

# timm's own narrow and deep ones.
WEE = {"width": 256, "depths": (14,), "hidden": 1280, "attention": {"type": "mhsa", "num_heads": 4}}
PWEE = {**WEE, "depths": (16,), "block": "parallel"}
LITTLE = {
    "width": 320, "depths": (14,), "hidden": 1792, "attention": {"type": "mhsa", "num_heads": 5}
}  # fmt: skip
MEDIUMD = {**MEDIUM, "depths": (20,)}
MEDIUM_GAP = {
    **MEDIUM, "attention": {"type": "mhsa", "num_heads": 8, "use_bias": False},
    "layer_scale": 1e-6, "class_token": False, "pool": "mean",
}  # fmt: skip
# For images of 32 pixels: that of github.com/omihub777/ViT-CIFAR, a narrower one, and the CCT of
# Hassani et al., arXiv:2104.05704, whose pooling has one bias more, which its softmax takes away.
CIFAR = {
    "width": 384,
    "depths": (7,),
    "hidden": 384,
    "attention": {"type": "mhsa", "num_heads": 12},
}
CIFAR_SMALL = {
    "width": 192, "depths": (6,), "hidden": 768, "attention": {"type": "mhsa", "num_heads": 3},
    "class_token": False, "pool": "mean",
}  # fmt: skip
CCT = {
    "width": 256, "hidden": 512, "block": "between", "stem": "convolutions",
    "attention": {"type": "mhsa", "num_heads": 4, "use_bias": False},
    "class_token": False, "pool": {"type": "context_vector"}, "epsilon": 1e-5,
}  # fmt: skip
CCT_SMALL = {
    **CCT, "width": 128, "hidden": 128,
    "attention": {"type": "mhsa", "num_heads": 2, "use_bias": False},
}  # fmt: skip
TEST = {"width": 64, "depths": (6,), "hidden": 192, "attention": {"type": "mhsa", "num_heads": 2}}
TEST2 = {
    **TEST, "depths": (8,), "layer_scale": 1e-5, "class_token": False, "registers": 1,
    "pool": "mean", "last_norm": "pooled",
}  # fmt: skip
TEST3 = {
    "width": 96, "depths": (9,), "hidden": 192, "attention": {"type": "mhsa", "num_heads": 3},
    "layer_scale": 1e-5, "class_token": False, "registers": 1, "pool_prefix": True,
    "pool": {"type": "attention_pool", "num_heads": 3, "mlp_ratio": 2},
}  # fmt: skip

# How the models of a paper differ from the first vision transformer.
DEIT3 = {"embed_prefix": False, "layer_scale": 1e-6}  # arXiv:2204.07118
DINO2 = {"layer_scale": 1e-5}  # arXiv:2304.07193
DINO2_REG = {**DINO2, "registers": 4, "embed_prefix": False}  # arXiv:2309.16588
TIPS2 = {"layer_scale": 1.0, "registers": 1, "embed_prefix": False}
CLIP = {"pre_norm": True, "epsilon": 1e-5}  # arXiv:2103.00020
QUICK_CLIP = {**CLIP, "activation": "quick_gelu"}
GAP = {"class_token": False, "pool": "mean"}  # as JAX has it: the mean of normalised tokens
TANH = {"activation": "gelu_tanh"}
REG_GAP = {
    "class_token": False, "embed_prefix": False, "pool": "mean", "last_norm": "pooled",
    "layer_scale": 1e-5,
}  # fmt: skip
REG1, REG4 = {**REG_GAP, "registers": 1}, {**REG_GAP, "registers": 4}
# Zhai et al. 2023, arXiv:2303.15343: attention with one learned query pools the tokens.
MAP12 = {"class_token": False, "pool": {"type": "attention_pool", "num_heads": 12}}
MAP16 = {"class_token": False, "pool": {"type": "attention_pool", "num_heads": 16}}
MAP_SO = {
    "class_token": False, "pool": {"type": "attention_pool", "num_heads": 16, "mlp_ratio": 3.7362}
}  # fmt: skip

# Rotary positions: timm's own, and those of Heo et al., ECCV 2024, arXiv:2403.13298.
ROPE8 = {
    "embed_positions": False,
    "attention": {
        "type": "mhsa", "num_heads": 8, "use_bias": False, "rope": True, "reference_grid": (16, 16)
    },
}  # fmt: skip
ROPE = {"embed_positions": False, "layer_scale": 1e-5}
ROPE_APE = {"embed_prefix": False, "layer_scale": 1e-5}
ROPE_S = {"attention": {"type": "mhsa", "num_heads": 6, "rope": True, "rope_theta": 100}}
ROPE_B = {"attention": {"type": "mhsa", "num_heads": 12, "rope": True, "rope_theta": 100}}
ROPE_L = {"attention": {"type": "mhsa", "num_heads": 16, "rope": True, "rope_theta": 100}}

# `patch` and `size` are in pixels, `size` that of the images the model was made for.
VARIANTS: dict[str, dict] = {
    "vit_tiny_patch16_224": {**TINY, "patch": 16, "size": 224},
    "vit_tiny_patch16_384": {**TINY, "patch": 16, "size": 384},
    "vit_small_patch32_224": {**SMALL, "patch": 32, "size": 224},
    "vit_small_patch32_384": {**SMALL, "patch": 32, "size": 384},
    "vit_small_patch16_224": {**SMALL, "patch": 16, "size": 224},
    "vit_small_patch16_384": {**SMALL, "patch": 16, "size": 384},
    "vit_small_patch8_224": {**SMALL, "patch": 8, "size": 224},
    "vit_base_patch32_224": {**BASE, "patch": 32, "size": 224},
    "vit_base_patch32_384": {**BASE, "patch": 32, "size": 384},
    "vit_base_patch16_224": {**BASE, "patch": 16, "size": 224},
    "vit_base_patch16_384": {**BASE, "patch": 16, "size": 384},
    "vit_base_patch8_224": {**BASE, "patch": 8, "size": 224},
    "vit_large_patch32_224": {**LARGE, "patch": 32, "size": 224},
    "vit_large_patch32_384": {**LARGE, "patch": 32, "size": 384},
    "vit_large_patch16_224": {**LARGE, "patch": 16, "size": 224},
    "vit_large_patch16_384": {**LARGE, "patch": 16, "size": 384},
    "vit_huge_patch14_224": {**HUGE, "patch": 14, "size": 224},
    "vit_base_patch16_224_miil": {
        **BASE, "attention": {"type": "mhsa", "num_heads": 12, "use_bias": False},
        "patch": 16, "size": 224,
    },
    "vit_base_patch16_rpn_224": {
        **BASE, "attention": {"type": "mhsa", "num_heads": 12, "use_bias": False},
        "block": "post_norm", "class_token": False, "pool": "mean", "last_norm": "pooled",
        "patch": 16, "size": 224,
    },
    "vit_medium_patch16_gap_240": {**MEDIUM_GAP, "patch": 16, "size": 240},
    "vit_medium_patch16_gap_256": {**MEDIUM_GAP, "patch": 16, "size": 256},
    "vit_medium_patch16_gap_384": {**MEDIUM_GAP, "patch": 16, "size": 384},
    "vit_huge_patch14_gap_224": {**HUGE, **GAP, "patch": 14, "size": 224},
    "vit_huge_patch16_gap_448": {**HUGE, **GAP, "patch": 16, "size": 448},
    "vit_giant_patch16_gap_224": {**GIANT, **GAP, "patch": 16, "size": 224},
    "vit_intern300m_patch14_448": {
        **LARGE, "layer_scale": 0.1, "last_norm": None, "patch": 14, "size": 448
    },
    "eva_large_patch14_196": {
        **LARGE, "pool": "mean", "last_norm": "pooled", "patch": 14, "size": 196
    },
    "eva_large_patch14_336": {
        **LARGE, "pool": "mean", "last_norm": "pooled", "patch": 14, "size": 336
    },
    "flexivit_small": {**SMALL, "embed_prefix": False, "patch": 16, "size": 240},
    "flexivit_base": {**BASE, "embed_prefix": False, "patch": 16, "size": 240},
    "flexivit_large": {**LARGE, "embed_prefix": False, "patch": 16, "size": 240},
    "deit_tiny_patch16_224": {**TINY, "patch": 16, "size": 224},
    "deit_small_patch16_224": {**SMALL, "patch": 16, "size": 224},
    "deit_base_patch16_224": {**BASE, "patch": 16, "size": 224},
    "deit_base_patch16_384": {**BASE, "patch": 16, "size": 384},
    "deit_tiny_distilled_patch16_224": {**TINY, "distilled": True, "patch": 16, "size": 224},
    "deit_small_distilled_patch16_224": {**SMALL, "distilled": True, "patch": 16, "size": 224},
    "deit_base_distilled_patch16_224": {**BASE, "distilled": True, "patch": 16, "size": 224},
    "deit_base_distilled_patch16_384": {**BASE, "distilled": True, "patch": 16, "size": 384},
    "deit3_small_patch16_224": {**SMALL, **DEIT3, "patch": 16, "size": 224},
    "deit3_small_patch16_384": {**SMALL, **DEIT3, "patch": 16, "size": 384},
    "deit3_medium_patch16_224": {**MEDIUM, **DEIT3, "patch": 16, "size": 224},
    "deit3_base_patch16_224": {**BASE, **DEIT3, "patch": 16, "size": 224},
    "deit3_base_patch16_384": {**BASE, **DEIT3, "patch": 16, "size": 384},
    "deit3_large_patch16_224": {**LARGE, **DEIT3, "patch": 16, "size": 224},
    "deit3_large_patch16_384": {**LARGE, **DEIT3, "patch": 16, "size": 384},
    "deit3_huge_patch14_224": {**HUGE, **DEIT3, "patch": 14, "size": 224},
    "vit_small_patch14_dinov2": {**SMALL, **DINO2, "patch": 14, "size": 518},
    "vit_base_patch14_dinov2": {**BASE, **DINO2, "patch": 14, "size": 518},
    "vit_large_patch14_dinov2": {**LARGE, **DINO2, "patch": 14, "size": 518},
    "vit_giant_patch14_dinov2": {**GIANT_SWIGLU, **DINO2, "patch": 14, "size": 518},
    "vit_small_patch14_reg4_dinov2": {**SMALL, **DINO2_REG, "patch": 14, "size": 518},
    "vit_base_patch14_reg4_dinov2": {**BASE, **DINO2_REG, "patch": 14, "size": 518},
    "vit_large_patch14_reg4_dinov2": {**LARGE, **DINO2_REG, "patch": 14, "size": 518},
    "vit_giant_patch14_reg4_dinov2": {**GIANT_SWIGLU, **DINO2_REG, "patch": 14, "size": 518},
    "vit_base_patch14_reg1_tipsv2": {**BASE, **TIPS2, "patch": 14, "size": 448},
    "vit_large_patch14_reg1_tipsv2": {**LARGE, **TIPS2, "patch": 14, "size": 448},
    "vit_so400m_patch14_reg1_tipsv2": {**SO400M, **TIPS2, "patch": 14, "size": 448},
    "vit_giant_patch14_reg1_tipsv2": {**GIANT_SWIGLU, **TIPS2, "patch": 14, "size": 448},
    "vit_wee_patch16_reg1_gap_256": {**WEE, **REG1, "patch": 16, "size": 256},
    "vit_pwee_patch16_reg1_gap_256": {**PWEE, **REG1, "patch": 16, "size": 256},
    "vit_little_patch16_reg1_gap_256": {**LITTLE, **REG1, "patch": 16, "size": 256},
    "vit_little_patch16_reg4_gap_256": {**LITTLE, **REG4, "patch": 16, "size": 256},
    "vit_medium_patch16_reg1_gap_256": {**MEDIUM, **REG1, "patch": 16, "size": 256},
    "vit_medium_patch16_reg4_gap_256": {**MEDIUM, **REG4, "patch": 16, "size": 256},
    "vit_mediumd_patch16_reg4_gap_256": {**MEDIUMD, **REG4, "patch": 16, "size": 256},
    "vit_mediumd_patch16_reg4_gap_384": {**MEDIUMD, **REG4, "patch": 16, "size": 384},
    "vit_betwixt_patch16_reg1_gap_256": {**BETWIXT, **REG1, "patch": 16, "size": 256},
    "vit_betwixt_patch16_reg4_gap_256": {**BETWIXT, **REG4, "patch": 16, "size": 256},
    "vit_betwixt_patch16_reg4_gap_384": {**BETWIXT, **REG4, "patch": 16, "size": 384},
    "vit_mediumd_patch16_rope_reg1_gap_256": {**MEDIUMD, **REG1, **ROPE8, "patch": 16, "size": 256},
    "vit_small_patch16_rope_224": {**SMALL, **ROPE, **ROPE_S, "patch": 16, "size": 224},
    "vit_base_patch16_rope_224": {**BASE, **ROPE, **ROPE_B, "patch": 16, "size": 224},
    "vit_large_patch16_rope_224": {**LARGE, **ROPE, **ROPE_L, "patch": 16, "size": 224},
    "vit_small_patch16_rope_ape_224": {**SMALL, **ROPE_APE, **ROPE_S, "patch": 16, "size": 224},
    "vit_base_patch16_rope_ape_224": {**BASE, **ROPE_APE, **ROPE_B, "patch": 16, "size": 224},
    "vit_large_patch16_rope_ape_224": {**LARGE, **ROPE_APE, **ROPE_L, "patch": 16, "size": 224},
    "vit_so150m_patch16_reg4_gap_256": {**SO150M, **GAP, "registers": 4, "patch": 16, "size": 256},
    "vit_so150m_patch16_reg4_gap_384": {**SO150M, **GAP, "registers": 4, "patch": 16, "size": 384},
    "vit_so150m2_patch16_reg1_gap_256": {
        **SO150M2, **GAP, "last_norm": "pooled", "registers": 1, "patch": 16, "size": 256
    },
    "vit_so150m2_patch16_reg1_gap_384": {
        **SO150M2, **GAP, "last_norm": "pooled", "registers": 1, "patch": 16, "size": 384
    },
    "vit_so150m2_patch16_reg1_gap_448": {
        **SO150M2, **GAP, "last_norm": "pooled", "registers": 1, "patch": 16, "size": 448
    },
    "vit_xsmall_patch16_clip_224": {
        "width": 256, "depths": (10,), "hidden": 1024,
        "attention": {"type": "mhsa", "num_heads": 4}, **CLIP, "patch": 16, "size": 224,
    },
    "vit_medium_patch32_clip_224": {**MEDIUM, **CLIP, "patch": 32, "size": 224},
    "vit_medium_patch16_clip_224": {**MEDIUM, **CLIP, "patch": 16, "size": 224},
    "vit_betwixt_patch32_clip_224": {**BETWIXT, **CLIP, "patch": 32, "size": 224},
    "vit_base_patch32_clip_224": {**BASE, **CLIP, "patch": 32, "size": 224},
    "vit_base_patch32_clip_256": {**BASE, **CLIP, "patch": 32, "size": 256},
    "vit_base_patch32_clip_384": {**BASE, **CLIP, "patch": 32, "size": 384},
    "vit_base_patch32_clip_448": {**BASE, **CLIP, "patch": 32, "size": 448},
    "vit_base_patch16_clip_224": {**BASE, **CLIP, "patch": 16, "size": 224},
    "vit_base_patch16_clip_384": {**BASE, **CLIP, "patch": 16, "size": 384},
    "vit_base_patch16_plus_clip_240": {
        "width": 896, "depths": (12,), "hidden": 3584,
        "attention": {"type": "mhsa", "num_heads": 14}, **CLIP, "patch": 16, "size": 240,
    },
    "vit_large_patch14_clip_224": {**LARGE, **CLIP, "patch": 14, "size": 224},
    "vit_large_patch14_clip_336": {**LARGE, **CLIP, "patch": 14, "size": 336},
    "vit_huge_patch14_clip_224": {**HUGE, **CLIP, "patch": 14, "size": 224},
    "vit_huge_patch14_clip_336": {**HUGE, **CLIP, "patch": 14, "size": 336},
    "vit_huge_patch14_clip_378": {**HUGE, **CLIP, "patch": 14, "size": 378},
    "vit_giant_patch14_clip_224": {**GIANT, **CLIP, "patch": 14, "size": 224},
    "vit_gigantic_patch14_clip_224": {**GIGANTIC, **CLIP, "patch": 14, "size": 224},
    "vit_gigantic_patch14_clip_378": {**GIGANTIC, **CLIP, "patch": 14, "size": 378},
    "vit_base_patch32_clip_quickgelu_224": {**BASE, **QUICK_CLIP, "patch": 32, "size": 224},
    "vit_base_patch16_clip_quickgelu_224": {**BASE, **QUICK_CLIP, "patch": 16, "size": 224},
    "vit_large_patch14_clip_quickgelu_224": {**LARGE, **QUICK_CLIP, "patch": 14, "size": 224},
    "vit_large_patch14_clip_quickgelu_336": {**LARGE, **QUICK_CLIP, "patch": 14, "size": 336},
    "vit_huge_patch14_clip_quickgelu_224": {**HUGE, **QUICK_CLIP, "patch": 14, "size": 224},
    "vit_huge_patch14_clip_quickgelu_378": {**HUGE, **QUICK_CLIP, "patch": 14, "size": 378},
    "vit_gigantic_patch14_clip_quickgelu_224": {**GIGANTIC, **QUICK_CLIP, "patch": 14, "size": 224},
    "vit_base_patch32_siglip_256": {**BASE, **MAP12, **TANH, "patch": 32, "size": 256},
    "vit_base_patch16_siglip_224": {**BASE, **MAP12, "patch": 16, "size": 224},
    "vit_base_patch16_siglip_256": {**BASE, **MAP12, "patch": 16, "size": 256},
    "vit_base_patch16_siglip_384": {**BASE, **MAP12, "patch": 16, "size": 384},
    "vit_base_patch16_siglip_512": {**BASE, **MAP12, "patch": 16, "size": 512},
    "vit_large_patch16_siglip_256": {**LARGE, **MAP16, "patch": 16, "size": 256},
    "vit_large_patch16_siglip_384": {**LARGE, **MAP16, "patch": 16, "size": 384},
    "vit_large_patch16_siglip_512": {**LARGE, **MAP16, **TANH, "patch": 16, "size": 512},
    "vit_so400m_patch14_siglip_224": {**SO400M, **MAP_SO, "patch": 14, "size": 224},
    "vit_so400m_patch14_siglip_378": {**SO400M, **MAP_SO, "patch": 14, "size": 378},
    "vit_so400m_patch14_siglip_384": {**SO400M, **MAP_SO, "patch": 14, "size": 384},
    "vit_so400m_patch16_siglip_256": {**SO400M, **MAP_SO, **TANH, "patch": 16, "size": 256},
    "vit_so400m_patch16_siglip_384": {**SO400M, **MAP_SO, **TANH, "patch": 16, "size": 384},
    "vit_so400m_patch16_siglip_512": {**SO400M, **MAP_SO, **TANH, "patch": 16, "size": 512},
    "vit_giantopt_patch16_siglip_256": {**GIANT_OPT, **MAP16, "patch": 16, "size": 256},
    "vit_giantopt_patch16_siglip_384": {**GIANT_OPT, **MAP16, "patch": 16, "size": 384},
    "vit_base_patch32_siglip_gap_256": {**BASE, **GAP, **TANH, "patch": 32, "size": 256},
    "vit_base_patch16_siglip_gap_224": {**BASE, **GAP, "patch": 16, "size": 224},
    "vit_base_patch16_siglip_gap_256": {**BASE, **GAP, "patch": 16, "size": 256},
    "vit_base_patch16_siglip_gap_384": {**BASE, **GAP, "patch": 16, "size": 384},
    "vit_base_patch16_siglip_gap_512": {**BASE, **GAP, "patch": 16, "size": 512},
    "vit_large_patch16_siglip_gap_256": {**LARGE, **GAP, "patch": 16, "size": 256},
    "vit_large_patch16_siglip_gap_384": {**LARGE, **GAP, "patch": 16, "size": 384},
    "vit_large_patch16_siglip_gap_512": {**LARGE, **GAP, **TANH, "patch": 16, "size": 512},
    "vit_so400m_patch14_siglip_gap_224": {**SO400M, **GAP, "patch": 14, "size": 224},
    "vit_so400m_patch14_siglip_gap_378": {**SO400M, **GAP, "patch": 14, "size": 378},
    "vit_so400m_patch14_siglip_gap_384": {**SO400M, **GAP, "patch": 14, "size": 384},
    "vit_so400m_patch14_siglip_gap_448": {**SO400M, **GAP, "patch": 14, "size": 448},
    "vit_so400m_patch14_siglip_gap_896": {**SO400M, **GAP, "patch": 14, "size": 896},
    "vit_so400m_patch16_siglip_gap_256": {**SO400M, **GAP, **TANH, "patch": 16, "size": 256},
    "vit_so400m_patch16_siglip_gap_384": {**SO400M, **GAP, **TANH, "patch": 16, "size": 384},
    "vit_so400m_patch16_siglip_gap_512": {**SO400M, **GAP, **TANH, "patch": 16, "size": 512},
    "vit_giantopt_patch16_siglip_gap_256": {**GIANT_OPT, **GAP, "patch": 16, "size": 256},
    "vit_giantopt_patch16_siglip_gap_384": {**GIANT_OPT, **GAP, "patch": 16, "size": 384},
    "vit_cifar_384x7": {**CIFAR, "patch": 4, "size": 32},
    "vit_cifar_192x6": {**CIFAR_SMALL, "patch": 4, "size": 32},
    "cct_2_3x2_32": {**CCT_SMALL, "depths": (2,), "patch": 4, "size": 32},
    "cct_4_3x2_32": {**CCT_SMALL, "depths": (4,), "patch": 4, "size": 32},
    "cct_6_3x1_32": {**CCT, "depths": (6,), "patch": 2, "size": 32},
    "cct_7_3x1_32": {**CCT, "depths": (7,), "patch": 2, "size": 32},
    "vit_small_patch16_gap_224": {**SMALL, **GAP, "patch": 16, "size": 224},
    "test_vit": {**TEST, "patch": 16, "size": 160},
    "test_vit2": {**TEST2, "patch": 16, "size": 160},
    "test_vit3": {**TEST3, "patch": 16, "size": 160},
    "test_vit4": {
        **TEST2, "width": 96, "depths": (9,), "hidden": 288,
        "attention": {"type": "mhsa", "num_heads": 3}, "norm": "rms", "patch": 16, "size": 160,
    },
}  # fmt: skip
