"""The steps of importing payments."""
