"""Gates on channels."""
