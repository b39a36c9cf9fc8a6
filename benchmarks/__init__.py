"""Measurements against limits; each is a ratio within one run."""
