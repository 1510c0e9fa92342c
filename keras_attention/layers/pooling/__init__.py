"""Weighted means over positions, and gates with a second input."""
