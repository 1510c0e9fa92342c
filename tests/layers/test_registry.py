import functools
import inspect
import re

import keras
import pytest

from keras_attention import layers
from keras_attention.layers import CBAM, EfficientChannelAttention, SqueezeExcite, registry
from tests.layers.tools import constructor_arguments


def test_the_table_is_alphabetical_and_is_what_is_exported():
    assert list(registry.ATTENTION) == sorted(registry.ATTENTION)
    exported = {getattr(layers, name) for name in layers.__all__}
    classes = {one for one in exported if isinstance(one, type)} - {layers.AttentionLayer}
    assert classes == set(registry.ATTENTION.values())
    assert all(cls.score_kind for cls in classes)


@pytest.mark.parametrize("key", registry.ATTENTION)
def test_a_key_gives_a_fresh_layer(key):
    cls = registry.ATTENTION[key]
    arguments = constructor_arguments(cls).items()
    options = {name: 2 for name, default in arguments if default is inspect.Parameter.empty}
    first, second = (layers.get(key, name="gate", **options) for _ in range(2))
    assert type(first) is type(second) is cls
    assert first is not second
    assert first.name == "gate"
    assert first.get_config() == cls(name="gate", **options).get_config()


@pytest.mark.parametrize("spelling", ["channel_gate", "channel-gate", "Channel-Gate"])
def test_case_and_hyphens_do_not_matter(spelling):
    assert isinstance(layers.get(spelling), layers.ChannelGate)


def test_none_is_no_layer():
    assert layers.get(None) is None
    assert layers.get(None, reduction=8) is None


def test_an_alias_brings_its_options():
    layer = layers.get("ceca", kernel_size=5)
    assert isinstance(layer, EfficientChannelAttention)
    assert layer.circular and layer.kernel_size == 5
    assert not layers.get({"type": "ceca", "circular": False}).circular


def test_aliases_and_false_friends_are_no_keys():
    for name, meaning in registry.ALIASES.items():
        assert name not in registry.ATTENTION and meaning["type"] in registry.ATTENTION
    assert not set(registry.FALSE_FRIENDS) & {*registry.ATTENTION, *registry.ALIASES}


def test_options_are_merged_over_a_dict_that_stays_as_it_was():
    spec = {"type": "se", "reduction": 8, "use_bias": False}
    layer = layers.get(spec, reduction=4, name="gate")
    assert (layer.reduction, layer.use_bias, layer.name) == (4, False, "gate")
    assert spec == {"type": "se", "reduction": 8, "use_bias": False}
    assert layers.get(spec).reduction == 8


def test_a_dict_may_hold_a_class():
    assert layers.get({"type": SqueezeExcite, "reduction": 8}).reduction == 8


@pytest.mark.parametrize(
    "spec",
    [
        SqueezeExcite,
        functools.partial(SqueezeExcite, use_bias=False),
        lambda reduction, name=None: SqueezeExcite(reduction, name=name),
        lambda **options: SqueezeExcite(**options),
    ],
    ids=["class", "partial", "function", "any options"],
)
def test_a_class_or_function_gets_the_options(spec):
    layer = layers.get(spec, reduction=8, name="gate")
    assert isinstance(layer, SqueezeExcite)
    assert (layer.reduction, layer.name) == (8, "gate")
    assert layers.get(spec, reduction=8) is not layers.get(spec, reduction=8)


def test_a_layer_of_ones_own_needs_no_registration():
    assert isinstance(layers.get(keras.layers.Dropout, rate=0.5), keras.layers.Dropout)


def test_options_of_the_bases_are_known():
    layer = layers.get("se", identity_init=True, dtype="mixed_bfloat16", trainable=False)
    assert layer.identity_init and not layer.trainable
    assert layer.dtype_policy.name == "mixed_bfloat16"


def refused(spec, *words, **options):
    with pytest.raises(ValueError) as caught:
        layers.get(spec, **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: {"type": layer}])
def test_an_instance_is_refused_with_the_reason(wrap):
    refused(
        wrap(CBAM(name="mine")),
        "each block needs its own layer: pass the class",
        "Received an instance: <CBAM name=mine",
    )


@pytest.mark.parametrize("spec", [True, False, 8, ["se"]], ids=str)
def test_what_is_no_spec_is_refused(spec):
    refused(spec, "attention must be None, a key, a dict", f"Received: spec={spec!r}")


@pytest.mark.parametrize("spec", [{}, {"reduction": 8}, {"type": None}, {"type": True}], ids=str)
def test_a_dict_without_a_type_is_refused(spec):
    refused(spec, "needs a 'type'", f"Received: spec={spec!r}")


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known():
    refused(
        "cbma",
        "Unknown attention layer. Did you mean 'cbam'? Received: spec='cbma'",
        ", ".join(sorted([*registry.ATTENTION, *registry.ALIASES])),
    )
    refused("transformer", "Unknown attention layer. Received: spec='transformer'")
    refused({"type": "Cbma"}, "Did you mean 'cbam'? Received: spec='Cbma'")


