"""Models whose weights other libraries made: read, built here and filled by `convert`'s rules."""
