"""How the published numbers were made; run from a clone, `python -m recipes.train NAME`."""
