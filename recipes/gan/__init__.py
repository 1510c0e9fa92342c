"""Adversarial training of image generators, for the three backends."""