@pytest.mark.parametrize("name", registry.FALSE_FRIENDS)
def test_a_name_with_two_meanings_is_refused_with_a_pointer(name):
    refused(name, "means different layers in different libraries", f"Received: spec={name!r}")
    _, found, pointer = registry.FALSE_FRIENDS[name].partition("the nearest here is ")
    nearest = re.findall(r"'(\w+)'", pointer)
    assert found and nearest and set(nearest) <= set(registry.ATTENTION)


def test_the_names_that_are_refused():
    assert list(registry.FALSE_FRIENDS) == [
        *("ecam", "ela", "lcbam", "sa", "scoord", "strip"),
    ]
    refused("ELA", "the nearest here is 'coordinate'. Received: spec='ELA'")


def test_an_unknown_option_is_answered_with_the_nearest():
    message = (
        "SqueezeExcite has no option 'reducton'. Did you mean 'reduction'? Received: reducton=8"
    )
    refused("se", message, reducton=8)
    refused({"type": "se", "reducton": 8}, message)
    refused(SqueezeExcite, message, reducton=8)
    known = re.escape("activation, activity_regularizer, autocast, data_format, dtype, gate")
    with pytest.raises(ValueError, match=f"no option 'q'. Received: q=1. Known: {known}"):
        layers.get("se", q=1)


def test_a_function_has_to_take_the_name_and_the_options():
    def plain(reduction=16):
        return SqueezeExcite(reduction)

    assert layers.get(plain, reduction=8).reduction == 8
    refused(plain, "The function plain must take name=", "Received: name='gate'", name="gate")
    refused(plain, "plain has no option 'reducton'. Did you mean 'reduction'?", reducton=8)


def test_a_function_has_to_return_a_layer():
    refused(lambda: "se", "must return a keras.layers.Layer. Received: 'se'")


def test_keys_by_kind():
    assert layers.list_layers() == sorted(registry.ATTENTION)
    channel, spatial = layers.list_layers("channel"), layers.list_layers(kind="spatial")
    assert {"cbam", "channel_gate", "eca", "se"} <= set(channel) and "spatial_gate" not in channel
    assert {"cbam", "spatial_gate"} <= set(spatial) and "se" not in spatial
    of_some_kind = [layers.list_layers(kind) for kind in registry.KINDS]
    assert all(keys and keys == sorted(keys) for keys in of_some_kind)
    assert set().union(*of_some_kind) == set(registry.ATTENTION)


def test_keys_by_slot():
    gates, mixers = layers.list_layers(slot="gate"), layers.list_layers(slot="mixer")
    assert {"cbam", "eca", "se"} <= set(gates) and "sk" not in gates
    assert {"sk", "split"} <= set(mixers) and "se" not in mixers
    assert set(layers.list_layers(slot="pair")) >= {"attention_gate"}
    at_some_slot = [layers.list_layers(slot=slot) for slot in registry.SLOTS]
    assert all(keys and keys == sorted(keys) for keys in at_some_slot)
    assert set().union(*at_some_slot) == set(registry.ATTENTION)


def test_keys_by_kind_and_slot():
    assert layers.list_layers("channel", "mixer") == ["sk", "split"]
    gates = set(layers.list_layers("spatial", slot="gate"))
    assert gates == set(layers.list_layers("spatial")) & set(layers.list_layers(slot="gate"))


def test_a_layer_of_several_kinds_of_scores_is_listed_under_each(monkeypatch):
    class Both(layers.AttentionLayer):
        score_kind = {"frames": "temporal", "summary": "pool"}
        slots = ("token", "pair")

    monkeypatch.setitem(registry.ATTENTION, "both", Both)
    for options in ({"kind": "temporal"}, {"kind": "pool"}, {"slot": "token"}, {"slot": "pair"}):
        assert "both" in layers.list_layers(**options)
    assert "both" in layers.list_layers("pool", "pair")
    assert "both" not in layers.list_layers("pool", "gate")
    assert "both" not in layers.list_layers("channel", "pair")


def test_an_unknown_kind_or_slot_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'channel'\? Received: kind='chanel'"):
        layers.list_layers("chanel")
    message = r"slot must be one of \['gate', .*\]. Did you mean 'mixer'\? Received: slot='mixr'"
    with pytest.raises(ValueError, match=message):
        layers.list_layers(slot="mixr")
    with pytest.raises(ValueError, match="kind must be one of .* Received: kind=''"):
        layers.list_layers("")
