"""Evaluation in several processes, each of which ranks for its share of the queries."""
