"""The tests mirror keras_attention/; `python -m tests.run` is the whole check."""
