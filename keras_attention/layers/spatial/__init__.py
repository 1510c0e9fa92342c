"""Gates on positions, and on channels and positions."""
