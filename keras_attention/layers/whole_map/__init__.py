"""Attention over the whole map."""
