import pytest

from keras_attention import zoo
from keras_attention.zoo import index

CCT = ["cct2_cifar10", "cct2_none_cifar10"]
RESNETS = ["resnet18w16_cbam_cifar10", "resnet18w16_cifar10"]
SHIPPED = [*CCT, "preact_resnet20_fashion_mnist", *RESNETS, "sagan32_fashion_mnist"]


def test_list_models_matches_wildcards():
    assert zoo.list_models("*cifar10", task="classification") == [*CCT, *RESNETS]
    assert zoo.list_models("*cbam*") == ["resnet18w16_cbam_cifar10", "resnet50_cbam"]
    assert zoo.list_models("zzz*") == []


def test_there_is_much_to_choose_from():
    names = zoo.list_models()
    assert len(names) >= 300 and len(set(names)) == len(names)
    families = {zoo.info(name).family for name in names}
    assert families - {"sagan"} == {"resnet", "preact", "byoanet", "swin", "vit"}


def test_our_own_and_permissive_models_come_first():
    names = zoo.list_models()
    free = zoo.list_models(license="permissive")
    assert names[: len(SHIPPED)] == SHIPPED and names[: len(free)] == free
    assert set(zoo.info(name).licence for name in free) <= set(index.PERMISSIVE)
    assert all(zoo.info(name).licence not in index.PERMISSIVE for name in names[len(free) :])


def test_filters():
    plain = zoo.list_models(attention="none", source="wheel", task="classification")
    assert plain == ["cct2_none_cifar10", "preact_resnet20_fashion_mnist", "resnet18w16_cifar10"]
    for name in zoo.list_models(attention="se"):
        assert "se" in zoo.info(name).attention.split("+")
    small = zoo.list_models(max_params=6e6, min_top1=0.7, task="classification", family="vit")
    assert "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k" in small
    for name in small:
        entry = zoo.info(name)
        assert entry.parameters <= 6e6 and entry.score >= 0.7 and entry.family == "vit"
    features = zoo.list_models(task="features")
    assert "timm/vit_small_patch14_reg4_dinov2.lvd142m" in features
    assert all(zoo.info(name).score is None for name in features)
    assert {zoo.info(name).source for name in zoo.list_models(license="MIT")} >= {"pytorchcv"}


ANCHORS = {
    "timm/resnet50.a1_in1k": (25_557_032, 0.80382),
    "timm/seresnet50.ra2_in1k": (28_088_024, 0.8026),
    "timm/skresnet18.ra_in1k": (11_958_056, 0.7302),
    "timm/resnest14d.gluon_in1k": (10_611_688, 0.75516),
    "timm/halonet50ts.a1h_in1k": (22_733_280, 0.8164),
    "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k": (86_567_656, 0.85108),
    "timm/deit_small_distilled_patch16_224.fb_in1k": (22_436_432, 0.81204),
    "timm/swin_tiny_patch4_window7_224.ms_in1k": (28_288_354, 0.81388),
    "timm/vit_base_patch16_siglip_224.webli": (92_884_224, None),
}


@pytest.mark.parametrize("name", ANCHORS)
def test_what_is_known_of_a_model(name):
    entry = zoo.info(name)
    assert (entry.parameters, entry.score) == ANCHORS[name]
    assert (len(entry.labels) == 1000) == (entry.task == "classification")
    assert entry.licence in index.PERMISSIVE and entry.source == "timm"


def test_a_mistyped_attention_or_task_is_an_error():
    with pytest.raises(ValueError, match="Did you mean 'cbam'.*Received: attention='cbma'"):
        zoo.list_models(attention="cbma")
    with pytest.raises(ValueError, match="Received: task='clasification'"):
        zoo.list_models(task="clasification")
    with pytest.raises(ValueError, match="Did you mean 'vit'.*Received: family='vti'"):
        zoo.list_models(family="vti")
    with pytest.raises(ValueError, match="license must be one of .*Received: license='free'"):
        zoo.list_models(license="free")
    with pytest.raises(ValueError, match="min_top1 is a share in 0..1. Received: min_top1=80"):
        zoo.list_models(min_top1=80)


def test_names_sort_as_people_count():
    names = ["resnet110", "resnet20", "resnet20_se", "b2"]
    assert sorted(names, key=index._natural) == ["b2", "resnet20", "resnet20_se", "resnet110"]


def test_info_of_the_shipped_model():
    entry = zoo.info("resnet18w16_cbam_cifar10")
    assert (entry.architecture, entry.attention, entry.parameters) == ("resnet18", "cbam", 708_216)
    assert entry.input_size == (32, 32)
    assert 0.0353 < entry.gmacs < 0.0354
    assert len(entry.labels) == 10 and "cat" in entry.labels
    assert entry.size <= 2_000_000 and len(entry.sha256) == 64


def test_unknown_name_tells_the_nearest():
    message = "Did you mean 'resnet18w16_cbam_cifar10'.*Received: name='resnet18w16_cbam_cifar'"
    with pytest.raises(zoo.UnknownModelError, match=message):
        zoo.info("resnet18w16_cbam_cifar")
    with pytest.raises(ValueError, match="Unknown model"):
        zoo.load("nothing_like_it")
