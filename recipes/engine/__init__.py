"""How a recipe is run: what stands between `recipes.train` and Keras's `fit`."""
