"""Layers whose weights are probabilities in a graphical model."""
