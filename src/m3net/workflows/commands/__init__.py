"""Commands that need no trainer: each module's `run` takes the words behind its name."""
