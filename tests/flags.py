"""Flags of commands that several tests give."""

NO_GALLERY = "--model.metrics.top_k=0"
"""Draw no lists: for the few images of a test they take longer than their scores."""
