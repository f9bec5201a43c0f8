"""The steps of the reconciliation."""
