"""Importing the package does no work and loads nothing of others."""

import subprocess
import sys

SCRIPT = """
import sys
import keras
before = set(sys.modules)
import keras_attention
new = {name for name in set(sys.modules) - before if name.split(".")[0] != "keras_attention"}
print(sorted(new))
"""


def test_import_adds_our_own_modules_only():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
