"""Which layers export, and whether what is exported gives the same numbers.

Run      KERAS_BACKEND=tensorflow python -m tests.page.export onnx [KEY ...]
         KERAS_BACKEND=tensorflow python -m tests.page.export litert [KEY ...]
Needs    the extra "export" (onnx, onnxruntime, tf2onnx); LiteRT comes with TensorFlow
Writes   the answers into `docs/layers.json`; `make docs` puts them on the page
"""

import contextlib
import io
import json
import logging
import pathlib
import sys
import tempfile
import warnings

import keras
import numpy as np
from keras import ops

from keras_attention import layers
from tests.page.__main__ import DATA
from tests.page.examples import batched, example

SIDE, CHANNELS = 8, 256
APART = 1e-4  # of the largest output


def onnx(model, x, folder: pathlib.Path):
    """The output of the exported model, run by onnxruntime."""
    import onnxruntime

    path = str(folder / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return session.run(None, dict(zip(names, x, strict=True)))[0]


def litert(model, x, folder: pathlib.Path):
    """The output of the exported model, run by LiteRT's interpreter."""
    import tensorflow as tf

    path = str(folder / "model.tflite")
    model.export(path, format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(path)
    interpreter.allocate_tensors()
    wanted = interpreter.get_input_details()
    for detail in wanted:
        (one,) = (one for one in x if list(one.shape) == list(detail["shape"]))
        interpreter.set_tensor(detail["index"], one)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


FORMATS = {"onnx": onnx, "litert": litert}


def verdict(key: str, run) -> str:
    """ "yes", or "no" with the reason in a few words."""
    shape = example(key).inputs(SIDE, CHANNELS)
    layer = example(key).make(key, data_format="channels_last", name="layer")
    shapes = batched(shape, 1)
    inputs = keras.tree.map_shape_structure(lambda one: keras.Input(batch_shape=one), shapes)
    model = keras.Model(inputs, keras.tree.flatten(layer(inputs))[0])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=one.shape).astype("float32") for one in model.inputs]
    expected = ops.convert_to_numpy(model(x if len(x) > 1 else x[0]))
    with tempfile.TemporaryDirectory() as folder:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = run(model, x, pathlib.Path(folder))
        # Whatever an exporter raises is an answer to the question of this script.
        except Exception as error:
            return f"no ({type(error).__name__})"
    apart = np.abs(found - expected).max() / np.abs(expected).max()
    return "yes" if apart <= APART else f"no (differs by {apart:.1g})"


def main(name: str, keys: list[str]) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    data = json.loads(DATA.read_text("utf-8"))
    for key in keys or layers.list_layers():
        answer = verdict(key, FORMATS[name])
        print(f"{name} {key}: {answer}", flush=True)
        data[key]["export"][name] = answer
        DATA.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
