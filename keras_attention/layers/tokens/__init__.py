"""Fewer tokens for the rest of a transformer."""
