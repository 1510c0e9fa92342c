"""Attention over the frames of a video."""
