"""The parts of the holds export, one file for each step."""
