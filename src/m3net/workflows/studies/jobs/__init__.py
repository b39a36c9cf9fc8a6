"""Processes of m3net that a comparison or a sweep takes: what they are, and which are done."""
