"""Layouts of files that come back, to begin with; a campus copies one and changes what differs."""
