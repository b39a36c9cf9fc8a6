"""Annotation files -> taxonomies and records.

Readers of published data sets take `findings`. It collects the rows that are wrong, which are left
out, or raises the first as a M3NetError. A file that is missing or cannot be read as a whole
always raises one.
"""
