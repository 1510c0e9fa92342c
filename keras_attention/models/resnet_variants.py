"""The residual networks by name: those of ImageNet as timm names them.

References: He et al. 2016, arXiv:1512.03385 (table 1, and section 4.2 for 20 to 110 layers);
Zagoruyko, Komodakis, "Wide Residual Networks", BMVC 2016, arXiv:1605.07146; Xie et al.,
"Aggregated Residual Transformations" (ResNeXt), CVPR 2017, arXiv:1611.05431; Hu et al., SENet,
CVPR 2018, arXiv:1709.01507; He et al., "Bag of Tricks", CVPR 2019, arXiv:1812.01187 (c, d and s);
Li et al., SKNet, CVPR 2019, arXiv:1903.06586; Zhang, "Making Convolutional Networks
Shift-Invariant Again" (blur), ICML 2019, arXiv:1904.11486; Wang et al., ECA-Net, CVPR 2020,
arXiv:1910.03151; Bello et al., "Revisiting ResNets" (rs), NeurIPS 2021, arXiv:2103.07579; Zhang et
al., ResNeSt, 2020, arXiv:2004.08955.
"""

_IMAGENET = {"stem": "imagenet", "width": 64}
_10 = {**_IMAGENET, "depths": (1, 1, 1, 1), "block": "basic"}
_14 = {**_IMAGENET, "depths": (1, 1, 1, 1), "block": "bottleneck"}
_18 = {**_IMAGENET, "depths": (2, 2, 2, 2), "block": "basic"}
_26 = {**_IMAGENET, "depths": (2, 2, 2, 2), "block": "bottleneck"}
_34 = {**_IMAGENET, "depths": (3, 4, 6, 3), "block": "basic"}
_50 = {**_IMAGENET, "depths": (3, 4, 6, 3), "block": "bottleneck"}
_101 = {**_50, "depths": (3, 4, 23, 3)}
_152 = {**_50, "depths": (3, 8, 36, 3)}
_200 = {**_50, "depths": (3, 24, 36, 3)}
_269 = {**_50, "depths": (3, 30, 48, 8)}

# Letters behind a depth.
_C = {"stem": "deep"}
_D = {"stem": "deep", "shortcut": "mean"}
_E = {**_D, "stem_scale": 2}
_S = {"stem": "deep", "stem_scale": 2}
_T = {"stem": "tiered", "shortcut": "mean"}

# 32 groups of 4 channels are twice the 64 channels of a plain bottleneck.
_32X4D = {"groups": 32, "widening": 2}
_32X8D = {"groups": 32, "widening": 4}
_32X16D = {"groups": 32, "widening": 8}
_32X32D = {"groups": 32, "widening": 16}
_64X4D = {"groups": 64, "widening": 4}

_SE = {"attention": {"type": "se", "reduction": 16}}
_ECA = {"attention": {"type": "eca"}}
_RS = {**_D, "stem_pool": "convolution", "attention": {"type": "se", "reduction": 4}}
_AA = {"downsampling": "mean", "stem_pool": "mean"}
_BLUR = {"downsampling": "blur", "stem_pool": "blur"}

# The input of a selective kernel is shared out to its paths where timm's has no groups.
_SK = {"mixer": {"type": "sk", "reduction": 8, "min_hidden": 16, "split_input": True}}
_SKX = {**_32X4D, "mixer": {"type": "sk", "reduction": 16, "min_hidden": 32}}
_SPLIT = {"mixer": {"type": "split", "radix": 2}, "downsampling": "mean3"}

_CIFAR = {"block": "basic", "stem": "small", "width": 16, "shortcut": "pad"}

