"""Money that comes back from PeopleSoft and cashiers: what a file's lines say, before anything is matched."""
