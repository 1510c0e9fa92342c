"""Looking inside a model: what its attention layers weighted, and pictures of it."""

from .capture import AttentionMap, attention_maps
from .plot import figure, overlay
from .queries import query_figure, query_maps

__all__ = ["AttentionMap", "attention_maps", "figure", "overlay", "query_figure", "query_maps"]
