"""Annotation files broken in every way that was thought of."""
