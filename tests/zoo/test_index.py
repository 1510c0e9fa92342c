import pytest

from keras_attention import zoo
from keras_attention.zoo import index


def test_list_models_matches_wildcards():
    assert zoo.list_models() == ["resnet18w16_cbam_cifar10", "resnet18w16_cifar10"]
    assert zoo.list_models("*cbam*") == ["resnet18w16_cbam_cifar10"]
    assert zoo.list_models("vit*") == []


def test_list_models_by_attention_and_task():
    assert zoo.list_models(attention="cbam") == ["resnet18w16_cbam_cifar10"]
    assert zoo.list_models(attention="none") == ["resnet18w16_cifar10"]
    assert zoo.list_models(task="classification") == zoo.list_models()


def test_a_mistyped_attention_or_task_is_an_error():
    with pytest.raises(ValueError, match="Did you mean 'cbam'.*Received: attention='cbma'"):
        zoo.list_models(attention="cbma")
    with pytest.raises(ValueError, match="Received: task='clasification'"):
        zoo.list_models(task="clasification")


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
