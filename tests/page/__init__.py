"""The page that lists every layer, `docs/layers.md`, and the measurements behind it."""
