"""Annotation files -> taxonomies and records.

Readers of published data sets take `findings`, which collects the wrong rows, or raises the first
as an M3NetError. A file that is missing or cannot be read always raises an error.
"""