VARIANTS: dict[str, dict] = {
    "resnet10t": {**_10, **_T},
    "resnet14t": {**_14, **_T},
    "resnet18": _18,
    "resnet18d": {**_18, **_D},
    "resnet26": _26,
    "resnet26d": {**_26, **_D},
    "resnet26t": {**_26, **_T},
    "resnet34": _34,
    "resnet34d": {**_34, **_D},
    "resnet50": _50,
    "resnet50c": {**_50, **_C},
    "resnet50d": {**_50, **_D},
    "resnet50s": {**_50, **_S},
    "resnet50t": {**_50, **_T},
    "resnet101": _101,
    "resnet101c": {**_101, **_C},
    "resnet101d": {**_101, **_D},
    "resnet101s": {**_101, **_S},
    "resnet152": _152,
    "resnet152c": {**_152, **_C},
    "resnet152d": {**_152, **_D},
    "resnet152s": {**_152, **_S},
    "resnet200": _200,
    "resnet200d": {**_200, **_D},
    "wide_resnet50_2": {**_50, "widening": 2},
    "wide_resnet101_2": {**_101, "widening": 2},
    "resnext50_32x4d": {**_50, **_32X4D},
    "resnext50d_32x4d": {**_50, **_D, **_32X4D},
    "resnext101_32x4d": {**_101, **_32X4D},
    "resnext101_32x8d": {**_101, **_32X8D},
    "resnext101_32x16d": {**_101, **_32X16D},
    "resnext101_32x32d": {**_101, **_32X32D},
    "resnext101_64x4d": {**_101, **_64X4D},
    "seresnet50": {**_50, **_SE},
    "seresnet50t": {**_50, **_T, **_SE},
    "seresnet101": {**_101, **_SE},
    "seresnet152": {**_152, **_SE},
    "seresnet152d": {**_152, **_D, **_SE},
    "seresnet200d": {**_200, **_D, **_SE},
    "seresnet269d": {**_269, **_D, **_SE},
    "seresnext26d_32x4d": {**_26, **_D, **_32X4D, **_SE},
    "seresnext26t_32x4d": {**_26, **_T, **_32X4D, **_SE},
    "seresnext50_32x4d": {**_50, **_32X4D, **_SE},
    "seresnext101_32x4d": {**_101, **_32X4D, **_SE},
    "seresnext101_32x8d": {**_101, **_32X8D, **_SE},
    "seresnext101d_32x8d": {**_101, **_D, **_32X8D, **_SE},
    "seresnext101_64x4d": {**_101, **_64X4D, **_SE},
    "senet154": {
        **_152, **_S, **_64X4D, **_SE, "reduce_first": 2, "shortcut": "convolution"
    },
    "ecaresnet26t": {**_26, **_T, **_ECA},
    "ecaresnet50d": {**_50, **_D, **_ECA},
    "ecaresnet50t": {**_50, **_T, **_ECA},
    "ecaresnetlight": {**_50, **_ECA, "depths": (1, 1, 11, 3), "shortcut": "mean"},
    "ecaresnet101d": {**_101, **_D, **_ECA},
    "ecaresnet200d": {**_200, **_D, **_ECA},
    "ecaresnet269d": {**_269, **_D, **_ECA},
    "ecaresnext26t_32x4d": {**_26, **_T, **_32X4D, **_ECA},
    "ecaresnext50t_32x4d": {**_50, **_T, **_32X4D, **_ECA},
    "resnetrs50": {**_50, **_RS},
    "resnetrs101": {**_101, **_RS},
    "resnetrs152": {**_152, **_RS},
    "resnetrs200": {**_200, **_RS},
    "resnetrs270": {**_50, **_RS, "depths": (4, 29, 53, 4)},
    "resnetrs350": {**_50, **_RS, "depths": (4, 36, 72, 4)},
    "resnetrs420": {**_50, **_RS, "depths": (4, 44, 87, 4)},
    "resnetaa34d": {**_34, **_D, **_AA},
    "resnetaa50": {**_50, **_AA},
    "resnetaa50d": {**_50, **_D, **_AA},
    "resnetaa101d": {**_101, **_D, **_AA},
    "seresnetaa50d": {**_50, **_D, **_AA, **_SE},
    "seresnextaa101d_32x8d": {**_101, **_D, **_AA, **_32X8D, **_SE},
    "seresnextaa201d_32x8d": {
        **_50, **_E, **_AA, **_32X8D, **_SE, "depths": (3, 24, 36, 4)
    },
    "resnetblur18": {**_18, **_BLUR},
    "resnetblur50": {**_50, **_BLUR},
    "resnetblur50d": {**_50, **_D, **_BLUR},
    "resnetblur101d": {**_101, **_D, **_BLUR},
    "skresnet18": {**_18, **_SK},
    "skresnet34": {**_34, **_SK},
    "skresnext50_32x4d": {**_50, **_SKX},
    "resnest14d": {**_14, **_D, **_SPLIT},
    "resnest26d": {**_26, **_D, **_SPLIT},
    "resnest50d": {**_50, **_D, **_SPLIT},
    "resnest50d_1s4x24d": {
        **_50, **_D, "groups": 4, "widening": 1.5, "downsampling": "mean3_first",
        "mixer": {"type": "split", "radix": 1},
    },
    "resnest50d_4s2x40d": {
        **_50, **_D, "groups": 2, "widening": 1.25, "downsampling": "mean3_first",
        "mixer": {"type": "split", "radix": 4},
    },
    "resnest101e": {**_101, **_E, **_SPLIT},
    "resnest200e": {**_200, **_E, **_SPLIT},
    "resnest269e": {**_269, **_E, **_SPLIT},
    # A net of the tests: small, with both kinds of block.
    "test_resnet": {
        **_D, "depths": (1, 1, 1, 1), "block": ("basic", "basic", "bottleneck", "basic"),
        "width": 32, "growth": (1, 1.5, 1.5, 3),
    },
    "resnet20": {**_CIFAR, "depths": (3, 3, 3)},
    "resnet32": {**_CIFAR, "depths": (5, 5, 5)},
    "resnet56": {**_CIFAR, "depths": (9, 9, 9)},
    "resnet110": {**_CIFAR, "depths": (18, 18, 18)},
}  # fmt: skip
