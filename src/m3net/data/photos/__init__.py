"""Photos on disk: how one is read, whether all are there and whole, and small copies of them."""
