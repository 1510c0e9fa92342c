"""The logits of timm's residual networks with attention."""

import pytest

from keras_attention import zoo
from keras_attention.zoo.errors import ConversionError
from tests.backends import cases, on_torch_alone
from tests.zoo.parity import assert_parity, timm_folder

# What each is there for; those with tables of the whole map have one size, that of the table.
CASES = {
    "seresnext26ts": [(64, 64), (40, 72)],  # groups, a pool after a SiLU, odd maps
    "bat_resnext26ts": [(256, 256)],  # a gate that needs multiples of its blocks there
    "gcresnet33ts": [(32, 64)],  # no pool, a last convolution
    "resnet51q": [(32, 48)],  # depthwise, and a start without norms
    "resnet61q": [(32, 48)],  # two 3x3 convolutions in a block
    "eca_botnext26ts_256": [(64, 96)],  # few keys
    "eca_halonext26ts": [(256, 256)],  # a halo that has the stride itself
    "lambda_resnet26t": [(64, 64), (32, 96)],  # a ReLU, a lambda with a stride
    "lambda_resnet26rpt_256": [(64, 96)],  # tables of lambdas
    "lamhalobotnet50ts_256": [(128, 256)],  # three kinds
    "haloregnetz_b": [(224, 224)],  # inverted residuals, a halo with a stride
}
FIXED = ("eca_botnext26ts_256", "lambda_resnet26rpt_256", "lamhalobotnet50ts_256")


@pytest.mark.parametrize(
    "architecture", cases(CASES, "bat_resnext26ts", "lamhalobotnet50ts_256", "resnet51q")
)
def test_logits_are_those_of_timm(architecture, tmp_path):
    # Blocks that start as the identity would leave little to compare.
    options = {"zero_init_last": False}
    if architecture in FIXED:
        options["img_size"] = CASES[architecture][0]
    assert_parity(tmp_path, architecture, *CASES[architecture], **options)


@on_torch_alone
@pytest.mark.parametrize(
    ("architecture", "name", "made_for"),
    [
        (
            "eca_botnext26ts_256",
            "pos_embed.height_rel",
            r"\[64\] pixels. Received: \[96\]",
        ),
        ("lambda_resnet26rpt_256", "pos_emb", r"\[64, 64\] pixels. Received: \[96, 64\]"),
    ],
)
def test_tables_of_another_size_say_so(architecture, name, made_for, tmp_path):
    timm_folder(tmp_path, architecture, img_size=64)
    with pytest.raises(
        ConversionError, match=f"stages.2.1.self_attn.{name}.*made for sides of {made_for}"
    ):
        zoo.load(str(tmp_path), input_shape=(96, 64, 3))


@on_torch_alone
def test_another_attention_needs_no_tables(tmp_path):
    timm_folder(tmp_path, "eca_botnext26ts_256", img_size=64)
    attention = {"stage1": "eca", "stage2": "eca", "stage3": "eca", "stage4": "se"}
    model = zoo.load(str(tmp_path), input_shape=(None, None, 3), attention=attention)
    assert model.output_shape == (None, 1000)
