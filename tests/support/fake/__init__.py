"""Seeded writers of the three data sets in their true layout, with made-up photos."""
