"""Money that comes back: what a file says of it, where it goes, and how it is posted to Alma."""
