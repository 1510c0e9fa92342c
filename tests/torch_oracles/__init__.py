"""Other people's torch code as judges: `core` imports and feeds it, the others carry its weights.

A file per kind of layer, with one recipe per pair of layers, `copy_x(source, layer)`, where
`layer` is built.
"""
