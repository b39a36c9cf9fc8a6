"""Photos on disk: decode them, check that all are present and whole, and make small copies."""
