"""Measurements against the limits, each a ratio within one run."""
