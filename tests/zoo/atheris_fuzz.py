"""Files altered where it leads to code that was not reached yet: atheris, beside `test_fuzz.py`.

Run      KERAS_BACKEND=torch python -m tests.zoo.atheris_fuzz TARGET -max_total_time=120
Needs    atheris, which `make atheris` installs
Prints   what libFuzzer reports; an error that is no ZooError ends it, and its input is kept
"""

import pathlib
import sys
import tempfile

import atheris
import keras  # noqa: F401 - imported before, it is not watched: what reads foreign bytes is

with atheris.instrument_imports(include=["keras_attention.zoo"]):
    from keras_attention import zoo
    from keras_attention.zoo.files import header, manifest, weights
    from keras_attention.zoo.foreign import checkpoint

from tests.zoo import test_fuzz

FOLDER = pathlib.Path(tempfile.mkdtemp())


def _config(content: bytes, _) -> None:
    (FOLDER / checkpoint.CONFIG).write_bytes(content)
    (FOLDER / checkpoint.TENSORS).write_bytes(test_fuzz.TENSORS)
    checkpoint.read(FOLDER)


TARGETS = {
    "manifest": (manifest.parse, test_fuzz.MANIFEST),
    "header": (header.of_bytes, test_fuzz.TENSORS),
    "weights": (weights.parse, test_fuzz.TENSORS),
    "config": (_config, test_fuzz.CONFIG),
}


def main(name: str, *options: str) -> None:
    read, example = TARGETS[name]

    def one(content: bytes) -> None:
        try:
            read(content, "a file")
        except zoo.ZooError:
            pass

    (FOLDER / "corpus").mkdir()
    (FOLDER / "corpus" / "example").write_bytes(example)
    atheris.Setup([sys.argv[0], *options, str(FOLDER / "corpus")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
