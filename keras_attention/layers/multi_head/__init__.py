"""Multi-head attention: over all positions, in windows, in linear time."""
