"""The variants of Swin Transformers by timm's names.

`depths`: blocks of each stage. `width`: channels of the first stage, 32 for each head.
`window_size`: side of the windows, of all stages or of each, where the map is not smaller. `size`:
side of the images. `post_norm`: whether a residual branch ends in its normalisation.
`pretrained_windows`: the windows of the images that the position bias was first learnt on.
"""

VARIANTS: dict[str, dict] = {
    # Liu et al. 2021.
    "swin_tiny_patch4_window7_224": {
        "depths": (2, 2, 6, 2), "width": 96, "window_size": 7, "size": 224,
        "attention": "window",
    },
    "swin_small_patch4_window7_224": {
        "depths": (2, 2, 18, 2), "width": 96, "window_size": 7, "size": 224,
        "attention": "window",
    },
    "swin_base_patch4_window7_224": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 7, "size": 224,
        "attention": "window",
    },
    "swin_base_patch4_window12_384": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 12, "size": 384,
        "attention": "window",
    },
    "swin_large_patch4_window7_224": {
        "depths": (2, 2, 18, 2), "width": 192, "window_size": 7, "size": 224,
        "attention": "window",
    },
    "swin_large_patch4_window12_384": {
        "depths": (2, 2, 18, 2), "width": 192, "window_size": 12, "size": 384,
        "attention": "window",
    },
    # Chen et al. 2021: windows that were searched for.
    "swin_s3_tiny_224": {
        "depths": (2, 2, 6, 2), "width": 96, "window_size": (7, 7, 14, 7), "size": 224,
        "attention": "window",
    },
    "swin_s3_small_224": {
        "depths": (2, 2, 18, 2), "width": 96, "window_size": (14, 14, 14, 7), "size": 224,
        "attention": "window",
    },
    "swin_s3_base_224": {
        "depths": (2, 2, 30, 2), "width": 96, "window_size": (7, 7, 14, 7), "size": 224,
        "attention": "window",
    },
    # Liu et al. 2022.
    "swinv2_tiny_window8_256": {
        "depths": (2, 2, 6, 2), "width": 96, "window_size": 8, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_tiny_window16_256": {
        "depths": (2, 2, 6, 2), "width": 96, "window_size": 16, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_small_window8_256": {
        "depths": (2, 2, 18, 2), "width": 96, "window_size": 8, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_small_window16_256": {
        "depths": (2, 2, 18, 2), "width": 96, "window_size": 16, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_base_window8_256": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 8, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_base_window16_256": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 16, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_base_window12_192": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 12, "size": 192,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_base_window12to16_192to256": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 16, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
        "pretrained_windows": (12, 12, 12, 6),
    },
    "swinv2_base_window12to24_192to384": {
        "depths": (2, 2, 18, 2), "width": 128, "window_size": 24, "size": 384,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
        "pretrained_windows": (12, 12, 12, 6),
    },
    "swinv2_large_window12_192": {
        "depths": (2, 2, 18, 2), "width": 192, "window_size": 12, "size": 192,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
    },
    "swinv2_large_window12to16_192to256": {
        "depths": (2, 2, 18, 2), "width": 192, "window_size": 16, "size": 256,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
        "pretrained_windows": (12, 12, 12, 6),
    },
    "swinv2_large_window12to24_192to384": {
        "depths": (2, 2, 18, 2), "width": 192, "window_size": 24, "size": 384,
        "attention": {"type": "window", "version": 2}, "post_norm": True,
        "pretrained_windows": (12, 12, 12, 6),
    },
}  # fmt: skip
