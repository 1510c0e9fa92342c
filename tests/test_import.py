"""Importing the package does no work and loads nothing of others."""

import os
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


WITHOUT_TENSORFLOW = """
import importlib.machinery
finder = importlib.machinery.PathFinder
found = finder.find_spec
finder.find_spec = lambda name, *rest: None if name == "tensorflow" else found(name, *rest)
import keras_attention
"""


def test_a_missing_backend_is_told_with_its_remedy():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert done.returncode == 1
    assert "not installed: tensorflow. Set KERAS_BACKEND to jax" in done.stderr.splitlines()[-1]
