"""Steps of the general ledger journal."""
