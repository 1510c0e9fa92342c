"""The papers' equations in NumPy, in float64, to judge the layers by: a file per kind of layer.

Each oracle takes its inputs channels last and a dictionary of the layer's weights by their paths,
and returns the output and the scores. Nothing here is shared with the library.
"""
