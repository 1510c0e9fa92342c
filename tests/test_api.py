"""The public names, all on one page: a new one is a deliberate edit here."""

import inspect

import keras
import pytest

import keras_attention as ka
from keras_attention.layers.registry import ATTENTION

PUBLIC = {
    ka: {"__version__", "explain", "layers", "metrics", "models", "zoo"},
    ka.explain: {
        "AttentionMap",
        "attention_maps",
        "figure",
        "overlay",
        "query_figure",
        "query_maps",
    },
    ka.layers: {
        "AdditiveAttention",
        "AttentionGate",
        "AttentionLayer",
        "AttentionPool",
        "AxialAttention",
        "BAM",
        "BilinearAttentionTransform",
        "BlockAttention",
        "BottleneckAttention",
        "CBAM",
        "ChannelAffinityAttention",
        "ChannelGate",
        "ClassAttention",
        "ConcurrentSqueezeExcite",
        "ContextVectorAttention",
        "ConvCRF",
        "CoordinateAttention",
        "CrissCrossAttention",
        "CrossCovarianceAttention",
        "DeformableAttention2D",
        "DividedSpaceTimeAttention",
        "DotProductAttention",
        "DoubleAttention",
        "DualAttention",
        "EffectiveSqueezeExcite",
        "EfficientChannelAttention",
        "ExternalAttention",
        "GatedAttentionPool",
        "GatedChannelTransform",
        "GatherExcite",
        "get",
        "GlobalContext",
        "GridAttention",
        "GridCRFAttention",
        "HaloAttention",
        "JointSpaceTimeAttention",
        "LambdaLayer",
        "LargeKernelAttention",
        "LinearAttention",
        "LinearChainCRF",
        "list_layers",
        "MultiHeadSelfAttention",
        "NonLocal",
        "PolarizedSelfAttention",
        "PositionAttention",
        "SelectiveKernel",
        "SelfAttention2D",
        "ShuffleAttention",
        "SimAM",
        "SoftVisualAttention",
        "SpatialGate",
        "SpatialSqueezeExcite",
        "Spec",
        "SplitAttention",
        "SqueezeExcite",
        "StructuredAttention",
        "StyleRecalibration",
        "TalkingHeadsAttention",
        "TemporalAttention",
        "TokenMerging",
        "TokenSelection",
        "TripletAttention",
        "WindowAttention",
    },
    ka.metrics: {
        "Agreement",
        "Floor",
        "Neighbours",
        "Score",
        "agreement",
        "classification_accuracy_score",
        "floors",
        "frechet_distance",
        "inception_score",
        "kernel_distance",
        "prdc",
    },
    ka.models: {
        "Normalize",
        "Slots",
        "build",
        "build_discriminator",
        "build_generator",
        "grid",
        "labels",
        "list_architectures",
        "sample",
    },
    ka.zoo: {
        "AccessError",
        "CacheError",
        "Cached",
        "ConversionError",
        "Finding",
        "HubError",
        "ImageError",
        "Inception",
        "IntegrityError",
        "ManifestError",
        "ModelInfo",
        "NotFoundError",
        "OfflineError",
        "Prediction",
        "Published",
        "UnknownArchitectureError",
        "UnknownModelError",
        "UnsafePathError",
        "VersionError",
        "WeightsError",
        "ZooError",
        "cache_info",
        "centre",
        "classify",
        "features",
        "fid",
        "inception",
        "inception_score",
        "info",
        "list_models",
        "load",
        "preprocess",
        "publish",
        "read_image",
        "remove_cached",
        "verify",
    },
}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_public_names(module):
    assert set(module.__all__) == PUBLIC[module]
    assert all(hasattr(module, name) for name in module.__all__)


def test_every_layer_is_saved_under_the_name_of_the_package():
    for layer in ATTENTION.values():
        name = keras.saving.get_registered_name(layer)
        assert name == f"keras_attention>{layer.__name__}"
        assert layer.__name__ in ka.layers.__all__


def test_public_functions_are_annotated():
    for function in (ka.layers.get, ka.models.build, ka.zoo.load, ka.zoo.classify, ka.zoo.info):
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, function
