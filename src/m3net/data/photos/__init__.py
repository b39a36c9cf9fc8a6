"""Photos on disk: reading them, checking that all are there and whole, and small copies."""
