"""Deliberate faults, each of which the tests of the metrics must notice."""
