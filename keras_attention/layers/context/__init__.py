"""Layers that weigh a map, or several versions of it, by a summary of the whole."""
