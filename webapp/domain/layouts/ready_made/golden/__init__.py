"""Rows and the files that the ready-made layouts make of them."""
