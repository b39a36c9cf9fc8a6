"""Annotation files, one module per format: each gives a taxonomy and records."""
