"""Annotation files to batches: what an image is labelled with, and its pixels."""
