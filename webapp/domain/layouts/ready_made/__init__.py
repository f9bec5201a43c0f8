"""The ready-made layouts, one JSON document each."""
